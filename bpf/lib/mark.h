/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks (PBT-M): a packet that carries a mark gives a postcard at every node
 * of the domain. A mark is a code point, IPv4's reserved flag or an IPv6 flow
 * label. ECN is never touched.
 */
#pragma once

#include "bits.h"
#include "bob.h"
#include "counters.h"
#include "kernel.h"
#include "node.h"

#define ECN_MASK 0x03
#define IPV4_FLAGS_OFFSET 6
#define IPV4_CHECKSUM_OFFSET 10

#define MARKED_BY(field) (1 << (field))

/* Marked values of each slot; belongs to one load of a program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, IFIT_POLICIES);
	__type(key, __u32);
	__type(value, struct ifit_slot_marks);
} slot_marks SEC(".maps");

#define NO_LABEL 0xffffffffU	/* labels have 20 bits */

/* The label that stands for a marked one; NO_LABEL for a label that is no mark. */
static __always_inline __u32 unmarked_label(const struct ifit_node *config, __u32 label)
{
	__u32 labels = config->unmark_labels;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 2 * IFIT_LABEL_MARKS && i < labels; i++) {
		if (config->unmark_label[i].marked == label)
			return config->unmark_label[i].unmarked;
	}
	return NO_LABEL;
}

/*
 * Finds the values before marking, which are the packet's for everything else:
 * a mark must not make a flow of its own.
 */
static __always_inline void read_mark(struct packet *pkt, const struct ifit_node *config)
{
	pkt->ipv4 = pkt->key.id.family == 4;
	pkt->wire_dscp = pkt->dscp;
	if (has(IFIT_FEATURE_CODE_POINTS)) {
		__u8 unmarked = config->unmark.dscp[pkt->dscp & 63];

		if (unmarked != IFIT_NO_MARK) {
			pkt->marked |= MARKED_BY(IFIT_MARK_DSCP);
			pkt->dscp = unmarked & 63;
		}
	}
	if (has(IFIT_FEATURE_FLAG_MARKS) && pkt->flagged && config->unmark_flag)
		pkt->marked |= MARKED_BY(IFIT_MARK_FLAG);
	if (has(IFIT_FEATURE_LABEL_MARKS) && !pkt->ipv4) {
		__u32 unmarked = unmarked_label(config, pkt->flow_label);

		if (unmarked != NO_LABEL) {
			pkt->marked |= MARKED_BY(IFIT_MARK_LABEL);
			pkt->flow_label = unmarked;
		}
	}
}

/*
 * Rewrites the code point. An IPv4 header sums up to the same with its
 * checksum corrected, so only IPv6 needs the sum over the packet corrected.
 */
static __always_inline bool write_dscp(struct __sk_buff *skb, struct packet *pkt, __u8 dscp)
{
	__u8 head[2], tos;

	if (dscp == pkt->wire_dscp)
		return true;
	if (bpf_skb_load_bytes(skb, pkt->network, head, sizeof(head)) < 0)
		return false;
	if (pkt->ipv4) {
		tos = dscp << 2 | (head[1] & ECN_MASK);
		if (bpf_skb_store_bytes(skb, pkt->network + 1, &tos, sizeof(tos), 0) < 0 ||
		    bpf_l3_csum_replace(skb, pkt->network + IPV4_CHECKSUM_OFFSET, bpf_htons(head[1]),
					bpf_htons(tos), 2) < 0)
			return false;
	} else {
		head[0] = (head[0] & 0xf0) | dscp >> 2;
		head[1] = (head[1] & 0x3f) | (dscp & 3) << 6;
		if (bpf_skb_store_bytes(skb, pkt->network, head, sizeof(head), BPF_F_RECOMPUTE_CSUM) < 0)
			return false;
	}
	pkt->wire_dscp = dscp;
	return true;
}

/* Sets or clears the reserved flag of an IPv4 header, whose checksum goes with it. */
static __always_inline bool write_flag(struct __sk_buff *skb, const struct packet *pkt, bool set)
{
	__be16 before, after;

	if (bpf_skb_load_bytes(skb, pkt->network + IPV4_FLAGS_OFFSET, &before, sizeof(before)) < 0)
		return false;
	after = set ? before | bpf_htons(IP_RESERVED) : before & ~bpf_htons(IP_RESERVED);
	return bpf_skb_store_bytes(skb, pkt->network + IPV4_FLAGS_OFFSET, &after, sizeof(after), 0) == 0 &&
	       bpf_l3_csum_replace(skb, pkt->network + IPV4_CHECKSUM_OFFSET, before, after, 2) == 0;
}

