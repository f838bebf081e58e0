/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses between the programs and Go: every such struct and constant is
 * here, and nothing else. The Go twins are generated from it. A change of a
 * struct that lives in a pinned map needs a new IFIT_LAYOUT.
 */
#pragma once

/* Version of everything that stays pinned while agents come and go. */
#define IFIT_LAYOUT 1

#define IFIT_POLICIES 64	/* slots of a point: one bit each in a vector */
#define IFIT_STATES (2 * IFIT_POLICIES)	/* places for what outlives a program */
#define IFIT_RULE_WORDS 1	/* 64 rules each */
#define IFIT_PORT_CLASSES (256 * IFIT_RULE_WORDS)

/* What the program of a point does; what is off is removed by the verifier. */
enum ifit_feature {
	IFIT_FEATURE_RULES = 1 << 0,	/* some policy has rules */
	IFIT_FEATURE_LIST = 1 << 1,	/* some policy has a flow list */
	IFIT_FEATURE_SAMPLE = 1 << 2,	/* some policy selects packets */
	IFIT_FEATURE_STAMP = 1 << 3,	/* write the arrival time into each packet */
	IFIT_FEATURE_DELAY = 1 << 4,	/* sum up node transit delay */
};

/* Packet selection methods, as dataplane/plan numbers them. */
enum ifit_algorithm {
	IFIT_SELECT_ALL = 0,
	IFIT_SELECT_SYSTEMATIC_COUNT = 1,
	IFIT_SELECT_UNIFORM = 2,
};

/*
 * The 5-tuple. IPv4 addresses are in the first four octets. Addresses are in
 * network order, ports in host order. ICMP: dport is type * 256 + code.
 */
struct ifit_flow_id {
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 family;	/* 4 or 6 */
	__u16 zero;
};
_Static_assert(sizeof(struct ifit_flow_id) == 40, "flow id");

/*
 * Key of the flow tables. A canonical record has policy 0 and the generation
 * of the point's rule set; the record of a sampled policy has the policy's
 * number and generation. Thus no record mixes two rule sets or two rates.
 */
struct ifit_flow_key {
	struct ifit_flow_id id;
	__u32 flow_label;
	__u16 vlan;
	__u8 dscp;
	__u8 zero;
	__u32 policy;
	__u32 generation;
};
_Static_assert(sizeof(struct ifit_flow_key) == 56, "flow key");

/* Flow record of one CPU. Times are of the monotonic clock, nanoseconds. */
struct ifit_flow {
	__u64 policies;	/* slots that accept the flow: the cached classification */
	__u64 packets;	/* segments of super-packets counted singly; 0: not classified on this CPU */
	__u64 octets;	/* IP octets, as if super-packets had been segmented */
	__u64 first;
	__u64 last;
	__u64 delay_sum;
	__u64 delay_packets;
	__u32 delay_min;
	__u32 delay_max;
	__u32 ingress_ifindex;
	__u16 tcp_flags;
	__u8 ttl_min;
	__u8 ttl_max;
};
_Static_assert(sizeof(struct ifit_flow) == 72, "flow");

/* Counts of one point, per CPU. */
struct ifit_counters {
	__u64 packets;	/* all that passed, super-packets by segments */
	__u64 octets;	/* IP octets of those */
	__u64 not_ip;
	__u64 malformed;	/* IP header broken or cut off */
	__u64 truncated;	/* transport header cut off: counted with ports 0 */
	__u64 refused;	/* packets without a canonical record: table full */
};
_Static_assert(sizeof(struct ifit_counters) == 48, "counters");

/* Counts of one policy at one point, per CPU. */
struct ifit_policy_counters {
	__u64 observed;	/* packets offered to packet selection */
	__u64 selected;
	__u64 refused;	/* selected packets without a record: table full */
};
_Static_assert(sizeof(struct ifit_policy_counters) == 24, "policy counters");

/* Parameters of SYSTEMATIC_COUNT: interval packets are taken, space skipped. */
struct ifit_systematic {
	__u32 interval;
	__u32 space;
};

/*
 * What moves without a reload; belongs to one load of a program. Each rate
 * word is generation << 32 | threshold and is published by one store. With
 * SYSTEMATIC_COUNT the threshold is 0 or 1: which pair of parameters counts.
 */
struct ifit_live {
	__u64 ruleset;	/* generation of the rule set */
	__u64 rate[IFIT_POLICIES];
	struct ifit_systematic systematic[IFIT_POLICIES][2];
	__u64 lease_ns[IFIT_POLICIES];	/* monotonic time until which a slot may mark */
};
_Static_assert(sizeof(struct ifit_live) == 8 + 64 * (8 + 16 + 8), "live");

/* Packets that systematic selection has seen, at 2 * state + pair. */
struct ifit_sequence {
	__u64 seen;
};

/* Slots that list a flow, at ruleset & 1, so that a list changes at once. */
struct ifit_listed {
	__u64 slots[2];
};

/* One bit per rule, in the order of policies and sequence numbers. */
struct ifit_rules {
	__u64 w[IFIT_RULE_WORDS];
};

/* Key of the two tries: prefixlen counts the 32 bits of family as well. */
struct ifit_prefix {
	__u32 prefixlen;
	__u32 family;
	__u8 addr[16];
};
_Static_assert(sizeof(struct ifit_prefix) == 24, "prefix");

/* Rules that each value of a field satisfies; belongs to one load. */
struct ifit_rule_tables {
	struct ifit_rules accept;	/* the others deny */
	struct ifit_rules policy[IFIT_POLICIES];	/* rules of each slot */
	struct ifit_rules protocol[256];
	struct ifit_rules dscp[64];
	struct ifit_rules other_label;	/* flow labels that no rule names */
	struct ifit_rules source_class[IFIT_PORT_CLASSES];
	struct ifit_rules destination_class[IFIT_PORT_CLASSES];
	__u16 source_port[65536];	/* port to class */
	__u16 destination_port[65536];
};

/* One policy of a point, constant for one load. */
struct ifit_slot {
	__u32 policy;
	enum ifit_algorithm algorithm;
	__u32 state;	/* its place in what outlives the program */
};
_Static_assert(sizeof(struct ifit_slot) == 12, "slot");

/* All that is constant for one load of a point's program. */
struct ifit_point {
	enum ifit_feature features;	/* a set of them */
	__u32 ifindex;
	__u32 policies;	/* slots in use */
	__u32 sampled_slots;
	__u64 always_mask;	/* accept every flow */
	__u64 rule_mask;
	__u64 list_mask;
	__u64 meter_mask;
	__u64 sampled_mask;	/* select packets */
	struct ifit_flow_key key_mask;	/* ones where some policy reads the field */
	struct ifit_slot slot[IFIT_POLICIES];
	__u8 sampled[IFIT_POLICIES];	/* the slots of sampled_mask in order */
};
