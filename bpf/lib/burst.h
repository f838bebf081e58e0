/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet's part in bursts: which bins it fills, and which flows are to blame. */
#pragma once

#include "bin.h"
#include "flowhash.h"
#include "packet.h"

/*
 * Adds to the flow's place. A flow without one takes that of the smallest and
 * what it had: so no estimate is too small. Under the bin's lock.
 */
static __always_inline void blame(struct ifit_bin *bin, const struct ifit_flow_id *id, __u64 tag, __u64 octets)
{
	__u64 least = ~0ULL;
	__u32 smallest = 0;

	for (__u32 i = 0; i < IFIT_CULPRITS; i++) {
		if (bin->tag[i] == tag) {
			bin->culprit[i].octets += octets;
			return;
		}
		if (bin->culprit[i].octets < least) {
			least = bin->culprit[i].octets;
			smallest = i;
		}
	}
	smallest &= IFIT_CULPRITS - 1;
	bin->tag[smallest] = tag;
	bin->culprit[smallest].id = *id;
	bin->culprit[smallest].octets += octets;
}

static __always_inline struct ifit_burst *find_burst(const struct ifit_burst_key *key)
{
	struct ifit_burst *burst = bpf_map_lookup_elem(&bursts, key);
	static const struct ifit_burst empty;

	if (burst)
		return burst;
	bpf_map_update_elem(&bursts, key, &empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(&bursts, key);
}

/*
 * Adds a packet to the bin of the sample's trigger and flow; false when there
 * is no place for it. A global function, so that the verifier looks at it once.
 */
__noinline bool add_to_bin(struct sample *sample, __u64 seed, __u64 octets, __u64 now)
{
	__u64 number = now / BIN_NS, tag;
	struct ifit_burst *burst;
	int ended;

	if (!sample)
		return false;
	burst = find_burst(&sample->burst);
	if (!burst)
		return false;
	tag = hash_flow(&sample->at.id, seed);
	bpf_spin_lock(&burst->lock);
	ended = open_bin(burst, number);
	burst->bin[burst->filling & 1].octets += octets;
	blame(&burst->bin[burst->filling & 1], &sample->at.id, tag, octets);
	bpf_spin_unlock(&burst->lock);
	if (ended >= 0)
		tell_bin(sample, ended_bin(burst, ended), number);
	return true;
}

/* Adds the packet to the bins of the triggers that watch bursts. */
static __always_inline void watch_bursts(struct sample *sample, const struct packet *pkt, __u64 seed, __u64 numbers)
{
	struct rounds r;

	sample->burst.ifindex = sample->at.ifindex;
	sample->burst.direction = sample->at.direction;
	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		__u32 number = lowest_bit(numbers);
		struct ifit_trigger_counters *count = find_trigger_counters(number);
		const struct ifit_trigger *trigger = find_trigger(number);

		numbers &= numbers - 1;
		if (!count || !trigger)
			continue;
		sample->at.id = pkt->key.id;
		sample->burst.trigger = number;
		sample->burst.generation = trigger->generation;
		if (!add_to_bin(sample, seed, pkt->wire_octets, pkt->now))
			count_one(&count->refused);
	}
	end_rounds(&r);
}
