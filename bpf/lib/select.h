/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet selection (RFC 5475) among the packets of the flows that a policy accepts. */
#pragma once

#include "kernel.h"
#include "limit.h"
#include "meter.h"

#define RATE_THRESHOLD 0xffffffffULL
#define RATE_ALL 0xffffffffU	/* no 32 random bits are above this threshold */

/* Slots that are looked at in a plain loop: cheaper to run, dearer to verify. */
#define PLAIN_SLOTS 8

/* Shared by all CPUs: 1 in N means N packets of the point, not of each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * IFIT_STATES);
	__type(key, __u32);
	__type(value, struct ifit_sequence);
} sequences SEC(".maps");

/* How many of the first n packets systematic selection takes. */
static __always_inline __u64 taken_of(__u64 n, __u64 interval, __u64 period)
{
	__u64 rest = n % period;

	return n / period * interval + (rest < interval ? rest : interval);
}

static __always_inline __u32 select_systematic(__u32 slot, __u32 pair, __u32 segments)
{
	__u64 interval = live.systematic[slot][pair].interval;
	__u64 period = interval + live.systematic[slot][pair].space;
	__u32 place = 2 * point.slot[slot].state + pair;
	struct ifit_sequence *sequence;
	__u64 before;

	sequence = bpf_map_lookup_elem(&sequences, &place);
	if (!sequence || !period)
		return 0;
	before = __sync_fetch_and_add(&sequence->seen, segments);
	if (segments == 1)
		return before % period < interval;
	return taken_of(before + segments, interval, period) - taken_of(before, interval, period);
}

static __always_inline bool draw(__u32 threshold)
{
	return threshold == RATE_ALL || bpf_get_prandom_u32() < threshold;
}

/*
 * Every segment of a super-packet is a packet and is drawn by itself. A global
 * function, so that the verifier need not follow the count out of the loop.
 */
__noinline int draw_segments(__u32 threshold, __u32 segments)
{
	struct rounds r;
	int selected = 0;

	begin_rounds(&r, 0, segments & 0xffff);
	while (next_round(&r))
		selected += draw(threshold);
	end_rounds(&r);
	return selected;
}

static __always_inline __u32 select_uniform(__u32 threshold, __u32 segments)
{
	return segments == 1 ? draw(threshold) : draw_segments(threshold, segments);
}

/* Offers the packet to one policy; returns whether it takes any of it. */
__noinline int select_slot(struct __sk_buff *skb, struct packet *pkt, __u32 slot)
{
	struct ifit_policy_counters *count;
	__u32 selected;
	__u64 rate;

	slot &= IFIT_POLICIES - 1;
	count = slot_counters(slot);
	if (!count || !pkt)
		return 0;
	rate = live.rate[slot];
	if (point.slot[slot].algorithm == IFIT_SELECT_SYSTEMATIC_COUNT)
		selected = select_systematic(slot, rate & 1, pkt->segments);
	else
		selected = select_uniform(rate & RATE_THRESHOLD, pkt->segments);
	count->observed += pkt->segments;
	if (selected)
		selected = limit_selected(pkt, selected, count);
	if (!selected)
		return 0;
	count->selected += selected;
	if (point.meter_mask & 1ULL << slot)
		meter_sampled(skb, pkt, point.slot[slot].state, rate >> 32, selected, count);
	return 1;
}

/* Of the policies that accept the flow, those that take this packet. */
static __always_inline __u64 select_packet(struct __sk_buff *skb, struct packet *pkt)
{
	__u64 accepted = pkt->accepted;
	__u64 selected = accepted & ~point.sampled_mask;
	struct rounds r;

	if (!(accepted & point.sampled_mask))
		return selected;
#pragma clang loop unroll(disable)
	for (__u32 n = 0; n < PLAIN_SLOTS && n < point.sampled_slots; n++) {
		__u32 slot = point.sampled[n] & (IFIT_POLICIES - 1);

		if (accepted >> slot & 1 && select_slot(skb, pkt, slot))
			selected |= 1ULL << slot;
	}
	if (point.sampled_slots <= PLAIN_SLOTS)
		return selected;
	begin_rounds(&r, PLAIN_SLOTS, point.sampled_slots);
	while (next_round(&r)) {
		__u32 slot = point.sampled[r.at & (IFIT_POLICIES - 1)] & (IFIT_POLICIES - 1);

		if (accepted >> slot & 1 && select_slot(skb, pkt, slot))
			selected |= 1ULL << slot;
	}
	end_rounds(&r);
	return selected;
}
