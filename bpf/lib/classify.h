/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which policies accept a flow: a vector with one bit per slot. Runs once per
 * flow, rule set and CPU; the flow record caches the result.
 */
#pragma once

#include "fields.h"
#include "parse.h"
#include "ranges.h"

#define FAMILY_BITS 32

/*
 * Tables of rules have the sizes that the rules of the point need: Go sets the
 * words of a value and the number of entries before each load.
 */
struct prefix_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, struct ifit_prefix);
	__type(value, __u32);
};

struct prefix_table segment_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_rules);
} rule_sets SEC(".maps");

/* See ranges.h; the size of the value is that of the addresses. */
struct range_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct range_table source_ranges SEC(".maps");
struct range_table destination_ranges SEC(".maps");

struct port_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_port_sets);
};

struct port_table source_ports SEC(".maps");
struct port_table destination_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, struct ifit_rule_value);
	__type(value, __u32);
} value_rules SEC(".maps");

/* A change holds the old and the new flows at once; Go makes room for that. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, struct ifit_flow_id);
	__type(value, struct ifit_listed);
} flow_list SEC(".maps");

static __always_inline bool restricts(__u32 rule_field)
{
	return point.rule_fields & rule_field;
}

/*
 * For each field that some rule restricts, by the bit that it has in
 * ifit_rule_field, the place of the set of rules that the flow's value
 * satisfies.
 */
struct places {
	__u32 of[IFIT_RULE_FIELDS];
};

/* From the function that finds them to the one that reads them: the stack is too short for both at once. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct places);
} rule_places SEC(".maps");

#define NO_PLACE (~0U)	/* where no set is */

static __always_inline __u32 place_of_address(void *table, const volatile struct ifit_ranges *ranges,
					      __u8 family, const __u8 *address)
{
	__u32 zero = 0;
	void *from;

	from = bpf_map_lookup_elem(table, &zero);
	if (!from)
		return NO_PLACE;
	if (family == 4)
		return ranges->set[0] + range_of_ipv4(from, ranges, address);
	return ranges->set[1] + range_of_ipv6(from + ranges->at6, ranges, address);
}

static __always_inline __u32 place_of_port(void *ports, __u16 port)
{
	const struct ifit_port_sets *table;
	__u32 zero = 0;

	table = bpf_map_lookup_elem(ports, &zero);
	return table ? table->set[port] : NO_PLACE;
}

static __always_inline __u32 place_of_value(enum ifit_rule_value_field field, __u32 value)
{
	struct ifit_rule_value key = { .field = field, .value = value };
	const __u32 *named = bpf_map_lookup_elem(&value_rules, &key);

	return named ? *named : IFIT_RULE_SET_OTHER + field;
}

/* Of a field that not every packet has; there is false for those without. */
static __always_inline __u32 place_of_optional(enum ifit_rule_value_field field, bool there, __u32 value)
{
	return there ? place_of_value(field, value) : IFIT_RULE_SET_OTHER + field;
}

static __always_inline __u32 place_of_segment(const struct ifit_flow_key *key)
{
	struct ifit_prefix prefix = { .prefixlen = FAMILY_BITS + 128, .family = bpf_htonl(6) };
	const __u32 *place;

	if (!has_segment(key))
		return IFIT_RULE_SET_OTHER + IFIT_RULE_VALUE_SEGMENT;
	__builtin_memcpy(prefix.addr, key->segment, 16);
	place = bpf_map_lookup_elem(&segment_rules, &prefix);
	return place ? *place : NO_PLACE;
}

#define PLACE(field) out->of[__builtin_ctz(field)]

/* The places of what is beyond the IP header. */
static __always_inline void find_places_beyond(const struct ifit_flow_key *key, struct places *out)
{
	if (restricts(IFIT_RULE_VLAN))
		PLACE(IFIT_RULE_VLAN) = place_of_value(IFIT_RULE_VALUE_VLAN, key->label_vlan & VLAN_VID_MASK);
	if (restricts(IFIT_RULE_VNI))
		PLACE(IFIT_RULE_VNI) = place_of_optional(IFIT_RULE_VALUE_VNI, key->vni & IFIT_OVERLAY_MASK,
							 key->vni >> IFIT_VNI_SHIFT);
	if (restricts(IFIT_RULE_MPLS))
		PLACE(IFIT_RULE_MPLS) = place_of_optional(IFIT_RULE_VALUE_MPLS, key->vni & IFIT_LABELLED,
							  key->mpls >> IFIT_VLAN_BITS);
	if (restricts(IFIT_RULE_SEGMENT))
		PLACE(IFIT_RULE_SEGMENT) = place_of_segment(key);
}

