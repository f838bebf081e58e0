/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many different flows, sources and destinations there are (HyperLogLog),
 * and which sources talk to the most destinations: each bucket counts the
 * pairs that fall into it, and names the source of the pair whose hash is the
 * rarest, which is most likely the one with the most pairs.
 */
#pragma once

#include "bits.h"
#include "flowhash.h"
#include "point.h"

#define DISTINCT_BITS 12	/* of a hash, which choose a register */
#define SPREAD_BITS 6
#define SPREAD_STEP 20	/* bits of a hash behind those that choose a row's bucket */
_Static_assert(IFIT_DISTINCT_REGISTERS == 1 << DISTINCT_BITS, "registers");
_Static_assert(IFIT_SPREAD_REGISTERS == 1 << SPREAD_BITS, "registers of a bucket");

/* The highest rank that the 32 bits given can have is one more. */
#define RANK_BITS 32

/* Rank of a hash: one in 2^rank hashes has it or a higher one. */
static __always_inline __u8 rank_of(__u32 bits)
{
	return lowest_bit(bits | 1ULL << RANK_BITS) + 1;
}

static __always_inline void see(__u8 *reg, __u8 rank)
{
	if (*reg < rank)
		*reg = rank;
}

static __always_inline __u64 hash_address(const __u8 *addr, __u64 seed)
{
	return hash_words((const __u64 *)addr, 2, seed);
}

static __always_inline void see_distinct(__u8 *registers, __u64 hash)
{
	see(&registers[hash & (IFIT_DISTINCT_REGISTERS - 1)], rank_of(hash >> RANK_BITS));
}

static __always_inline void see_spread(struct ifit_sketch *sketch, const struct ifit_flow_id *id,
				       __u64 source, __u64 destination)
{
	__u64 pair = (source ^ (destination << 23 | destination >> 41)) * FLOW_HASH_MULTIPLIER;
	__u32 step = source >> SPREAD_STEP | 1;
	__u8 rank, level;

	pair ^= pair >> 29;
	rank = rank_of(pair >> RANK_BITS);
	/* Bits that neither the register nor the rank has used. */
	level = lowest_bit((pair & 0xffffffff) >> SPREAD_BITS | 1ULL << (RANK_BITS - SPREAD_BITS)) + 1;
	for (int i = 0; i < IFIT_SPREAD_ROWS; i++) {
		struct ifit_spread *bucket = &sketch->spread[i][((__u32)source + i * step) & (IFIT_SPREAD_WIDTH - 1)];

		see(&bucket->reg[pair & (IFIT_SPREAD_REGISTERS - 1)], rank);
		if (level > bucket->level) {
			__builtin_memcpy(bucket->source, id->saddr, sizeof(bucket->source));
			bucket->family = id->family;
			bucket->level = level;
		}
	}
}

static __noinline void count_distinct(struct ifit_sketch *sketch, const struct ifit_flow_id *id, __u64 flow,
				      __u64 seed)
{
	__u64 source = hash_address(id->saddr, seed ^ id->family);
	__u64 destination = hash_address(id->daddr, ~seed ^ id->family);

	if (point.sketch_parts & IFIT_SKETCH_DISTINCT) {
		see_distinct(sketch->flows, flow);
		see_distinct(sketch->sources, source);
		see_distinct(sketch->destinations, destination);
	}
	if (point.sketch_parts & IFIT_SKETCH_SPREAD)
		see_spread(sketch, id, source, destination);
}
