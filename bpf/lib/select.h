/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet selection (RFC 5475) among the packets of the flows that a policy accepts. */
#pragma once

#include "hash.h"
#include "kernel.h"
#include "limit.h"
#include "meter.h"
#include "property.h"
#include "sequence.h"

#define RATE_THRESHOLD 0xffffffffULL
#define RATE_ALL 0xffffffffU	/* no 32 random bits are above this threshold */

/* Slots that are looked at in a plain loop: cheaper to run, dearer to verify. */
#define PLAIN_SLOTS 8

/* How many of the first n packets systematic selection takes. */
static __always_inline __u64 taken_of(__u64 n, __u64 interval, __u64 period)
{
	__u64 rest = n % period;

	return n / period * interval + (rest < interval ? rest : interval);
}

static __always_inline __u32 select_systematic(struct ifit_sequence *sequence, __u32 slot, __u32 pair,
					       __u32 segments)
{
	__u64 interval = live.selection[slot][pair].interval;
	__u64 period = interval + live.selection[slot][pair].space;
	__u64 before;

	if (!period)
		return 0;
	before = __sync_fetch_and_add(&sequence->seen, segments);
	if (segments == 1)
		return before % period < interval;
	return taken_of(before + segments, interval, period) - taken_of(before, interval, period);
}

/*
 * One draw of selection sampling (Knuth, algorithm S): of the packets that are
 * left of a population, each is taken with the share that is still wanted. So
 * exactly size of each population are taken, and every choice of them is as
 * likely as any other.
 */
static __always_inline bool take_one(struct ifit_sequence *sequence, __u32 size, __u32 population)
{
	__u64 random = bpf_get_prandom_u32();
	bool taken;

	bpf_spin_lock(&sequence->lock);
	if (sequence->drawn >= population) {
		sequence->drawn = 0;
		sequence->taken = 0;
	}
	taken = random * (population - sequence->drawn) >> 32 < size - sequence->taken;
	sequence->drawn++;
	sequence->taken += taken;
	bpf_spin_unlock(&sequence->lock);
	return taken;
}

static __always_inline __u32 select_random(struct ifit_sequence *sequence, __u32 slot, __u32 pair, __u32 segments)
{
	__u32 size = live.selection[slot][pair].size;
	__u32 population = live.selection[slot][pair].population;
	struct rounds r;
	__u32 taken = 0;

	if (segments == 1)
		return take_one(sequence, size, population);
	begin_rounds(&r, 0, segments & 0xffff);
	while (next_number(&r, segments & 0xffff) >= 0)
		taken += take_one(sequence, size, population);
	end_rounds(&r);
	return taken;
}

#define NO_SEQUENCE (-1)

/*
 * Selection that counts packets; NO_SEQUENCE where a flow has no count. A
 * global function, so that the verifier need not follow what it took.
 */
__noinline int select_counted(struct packet *pkt, __u32 slot, __u32 pair)
{
	struct ifit_sequence *sequence;

	slot &= IFIT_POLICIES - 1;
	pair &= 1;
	if (!pkt)
		return 0;
	sequence = find_sequence(pkt, slot, pair);
	if (!sequence)
		return NO_SEQUENCE;
	if (uses(IFIT_SELECT_RANDOM) && point.slot[slot].algorithm == IFIT_SELECT_RANDOM)
		return select_random(sequence, slot, pair, pkt->segments);
	return select_systematic(sequence, slot, pair, pkt->segments);
}

#define NS_PER_US 1000

/* Periods begin with the monotonic clock, so that all points of a node agree. */
static __always_inline __u32 select_by_time(const struct packet *pkt, __u32 slot, __u32 pair)
{
	__u64 interval = (__u64)live.selection[slot][pair].interval * NS_PER_US;
	__u64 period = interval + (__u64)live.selection[slot][pair].space * NS_PER_US;

	return period && pkt->now % period < interval ? pkt->segments : 0;
}

/* The segments of a super-packet have hashes of their own, which nobody can tell here. */
static __always_inline __u32 select_by_hash(struct __sk_buff *skb, struct packet *pkt, __u32 slot, __u32 pair,
					    struct ifit_policy_counters *count)
{
	const volatile struct ifit_selection *selection = &live.selection[slot][pair];
	__s64 hash;

