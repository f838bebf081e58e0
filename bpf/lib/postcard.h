/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Postcards: what this node saw of one marked packet. */
#pragma once

#include "answer.h"
#include "bob.h"
#include "clock.h"
#include "counters.h"
#include "node.h"
#include "sample.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, IFIT_POSTCARD_RING);
} postcards SEC(".maps");

/*
 * A wake-up costs more than a postcard: the reader is woken when the ring
 * fills past a multiple of this, and else looks by itself after a short time.
 */
#define WAKE_SHIFT 16
#define RING_HEADER 8

static __always_inline __u64 postcard_wake(void)
{
	__u64 waiting, before;

	if (lacks(IFIT_LACKS_RING_BUFFER))
		return 0;
	waiting = bpf_ringbuf_query(&postcards, BPF_RB_AVAIL_DATA);
	before = waiting - (sizeof(struct ifit_postcard) + RING_HEADER);
	return waiting >> WAKE_SHIFT != before >> WAKE_SHIFT ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* A function of its own, so that the type of postcards gets into the object. */
static __noinline void describe(struct ifit_postcard *card, const struct packet *pkt)
{
	card->ingress_ns = pkt->arrival;
	card->egress_ns = pkt->now;
	card->id = pkt->key.id;
	card->length = pkt->octets;
	card->segments = pkt->segments;
	card->hop_limit = pkt->ttl;
	card->dscp = pkt->dscp;
	card->answered = 0;
	card->answer = 0;
}

/* Sends the postcard of one packet; egress is 0 for one that stays here. */
static __always_inline void send_postcard(struct __sk_buff *skb, struct packet *pkt,
					  const struct ifit_node *config,
					  __u32 slot, __u32 egress)
{
	struct ifit_policy_counters *count = slot_counters(slot);
	struct ifit_postcard *card;
	__u32 id;

	slot &= IFIT_POLICIES - 1;
	if (!count)
		return;
	if (!packet_id(skb, pkt, &id)) {
		count->no_packet_id += pkt->segments;
		return;
	}
	if (!is_precise())
		pkt->now = bpf_ktime_get_ns();
	/* A stamp that is there at ingress already is its sender's. */
	if (!pkt->arrival && egress)
		read_arrival(skb, pkt);
	if (!take_limit(IFIT_LIMIT_POSTCARDS, &config->postcards, pkt->now)) {
		count->postcards_suppressed++;
		return;
	}
	card = reserve_sample(&postcards, sizeof(*card));
	if (!card) {
		count->postcards_lost++;
		return;
	}
	describe(card, pkt);
	card->policy = point.slot[slot].policy;
	card->generation = live.rate[slot] >> 32;
	card->packet_id = id;
	card->ingress_ifindex = skb->ingress_ifindex;
	card->egress_ifindex = egress;
	if (point.answer_policy)
		take_answer(card);
	if (submit_bulk_sample(skb, &postcards, card, sizeof(*card), postcard_wake()))
		count->postcards++;
	else
		count->postcards_lost++;
}
