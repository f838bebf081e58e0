// SPDX-License-Identifier: GPL-2.0-only
/* Writes all over its copy of each packet, and asks for it to be dropped:
 * neither may have any effect. */
#define IFIT_CAPTURE 64
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 scribble(struct ifit_packet *packet)
{
	__builtin_memset(packet, 0xff, sizeof(*packet));
	return 2;
}

IFIT_LICENSE("GPL");
