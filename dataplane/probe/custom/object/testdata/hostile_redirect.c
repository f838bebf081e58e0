// SPDX-License-Identifier: GPL-2.0-only
/* Sends the packet elsewhere. */
#include "ifit_probe.h"

static long (*const bpf_redirect)(__u32 ifindex, __u64 flags) = (void *)23;

SEC("ifit/probe")
__u64 redirect(struct ifit_packet *packet)
{
	return bpf_redirect(1, 0);
}

IFIT_LICENSE("GPL");
