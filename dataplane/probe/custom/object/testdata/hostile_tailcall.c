// SPDX-License-Identifier: GPL-2.0-only
/* Goes over to another program. */
#include "ifit_probe.h"

struct {
	__uint(type, 3);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

static long (*const bpf_tail_call)(void *ctx, void *map, __u32 index) = (void *)12;

SEC("ifit/probe")
__u64 tailcall(struct ifit_packet *packet)
{
	bpf_tail_call(packet, &programs, 0);
	return 0;
}

IFIT_LICENSE("GPL");
