// SPDX-License-Identifier: GPL-2.0-only
/* Takes a gigabyte. */
#include "ifit_probe.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << 20);
	__type(key, __u32);
	__type(value, __u8[1024]);
} huge SEC(".maps");

SEC("ifit/probe")
__u64 hugemap(struct ifit_packet *packet)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&huge, &key) != 0;
}

IFIT_LICENSE("GPL");
