/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Histograms of transit delay and queue depth, where packets are handed to
 * their device. Buckets are logarithmic, eight to a power of two, so that the
 * middle of a bucket is within 6.25 % of each value in it.
 *
 * Two tables take turns: one is counted into while the other is read. Counts
 * are atomic additions to a table that all CPUs share, because a histogram on
 * each CPU would take 2.4 KiB of each.
 */
#pragma once

#include "bits.h"
#include "kernel.h"
#include "linear.h"
#include "node.h"
#include "notes.h"

/* By number; Go alone writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFIT_HISTOGRAM_POLICIES);
	__type(key, __u32);
	__type(value, struct ifit_histogram_policy);
} histogram_policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFIT_HISTOGRAM_POLICIES);
	__type(key, __u32);
	__type(value, struct ifit_histogram_counters);
} histogram_counters SEC(".maps");

/* Interfaces with histograms, and of what. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IFIT_WATCHED);
	__type(key, __u32);
	__type(value, __u32);
} histogram_points SEC(".maps");

/* The model of the two tables. */
struct histogram_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_HISTOGRAMS);
	__type(key, struct ifit_histogram_key);
	__type(value, struct ifit_histogram);
} histogram_table SEC(".maps");

/* The one slot names the table in use; the other is being read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct histogram_table);
} histogram_tables SEC(".maps");

/* An empty histogram; too large for the stack. */
static const __u8 no_histogram[sizeof(struct ifit_histogram)] = {};

/* One packet as it departs; by CPU, because it is too large for the stack. */
struct departure {
	struct ifit_note_key at;
	struct ifit_histogram_key key;
	__u64 now;
	__u64 value[2];	/* by bit of enum ifit_histogram_metric */
	__u32 metrics;
	__u32 ingress_ifindex;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct departure);
} departures SEC(".maps");

/* Place of the highest bit; value must not be 0. */
static __always_inline __u32 highest_bit(__u64 value)
{
	__u32 bit = 0;

	for (int width = 32; width; width >>= 1) {
		if (value >> width) {
			value >>= width;
			bit += width;
		}
	}
	return bit;
}

static __always_inline __u32 bucket_of(__u64 value)
{
	__u32 shift;
	__u64 index;

	if (value < 1 << IFIT_HISTOGRAM_SUB_BITS)
		return value;
	shift = highest_bit(value) - IFIT_HISTOGRAM_SUB_BITS;
	index = ((__u64)shift << IFIT_HISTOGRAM_SUB_BITS) + (value >> shift);
	return index < IFIT_HISTOGRAM_BUCKETS ? index : IFIT_HISTOGRAM_BUCKETS - 1;
}

#define RAISE_ATTEMPTS 8

/* Makes a word at least value, whatever other CPUs do. */
static __always_inline void raise(__u64 *word, __u64 value)
{
	for (int i = 0; i < RAISE_ATTEMPTS; i++) {
		__u64 old = *(volatile __u64 *)word;

		if (old >= value || __sync_val_compare_and_swap(word, old, value) == old)
			return;
	}
}

/* Finds or makes a histogram; NULL when there is no place. */
static __always_inline struct ifit_histogram *find_histogram(const struct ifit_histogram_key *key)
{
	struct ifit_histogram *histogram;
	__u32 zero = 0;
	void *table;

	table = bpf_map_lookup_elem(&histogram_tables, &zero);
	if (!table)
		return NULL;
	histogram = bpf_map_lookup_elem(table, key);
	if (histogram)
		return histogram;
	bpf_map_update_elem(table, key, no_histogram, BPF_NOEXIST);
	return bpf_map_lookup_elem(table, key);
}

/* Adds a departure's value to one histogram. A global function, so that the verifier looks at it once. */
__noinline int add_value(__u32 number, __u64 value)
{
	struct ifit_histogram_counters *count;
	struct ifit_histogram *histogram;
	struct departure *packet;
	__u32 zero = 0, bucket;

	packet = bpf_map_lookup_elem(&departures, &zero);
	if (!packet)
		return 0;
	histogram = find_histogram(&packet->key);
	if (!histogram) {
		count = bpf_map_lookup_elem(&histogram_counters, &number);
		if (count)
			count->refused += packet->packets;
		return 0;
	}
	bucket = bucket_of(value);
	if (bucket >= IFIT_HISTOGRAM_BUCKETS)
		return 0;
	__sync_fetch_and_add(&histogram->bucket[bucket], packet->packets);
	__sync_fetch_and_add(&histogram->sum, value * packet->packets);
	raise(&histogram->top, value);
	raise(&histogram->bottom, ~value);
	raise(&histogram->first, ~packet->now);
	histogram->last = packet->now;
	return 0;
}

