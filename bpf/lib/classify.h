/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which policies accept a flow: a vector with one bit per slot. Runs once per
 * flow, rule set and CPU; the flow record caches the result.
 */
#pragma once

#include "parse.h"

#define FAMILY_BITS 32

struct prefix_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 4 * 64 * IFIT_RULE_WORDS);
	__type(key, struct ifit_prefix);
	__type(value, struct ifit_rules);
};

struct prefix_table source_rules SEC(".maps");
struct prefix_table destination_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_rule_tables);
} rule_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 64 * IFIT_RULE_WORDS);
	__type(key, __u32);
	__type(value, struct ifit_rules);
} label_rules SEC(".maps");

/* Twice what a plan may list: a change holds the old and the new flows at once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__uint(max_entries, 2 * 16384);
	__type(key, struct ifit_flow_id);
	__type(value, struct ifit_listed);
} flow_list SEC(".maps");

static __always_inline void narrow(struct ifit_rules *match, const struct ifit_rules *by)
{
	for (int i = 0; i < IFIT_RULE_WORDS; i++)
		match->w[i] &= by->w[i];
}

/* Whether the first of the slot's rules that matches is one that accepts. */
static __always_inline bool first_match_accepts(const struct ifit_rule_tables *tables,
						const struct ifit_rules *match, __u32 slot)
{
	const struct ifit_rules *own = &tables->policy[slot & (IFIT_POLICIES - 1)];

	for (int i = 0; i < IFIT_RULE_WORDS; i++) {
		__u64 matched = match->w[i] & own->w[i];

		if (matched)
			return matched & -matched & tables->accept.w[i];
	}
	return false;
}

/* Rules that the flow satisfies: what each field allows, ANDed. */
static __always_inline bool match_rules(const struct ifit_rule_tables *tables,
					const struct ifit_flow_key *key, struct ifit_rules *match)
{
	struct ifit_prefix prefix = { .prefixlen = FAMILY_BITS + 128, .family = bpf_htonl(key->id.family) };
	const struct ifit_rules *by;
	__u32 label = key->label_vlan >> IFIT_VLAN_BITS;
	__u16 dport = key->id.dport;

	__builtin_memcpy(prefix.addr, key->id.saddr, 16);
	by = bpf_map_lookup_elem(&source_rules, &prefix);
	if (!by)
		return false;
	*match = *by;

	__builtin_memcpy(prefix.addr, key->id.daddr, 16);
	by = bpf_map_lookup_elem(&destination_rules, &prefix);
	if (!by)
		return false;
	narrow(match, by);

	/* The type and code of ICMP are no port that a rule could mean. */
	if (!has_ports(key->id.proto))
		dport = 0;
	narrow(match, &tables->source_class[tables->source_port[key->id.sport] & (IFIT_PORT_CLASSES - 1)]);
	narrow(match, &tables->destination_class[tables->destination_port[dport] & (IFIT_PORT_CLASSES - 1)]);
	narrow(match, &tables->protocol[key->id.proto]);
	narrow(match, &tables->dscp[key->dscp_epoch >> IFIT_EPOCH_BITS]);

	by = bpf_map_lookup_elem(&label_rules, &label);
	narrow(match, by ? by : &tables->other_label);
	return true;
}

static __always_inline __u64 classify_by_rules(const struct ifit_flow_key *key)
{
	const struct ifit_rule_tables *tables;
	struct ifit_rules match;
	struct bpf_iter_num it;
	__u64 vector = 0;
	__u32 zero = 0;
	int *slot;

	tables = bpf_map_lookup_elem(&rule_tables, &zero);
	if (!tables || !match_rules(tables, key, &match))
		return 0;
	bpf_iter_num_new(&it, 0, point.policies);
	while ((slot = bpf_iter_num_next(&it))) {
		if (first_match_accepts(tables, &match, *slot))
			vector |= 1ULL << (*slot & (IFIT_POLICIES - 1));
	}
	bpf_iter_num_destroy(&it);
	return vector & point.rule_mask;
}

static __always_inline __u64 classify_by_list(const struct ifit_flow_key *key)
{
	const struct ifit_listed *listed = bpf_map_lookup_elem(&flow_list, &key->id);

	if (!listed)
		return 0;
	return listed->slots[key->dscp_epoch & 1] & point.list_mask;
}

__noinline __u64 classify(const struct ifit_flow_key *key)
{
	__u64 vector = point.always_mask;

	if (!key)
		return 0;
	if (has(IFIT_FEATURE_RULES))
		vector |= classify_by_rules(key);
	if (has(IFIT_FEATURE_LIST))
		vector |= classify_by_list(key);
	return vector;
}

/* Makes the key what the policies of the point read; all else in it is zero. */
static __always_inline void complete_key(struct packet *pkt, __u32 ruleset)
{
	struct ifit_flow_key *key = &pkt->key;

	key->dscp_epoch = ruleset;
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
}
