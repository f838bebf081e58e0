// SPDX-License-Identifier: GPL-2.0-only
/* Uses a map by the number of a file descriptor of the agent. */
#include "ifit_probe.h"

SEC("ifit/probe")
__u64 descriptor(struct ifit_packet *packet)
{
	__u32 key = 0;
	void *map;
	asm volatile(".8byte 0x0000000500001118, 0" ::: "r1");
	asm volatile("%0 = r1" : "=r"(map));
	return bpf_map_lookup_elem(map, &key) != 0;
}

IFIT_LICENSE("GPL");
