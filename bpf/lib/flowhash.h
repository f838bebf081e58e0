/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One hash of a flow, seeded on each node, so that nobody outside can aim. */
#pragma once

#include "abi.h"

#define FLOW_HASH_MULTIPLIER 0x9ddfea08eb382d69ULL

static __always_inline __u64 hash_flow(const struct ifit_flow_id *id, __u64 seed)
{
	const __u64 *word = (const __u64 *)id;
	__u64 hash = seed;

	for (int i = 0; i < sizeof(*id) / sizeof(*word); i++) {
		hash = (hash ^ word[i]) * FLOW_HASH_MULTIPLIER;
		hash ^= hash >> 32;
	}
	hash *= FLOW_HASH_MULTIPLIER;
	hash ^= hash >> 29;
	return hash ? hash : 1;
}