/* Keeps of a flow what a policy's Flow Keys ask for. */
static __always_inline void project(struct departure *packet, const struct ifit_histogram_policy *policy,
				    const struct ifit_note *note)
{
	const struct ifit_flow_id *id = &packet->at.id;
	struct ifit_histogram_key *key = &packet->key;
	__u32 fields = policy->fields;

	__builtin_memset(key, 0, sizeof(*key));
	key->id.family = id->family;
	if (fields & IFIT_KEY_SOURCE_ADDRESS)
		__builtin_memcpy(key->id.saddr, id->saddr, sizeof(id->saddr));
	if (fields & IFIT_KEY_DESTINATION_ADDRESS)
		__builtin_memcpy(key->id.daddr, id->daddr, sizeof(id->daddr));
	if (fields & IFIT_KEY_SOURCE_PORT)
		key->id.sport = id->sport;
	if (fields & IFIT_KEY_DESTINATION_PORT)
		key->id.dport = id->dport;
	if (fields & IFIT_KEY_PROTOCOL)
		key->id.proto = id->proto;
	if (fields & IFIT_KEY_DSCP)
		key->dscp = note->dscp;
	if (fields & IFIT_KEY_FLOW_LABEL)
		key->flow_label = note->flow_label;
	if (fields & IFIT_KEY_VLAN)
		key->vlan = note->vlan;
	if (policy->by_ingress)
		key->ingress_ifindex = packet->ingress_ifindex;
	if (policy->by_egress)
		key->egress_ifindex = packet->at.ifindex;
	key->policy = policy->policy;
	key->generation = policy->generation;
}

/* Counts a departure for one policy. */
__noinline int count_departure(const struct ifit_note *note, __u32 number)
{
	const struct ifit_histogram_policy *policy = bpf_map_lookup_elem(&histogram_policies, &number);
	struct departure *packet;
	__u32 zero = 0, metrics;

	packet = bpf_map_lookup_elem(&departures, &zero);
	if (!note || !packet || !policy || !policy->policy || (!packet->ingress_ifindex && !policy->local))
		return 0;
	project(packet, policy, note);
	metrics = policy->metrics & packet->metrics;
	if (metrics & IFIT_HISTOGRAM_DELAY) {
		packet->key.metric = IFIT_METRIC_TRANSIT_DELAY;
		add_value(number, packet->value[0]);
	}
	if (metrics & IFIT_HISTOGRAM_QUEUE) {
		packet->key.metric = IFIT_METRIC_QUEUE_DEPTH;
		add_value(number, packet->value[1]);
	}
	return 0;
}

/* The code point as it is on the wire. */
static __always_inline bool read_code_point(const struct linear *at, __be16 type_be, __u32 *dscp)
{
	__u8 head[2];

	if (!peek(at, head, sizeof(head)))
		return false;
	*dscp = type_be == bpf_htons(ETH_P_IP) ? head[1] >> 2 : (head[0] & 0x0f) << 2 | head[1] >> 6;
	return true;
}

/* Fills in of which flow the packet is, and how many packets it will be. */
static __always_inline bool read_departure(const struct sk_buff *skb, struct departure *packet)
{
	const struct skb_shared_info *shared = (const void *)skb->head + skb->end;
	struct linear at = {
		.pos = skb->head + skb->network_header,
		.left = skb->tail - skb->network_header,
	};

	__builtin_memset(&packet->at.id, 0, sizeof(packet->at.id));
	if (skb->tail < skb->network_header || !read_code_point(&at, skb->protocol, &packet->at.dscp) ||
	    !read_flow(&at, skb->protocol, &packet->at.id))
		return false;
	packet->packets = BPF_CORE_READ(shared, gso_segs);
	if (!packet->packets)
		packet->packets = 1;
	return true;
}

/* Counts a packet that is handed to its device into the histograms of its flow. */
static __always_inline void measure_departure(const struct sk_buff *skb, const struct net_device *dev,
					      const struct ifit_node *config)
{
	__u32 ifindex = dev->ifindex, zero = 0;
	struct departure *packet;
	const __u32 *metrics;
	struct ifit_note *note;
	__u64 numbers, arrival;
	struct rounds r;

	metrics = bpf_map_lookup_elem(&histogram_points, &ifindex);
	packet = bpf_map_lookup_elem(&departures, &zero);
	if (!metrics || !packet)
		return;
	packet->metrics = 0;
	packet->now = bpf_ktime_get_ns();
	arrival = skb->tstamp;
	if (*metrics & IFIT_HISTOGRAM_DELAY && has_arrival(skb) && arrival <= packet->now) {
		packet->metrics |= IFIT_HISTOGRAM_DELAY;
		packet->value[0] = packet->now - arrival;
	}
	if (*metrics & IFIT_HISTOGRAM_QUEUE && queue_depth(skb, dev, &packet->value[1]))
		packet->metrics |= IFIT_HISTOGRAM_QUEUE;
	if (!packet->metrics || !read_departure(skb, packet))
		return;
	packet->at.ifindex = ifindex;
	packet->ingress_ifindex = skb->skb_iif;
	note = bpf_map_lookup_elem(&notes, &packet->at);
	if (!note)
		return;
	numbers = note->numbers & config->histograms;
	begin_rounds(&r, 0, IFIT_HISTOGRAM_POLICIES);
	while (next_round(&r) && numbers) {
		count_departure(note, lowest_bit(numbers));
		numbers &= numbers - 1;
	}
	end_rounds(&r);
}
