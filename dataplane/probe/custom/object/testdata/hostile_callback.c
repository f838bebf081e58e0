// SPDX-License-Identifier: GPL-2.0-only
/* Has the kernel call it eight million times. */
#include "ifit_probe.h"

static long (*const bpf_loop)(__u32 n, void *callback, void *ctx, __u64 flags) = (void *)181;

static long step(__u32 i, void *ctx)
{
	return 0;
}

SEC("ifit/probe")
__u64 callback(struct ifit_packet *packet)
{
	return bpf_loop(1 << 23, step, 0, 0);
}

IFIT_LICENSE("GPL");
