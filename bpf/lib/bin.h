/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Microbursts: octets in bins of a millisecond, and the flows that filled the
 * bin, for each trigger at each point. The packet that opens a bin tells the
 * one before; the sweep does so where no packet comes.
 */
#pragma once

#include "condition.h"

#define BIN_NS 1000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_BURSTS);
	__type(key, struct ifit_burst_key);
	__type(value, struct ifit_burst);
} bursts SEC(".maps");

/*
 * Offers a bin to its trigger. Its flows may be overwritten while they are
 * copied by a CPU that was held up for a millisecond: the next bin but one.
 */
__noinline __u64 offer_bin(struct sample *sample, const struct ifit_bin *bin, __u64 octets, __u64 number)
{
	__u64 most = 0;

	if (!sample || !bin)
		return 0;
	sample->value = octets;
	sample->now = number * BIN_NS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < IFIT_CULPRITS; i++) {
		if (bin->culprit[i].octets > most) {
			most = bin->culprit[i].octets;
			sample->at.id = bin->culprit[i].id;
		}
	}
	return offer_with(sample, sample->burst.trigger, bin);
}

/* Tells a bin that has ended, and that the bins after it were empty. */
static __always_inline void tell_bin(struct sample *sample, const struct ifit_bin *bin, __u64 next)
{
	__u64 octets = bin->octets, number = bin->number;

	offer_bin(sample, bin, octets, number);
	if (octets && next > number + 1)
		offer_bin(sample, bin, 0, next - 1);
}

static __always_inline void clear_bin(struct ifit_bin *bin, __u64 number)
{
	bin->number = number;
	bin->octets = 0;
	for (__u32 i = 0; i < IFIT_CULPRITS; i++) {
		bin->tag[i] = 0;
		bin->culprit[i].octets = 0;
	}
}

/* The bin of an index; the compiler must not hide its bounds from the verifier. */
static __always_inline struct ifit_bin *ended_bin(struct ifit_burst *burst, int index)
{
	return index ? &burst->bin[1] : &burst->bin[0];
}

/*
 * Opens the bin of a number and returns the index of the one that it follows,
 * or -1 when it was open already. Under the lock.
 */
static __always_inline int open_bin(struct ifit_burst *burst, __u64 number)
{
	__u32 filling = burst->filling & 1;

	if (number <= burst->bin[filling].number)
		return -1;
	clear_bin(&burst->bin[1 - filling], number);
	burst->filling = 1 - filling;
	return filling;
}