__noinline int find_places(const struct ifit_flow_key *key)
{
	__u32 zero = 0;
	struct places *out = bpf_map_lookup_elem(&rule_places, &zero);

	if (!key || !out)
		return 0;
	if (restricts(IFIT_RULE_SOURCE))
		PLACE(IFIT_RULE_SOURCE) = place_of_address(&source_ranges, &point.source_ranges,
							   key->id.family, key->id.saddr);
	if (restricts(IFIT_RULE_DESTINATION))
		PLACE(IFIT_RULE_DESTINATION) = place_of_address(&destination_ranges, &point.destination_ranges,
								key->id.family, key->id.daddr);
	if (restricts(IFIT_RULE_SOURCE_PORT))
		PLACE(IFIT_RULE_SOURCE_PORT) = place_of_port(&source_ports, key->id.sport);
	/* The type and code of ICMP are no port that a rule could mean. */
	if (restricts(IFIT_RULE_DESTINATION_PORT))
		PLACE(IFIT_RULE_DESTINATION_PORT) =
			place_of_port(&destination_ports, has_ports(key->id.proto) ? key->id.dport : 0);
	if (restricts(IFIT_RULE_PROTOCOL))
		PLACE(IFIT_RULE_PROTOCOL) = IFIT_RULE_SET_PROTOCOL + key->id.proto;
	if (restricts(IFIT_RULE_DSCP))
		PLACE(IFIT_RULE_DSCP) = IFIT_RULE_SET_DSCP + (key->dscp_epoch >> IFIT_EPOCH_BITS);
	if (restricts(IFIT_RULE_FLOW_LABEL))
		PLACE(IFIT_RULE_FLOW_LABEL) =
			place_of_value(IFIT_RULE_VALUE_FLOW_LABEL, key->label_vlan >> IFIT_VLAN_BITS);
	find_places_beyond(key, out);
	return 1;
}

/*
 * One bit for each policy of a word of which a bit is set, in their order. At
 * most one of a policy is; the sum carries it to the policy's last bit.
 */
static __always_inline __u64 policies_of(const volatile struct ifit_rule_word *fold, __u64 rules)
{
	__u64 last = fold->last;
	__u64 x = (rules | ((rules & ~last) + ~last)) & last;

#pragma unroll
	for (int i = 0; i < IFIT_MOVES; i++) {
		__u64 move = x & fold->gather[i];

		x = (x ^ move) | move >> (1 << i);
	}
	return x << (fold->before & 63);
}

/* Brings a bit for each policy with rules to the policy's slot. */
static __always_inline __u64 slots_of(__u64 policies)
{
#pragma unroll
	for (int i = IFIT_MOVES - 1; i >= 0; i--) {
		__u64 there = point.rule_spread[i];

		policies = (policies & ~there) | (policies << (1 << i) & there);
	}
	return policies & point.rule_mask;
}

/* All ones when any bit is set. */
static __always_inline __u64 all_if(__u64 bits)
{
	__u64 sign = bits | -bits;

	AS_NUMBER(sign);
	return -(sign >> 63);
}

/*
 * The first match of each policy decides. The rules of a policy are
 * neighbours, so that one subtraction finds the lowest bit of every policy in
 * a word: with the highest bit of each set, no borrow leaves a policy. A global
 * function, so that the verifier goes through the words once, and not for each
 * way in which the places were found.
 */
__noinline __u64 accepting(void)
{
	const struct ifit_rules *by[IFIT_RULE_FIELDS] = {};
	const struct places *places;
	__u32 words = point.rule_words;
	__u64 decided = 0;	/* all ones: the policy that goes on has matched before */
	__u64 policies = 0;
	__u32 zero = 0;

	places = bpf_map_lookup_elem(&rule_places, &zero);
	if (!places)
		return 0;
#pragma unroll
	for (int f = 0; f < IFIT_RULE_FIELDS; f++) {
		__u32 place = places->of[f];

		if (!restricts(1U << f))
			continue;
		by[f] = bpf_map_lookup_elem(&rule_sets, &place);
		if (!by[f])
			return 0;
	}
#pragma unroll
	for (int i = 0; i < IFIT_RULE_WORDS; i++) {
		const volatile struct ifit_rule_word *fold = &point.rules[i];
		__u64 match = ~0ULL, first;

		if (i >= words)
			break;
#pragma unroll
		for (int f = 0; f < IFIT_RULE_FIELDS; f++) {
			if (restricts(1U << f))
				match &= by[f]->w[i];
		}
		match &= ~(fold->continued & decided);
		first = match & ~((match | fold->last) - fold->first);
		if (first & fold->accept)
			policies |= policies_of(fold, first & fold->accept);
		decided = all_if((match | (decided & fold->continued)) & fold->continuing);
	}
	return slots_of(policies);
}

