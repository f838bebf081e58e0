// SPDX-License-Identifier: GPL-2.0-only
/* Writes to the socket buffer, which it says it gets. */
#include "ifit_probe.h"

struct __sk_buff {
	__u32 len, pkt_type, mark;
};

SEC("ifit/probe")
__u64 context(struct __sk_buff *skb)
{
	skb->mark = 7;
	return 0;
}

IFIT_LICENSE("GPL");
