/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Property match filtering (RFC 5475 section 6.1) on what differs between packets of a flow. */
#pragma once

#include "packet.h"
#include "headers.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

#define MATCH_UNFRAGMENTED 1
#define MATCH_FRAGMENTS 2
#define MATCH_ANY_ECN 0x0f

/* What two segments of one super-packet can differ by. */
struct segment {
	__u32 length;
	__u16 tcp_flags;
};

static __always_inline bool match_segment(const volatile struct ifit_properties *match, const struct segment *s)
{
	return s->length >= match->length_min && s->length <= match->length_max &&
	       (s->tcp_flags & match->tcp_set) == match->tcp_set && !(s->tcp_flags & match->tcp_clear);
}

/* The code point of the IP header, whose place depends on the version. */
static __always_inline __u8 read_ecn(const struct __sk_buff *skb, const struct packet *pkt)
{
	__u8 head[2] = {};

	bpf_skb_load_bytes(skb, pkt->network, head, sizeof(head));
	return (pkt->key.id.family == 4 ? head[1] : head[1] >> 4) & 3;
}

/*
 * How many of the packet's segments have the properties that a pair of
 * parameters asks for. Only the first segment of a super-packet will carry
 * CWR, only the last one FIN and PSH, and the last one may be shorter.
 */
__noinline int match_properties(struct __sk_buff *skb, struct packet *pkt, __u32 slot, __u32 pair)
{
	const volatile struct ifit_properties *match = &live.selection[slot & (IFIT_POLICIES - 1)][pair & 1].match;
	struct segment first, middle, last;
	__u32 headers, before;

	if (!pkt)
		return 0;
	if (pkt->ttl < match->ttl_min || pkt->ttl > match->ttl_max ||
	    !(match->fragments & (pkt->fragment ? MATCH_FRAGMENTS : MATCH_UNFRAGMENTED)))
		return 0;
	if ((match->tcp_set || match->tcp_clear) && !pkt->tcp)
		return 0;
	if (match->ecn != MATCH_ANY_ECN && !(match->ecn >> read_ecn(skb, pkt) & 1))
		return 0;

	last.length = pkt->octets;
	last.tcp_flags = pkt->tcp_flags;
	if (pkt->segments == 1)
		return match_segment(match, &last);
	headers = pkt->payload > pkt->network ? pkt->payload - pkt->network : 0;
	before = (pkt->segments - 1) * skb->gso_size;
	first.length = middle.length = headers + skb->gso_size;
	if (last.length > before)
		last.length -= before;
	last.tcp_flags &= ~TCP_CWR;
	first.tcp_flags = pkt->tcp_flags & ~(TCP_FIN | TCP_PSH);
	middle.tcp_flags = first.tcp_flags & ~TCP_CWR;
	return match_segment(match, &first) + match_segment(match, &last) +
	       (match_segment(match, &middle) ? pkt->segments - 2 : 0);
}
