/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One hash of a flow, seeded on each node, so that nobody outside can aim. */
#pragma once

#include "abi.h"

#define FLOW_HASH_MULTIPLIER 0x9ddfea08eb382d69ULL
#define FLOW_HASH_INCREMENT 0x8ebc6af09c88c6e3ULL

/*
 * Each half of a word gets a secret of its own before the halves are
 * multiplied (NH, RFC 4418 section 5.2): whoever does not know the seed finds
 * two inputs of one hash by luck alone. Without secrets in between, some
 * differences would cancel out under every seed.
 */
static __always_inline __u64 hash_words(const __u64 *word, int words, __u64 seed)
{
	__u64 key = seed, hash = 0;

	for (int i = 0; i < words; i++) {
		__u32 low, high;

		key = key * FLOW_HASH_MULTIPLIER + FLOW_HASH_INCREMENT;
		low = word[i] + key;
		high = (word[i] >> 32) + (key >> 32);
		hash += (__u64)low * high;
	}
	hash = (hash ^ seed) * FLOW_HASH_MULTIPLIER;
	hash = (hash ^ hash >> 32) * FLOW_HASH_MULTIPLIER;
	return hash ^ hash >> 29;
}

/* Never 0, which stands for no flow. */
static __always_inline __u64 hash_flow(const struct ifit_flow_id *id, __u64 seed)
{
	__u64 hash = hash_words((const __u64 *)id, sizeof(*id) / sizeof(__u64), seed);

	return hash ? hash : 1;
}