	if (pkt->segments != 1) {
		count->no_hash_segments += pkt->segments;
		return 0;
	}
	hash = hash_packet(skb, pkt, point.slot[slot].algorithm, selection->initialiser);
	if (hash < 0) {
		count->no_hash++;
		return 0;
	}
	for (__u32 i = 0; i < IFIT_HASH_RANGES; i++) {
		if (i < selection->ranges && hash >= selection->range[i].min && hash <= selection->range[i].max)
			return 1;
	}
	return 0;
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
	while (next_number(&r, segments & 0xffff) >= 0)
		selected += draw(threshold);
	end_rounds(&r);
	return selected;
}

/* What all nodes see alike of a flow: no interface of one node. */
#define FLOW_OCTETS __builtin_offsetof(struct ifit_flow_key, ingress_ifindex)
#define FLOW_WORDS (FLOW_OCTETS / 4)

/* BOB over the flow as its policy sees it: whole rounds of three words. */
static __noinline __u32 hash_selected_flow(const struct packet *pkt, __u32 slot)
{
	__u32 a = BOB_GOLDEN, b = BOB_GOLDEN, c = live.selection[slot & (IFIT_POLICIES - 1)][0].initialiser;
	const struct ifit_flow_sequence *key = take_flow(pkt, slot);
	const __u32 *in = (const __u32 *)key;

	_Static_assert(FLOW_WORDS % 3 == 0, "rounds");
	_Static_assert(__builtin_offsetof(struct ifit_flow_sequence, flow) == 0, "flow");
	if (!key)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < FLOW_WORDS; i += 3) {
		a += in[i];
		b += in[i + 1];
		c += in[i + 2];
		bob_mix(&a, &b, &c);
	}
	c += FLOW_OCTETS;
	bob_mix(&a, &b, &c);
	return c;
}

static __always_inline __u32 select_uniform(const struct packet *pkt, __u32 slot, __u32 threshold)
{
	if (has(IFIT_FEATURE_PER_FLOW) && point.flow_mask >> slot & 1)
		return threshold == RATE_ALL || hash_selected_flow(pkt, slot) < threshold ? pkt->segments : 0;
	return pkt->segments == 1 ? draw(threshold) : draw_segments(threshold, pkt->segments);
}

static __always_inline bool is_hash(__u32 algorithm)
{
	return algorithm >= IFIT_SELECT_BOB;
}

/* How many of the packet's segments the policy takes; rate is what its word says. */
static __always_inline __u32 select_segments(struct __sk_buff *skb, struct packet *pkt, __u32 slot, __u32 rate,
					     struct ifit_policy_counters *count)
{
	__u32 algorithm = point.slot[slot].algorithm;
	__u32 pair = rate & 1;

	if (uses(IFIT_SELECT_UNIFORM) && algorithm == IFIT_SELECT_UNIFORM)
		return select_uniform(pkt, slot, rate);
	if (uses(IFIT_SELECT_SYSTEMATIC_TIME) && algorithm == IFIT_SELECT_SYSTEMATIC_TIME)
		return select_by_time(pkt, slot, pair);
	if (uses(IFIT_SELECT_PROPERTY) && algorithm == IFIT_SELECT_PROPERTY)
		return match_properties(skb, pkt, slot, pair);
	if (point.algorithms >> IFIT_SELECT_BOB && is_hash(algorithm))
		return select_by_hash(skb, pkt, slot, pair, count);
	if (uses(IFIT_SELECT_SYSTEMATIC_COUNT) || uses(IFIT_SELECT_RANDOM)) {
		int selected = select_counted(pkt, slot, pair);

		if (selected >= 0)
			return selected;
		count->flows_refused += pkt->segments;
	}
	return 0;
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
	selected = select_segments(skb, pkt, slot, rate & RATE_THRESHOLD, count);
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
	int n;

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
	while ((n = next_number(&r, point.sampled_slots)) >= 0) {
		__u32 slot = point.sampled[n & (IFIT_POLICIES - 1)] & (IFIT_POLICIES - 1);

		if (accepted >> slot & 1 && select_slot(skb, pkt, slot))
			selected |= 1ULL << slot;
	}
	end_rounds(&r);
	return selected;
}