#define LABEL_MASK 0xfffffU

/* Writes the flow label of an IPv6 header, which no checksum of the packet covers. */
static __always_inline bool write_label(struct __sk_buff *skb, const struct packet *pkt, __u32 label)
{
	__be32 head;

	if (bpf_skb_load_bytes(skb, pkt->network, &head, sizeof(head)) < 0)
		return false;
	head = (head & ~bpf_htonl(LABEL_MASK)) | bpf_htonl(label & LABEL_MASK);
	return bpf_skb_store_bytes(skb, pkt->network, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM) == 0;
}

/* Takes all marks off; a packet whose mark stays on must not leave the domain. */
static __always_inline bool unmark(struct __sk_buff *skb, struct packet *pkt)
{
	__u8 marked = pkt->marked;

	pkt->marked = 0;
	if (has(IFIT_FEATURE_FLAG_MARKS) && marked & MARKED_BY(IFIT_MARK_FLAG) && !write_flag(skb, pkt, false))
		return false;
	if (has(IFIT_FEATURE_LABEL_MARKS) && marked & MARKED_BY(IFIT_MARK_LABEL) &&
	    !write_label(skb, pkt, pkt->flow_label))
		return false;
	return write_dscp(skb, pkt, pkt->dscp);
}

/*
 * A mark that no head of ours has set: from outside at an edge, or from a
 * socket of this node. Returns false when the packet must be dropped.
 */
static __always_inline bool admit_foreign(struct __sk_buff *skb, struct packet *pkt,
					  struct ifit_counters *count, bool ingress)
{
	if (ingress && has(IFIT_FEATURE_DROP_FOREIGN)) {
		count->foreign_dropped += pkt->segments;
		return false;
	}
	if (ingress && has(IFIT_FEATURE_PASS_FOREIGN)) {
		count->foreign_passed += pkt->segments;
		return true;
	}
	if (!unmark(skb, pkt)) {
		count->rewrite_failed += pkt->segments;
		return false;
	}
	count->foreign_stripped += pkt->segments;
	return true;
}

#define AF_INET 2
#define AF_INET6 10

