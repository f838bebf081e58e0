/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Triggers at Observation Points: new flows, changes of their paths, rates, bursts. */
#pragma once

#include "burst.h"
#include "counters.h"
#include "window.h"
#include "packet.h"

#define PATH_IFINDEX_BITS 28
#define PATH_IFINDEX ((1ULL << PATH_IFINDEX_BITS) - 1)

/* One word, so that of several CPUs that see a change just one tells it. */
static __always_inline __u64 make_path(__u32 ingress, __u32 egress, __u8 hop_limit)
{
	return (ingress & PATH_IFINDEX) << (PATH_IFINDEX_BITS + 8) | (egress & PATH_IFINDEX) << 8 | hop_limit;
}

static __always_inline __u32 path_ingress(__u64 path)
{
	return path >> (PATH_IFINDEX_BITS + 8);
}

static __always_inline __u32 path_egress(__u64 path)
{
	return path >> 8 & PATH_IFINDEX;
}

/* A flow's last packet need not be known to the nanosecond. */
#define LAST_PRECISION_NS 100000000ULL

/* The state of the packet's flow, made if there is none; NULL when there is no place. */
static __always_inline struct ifit_flow_state *flow_state(const struct packet *pkt)
{
	struct ifit_flow_state *state = bpf_map_lookup_elem(&flow_states, &pkt->key.id);
	struct ifit_flow_state empty = { .last_ns = pkt->now };

	if (state) {
		if (pkt->now - state->last_ns > LAST_PRECISION_NS)
			state->last_ns = pkt->now;
		return state;
	}
	bpf_map_update_elem(&flow_states, &pkt->key.id, &empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flow_states, &pkt->key.id);
}

/* Triggers of the policies that accept the flow here. */
static __always_inline __u64 triggers_of(__u64 slots)
{
	struct rounds r;
	__u64 numbers = 0;

	begin_rounds(&r, 0, IFIT_POLICIES);
	while (next_round(&r) && slots) {
		numbers |= point.slot_triggers[lowest_bit(slots)];
		slots &= slots - 1;
	}
	end_rounds(&r);
	return numbers;
}

static __noinline void tell_flow(const struct __sk_buff *skb, const struct packet *pkt, __u32 number,
				 __u64 path, __u64 before)
{
	struct ifit_trigger_counters *count = find_trigger_counters(number);
	const struct ifit_trigger *trigger = find_trigger(number);
	struct ifit_event *event;
	__u64 now;

	if (!count || !trigger)
		return;
	now = bpf_ktime_get_ns();
	event = take_event(count, now) ? reserve_event(trigger, count, now) : NULL;
	if (!event)
		return;
	event->state = IFIT_EVENT_MOMENTARY;
	event->per_flow = 1;
	event->id = pkt->key.id;
	event->ifindex = skb->ifindex;
	event->direction = path_egress(path) != 0;
	event->ingress_ifindex = path_ingress(path);
	event->egress_ifindex = path_egress(path);
	event->hop_limit = path;
	event->previous_ingress_ifindex = path_ingress(before);
	event->previous_egress_ifindex = path_egress(before);
	event->previous_hop_limit = before;
	submit_event(event, count);
}

static __always_inline void tell_all(const struct __sk_buff *skb, const struct packet *pkt, __u64 numbers,
				     __u64 path, __u64 before)
{
	struct rounds r;

	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		tell_flow(skb, pkt, lowest_bit(numbers), path, before);
		numbers &= numbers - 1;
	}
	end_rounds(&r);
}

/*
 * Notes for ../drop.bpf.c who wants to know of the flow's drops. Several points
 * of the node add theirs; what was noted before a change is forgotten.
 */
static __always_inline void note_drops(struct ifit_flow_state *state, const struct ifit_node *config, __u64 numbers)
{
	if (state->drop_epoch != config->flow_epoch) {
		state->drop_numbers = numbers;
		state->drop_epoch = config->flow_epoch;
	} else if (numbers & ~state->drop_numbers) {
		__sync_fetch_and_or(&state->drop_numbers, numbers);
	}
}

/* Tells a new flow, and one that has changed its path. */
static __always_inline void watch_flow(const struct __sk_buff *skb, const struct packet *pkt,
				       const struct ifit_node *config, struct ifit_counters *count,
				       __u64 numbers, bool ingress)
{
	struct ifit_flow_state *state = flow_state(pkt);
	__u64 xmit, fresh, path, before;

	if (!state) {
		count->flow_states_refused += pkt->segments;
		return;
	}
	path = make_path(skb->ingress_ifindex, ingress ? 0 : skb->ifindex, pkt->ttl);
	fresh = numbers & config->new_flow_triggers & ~state->announced;
	if (fresh) {
		fresh &= ~__sync_fetch_and_or(&state->announced, fresh);
		tell_all(skb, pkt, fresh, path, 0);
	}
	note_drops(state, config, numbers & (config->drop_triggers | config->drop_records));
	if (ingress)
		return;
	xmit = numbers & (config->delay_triggers | config->queue_triggers);
	if (state->xmit_triggers != xmit)
		state->xmit_triggers = xmit;
	before = state->path;
	if (before == path || __sync_val_compare_and_swap(&state->path, before, path) != before)
		return;
	if (path_egress(before))
		tell_all(skb, pkt, numbers & config->path_change_triggers, path, before);
}

/* Adds the packet to its flow's window, and to the bins of its triggers. */
static __always_inline void watch_octets(const struct __sk_buff *skb, const struct packet *pkt,
					 const struct ifit_node *config, struct ifit_counters *count,
					 __u64 numbers, bool ingress)
{
	struct sample *sample = new_sample(SAMPLE_OF_PACKET);

	if (!sample)
		return;
	sample->at.id = pkt->key.id;
	sample->at.ifindex = skb->ifindex;
	sample->at.direction = !ingress;
	if (has(IFIT_FEATURE_RATE) && numbers & config->rate_triggers &&
	    !count_rate(sample, numbers & config->rate_triggers, pkt->wire_octets, config->rate_floor, pkt->now))
		count->flow_states_refused += pkt->segments;
	if (has(IFIT_FEATURE_BURST) && numbers & config->burst_triggers)
		watch_bursts(sample, pkt, config->sketch_seed, numbers & config->burst_triggers);
}

/*
 * Looks at one packet of a flow that policies with triggers accept. At egress
 * it also notes for ../xmit.bpf.c which triggers the flow is under.
 */
static __always_inline void watch_packet(const struct __sk_buff *skb, const struct packet *pkt,
					 const struct ifit_node *config, struct ifit_counters *count,
					 __u64 slots, bool ingress)
{
	__u64 numbers = triggers_of(slots);
	__u64 counted = config->rate_triggers | config->burst_triggers;

	if (numbers & ~counted)
		watch_flow(skb, pkt, config, count, numbers, ingress);
	if (has(IFIT_FEATURE_RATE | IFIT_FEATURE_BURST))
		watch_octets(skb, pkt, config, count, numbers, ingress);
}
