// SPDX-License-Identifier: GPL-2.0-only
/* Has a map to redirect by. */
#include "ifit_probe.h"

struct {
	__uint(type, 14);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

SEC("ifit/probe")
__u64 devmap(struct ifit_packet *packet)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&devices, &key) != 0;
}

IFIT_LICENSE("GPL");
