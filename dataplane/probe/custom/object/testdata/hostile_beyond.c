// SPDX-License-Identifier: GPL-2.0-only
/* Writes behind its copy of the packet. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 beyond(struct ifit_packet *packet)
{
	packet->data[packet->length & 0xffff] = 0;
	return 0;
}

IFIT_LICENSE("GPL");
