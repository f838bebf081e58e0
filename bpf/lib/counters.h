/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters of a point and of its policies. */
#pragma once

#include "point.h"

/*
 * A program runs with bottom halves off on its CPU and counts into that CPU's
 * place alone, so plain additions suffice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFIT_STATES);
	__type(key, __u32);
	__type(value, struct ifit_policy_counters);
} policy_counters SEC(".maps");

static __always_inline struct ifit_counters *point_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline struct ifit_policy_counters *slot_counters(__u32 slot)
{
	__u32 state = point.slot[slot & (IFIT_POLICIES - 1)].state;

	return bpf_map_lookup_elem(&policy_counters, &state);
}
