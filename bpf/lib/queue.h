/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The depth of the queue that a packet came out of. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Queueing disciplines that count on each CPU by itself, such as pfifo_fast. */
#define TCQ_F_CPUSTATS 0x20

/*
 * Octets that the queueing discipline of the packet's transmit queue holds,
 * its classes included. Returns false where there is no queue, or where its
 * octets are spread over CPUs.
 */
static __always_inline bool queue_depth(const struct sk_buff *skb, const struct net_device *dev, __u64 *depth)
{
	const struct netdev_queue *queue;
	const struct Qdisc *qdisc;

	queue = (const void *)dev->_tx + (__u64)skb->queue_mapping * bpf_core_type_size(struct netdev_queue);
	qdisc = BPF_CORE_READ(queue, qdisc);
	if (!qdisc || !BPF_CORE_READ(qdisc, enqueue) || BPF_CORE_READ(qdisc, flags) & TCQ_F_CPUSTATS)
		return false;
	*depth = BPF_CORE_READ(qdisc, qstats.backlog);
	return true;
}
