// SPDX-License-Identifier: GPL-2.0-only
/* Takes its copy for a socket buffer, to write to the packet behind it. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 packet(struct ifit_packet *packet)
{
	__u8 *data = (__u8 *)(__u64)*(__u32 *)((__u8 *)packet + 76);
	__u8 *end = (__u8 *)(__u64)*(__u32 *)((__u8 *)packet + 80);
	if (data + 20 > end)
		return 0;
	data[14] = 0;
	return 0;
}

IFIT_LICENSE("GPL");
