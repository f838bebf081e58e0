// SPDX-License-Identifier: GPL-2.0-only
/* Reads the clock a hundred times for each packet. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 slow(struct ifit_packet *packet)
{
	__u64 sum = 0;
	for (int i = 0; i < 100; i++)
		sum ^= bpf_ktime_get_ns();
	return sum;
}

IFIT_LICENSE("GPL");
