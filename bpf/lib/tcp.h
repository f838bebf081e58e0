/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The health of TCP connections: round trips, retransmissions, reordering,
 * closed windows. A connection is known to the whole node, because its two
 * directions pass different points, and often different CPUs: a spin lock
 * keeps what belongs together, such as the sequence number that is expected
 * and the counts that depend on it, in one step. It is held for some tens of
 * nanoseconds, with no call inside, as the kernel demands.
 *
 * A packet may pass several points of a node, and none of them may take it
 * for a retransmission of itself: one point at a time counts a direction of a
 * connection, and another takes over when that one has been silent.
 */
#pragma once

#include "bits.h"
#include "counters.h"
#include "headers.h"
#include "kernel.h"
#include "packet.h"

#define TCP_FIN 0x01
#define TCP_RST 0x04

/* What is known of a half of a connection. */
#define TCP_KNOWS_NEXT 0x01
#define TCP_KNOWS_ISN 0x02
#define TCP_KNOWS_ACKED 0x04
#define TCP_KNOWS_TSVAL 0x08
#define TCP_HAS_HOLES 0x10

/* Another point takes over when the one that counts has been silent so long. */
#define TCP_HANDOVER_NS 100000000LL
/* Farther sequence numbers are those of another connection. */
#define TCP_FAR (1 << 30)
/* Where no round trip is known, what comes later was not merely overtaken. */
#define TCP_REORDER_NS 3000000ULL

#define TCP_OPTION_OCTETS 40
#define TCP_OPTION_NOP 1
#define TCP_OPTION_STAMP 8
#define TCP_STAMP_OCTETS 10

struct tcp_header {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urgent;
};

struct tcp_stamps {
	__u32 tsval;
	__u32 tsecr;
};

/* One segment, and what it turns out to be. */
struct tcp_segment {
	__u64 now;
	__u32 seq;
	__u32 end;	/* behind its last octet; SYN and FIN count as one */
	__u32 ack;
	__u32 payload;
	__u32 packets;
	__u32 size;	/* octets of each packet of a super-packet */
	struct tcp_stamps stamps;
	__u16 window;
	__u8 flags;
	bool stamped;
	bool precise;	/* whether now is */

	__u32 retransmitted;	/* packets */
	__u32 out_of_order;
	__u32 duplicate_acks;
	__u32 zero_windows;
	__u32 resets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_TCP_FLOWS);
	__type(key, struct ifit_flow_id);
	__type(value, struct ifit_tcp_flow);
} tcp_flows SEC(".maps");

/* A packet's segment and connection, by CPU: the stack is needed for others. */
struct tcp_scratch {
	struct tcp_segment seg;
	struct ifit_flow_id id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_scratch);
} tcp_scratch SEC(".maps");

/* A new connection; too large for the stack. */
static const __u8 no_connection[sizeof(struct ifit_tcp_flow)] = {};

