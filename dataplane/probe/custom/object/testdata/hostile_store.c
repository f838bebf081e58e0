// SPDX-License-Identifier: GPL-2.0-only
/* Writes the packet by a helper. */
#include "ifit_probe.h"

static long (*const bpf_skb_store_bytes)(void *skb, __u32 offset, const void *from, __u32 len, __u64 flags) = (void *)9;

SEC("ifit/probe")
__u64 store(struct ifit_packet *packet)
{
	__u8 zero[4] = {};
	return bpf_skb_store_bytes(packet, 14, zero, sizeof(zero), 0);
}

IFIT_LICENSE("GPL");
