// SPDX-License-Identifier: GPL-2.0-only
/* A probe, and a program of another kind beside it. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 two(struct ifit_packet *packet)
{
	return 0;
}

SEC("tcx/ingress")
int drop(void *skb)
{
	return 2;
}

IFIT_LICENSE("GPL");