/* Whether the node keeps the packet for itself; asked for marked packets alone. */
static __noinline bool is_delivered_here(struct __sk_buff *skb, const struct packet *pkt)
{
	const struct ifit_flow_id *id = &pkt->key.id;
	struct bpf_fib_lookup fib = {
		.l4_protocol = id->proto,
		.sport = bpf_htons(id->sport),
		.dport = bpf_htons(id->dport),
		.ifindex = skb->ifindex,
	};
	int result;

	/* Its label decides, not its address. */
	if (pkt->labelled)
		return false;
	if (pkt->ipv4) {
		fib.family = AF_INET;
		fib.tos = pkt->wire_dscp << 2;
		__builtin_memcpy(&fib.ipv4_src, id->saddr, 4);
		__builtin_memcpy(&fib.ipv4_dst, id->daddr, 4);
	} else {
		fib.family = AF_INET6;
		fib.flowinfo = bpf_htonl((__u32)pkt->wire_dscp << 22);
		__builtin_memcpy(fib.ipv6_src, id->saddr, 16);
		__builtin_memcpy(fib.ipv6_dst, id->daddr, 16);
	}
	result = bpf_fib_lookup(skb, &fib, sizeof(fib), lacks(IFIT_LACKS_SKIP_NEIGH) ? 0 : BPF_FIB_LOOKUP_SKIP_NEIGH);
	return result == BPF_FIB_LKUP_RET_NOT_FWDED || result == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

#define ND_FIRST 133	/* ICMPv6 types of neighbour discovery */
#define ND_LAST 137

/* What belongs to one link is never marked: groups, link-local, neighbour discovery. */
static __always_inline bool is_markable(const struct packet *pkt)
{
	const struct ifit_flow_id *id = &pkt->key.id;
	const __u8 *daddr = id->daddr;

	if (pkt->ipv4)
		return daddr[0] < 224 && !(daddr[0] == 169 && daddr[1] == 254);
	if (id->proto == IPPROTO_ICMPV6 && id->dport >= ND_FIRST << 8 && id->dport < (ND_LAST + 1) << 8)
		return false;
	return daddr[0] != 0xff && !(daddr[0] == 0xfe && (daddr[1] & 0xc0) == 0x80);
}

#define NO_VALUE 0xffffffffU

/* What the field of a policy's mark must hold then; NO_VALUE for packets that cannot have the mark. */
static __always_inline __u32 marked_value(const struct ifit_slot_marks *marks, const struct packet *pkt)
{
	__u8 mark;

	if (has(IFIT_FEATURE_FLAG_MARKS) && marks->field == IFIT_MARK_FLAG)
		return pkt->ipv4 ? 1 : NO_VALUE;
	if (has(IFIT_FEATURE_LABEL_MARKS) && marks->field == IFIT_MARK_LABEL) {
#pragma clang loop unroll(disable)
		for (__u32 i = 0; i < IFIT_LABEL_MARKS && i < marks->labels; i++) {
			if (!pkt->ipv4 && marks->label[i].unmarked == pkt->flow_label)
				return marks->label[i].marked;
		}
		return NO_VALUE;
	}
	mark = marks->values.dscp[pkt->dscp & 63];
	return mark == IFIT_NO_MARK ? NO_VALUE : mark & 63;
}

static __always_inline bool write_mark(struct __sk_buff *skb, struct packet *pkt, __u32 field, __u32 value)
{
	if (has(IFIT_FEATURE_FLAG_MARKS) && field == IFIT_MARK_FLAG)
		return write_flag(skb, pkt, true);
	if (has(IFIT_FEATURE_LABEL_MARKS) && field == IFIT_MARK_LABEL)
		return write_label(skb, pkt, value);
	return write_dscp(skb, pkt, value);
}

/* Marks the packet for one policy; false when that policy cannot. */
static __always_inline bool mark_for(struct __sk_buff *skb, struct packet *pkt, __u32 slot)
{
	struct ifit_policy_counters *count;
	const struct ifit_slot_marks *marks;
	__u32 value;

	slot &= IFIT_POLICIES - 1;
	count = slot_counters(slot);
	marks = bpf_map_lookup_elem(&slot_marks, &slot);
	/* The verifier does not know the slot any more, after it was in memory. */
	slot &= IFIT_POLICIES - 1;
	if (!count || !marks)
		return false;
	value = marked_value(marks, pkt);
	if (value == NO_VALUE || !is_markable(pkt)) {
		count->no_mark += pkt->segments;
		return false;
	}
	if (!has_packet_id(pkt)) {
		count->no_packet_id += pkt->segments;
		return false;
	}
	/* The verifier has forgotten by now, and the compiler has not. */
	asm volatile("" : "+r"(slot));
	if (pkt->now >= live.lease_ns[slot & (IFIT_POLICIES - 1)]) {
		count->lease_expired += pkt->segments;
		return false;
	}
	if (!write_mark(skb, pkt, marks->field, value))
		return false;
	pkt->marked |= MARKED_BY(marks->field & 3);
	pkt->stays = is_delivered_here(skb, pkt);
	count->marked += pkt->segments;
	return true;
}

/* Marks the packet for the first of the policies in slots that can. */
static __always_inline void mark_packet(struct __sk_buff *skb, struct packet *pkt, __u64 slots)
{
	struct rounds r;

	begin_rounds(&r, 0, IFIT_POLICIES);
	while (next_round(&r) && slots) {
		if (mark_for(skb, pkt, lowest_bit(slots)))
			break;
		slots &= slots - 1;
	}
	end_rounds(&r);
}

/* The kernel's ip_tos2prio, which looks at two bits of the code point alone. */
static __always_inline __u32 dscp_priority(__u8 dscp)
{
	return 0x4620 >> (4 * (dscp >> 1 & 3)) & 0xf;
}

/*
 * IPv4 forwarding derives the priority from the code point, and classful
 * queues look at it: a mark must not change how a packet is queued.
 */
static __always_inline void keep_priority(struct __sk_buff *skb, __u8 marked, __u8 unmarked)
{
	if (skb->priority == dscp_priority(marked))
		skb->priority = dscp_priority(unmarked);
}
