// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program of an Observation Point: one per interface and direction, for
 * all policies there, specialised before each load (see lib/point.h). It
 * observes and always passes the packet on.
 *
 * A packet's way: parse -> classify and meter -> select -> act.
 */
#include "lib/select.h"

static __always_inline int observe(struct __sk_buff *skb, bool ingress)
{
	struct packet pkt = {};
	struct ifit_counters *count;
	struct ifit_live *now;
	__u32 zero = 0;

	count = point_counters();
	now = bpf_map_lookup_elem(&live, &zero);
	if (!count || !now)
		return TCX_NEXT;
	pkt.segments = skb->gso_segs ? skb->gso_segs : 1;
	count->packets += pkt.segments;

	switch (parse_packet(skb, &pkt)) {
	case PARSE_OK:
		break;
	case PARSE_NOT_IP:
		count->not_ip += pkt.segments;
		return TCX_NEXT;
	default:
		count->malformed += pkt.segments;
		return TCX_NEXT;
	}
	if (pkt.truncated)
		count->truncated += pkt.segments;
	count->octets += segmented_octets(&pkt);

	pkt.now = read_clock();
	if (ingress && has(IFIT_FEATURE_STAMP))
		stamp_arrival(skb, &pkt);
	if (!ingress && has(IFIT_FEATURE_DELAY))
		read_arrival(skb, &pkt);

	if (!point.policies)
		return TCX_NEXT;
	mask_key(&pkt.key);
	pkt.key.generation = now->ruleset;
	pkt.accepted = meter(skb, &pkt, count);
	pkt.selected = pkt.accepted;
	if (has(IFIT_FEATURE_SAMPLE))
		pkt.selected = select_packet(skb, &pkt, now);
	return TCX_NEXT;
}

SEC("tcx/ingress")
int ifit_ingress(struct __sk_buff *skb)
{
	return observe(skb, true);
}

SEC("tcx/egress")
int ifit_egress(struct __sk_buff *skb)
{
	return observe(skb, false);
}

char __license[] SEC("license") = "Dual BSD/GPL";
