// SPDX-License-Identifier: GPL-2.0-only
/* Leaves a map behind. */
#include "ifit_probe.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, 1);
	__type(key, __u32);
	__type(value, __u32);
} left_behind SEC(".maps");

SEC("ifit/probe")
__u64 pinned(struct ifit_packet *packet)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&left_behind, &key) != 0;
}

IFIT_LICENSE("GPL");
