// SPDX-License-Identifier: GPL-2.0-only
/* Reads the memory of the kernel. */
#include "ifit_probe.h"

struct sk_buff {
	__u32 len;
} __attribute__((preserve_access_index));

SEC("ifit/probe")
__u64 core(struct ifit_packet *packet)
{
	return ((struct sk_buff *)packet)->len;
}

IFIT_LICENSE("GPL");
