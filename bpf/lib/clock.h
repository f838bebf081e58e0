/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clock readings and arrival stamps: at most one reading per packet. */
#pragma once

#include "kernel.h"
#include "packet.h"

/*
 * Always overwrites: a sender's own TCP departure time crosses network
 * namespaces and would pass for an arrival. The kernel takes the stamp off
 * packets that it delivers locally.
 */
static __always_inline void stamp_arrival(struct __sk_buff *skb, struct packet *pkt)
{
	if (bpf_skb_set_tstamp(skb, pkt->now, BPF_SKB_TSTAMP_DELIVERY_MONO) == 0)
		pkt->arrival = pkt->now;
}

/*
 * A packet that no interface received carries its sender's departure time,
 * if any, and has no transit delay.
 */
static __always_inline void read_arrival(const struct __sk_buff *skb, struct packet *pkt)
{
	if (lacks(IFIT_LACKS_TIMESTAMP))
		return;
	if (!skb->ingress_ifindex || skb->tstamp_type != BPF_SKB_TSTAMP_DELIVERY_MONO)
		return;
	if (skb->tstamp <= pkt->now)
		pkt->arrival = skb->tstamp;
}

/* The coarse clock advances with the tick, so each CPU reads it once a tick. */
static __always_inline __u64 coarse_clock(struct ifit_counters *count)
{
	__u64 tick = bpf_jiffies64();

	if (tick != count->tick) {
		count->tick = tick;
		count->tick_ns = bpf_ktime_get_coarse_ns();
	}
	return count->tick_ns;
}

/* Whether the point reads the precise clock for every packet. */
static __always_inline bool is_precise(void)
{
	return has(IFIT_FEATURE_STAMP | IFIT_FEATURE_DELAY | IFIT_FEATURE_BURST) || uses(IFIT_SELECT_SYSTEMATIC_TIME);
}

/*
 * A tick is enough for the times of a flow. A point that needs delays or bursts, or
 * selects by time, reads the precise clock and uses it for both.
 */
static __always_inline void take_time(struct __sk_buff *skb, struct packet *pkt, struct ifit_counters *count,
				      bool ingress)
{
	if (!is_precise()) {
		pkt->now = coarse_clock(count);
		return;
	}
	pkt->now = bpf_ktime_get_ns();
	if (ingress && has(IFIT_FEATURE_STAMP))
		stamp_arrival(skb, pkt);
	if (!ingress && has(IFIT_FEATURE_STAMP | IFIT_FEATURE_DELAY))
		read_arrival(skb, pkt);
}
