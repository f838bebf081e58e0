/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where selection by count keeps its count: one for all packets of a policy at
 * a point, or one per flow. Shared by all CPUs: 1 in N means N packets of the
 * point or flow, not of each CPU.
 */
#pragma once

#include "counters.h"
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * IFIT_STATES);
	__type(key, __u32);
	__type(value, struct ifit_sequence);
} sequences SEC(".maps");

/* Of the whole node. What has been idle is taken out by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_FLOW_SEQUENCES);
	__type(key, struct ifit_flow_sequence);
	__type(value, struct ifit_sequence);
} flow_sequences SEC(".maps");

#define USED_SHIFT 30

/* The wide part of the flow of a packet, which is there where some policy of the point reads it. */
static __always_inline void wide_flow_of(const struct packet *pkt, __u32 fields, struct ifit_flow_key *out)
{
	const __u32 label = IFIT_LABELLED | IFIT_LABEL_REST_MASK << IFIT_LABEL_REST_SHIFT;
	const __u32 vlan = (1U << IFIT_VLAN_BITS) - 1;

	if (fields & IFIT_KEY_SEGMENT)
		__builtin_memcpy(out->segment, pkt->key.segment, sizeof(out->segment));
	if (fields & IFIT_KEY_VNI)
		out->vni |= pkt->key.vni & ~label;
	if (fields & IFIT_KEY_MPLS) {
		out->vni |= pkt->key.vni & label;
		out->mpls |= pkt->key.mpls & ~vlan;
	}
	if (fields & IFIT_KEY_CUSTOMER_VLAN)
		out->mpls |= pkt->key.mpls & vlan;
	if (fields & IFIT_KEY_INGRESS_INTERFACE)
		out->ingress_ifindex = pkt->key.ingress_ifindex;
}

/* The flow of a packet as its policy sees it, whatever others read at the point; out is zero before. */
static __always_inline void flow_of(const struct packet *pkt, __u32 fields, struct ifit_flow_key *out)
{
	const struct ifit_flow_id *id = &pkt->key.id;
	const __u32 vlan = (1U << IFIT_VLAN_BITS) - 1;

	out->id.family = id->family;
	if (fields & IFIT_KEY_SOURCE_ADDRESS)
		__builtin_memcpy(out->id.saddr, id->saddr, sizeof(id->saddr));
	if (fields & IFIT_KEY_DESTINATION_ADDRESS)
		__builtin_memcpy(out->id.daddr, id->daddr, sizeof(id->daddr));
	if (fields & IFIT_KEY_SOURCE_PORT)
		out->id.sport = id->sport;
	if (fields & IFIT_KEY_DESTINATION_PORT)
		out->id.dport = id->dport;
	if (fields & IFIT_KEY_PROTOCOL)
		out->id.proto = id->proto;
	if (fields & IFIT_KEY_DSCP)
		out->dscp_epoch = pkt->key.dscp_epoch & ~0U << IFIT_EPOCH_BITS;
	if (fields & IFIT_KEY_FLOW_LABEL)
		out->label_vlan |= pkt->key.label_vlan & ~vlan;
	if (fields & IFIT_KEY_VLAN)
		out->label_vlan |= pkt->key.label_vlan & vlan;
	if (reads(IFIT_KEY_WIDE))
		wide_flow_of(pkt, fields, out);
}

/* Not on the stack: there is no place left beneath all the callers. */
static const __u64 new_sequence[sizeof(struct ifit_sequence) / sizeof(__u64)];

/* The key of the flow at hand: too large for the stack of a program with everything on. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_flow_sequence);
} flow_at_hand SEC(".maps");

/* Writes the packet's flow there as the policy sees it, and zero beside it. */
static __always_inline struct ifit_flow_sequence *take_flow(const struct packet *pkt, __u32 slot)
{
	__u32 zero = 0;
	struct ifit_flow_sequence *key = bpf_map_lookup_elem(&flow_at_hand, &zero);

	if (!key)
		return NULL;
	__builtin_memset(key, 0, sizeof(*key));
	flow_of(pkt, point.slot[slot & (IFIT_POLICIES - 1)].flow_fields, &key->flow);
	return key;
}

/* The count of the packet's flow; NULL when there is no place for another one. */
static __noinline struct ifit_sequence *flow_sequence(const struct packet *pkt, __u32 slot, __u32 pair)
{
	struct ifit_flow_sequence *key = take_flow(pkt, slot);
	struct ifit_sequence *sequence;

	if (!key)
		return NULL;
	slot &= IFIT_POLICIES - 1;
	key->policy = point.slot[slot].policy;
	key->series = live.selection[slot][pair & 1].series;
	key->ifindex = point.ifindex;
	key->direction = point.direction;
	sequence = bpf_map_lookup_elem(&flow_sequences, key);
	if (!sequence) {
		/* Another CPU may be first, hence the look-up after it. */
		bpf_map_update_elem(&flow_sequences, key, new_sequence, BPF_NOEXIST);
		sequence = bpf_map_lookup_elem(&flow_sequences, key);
	}
	if (sequence)
		sequence->used = pkt->now >> USED_SHIFT;
	return sequence;
}

static __always_inline struct ifit_sequence *find_sequence(const struct packet *pkt, __u32 slot, __u32 pair)
{
	__u32 place = 2 * point.slot[slot].state + pair;

	if (has(IFIT_FEATURE_PER_FLOW) && point.flow_mask >> slot & 1)
		return flow_sequence(pkt, slot, pair);
	return bpf_map_lookup_elem(&sequences, &place);
}
