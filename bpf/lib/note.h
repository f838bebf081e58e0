/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes of departing flows: tcx egress has classified the packet, and behind
 * the queue nothing of that is left, so it is written down by flow.
 */
#pragma once

#include "bits.h"
#include "kernel.h"
#include "notes.h"
#include "packet.h"

/* A flow's last packet need not be known to the nanosecond. */
#define NOTE_PRECISION_NS 100000000ULL

static __always_inline __u64 histograms_of(__u64 slots)
{
	__u64 numbers = 0;
	struct rounds r;

	begin_rounds(&r, 0, IFIT_POLICIES);
	while (next_round(&r) && slots) {
		numbers |= 1ULL << (point.slot_histogram[lowest_bit(slots)] & (IFIT_HISTOGRAM_POLICIES - 1));
		slots &= slots - 1;
	}
	end_rounds(&r);
	return numbers;
}

/*
 * Notes a packet's flow, once for each rule set. A global function, so that
 * its stack is not that of the rest. Returns 1 when there was no place.
 */
__noinline int note_flow(struct __sk_buff *skb, struct packet *pkt, __u32 ruleset, __u32 wire_dscp)
{
	struct ifit_note_key key = {};
	struct ifit_note *note;
	struct ifit_note fresh;
	__u64 slots;

	if (!pkt)
		return 0;
	key.id = pkt->key.id;
	key.ifindex = skb->ifindex;
	key.dscp = wire_dscp;
	slots = pkt->accepted & point.histogram_mask;
	note = bpf_map_lookup_elem(&notes, &key);
	if (note && note->slots == slots && note->ruleset == ruleset) {
		if (pkt->now - note->last_ns > NOTE_PRECISION_NS)
			note->last_ns = pkt->now;
		return 0;
	}
	__builtin_memset(&fresh, 0, sizeof(fresh));
	fresh.numbers = histograms_of(slots);
	fresh.slots = slots;
	fresh.ruleset = ruleset;
	fresh.last_ns = pkt->now;
	fresh.flow_label = pkt->flow_label;
	fresh.vlan = pkt->vlan;
	fresh.dscp = pkt->dscp;
	return bpf_map_update_elem(&notes, &key, &fresh, BPF_ANY) != 0;
}
