// SPDX-License-Identifier: GPL-2.0-only
/* A program of another kind. */
#include "ifit_probe.h"

SEC("kprobe/tcp_v4_connect")
int kprobe(void *ctx)
{
	return 0;
}

IFIT_LICENSE("GPL");
