// SPDX-License-Identifier: GPL-2.0-only
/* Ends, after a million steps. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 longest(struct ifit_packet *packet)
{
	volatile __u64 sum = 0;
	for (int i = 0; i < 100000; i++)
		sum += i;
	return sum;
}

IFIT_LICENSE("GPL");
