/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What all programs of a node share. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_node);
} node SEC(".maps");

/*
 * When the next postcard and the next event are due: one word each, so that a
 * compare-and-swap makes the limit hold over all CPUs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFIT_LIMITS);
	__type(key, __u32);
	__type(value, __u64);
} limits SEC(".maps");

static __always_inline const struct ifit_node *node_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&node, &zero);
}

#define LIMIT_ATTEMPTS 4

/* Takes one place under a rate limit; false when there is none now. */
static __always_inline bool take_limit(__u32 which, const struct ifit_limit *limit, __u64 now)
{
	__u64 *due = bpf_map_lookup_elem(&limits, &which);

	if (!limit->interval_ns)
		return true;
	if (!due)
		return false;
	/* A CPU that loses the race this often is far above any limit. */
	for (int i = 0; i < LIMIT_ATTEMPTS; i++) {
		__u64 old = *(volatile __u64 *)due;
		__u64 at = old > now ? old : now;

		if (at - now > limit->burst_ns)
			return false;
		if (__sync_val_compare_and_swap(due, old, at + limit->interval_ns) == old)
			return true;
	}
	return false;
}
