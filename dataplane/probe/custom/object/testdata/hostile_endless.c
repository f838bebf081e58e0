// SPDX-License-Identifier: GPL-2.0-only
/* Never ends. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 endless(struct ifit_packet *packet)
{
	volatile __u32 n = 1;
	while (n)
		n |= packet->length | 1;
	return 0;
}

IFIT_LICENSE("GPL");
