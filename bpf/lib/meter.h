/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flow records: one per flow, rule set and CPU, and one per sampled policy. */
#pragma once

#include "classify.h"
#include "clock.h"
#include "counters.h"

/*
 * The model of the two tables of a point, from which Go makes them with the
 * number of places that it wants; never LRU, which forgets counts silently.
 */
struct flow_table {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct ifit_flow_key);
	__type(value, struct ifit_flow);
} flow_table SEC(".maps");

/* The one slot names the table in use; the other table is being drained. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct flow_table);
} flow_tables SEC(".maps");

/*
 * Makes a record; NULL when the table is full. Another CPU may be first, hence
 * the look-up after a refused insert.
 */
static __noinline struct ifit_flow *new_flow_record(void *table, const struct ifit_flow_key *key)
{
	struct ifit_flow empty = {};

	bpf_map_update_elem(table, key, &empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(table, key);
}

/* The record of the key on this CPU; NULL when there is no place for it. */
static __always_inline struct ifit_flow *flow_record(const struct ifit_flow_key *key)
{
	struct ifit_flow *flow;
	__u32 zero = 0;
	void *table;

	table = bpf_map_lookup_elem(&flow_tables, &zero);
	if (!table)
		return NULL;
	flow = bpf_map_lookup_elem(table, key);
	return flow ? flow : new_flow_record(table, key);
}

/* Octets that leave as segments, each with a copy of the headers. */
static __always_inline __u64 segmented_octets(const struct packet *pkt)
{
	if (pkt->segments == 1 || pkt->payload <= pkt->network)
		return pkt->octets;
	return pkt->octets + (__u64)(pkt->segments - 1) * (pkt->payload - pkt->network);
}

static __always_inline void add_delay(struct ifit_flow *flow, const struct packet *pkt, __u64 packets)
{
	__u64 delay = pkt->now - pkt->arrival;

	if (delay > ~0U)
		delay = ~0U;
	if (!flow->delay_packets || delay < flow->delay_min)
		flow->delay_min = delay;
	if (delay > flow->delay_max)
		flow->delay_max = delay;
	flow->delay_sum += delay * packets;
	flow->delay_packets += packets;
}

/* Adds some of the packet's segments to a record of this CPU. */
static __always_inline void add_packet(struct ifit_flow *flow, const struct __sk_buff *skb,
				       const struct packet *pkt, __u64 packets, __u64 octets)
{
	if (!flow->packets) {
		flow->first = pkt->now;
		flow->ttl_min = pkt->ttl;
	}
	flow->packets += packets;
	flow->octets += octets;
	flow->last = pkt->now;
	flow->ingress_ifindex = skb->ingress_ifindex;
	flow->tcp_flags |= pkt->tcp_flags;
	if (has(IFIT_FEATURE_BIFLOW) && (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		flow->tcp_flags |= IFIT_TCP_OPENS;
	if (pkt->ttl < flow->ttl_min)
		flow->ttl_min = pkt->ttl;
	if (pkt->ttl > flow->ttl_max)
		flow->ttl_max = pkt->ttl;
	if (has(IFIT_FEATURE_DELAY) && pkt->arrival)
		add_delay(flow, pkt, packets);
}

/*
 * Counts the packet into its canonical record and returns the policies that
 * accept its flow. A full table costs the record, not the classification:
 * marking, stripping and postcards go on.
 */
static __always_inline __u64 meter(const struct __sk_buff *skb, const struct packet *pkt,
				   struct ifit_counters *count)
{
	struct ifit_flow *flow = flow_record(&pkt->key);

	if (!flow) {
		count->refused += pkt->segments;
		return classify(&pkt->key);
	}
	if (!flow->packets)
		flow->policies = classify(&pkt->key);
	add_packet(flow, skb, pkt, pkt->segments, pkt->wire_octets);
	return flow->policies;
}

/* Counts selected segments into the record of one sampled policy. */
static __always_inline void meter_sampled(const struct __sk_buff *skb, struct packet *pkt, __u32 state,
					  __u32 generation, __u32 selected,
					  struct ifit_policy_counters *count)
{
	__u64 octets = pkt->wire_octets;
	struct ifit_flow *flow;

	pkt->key.dscp_epoch &= ~0U << IFIT_EPOCH_BITS;
	pkt->key.dscp_epoch |= IFIT_EPOCH_SAMPLED | state << IFIT_EPOCH_STATE_SHIFT |
			       (generation & IFIT_EPOCH_GENERATION);
	flow = flow_record(&pkt->key);
	if (!flow) {
		count->refused += selected;
		return;
	}
	if (selected != pkt->segments)
		octets = octets * selected / pkt->segments;
	add_packet(flow, skb, pkt, selected, octets);
}