static __always_inline __u64 classify_by_rules(const struct ifit_flow_key *key)
{
	return find_places(key) ? accepting() : 0;
}

static __always_inline __u64 classify_by_list(const struct ifit_flow_key *key)
{
	const struct ifit_listed *listed = bpf_map_lookup_elem(&flow_list, &key->id);

	if (!listed)
		return 0;
	return listed->slots[key->dscp_epoch & 1] & point.list_mask;
}

/* Of a packet with a tunnel each policy reads one header, and counts it once. */
static __always_inline __u64 slots_of_layer(__u32 layer)
{
	switch (layer & 3) {
	case IFIT_LAYER_OUTER:
		return ~point.inner_mask;
	case IFIT_LAYER_INNER:
		return point.inner_mask;
	}
	return ~0ULL;
}

static __always_inline __u64 classify(const struct ifit_flow_key *key)
{
	__u64 vector = point.always_mask;

	if (has(IFIT_FEATURE_RULES))
		vector |= classify_by_rules(key);
	if (has(IFIT_FEATURE_LIST))
		vector |= classify_by_list(key);
	if (has(IFIT_FEATURE_LAYERS))
		vector &= slots_of_layer(key->dscp_epoch >> IFIT_EPOCH_LAYER_SHIFT);
	return vector;
}

static __always_inline void mask_address(__u8 *address, const volatile struct ifit_address_mask *mask)
{
	__u32 *word = (__u32 *)address;

	for (int i = 0; i < 4; i++)
		word[i] &= mask->w[i];
}

static __always_inline void mask_addresses(struct ifit_flow_key *key)
{
	bool ipv6 = key->id.family == 6;

	mask_address(key->id.saddr, &point.source_mask[ipv6]);
	mask_address(key->id.daddr, &point.destination_mask[ipv6]);
}

/* Makes the key what the policies of the point read; all else in it is zero. */
static __always_inline void complete_key(const struct __sk_buff *skb, struct packet *pkt, __u32 ruleset)
{
	struct ifit_flow_key *key = &pkt->key;

	key->dscp_epoch = ruleset;
	if (has(IFIT_FEATURE_LAYERS | IFIT_FEATURE_PREFIXES)) {
		if (has(IFIT_FEATURE_LAYERS))
			key->dscp_epoch |= (__u32)pkt->layer << IFIT_EPOCH_LAYER_SHIFT;
		if (has(IFIT_FEATURE_PREFIXES))
			mask_addresses(key);
	}
	if (point.key_fields == IFIT_KEY_5_TUPLE)
		return;
	if (!reads(IFIT_KEY_SOURCE_ADDRESS))
		__builtin_memset(key->id.saddr, 0, sizeof(key->id.saddr));
	if (!reads(IFIT_KEY_DESTINATION_ADDRESS))
		__builtin_memset(key->id.daddr, 0, sizeof(key->id.daddr));
	if (!reads(IFIT_KEY_SOURCE_PORT))
		key->id.sport = 0;
	if (!reads(IFIT_KEY_DESTINATION_PORT))
		key->id.dport = 0;
	if (!reads(IFIT_KEY_PROTOCOL))
		key->id.proto = 0;
	if (reads(IFIT_KEY_DSCP))
		key->dscp_epoch |= (__u32)pkt->dscp << IFIT_EPOCH_BITS;
	if (reads(IFIT_KEY_FLOW_LABEL))
		key->label_vlan = pkt->flow_label << IFIT_VLAN_BITS;
	if (reads(IFIT_KEY_VLAN))
		key->label_vlan |= pkt->vlan;
	if (reads(IFIT_KEY_WIDE))
		complete_wide_key(skb, pkt);
}