/* How far sequence number a is ahead of b, modulo 2^32. */
static __always_inline __s32 ahead_of(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

/*
 * Reads the time stamp option. A global function, so that the verifier looks
 * at its loop once. Most stacks write it first, behind two octets of padding.
 */
__noinline int read_stamps(struct __sk_buff *skb, __u32 offset, __u32 length, struct tcp_stamps *out)
{
	__be32 pair[3];
	__u32 at = 0;

	if (!out || length < TCP_STAMP_OCTETS || length > TCP_OPTION_OCTETS)
		return 0;
	if (length >= sizeof(pair) && bpf_skb_load_bytes(skb, offset, pair, sizeof(pair)) == 0 &&
	    pair[0] == bpf_htonl(0x01010000 | TCP_OPTION_STAMP << 8 | TCP_STAMP_OCTETS)) {
		out->tsval = bpf_ntohl(pair[1]);
		out->tsecr = bpf_ntohl(pair[2]);
		return 1;
	}
#pragma clang loop unroll(disable)
	for (int i = 0; i < TCP_OPTION_OCTETS; i++) {
		__u8 option[2];	/* kind and length */

		if (at > TCP_OPTION_OCTETS - TCP_STAMP_OCTETS || at + TCP_STAMP_OCTETS > length ||
		    bpf_skb_load_bytes(skb, offset + at, option, sizeof(option)))
			return 0;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		/* The list ends here, or is broken. */
		if (!option[0] || option[1] < 2)
			return 0;
		if (option[0] != TCP_OPTION_STAMP || option[1] != TCP_STAMP_OCTETS) {
			at += option[1];
			continue;
		}
		if (bpf_skb_load_bytes(skb, offset + at + 2, pair, 8))
			return 0;
		out->tsval = bpf_ntohl(pair[0]);
		out->tsecr = bpf_ntohl(pair[1]);
		return 1;
	}
	return 0;
}

/* Reads the segment of a packet; false when there is none to be read. */
static __always_inline bool read_segment(struct __sk_buff *skb, const struct packet *pkt, struct tcp_segment *seg)
{
	__u32 end = pkt->network + pkt->octets;
	struct tcp_header tcp;

	if (pkt->fragment || pkt->truncated || pkt->payload < pkt->transport + sizeof(tcp) || end < pkt->payload ||
	    bpf_skb_load_bytes(skb, pkt->transport, &tcp, sizeof(tcp)))
		return false;
	seg->retransmitted = seg->out_of_order = seg->duplicate_acks = seg->zero_windows = seg->resets = 0;
	seg->stamps.tsval = seg->stamps.tsecr = 0;
	seg->now = pkt->now;
	seg->precise = has(IFIT_FEATURE_STAMP | IFIT_FEATURE_DELAY);
	seg->seq = bpf_ntohl(tcp.seq);
	seg->ack = bpf_ntohl(tcp.ack);
	seg->window = bpf_ntohs(tcp.window);
	seg->flags = tcp.flags;
	seg->payload = end - pkt->payload;
	seg->end = seg->seq + seg->payload + !!(tcp.flags & TCP_SYN) + !!(tcp.flags & TCP_FIN);
	seg->packets = pkt->segments;
	seg->size = pkt->segments > 1 && skb->gso_size ? skb->gso_size : seg->payload;
	seg->stamped = read_stamps(skb, pkt->transport + sizeof(tcp),
				   pkt->payload - pkt->transport - sizeof(tcp), &seg->stamps);
	return true;
}

/*
 * Whether the segment may begin or end a round trip, or open a hole: then the
 * tick is too coarse. Asked without the lock; who is wrong loses a sample.
 */
static __always_inline bool needs_clock(const struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
					const struct tcp_segment *seg)
{
	if (seg->flags & TCP_SYN || other->syn_ns)
		return true;
	if (seg->seq != seg->end && seg->seq != own->next)
		return true;
	if (!seg->stamped)
		return false;
	if (other->stamp_ns && seg->stamps.tsecr == other->pending)
		return true;
	return !own->stamp_ns && seg->seq != seg->end && seg->stamps.tsval != own->tsval;
}

static __always_inline void begin_half(struct ifit_tcp_half *half)
{
	half->known = 0;
	half->zero_since_ns = half->syn_ns = half->stamp_ns = 0;
}

/* The round trip of a SYN ends with the first segment that acknowledges it. */
static __always_inline void end_handshake(struct ifit_tcp_half *other, const struct tcp_segment *seg)
{
	if (!other->syn_ns || ahead_of(seg->ack, other->isn) <= 0)
		return;
	if (seg->precise && seg->now > other->syn_ns)
		other->handshake_rtt = seg->now - other->syn_ns;
	other->syn_ns = 0;
}

/* A SYN begins a connection, unless it was sent again: then nobody knows which one is acknowledged. */
static __always_inline void take_syn(struct ifit_tcp_half *own, struct ifit_tcp_half *other, struct tcp_segment *seg)
{
	if (own->known & TCP_KNOWS_ISN && own->isn == seg->seq) {
		own->syn_ns = 0;
		seg->retransmitted = 1;
		own->retransmitted_octets += seg->payload;
		return;
	}
	begin_half(own);
	if (!(seg->flags & TCP_ACK))
		begin_half(other);
	own->known = TCP_KNOWS_ISN | TCP_KNOWS_NEXT;
	own->isn = seg->seq;
	own->next = seg->end;
	own->syn_ns = seg->now;
}

static __always_inline void open_hole(struct ifit_tcp_half *own, const struct tcp_segment *seg)
{
	struct ifit_tcp_hole *place = &own->hole[0];

	own->gaps++;
	if (!(own->known & TCP_HAS_HOLES)) {
		for (int i = 0; i < IFIT_TCP_HOLES; i++)
			own->hole[i].start = own->hole[i].end = 0;
		own->known |= TCP_HAS_HOLES;
	}
	/* An empty place, or that of the oldest hole. */
	for (int i = 1; i < IFIT_TCP_HOLES; i++) {
		struct ifit_tcp_hole *hole = &own->hole[i];

		if (place->start == place->end)
			break;
		if (hole->start == hole->end || hole->opened_ns < place->opened_ns)
			place = hole;
	}
	place->start = own->next;
	place->end = seg->seq;
	place->opened_ns = seg->now;
	place->tsval = seg->stamps.tsval;
	place->stamped = seg->stamped;
}

/*
 * Whether a segment that fills a hole was sent after the one that opened it:
 * then it is a retransmission, else it was merely overtaken. Time stamps tell
 * it, unless both were sent within one tick of the sender. A retransmission
 * is also at least a round trip behind.
 */
static __always_inline bool came_after(const struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
				       const struct ifit_tcp_hole *hole, const struct tcp_segment *seg)
{
	__u64 round = TCP_REORDER_NS;

	if (seg->stamped && hole->stamped && seg->stamps.tsval != hole->tsval)
		return ahead_of(seg->stamps.tsval, hole->tsval) > 0;
	if (own->rtt_min && other->rtt_min)
		round = own->rtt_min + other->rtt_min;
	else if (own->handshake_rtt && other->handshake_rtt)
		round = own->handshake_rtt + other->handshake_rtt;
	return seg->now > hole->opened_ns && seg->now - hole->opened_ns >= round;
}

/* Fills holes by the segment; returns octets that were in one, and in late those of them that came after it. */
static __always_inline __u32 fill_holes(struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
					const struct tcp_segment *seg, __u32 end, __u32 *late)
{
	__u32 filled = 0;

	if (!(own->known & TCP_HAS_HOLES))
		return 0;
	for (int i = 0; i < IFIT_TCP_HOLES; i++) {
		struct ifit_tcp_hole *hole = &own->hole[i];
		__u32 from = ahead_of(seg->seq, hole->start) > 0 ? seg->seq : hole->start;
		__u32 to = ahead_of(end, hole->end) < 0 ? end : hole->end;

		if (hole->start == hole->end || ahead_of(to, from) <= 0)
			continue;
		filled += to - from;
		if (came_after(own, other, hole, seg))
			*late += to - from;
		/* What is left before a segment in the middle is given up. */
		if (to == hole->end)
			hole->end = from;
		else
			hole->start = to;
	}
	return filled;
}

/* Packets of a super-packet that so many octets take. */
static __always_inline __u32 packets_of(const struct tcp_segment *seg, __u32 octets)
{
	__u32 packets;

	if (!octets)
		return 0;
	if (seg->packets == 1 || !seg->size)
		return 1;
	packets = (octets + seg->size - 1) / seg->size;
	return packets < seg->packets ? packets : seg->packets;
}

/*
 * Some or all of the segment lies below what was seen last: it fills holes,
 * was sent again, or both.
 */
static __always_inline void take_old(struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
				     struct tcp_segment *seg)
{
	__u32 end = ahead_of(seg->end, own->next) > 0 ? own->next : seg->end;
	__u32 late = 0, filled = fill_holes(own, other, seg, end, &late);
	__u32 again = end - seg->seq - filled + late;

	seg->retransmitted = packets_of(seg, again);
	own->retransmitted_octets += again;
	if (seg->packets > 1 || !again)
		seg->out_of_order = packets_of(seg, filled - late);
	if (ahead_of(seg->end, own->next) > 0)
		own->next = seg->end;
}

/*
 * A probe of a window or of an idle connection repeats one octet, or none,
 * that the other end has: it is no retransmission. An octet that was never
 * acknowledged to an open window is one.
 */
static __always_inline bool is_probe(const struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
				     const struct tcp_segment *seg)
{
	if (seg->seq != own->next - 1 || seg->payload > 1 || seg->flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return false;
	return !seg->payload || !(other->known & TCP_KNOWS_ACKED) || other->zero_since_ns ||
	       ahead_of(other->acked, own->next) >= 0;
}

/* Holds the segment against the sequence numbers that were seen. */
static __always_inline void follow_sequence(struct ifit_tcp_half *own, const struct ifit_tcp_half *other,
					    struct tcp_segment *seg)
{
	__s32 ahead = ahead_of(seg->seq, own->next);

	if (own->known & TCP_KNOWS_NEXT && is_probe(own, other, seg)) {
		own->probes++;
		return;
	}
	if (seg->seq == seg->end)
		return;
	if (!(own->known & TCP_KNOWS_NEXT) || ahead > TCP_FAR || ahead < -TCP_FAR) {
		own->known = (own->known & ~TCP_HAS_HOLES) | TCP_KNOWS_NEXT;
		own->next = seg->end;
		return;
	}
	if (ahead < 0) {
		take_old(own, other, seg);
		return;
	}
	if (ahead > 0)
		open_hole(own, seg);
	own->next = seg->end;
}

/* What the other end has is no hole any more, however it got there. */
static __always_inline void close_holes(struct ifit_tcp_half *half, __u32 acked)
{
	bool left = false;

	if (!(half->known & TCP_HAS_HOLES))
		return;
	for (int i = 0; i < IFIT_TCP_HOLES; i++) {
		struct ifit_tcp_hole *hole = &half->hole[i];

		if (ahead_of(acked, hole->end) >= 0)
			hole->start = hole->end;
		left |= hole->start != hole->end;
	}
	if (!left)
		half->known &= ~TCP_HAS_HOLES;
}

/* A duplicate as RFC 5681 defines it; the window is that of the segment before. */
static __always_inline void take_ack(struct ifit_tcp_half *own, struct ifit_tcp_half *other, struct tcp_segment *seg)
{
	bool first = !(own->known & TCP_KNOWS_ACKED);

	if (first || ahead_of(seg->ack, own->acked) > 0) {
		own->known |= TCP_KNOWS_ACKED;
		own->acked = seg->ack;
		close_holes(other, seg->ack);
		return;
	}
	if (seg->ack == own->acked && seg->seq == seg->end && seg->window == own->window && !own->zero_since_ns &&
	    other->known & TCP_KNOWS_NEXT && ahead_of(other->next, seg->ack) > 0)
		seg->duplicate_acks = 1;
}

static __always_inline void take_window(struct ifit_tcp_half *own, struct tcp_segment *seg)
{
	own->window = seg->window;
	if (!seg->window) {
		if (own->zero_since_ns)
			return;
		own->zero_since_ns = seg->now;
		seg->zero_windows = 1;
	} else if (own->zero_since_ns) {
		if (seg->now > own->zero_since_ns)
			own->zero_window_ns += seg->now - own->zero_since_ns;
		own->zero_since_ns = 0;
	}
}

static __always_inline void add_rtt(struct ifit_tcp_half *half, __u64 rtt)
{
	if (!half->rtt_samples || rtt < half->rtt_min)
		half->rtt_min = rtt;
	if (rtt > half->rtt_max)
		half->rtt_max = rtt;
	half->rtt_smoothed = half->rtt_samples ? half->rtt_smoothed - half->rtt_smoothed / 8 + rtt / 8 : rtt;
	half->rtt_sum += rtt;
	half->rtt_samples++;
}

/*
 * The round trip of a time stamp runs from the first segment that carries it,
 * provided that it asks for an answer, to the first that echoes it. An echo
 * of a later one says that this one was never answered.
 */
static __always_inline void take_stamps(struct ifit_tcp_half *own, struct ifit_tcp_half *other,
					const struct tcp_segment *seg)
{
	if (seg->flags & TCP_ACK && other->stamp_ns && ahead_of(seg->stamps.tsecr, other->pending) >= 0) {
		if (seg->stamps.tsecr == other->pending && seg->precise && seg->now > other->stamp_ns)
			add_rtt(other, seg->now - other->stamp_ns);
		other->stamp_ns = 0;
	}
	if (own->known & TCP_KNOWS_TSVAL && ahead_of(seg->stamps.tsval, own->tsval) <= 0)
		return;
	own->known |= TCP_KNOWS_TSVAL;
	own->tsval = seg->stamps.tsval;
	if (own->stamp_ns || seg->seq == seg->end || !seg->precise)
		return;
	own->pending = seg->stamps.tsval;
	own->stamp_ns = seg->now;
}

/* Adds one segment to what its end has sent; under the lock. */
static __always_inline void take_segment(struct ifit_tcp_half *own, struct ifit_tcp_half *other,
					 struct tcp_segment *seg)
{
	if (!own->first_ns)
		own->first_ns = seg->now;
	own->packets += seg->packets;
	own->payload += seg->payload;
	if (seg->flags & TCP_RST) {
		seg->resets = 1;
		own->resets++;
		return;
	}
	if (seg->flags & TCP_FIN)
		own->fins++;
	if (seg->flags & TCP_ACK)
		end_handshake(other, seg);
	if (seg->flags & TCP_SYN) {
		own->syns++;
		take_syn(own, other, seg);
	} else {
		follow_sequence(own, other, seg);
	}
	if (seg->flags & TCP_ACK)
		take_ack(own, other, seg);
	/* A SYN does not say what the window will be. */
	if (!(seg->flags & TCP_SYN))
		take_window(own, seg);
	if (seg->stamped)
		take_stamps(own, other, seg);
	own->retransmitted += seg->retransmitted;
	own->out_of_order += seg->out_of_order;
	own->duplicate_acks += seg->duplicate_acks;
	own->zero_windows += seg->zero_windows;
}

static __always_inline void look(struct ifit_tcp_view *view, __u64 slots, __u32 ruleset, __u32 ifindex,
				 __u32 direction, __u64 now)
{
	view->slots = slots;
	view->last_ns = now;
	view->ruleset = ruleset;
	view->ifindex = ifindex;
	view->direction = direction;
}

/* Whether another point counts this direction of the connection. */
static __always_inline bool is_counted_elsewhere(const struct ifit_tcp_view *view, __u32 ifindex, __u32 direction,
						 __u64 now)
{
	if (!view->ifindex || (view->ifindex == ifindex && view->direction == direction))
		return false;
	return (__s64)(now - view->last_ns) < TCP_HANDOVER_NS;
}

/* The ends of a connection in an order that both directions share. */
static __always_inline bool is_reversed(const struct ifit_flow_id *id)
{
	const __u64 *from = (const __u64 *)id->saddr, *to = (const __u64 *)id->daddr;

	if (from[0] != to[0])
		return from[0] > to[0];
	if (from[1] != to[1])
		return from[1] > to[1];
	return id->sport > id->dport;
}

/* The key of the connection, whichever direction the packet has. */
static __always_inline void connection_of(const struct ifit_flow_id *id, bool reversed, struct ifit_flow_id *key)
{
	*key = *id;
	if (!reversed)
		return;
	__builtin_memcpy(key->saddr, id->daddr, sizeof(key->saddr));
	__builtin_memcpy(key->daddr, id->saddr, sizeof(key->daddr));
	key->sport = id->dport;
	key->dport = id->sport;
}

/* Adds to the sums of the policies; seldom, because most segments are what they should be. */
static __noinline void count_for_policies(__u64 slots, const struct tcp_segment *seg)
{
	struct rounds r;

	begin_rounds(&r, 0, IFIT_POLICIES);
	while (next_round(&r) && slots) {
		struct ifit_policy_counters *count = slot_counters(lowest_bit(slots));

		slots &= slots - 1;
		if (!count)
			continue;
		count->tcp_retransmitted += seg->retransmitted;
		count->tcp_out_of_order += seg->out_of_order;
		count->tcp_duplicate_acks += seg->duplicate_acks;
		count->tcp_zero_windows += seg->zero_windows;
		count->tcp_resets += seg->resets;
	}
	end_rounds(&r);
}

/*
 * Reads the segment of a packet for take_tcp; 0 when there is none to be read.
 * Apart from it, because there is not stack enough for both under a program
 * that does everything else as well.
 */
__noinline int read_tcp(struct __sk_buff *skb, struct packet *pkt)
{
	struct tcp_scratch *scratch;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&tcp_scratch, &zero);
	if (!pkt || !scratch)
		return 0;
	return read_segment(skb, pkt, &scratch->seg);
}

/*
 * Takes the segment that was read last, of the policies in slots, into account.
 * A global function, which the verifier checks by itself. Returns 1 when there
 * was no place for its connection.
 */
__noinline int take_tcp(struct __sk_buff *skb, struct packet *pkt, __u64 slots, __u32 direction)
{
	struct ifit_tcp_half *own, *other;
	struct tcp_scratch *scratch;
	struct ifit_tcp_flow *flow;
	struct tcp_segment *seg;
	__u32 ruleset, ifindex, zero = 0;
	bool reversed;
	__u64 now;

	scratch = bpf_map_lookup_elem(&tcp_scratch, &zero);
	if (!pkt || !scratch)
		return 0;
	seg = &scratch->seg;
	reversed = is_reversed(&pkt->key.id);
	connection_of(&pkt->key.id, reversed, &scratch->id);
	flow = bpf_map_lookup_elem(&tcp_flows, &scratch->id);
	if (!flow) {
		bpf_map_update_elem(&tcp_flows, &scratch->id, no_connection, BPF_NOEXIST);
		flow = bpf_map_lookup_elem(&tcp_flows, &scratch->id);
		if (!flow)
			return 1;
	}
	own = reversed ? &flow->half[1] : &flow->half[0];
	other = reversed ? &flow->half[0] : &flow->half[1];
	if (!seg->precise && needs_clock(own, other, seg)) {
		seg->now = bpf_ktime_get_ns();
		seg->precise = true;
	}
	ruleset = pkt->key.dscp_epoch & ((1U << IFIT_EPOCH_BITS) - 1);
	ifindex = skb->ifindex;
	now = pkt->now;

	bpf_spin_lock(&flow->lock);
	if (is_counted_elsewhere(&own->counted, ifindex, direction, now)) {
		look(&own->seen, slots, ruleset, ifindex, direction, now);
	} else {
		look(&own->counted, slots, ruleset, ifindex, direction, now);
		take_segment(own, other, seg);
	}
	bpf_spin_unlock(&flow->lock);

	if (seg->retransmitted | seg->out_of_order | seg->duplicate_acks | seg->zero_windows | seg->resets)
		count_for_policies(slots, seg);
	return 0;
}

/* What policies that ask for the health of connections do with a packet. */
static __always_inline void watch_tcp(struct __sk_buff *skb, struct packet *pkt, struct ifit_counters *count,
				      bool ingress)
{
	__u64 slots = pkt->accepted & point.tcp_mask;

	if (!ingress && !skb->ingress_ifindex)
		slots &= point.tcp_local_mask;
	if (slots && pkt->key.id.proto == IPPROTO_TCP && read_tcp(skb, pkt) &&
	    take_tcp(skb, pkt, slots, !ingress))
		count->tcp_refused += pkt->segments;
}
