/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses between the programs and Go: every such struct and constant is
 * here, and nothing else. The Go twins are generated from it. A change of a
 * struct that lives in a pinned map needs a new IFIT_LAYOUT.
 */
#pragma once

/* Version of everything that stays pinned while agents come and go. */
#define IFIT_LAYOUT 2

#define IFIT_POLICIES 64	/* slots of a point: one bit each in a vector */
#define IFIT_STATES (2 * IFIT_POLICIES)	/* places for what outlives a program */
#define IFIT_RULE_WORDS 16	/* at most, 64 rules each; see struct ifit_rules */

#define IFIT_NO_MARK 0xff	/* in maps of code points: no counterpart */
#define IFIT_POSTCARD_RING (4 << 20)	/* octets */
#define IFIT_EVENT_RING (256 << 10)	/* octets */
#define IFIT_TRIGGERS 64	/* of a node: one bit each in a vector */
#define IFIT_FLOW_STATES 65536
#define IFIT_CONDITIONS 4096
#define IFIT_WATCHED 256	/* interfaces */
#define IFIT_FLOW_SEQUENCES 131072	/* flows of all policies that select per flow */
#define IFIT_HASH_RANGES 8
#define IFIT_LABEL_MARKS 16	/* flow labels that are marks */
#define IFIT_WINDOWS 65536	/* flows and interfaces whose rate is watched */
#define IFIT_DROPS 16384	/* flows, reasons and locations of dropped packets */
#define IFIT_BURSTS 1024	/* MICROBURST triggers, by interface and direction */
#define IFIT_CULPRITS 8	/* flows of one bin */
#define IFIT_TCP_FLOWS 65536	/* connections of a node */
#define IFIT_TCP_HOLES 4	/* of each direction */
#define IFIT_HISTOGRAM_POLICIES 64	/* of a node: one bit each in a vector */
#define IFIT_HISTOGRAMS 4096	/* by policy, Flow Keys and metric */
#define IFIT_HISTOGRAM_SUB_BITS 3	/* eight buckets for each power of two */
#define IFIT_HISTOGRAM_BUCKETS 304	/* the last one begins at 15/16 of 2^40 */
#define IFIT_NOTES 65536	/* flows whose departure is measured */
#define IFIT_SKETCH_ROWS 4
#define IFIT_SKETCH_WIDTH 2048
#define IFIT_SKETCH_PLACES 1024
#define IFIT_DISTINCT_REGISTERS 4096
#define IFIT_SPREAD_ROWS 3
#define IFIT_SPREAD_WIDTH 512
#define IFIT_SPREAD_REGISTERS 64

/* What the program of a point does; what is off is removed by the verifier. */
enum ifit_feature {
	IFIT_FEATURE_RULES = 1 << 0,	/* some policy has rules */
	IFIT_FEATURE_LIST = 1 << 1,	/* some policy has a flow list */
	IFIT_FEATURE_SAMPLE = 1 << 2,	/* some policy selects packets */
	IFIT_FEATURE_STAMP = 1 << 3,	/* write the arrival time into each packet */
	IFIT_FEATURE_DELAY = 1 << 4,	/* sum up node transit delay */
	IFIT_FEATURE_CODE_POINTS = 1 << 5,	/* some code points are marks of the domain */
	IFIT_FEATURE_STRIP = 1 << 6,	/* ingress: foreign marks are taken off, or as the next two say */
	IFIT_FEATURE_DROP_FOREIGN = 1 << 7,	/* packets with them are dropped */
	IFIT_FEATURE_PASS_FOREIGN = 1 << 8,	/* they are let in */
	IFIT_FEATURE_MARK = 1 << 9,	/* ingress: some policy marks packets */
	IFIT_FEATURE_POSTCARD = 1 << 10,	/* marked packets give postcards */
	IFIT_FEATURE_UNMARK = 1 << 11,	/* egress: marks end here; ingress: those of packets that stay here */
	IFIT_FEATURE_SKETCH = 1 << 12,
	IFIT_FEATURE_EVENT = 1 << 13,	/* some policy has triggers */
	IFIT_FEATURE_EVERY_PACKET = 1 << 14,	/* some policy looks at packets without marks */
	IFIT_FEATURE_TUNNEL = 1 << 15,	/* some policy reads what is inside of tunnels, or what they are */
	IFIT_FEATURE_INNER = 1 << 16,	/* some policy reads the innermost IP header */
	IFIT_FEATURE_LAYERS = 1 << 17,	/* others read the outermost one: tunnelled packets give two records */
	IFIT_FEATURE_PER_FLOW = 1 << 18,	/* some policy selects by flow, not by point */
	IFIT_FEATURE_DIGEST = 1 << 19,	/* egress: selected packets give postcards, marked or not */
	IFIT_FEATURE_FLAG_MARKS = 1 << 20,	/* IPv4's reserved flag is a mark of the domain */
	IFIT_FEATURE_LABEL_MARKS = 1 << 21,	/* some IPv6 flow labels are marks of the domain */
	IFIT_FEATURE_RATE = 1 << 22,	/* some trigger watches flow rates */
	IFIT_FEATURE_BURST = 1 << 23,	/* some trigger watches bins of a millisecond */
	IFIT_FEATURE_TCP = 1 << 24,	/* some policy asks for the health of TCP connections */
	IFIT_FEATURE_HISTOGRAM = 1 << 25,	/* egress: flows are noted for histograms */
	IFIT_FEATURE_LIMIT = 1 << 27,	/* the node limits how many packets are selected */
	IFIT_FEATURE_PREFIXES = 1 << 28,	/* of addresses less is read than the whole */
	IFIT_FEATURE_BIFLOW = 1 << 29,	/* some policy asks who opened a connection */
};

/* What a kernel may lack; see kernel.h. */
enum ifit_lack {
	IFIT_LACKS_RING_BUFFER = 1 << 0,
	IFIT_LACKS_TIMESTAMP = 1 << 1,	/* bpf_skb_set_tstamp, tstamp_type */
	IFIT_LACKS_ITERATOR = 1 << 2,	/* open-coded iterators over numbers */
	IFIT_LACKS_SKIP_NEIGH = 1 << 3,	/* a flag of bpf_fib_lookup */
};

/* Fields of a flow key that some policy of a point reads, as dataplane/plan numbers them. */
enum ifit_key_field {
	IFIT_KEY_SOURCE_ADDRESS = 1 << 0,
	IFIT_KEY_DESTINATION_ADDRESS = 1 << 1,
	IFIT_KEY_SOURCE_PORT = 1 << 2,
	IFIT_KEY_DESTINATION_PORT = 1 << 3,
	IFIT_KEY_PROTOCOL = 1 << 4,
	IFIT_KEY_DSCP = 1 << 5,
	IFIT_KEY_FLOW_LABEL = 1 << 6,
	IFIT_KEY_VLAN = 1 << 7,
	IFIT_KEY_VNI = 1 << 8,
	IFIT_KEY_MPLS = 1 << 9,
	IFIT_KEY_SEGMENT = 1 << 10,
	IFIT_KEY_CUSTOMER_VLAN = 1 << 11,
	IFIT_KEY_INGRESS_INTERFACE = 1 << 12,	/* at egress; at ingress it is the point's */
	IFIT_KEY_5_TUPLE = (1 << 5) - 1,
	IFIT_KEY_WIDE = 31 << 8,	/* those of the key's wide part */
};

/* Packet selection methods, as dataplane/plan numbers them. */
enum ifit_algorithm {
	IFIT_SELECT_ALL = 0,
	IFIT_SELECT_SYSTEMATIC_COUNT = 1,
	IFIT_SELECT_UNIFORM = 2,
	IFIT_SELECT_SYSTEMATIC_TIME = 3,
	IFIT_SELECT_RANDOM = 4,	/* n out of N */
	IFIT_SELECT_PROPERTY = 5,
	IFIT_SELECT_BOB = 6,
	IFIT_SELECT_IPSX = 7,
	IFIT_SELECT_CRC32 = 8,
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
} __attribute__((aligned(4)));
_Static_assert(sizeof(struct ifit_flow_id) == 40, "flow id");

/* What carries a packet, where that has a number of its tenants or segments. */
enum ifit_overlay {
	IFIT_OVERLAY_NONE = 0,
	IFIT_OVERLAY_VXLAN = 1,
	IFIT_OVERLAY_NVGRE = 2,
	IFIT_OVERLAY_GENEVE = 3,
};

/*
 * Key of the flow tables. The epoch says under what a record was made, so
 * that no record mixes two rule sets of a point or two rates of a policy:
 * the layer and the number of the rule set, or, for the record of a sampled
 * policy, IFIT_EPOCH_SAMPLED with the policy's state and the low bits of its
 * generation. The key is packed because it is hashed three words at a time:
 * 48 octets cost what 40 do, and 52 a round more. So the wide part is in the
 * tables of those points alone whose policies read some of it; the program
 * hands over the same pointer, and the tables take what they are made for.
 */
struct ifit_flow_key {
	struct ifit_flow_id id;
	__u32 label_vlan;	/* flow label << 12 | VLAN */
	__u32 dscp_epoch;	/* DSCP << 26 | epoch */
	/* The wide part. */
	__u8 segment[16];	/* active one of SRv6; zero: none */
	__u32 vni;	/* VNI << 8 | IFIT_LABELLED | Exp and S of the top label << 3 | enum ifit_overlay */
	__u32 mpls;	/* top label << 12 | customer's VLAN */
	__u32 ingress_ifindex;
};
_Static_assert(sizeof(struct ifit_flow_key) == 76, "flow key");

#define IFIT_NARROW_KEY 48	/* octets of the key without its wide part */
_Static_assert(__builtin_offsetof(struct ifit_flow_key, segment) == IFIT_NARROW_KEY, "narrow key");

#define IFIT_VLAN_BITS 12
#define IFIT_VNI_SHIFT 8
#define IFIT_OVERLAY_MASK 0x07
#define IFIT_LABEL_REST_SHIFT 3
#define IFIT_LABEL_REST_MASK 0x0f
#define IFIT_LABELLED 0x80	/* there is a top label, be it 0 */
#define IFIT_EPOCH_BITS 26
#define IFIT_EPOCH_SAMPLED (1U << 25)
#define IFIT_EPOCH_LAYER_SHIFT 23	/* two bits below IFIT_EPOCH_SAMPLED */
#define IFIT_EPOCH_STATE_SHIFT 18
#define IFIT_EPOCH_GENERATION ((1U << 18) - 1)
_Static_assert(IFIT_STATES << IFIT_EPOCH_STATE_SHIFT == IFIT_EPOCH_SAMPLED, "epoch");

/*
 * Which policies a canonical record is for, where some read the outermost and
 * some the innermost IP header.
 */
enum ifit_layer {
	IFIT_LAYER_ONLY = 0,	/* packets without a tunnel, and wherever all policies read one layer: for all */
	IFIT_LAYER_OUTER = 1,
	IFIT_LAYER_INNER = 2,
};

#define IFIT_TCP_OPENS 0x8000	/* there was a SYN without ACK; no control bit (RFC 7125) */

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
	__u16 tcp_flags;	/* control bits, and IFIT_TCP_OPENS */
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
	__u64 foreign_stripped;	/* marks that no head of the domain has set */
	__u64 foreign_dropped;
	__u64 foreign_passed;
	__u64 unmarked;	/* packets whose mark ended here */
	__u64 unowned;	/* marked packets of flows that no policy here sends postcards for */
	__u64 rewrite_failed;	/* mark not removed for want of memory: dropped */
	__u64 flow_states_refused;	/* packets that triggers did not see: no place for their flow */
	__u64 tunnels_unread;	/* tunnels nested too deep, broken or cut off: read as far as that */
	__u64 tcp_refused;	/* packets of connections that found no place */
	__u64 notes_refused;	/* packets that histograms may miss: no place for their flow */
	__u64 tick;	/* no count: the last tick that this CPU saw, and the coarse clock then */
	__u64 tick_ns;
};
_Static_assert(sizeof(struct ifit_counters) == 144, "counters");

/* Counts of one policy at one point, per CPU. */
struct ifit_policy_counters {
	__u64 observed;	/* packets offered to packet selection */
	__u64 selected;
	__u64 refused;	/* selected packets without a record: table full */
	__u64 marked;
	__u64 no_mark;	/* not marked: no mark for the code point, or the packet belongs to one link */
	__u64 no_packet_id;	/* not marked, or no postcard: less than 16 octets of payload */
	__u64 lease_expired;	/* not marked: the agent did not renew its lease */
	__u64 postcards;	/* sent */
	__u64 postcards_suppressed;	/* over the node's rate */
	__u64 postcards_lost;	/* no place in the ring buffer */
	__u64 limited;	/* would have been selected, but for the node's limit */
	__u64 no_hash;	/* not selected: less than 16 octets of payload */
	__u64 no_hash_segments;	/* not selected: segments of super-packets, whose own headers are not known */
	__u64 flows_refused;	/* not selected: no place for the count of another flow */
	__u64 tcp_retransmitted;	/* packets, as are the next two */
	__u64 tcp_out_of_order;
	__u64 tcp_duplicate_acks;
	__u64 tcp_zero_windows;	/* times that a window closed */
	__u64 tcp_resets;	/* packets */
};
_Static_assert(sizeof(struct ifit_policy_counters) == 152, "policy counters");

/* A closed range of hash values. */
struct ifit_range {
	__u32 min;
	__u32 max;
};

/* What PROPERTY_MATCH asks of a packet: all of it at once. */
struct ifit_properties {
	__u16 tcp_set;	/* TCP control bits that must be set, and those that must not */
	__u16 tcp_clear;
	__u16 length_min;	/* of the IP packet, octets */
	__u16 length_max;
	__u8 ttl_min;
	__u8 ttl_max;
	__u8 fragments;	/* 1: unfragmented packets, 2: fragments, 3: both */
	__u8 ecn;	/* one bit for each code point */
};
_Static_assert(sizeof(struct ifit_properties) == 12, "properties");

/* Parameters of packet selection; each algorithm reads its own. */
struct ifit_selection {
	__u32 interval;	/* SYSTEMATIC_*: packets or microseconds taken */
	__u32 space;	/* and skipped then */
	__u32 size;	/* RANDOM: packets taken */
	__u32 population;	/* of so many */
	__u32 initialiser;	/* hashes */
	__u32 series;	/* generation with which these parameters came: counts of flows belong to it */
	__u32 ranges;	/* hashes: ranges in use */
	struct ifit_range range[IFIT_HASH_RANGES];
	struct ifit_properties match;
};
_Static_assert(sizeof(struct ifit_selection) == 28 + 64 + 12, "selection");

/*
 * What moves without a reload; belongs to one load of a program. Each rate
 * word is generation << 32 | threshold and is published by one store. But for
 * ALL and UNIFORM the threshold is 0 or 1: which pair of parameters counts.
 */
struct ifit_live {
	__u64 ruleset;	/* generation of the rule set */
	__u64 rate[IFIT_POLICIES];
	struct ifit_selection selection[IFIT_POLICIES][2];
	__u64 lease_ns[IFIT_POLICIES];	/* monotonic time until which a slot may mark */
};
_Static_assert(sizeof(struct ifit_live) == 8 + 64 * (8 + 2 * 104 + 8), "live");

/*
 * How far selection by count has come: at 2 * state + pair, or per flow. The
 * last three belong to the holder of the lock.
 */
struct ifit_sequence {
	__u64 seen;	/* SYSTEMATIC_COUNT: packets so far */
	struct bpf_spin_lock lock;
	__u32 drawn;	/* RANDOM: packets of this population so far */
	__u32 taken;	/* of those */
	__u32 used;	/* per flow: when last, in units of 2^30 ns */
};
_Static_assert(sizeof(struct ifit_sequence) == 24, "sequence");

/* Whose count it is: a flow under the fields that its policy calls a flow. */
struct ifit_flow_sequence {
	struct ifit_flow_key flow;	/* no epoch */
	__u32 policy;
	__u32 series;
	__u32 ifindex;
	__u32 direction;
};

/* Slots that list a flow, at ruleset & 1, so that a list changes at once. */
struct ifit_listed {
	__u64 slots[2];
};

/*
 * One bit per rule, in the order of policies and sequence numbers. Maps of one
 * load hold as many words as its rules need, which are point.rule_words.
 */
struct ifit_rules {
	__u64 w[IFIT_RULE_WORDS];
};

/* Steps in which the bits of a word are gathered or spread, each by twice as far. */
#define IFIT_MOVES 6

/* How a word of rules that match is folded into policies; see classify.h. */
struct ifit_rule_word {
	__u64 accept;	/* the others deny */
	__u64 first;	/* of each policy in this word */
	__u64 last;	/* likewise */
	__u64 continued;	/* all of the policy that began in the word before */
	__u64 continuing;	/* all of the policy that goes on in the next word */
	__u64 gather[IFIT_MOVES];	/* brings the last bits of the policies together */
	__u64 before;	/* policies with rules before the first one of this word */
};

/* Fields that some rule of a point restricts: the tables of no other are read. */
enum ifit_rule_field {
	IFIT_RULE_SOURCE = 1 << 0,
	IFIT_RULE_DESTINATION = 1 << 1,
	IFIT_RULE_SOURCE_PORT = 1 << 2,
	IFIT_RULE_DESTINATION_PORT = 1 << 3,
	IFIT_RULE_PROTOCOL = 1 << 4,
	IFIT_RULE_DSCP = 1 << 5,
	IFIT_RULE_FLOW_LABEL = 1 << 6,
	IFIT_RULE_VLAN = 1 << 7,
	IFIT_RULE_VNI = 1 << 8,
	IFIT_RULE_MPLS = 1 << 9,
	IFIT_RULE_SEGMENT = 1 << 10,
};

#define IFIT_RULE_FIELDS 11

/* Fields of which rules name single values out of many. */
enum ifit_rule_value_field {
	IFIT_RULE_VALUE_FLOW_LABEL = 0,
	IFIT_RULE_VALUE_VLAN = 1,
	IFIT_RULE_VALUE_VNI = 2,
	IFIT_RULE_VALUE_MPLS = 3,
	IFIT_RULE_VALUE_SEGMENT = 4,	/* packets without one; prefixes of others are in a trie */
};

/* Places of the sets of rules that a value of a field satisfies. */
enum ifit_rule_set {
	IFIT_RULE_SET_OTHER = 0,	/* + ifit_rule_value_field: values that no rule names */
	IFIT_RULE_SET_PROTOCOL = 8,
	IFIT_RULE_SET_DSCP = IFIT_RULE_SET_PROTOCOL + 256,
	IFIT_RULE_SET_PORTS = IFIT_RULE_SET_DSCP + 64,	/* classes of source ports, then of destination ports */
};

struct ifit_rule_value {
	enum ifit_rule_value_field field;
	__u32 value;
};
_Static_assert(sizeof(struct ifit_rule_value) == 8, "rule value");

#define IFIT_RANGE_STEPS 12	/* halvings that find one of 4,096 ranges */

/*
 * Addresses fall into ranges within which all satisfy the same rules. A table
 * holds the first address of each range but the lowest, in order: of IPv4 as
 * numbers of 32 bits, of IPv6 as two of 64, the higher one first; filled up by
 * the highest ones to a power of two. Their sets stand one after the other.
 */
struct ifit_ranges {
	__u32 steps[2];	/* of IPv4 and IPv6: the power of two */
	__u32 set[2];	/* where the sets begin */
	__u32 at6;	/* where the addresses of IPv6 begin, in octets */
};

/* Where the set of rules stands that a port satisfies. */
struct ifit_port_sets {
	__u16 set[65536];
};

/* Key of the two tries: prefixlen counts the 32 bits of family as well. */
struct ifit_prefix {
	__u32 prefixlen;
	__u32 family;
	__u8 addr[16];
};
_Static_assert(sizeof(struct ifit_prefix) == 24, "prefix");

/* One policy of a point, constant for one load. */
struct ifit_slot {
	__u32 policy;
	enum ifit_algorithm algorithm;
	__u32 state;	/* its place in what outlives the program */
	enum ifit_key_field flow_fields;	/* a set: what a flow is to a policy that selects per flow */
};
_Static_assert(sizeof(struct ifit_slot) == 16, "slot");

/* The bits of addresses that are read. */
struct ifit_address_mask {
	__u32 w[4];
};

/* What a sketch is asked for. */
enum ifit_sketch_part {
	IFIT_SKETCH_HEAVY = 1 << 0,	/* the largest flows */
	IFIT_SKETCH_DISTINCT = 1 << 1,	/* how many flows, sources and destinations */
	IFIT_SKETCH_SPREAD = 1 << 2,	/* sources with the most destinations */
};

/* All that is constant for one load of a point's program. */
struct ifit_point {
	enum ifit_feature features;	/* a set of them */
	enum ifit_key_field key_fields;	/* likewise */
	__u32 ifindex;
	__u32 policies;	/* slots in use */
	__u32 sampled_slots;
	__u32 rule_words;	/* in use */
	enum ifit_rule_field rule_fields;	/* a set of them */
	enum ifit_rule_set rule_sets;	/* places in use */
	__u32 algorithms;	/* those in use, one bit each */
	__u32 direction;	/* 0 ingress, 1 egress */
	enum ifit_sketch_part sketch_parts;	/* a set of them */
	__u32 answer_policy;	/* whose postcards carry a probe's answer; 0: nobody's */
	__u64 always_mask;	/* accept every flow */
	__u64 rule_mask;
	__u64 list_mask;
	__u64 meter_mask;
	__u64 sampled_mask;	/* select packets */
	__u64 mark_mask;	/* mark what they select */
	__u64 postcard_mask;	/* send postcards of marked packets */
	__u64 digest_mask;	/* send postcards of what they select */
	__u64 flow_mask;	/* select per flow */
	__u64 sketch_mask;	/* at most one */
	__u64 event_mask;	/* have triggers */
	__u64 inner_mask;	/* read the innermost IP header; the others the outermost */
	__u64 tcp_mask;	/* ask for the health of connections */
	__u64 tcp_local_mask;	/* those of them that cover what the node sends itself */
	__u64 histogram_mask;	/* have histograms */
	__u8 slot_histogram[IFIT_POLICIES];	/* their numbers */
	__u64 slot_triggers[IFIT_POLICIES];	/* their numbers as bits */
	struct ifit_slot slot[IFIT_POLICIES];
	__u8 sampled[IFIT_POLICIES];	/* the slots of sampled_mask in order */
	struct ifit_rule_word rules[IFIT_RULE_WORDS];
	__u64 rule_spread[IFIT_MOVES];	/* brings policies with rules to their slots */
	struct ifit_ranges source_ranges;
	struct ifit_ranges destination_ranges;
	struct ifit_address_mask source_mask[2];	/* of IPv4 and of IPv6 */
	struct ifit_address_mask destination_mask[2];
};

/* The marked code point of each code point, or the other way round. */
struct ifit_marks {
	__u8 dscp[64];
};

enum ifit_mark_field {
	IFIT_MARK_DSCP = 0,
	IFIT_MARK_FLAG = 1,
	IFIT_MARK_LABEL = 2,
};

struct ifit_label_mark {
	__u32 unmarked;
	__u32 marked;
};

/* How one policy marks. */
struct ifit_slot_marks {
	enum ifit_mark_field field;
	__u32 labels;	/* in use */
	struct ifit_marks values;
	struct ifit_label_mark label[IFIT_LABEL_MARKS];
};
_Static_assert(sizeof(struct ifit_slot_marks) == 8 + 64 + 8 * 16, "slot marks");

/* At most one in interval_ns, and burst_ns worth of them at once; 0: no limit. Go alone writes it. */
struct ifit_limit {
	__u64 interval_ns;
	__u64 burst_ns;
};

enum ifit_limited {
	IFIT_LIMIT_POSTCARDS = 0,
	IFIT_LIMIT_EVENTS = 1,
	IFIT_LIMIT_SELECTED = 2,
	IFIT_LIMITS = 3,
};

/* Configuration that all programs of a node share. */
struct ifit_node {
	struct ifit_marks unmark;
	__u32 unmark_labels;	/* in use; twice as many as a plan has, for two plans at once */
	__u32 unmark_flag;	/* the reserved flag is a mark */
	struct ifit_label_mark unmark_label[2 * IFIT_LABEL_MARKS];
	struct ifit_limit postcards;
	struct ifit_limit events;
	struct ifit_limit selected;
	__u64 delay_triggers;	/* numbers as bits, by metric */
	__u64 new_flow_triggers;
	__u64 path_change_triggers;
	__u64 queue_triggers;
	__u64 rate_triggers;
	__u64 burst_triggers;
	__u64 histograms;	/* numbers of policies with histograms */
	__u64 rate_floor;	/* octets of a window below which no rate begins a condition */
	__u64 drop_triggers;
	__u64 drop_records;	/* numbers of policies that want records of drops */
	__u64 flow_epoch;	/* what is known of a flow's drops under another one is old */
	__u64 drop_instance;	/* of several drop programs, the one that counts */
	__u64 netns_cookie;
	__u64 sketch_seed;	/* so that nobody outside can aim at a place */
};
_Static_assert(sizeof(struct ifit_node) == 8 + 152 + 64 + 8 + 256, "node");

/*
 * What one node saw of one marked packet. Times are of the monotonic clock;
 * ingress_ns is 0 when the arrival was not stamped.
 */
struct ifit_postcard {
	__u64 ingress_ns;
	__u64 egress_ns;
	struct ifit_flow_id id;
	__u32 policy;
	__u32 generation;
	__u32 packet_id;
	__u32 length;	/* of the IP packet */
	__u32 ingress_ifindex;
	__u32 egress_ifindex;	/* 0: delivered here */
	__u16 segments;
	__u8 hop_limit;	/* with which the packet leaves */
	__u8 dscp;	/* before marking */
	__u32 answered;	/* whether there is an answer */
	__u64 answer;	/* of the policy's probe */
};
_Static_assert(sizeof(struct ifit_postcard) == 96, "postcard");

/* What the probe of an operator answered to the packet at hand. */
struct ifit_answer {
	__u64 value;
	__u64 given;	/* 1: by the program before */
};
_Static_assert(sizeof(struct ifit_answer) == 16, "answer");

/* What is counted into histograms: a set. */
enum ifit_histogram_metric {
	IFIT_HISTOGRAM_DELAY = 1 << 0,
	IFIT_HISTOGRAM_QUEUE = 1 << 1,
};

/* One policy with histograms. Its place is its number. */
struct ifit_histogram_policy {
	__u32 policy;	/* 0: none in this place */
	__u32 generation;
	enum ifit_key_field fields;	/* its Flow Keys */
	enum ifit_histogram_metric metrics;
	__u8 by_ingress;	/* interfaces are Flow Keys as well */
	__u8 by_egress;
	__u8 local;	/* covers what the node sends itself */
	__u8 zero;
};
_Static_assert(sizeof(struct ifit_histogram_policy) == 20, "histogram policy");

/* A policy's Flow Keys and what was measured; what is no key is zero. */
struct ifit_histogram_key {
	struct ifit_flow_id id;	/* the family is always a key */
	__u32 policy;
	__u32 generation;
	__u32 ingress_ifindex;
	__u32 egress_ifindex;
	__u32 flow_label;
	__u16 vlan;
	__u8 dscp;
	__u8 metric;	/* enum ifit_metric */
};
_Static_assert(sizeof(struct ifit_histogram_key) == 64, "histogram key");

struct ifit_histogram {
	__u64 top;	/* greatest value */
	__u64 bottom;	/* ones' complement of the least, so that zero is none */
	__u64 sum;
	__u64 first;	/* ones' complement of the time of the first value */
	__u64 last;
	__u64 bucket[IFIT_HISTOGRAM_BUCKETS];
};

/* A flow as it departs: the code point is that on the wire. */
struct ifit_note_key {
	struct ifit_flow_id id;
	__u32 ifindex;
	__u32 dscp;
};

/* Which policies count a flow, found out where it was classified. */
struct ifit_note {
	__u64 numbers;	/* of policies with histograms */
	__u64 slots;	/* that they were made of, under this rule set */
	__u64 last_ns;
	__u32 ruleset;
	__u32 flow_label;
	__u16 vlan;
	__u8 dscp;	/* before marking */
	__u8 zero[5];
};
_Static_assert(sizeof(struct ifit_note) == 40, "note");

/* Counts of one policy with histograms, per CPU. */
struct ifit_histogram_counters {
	__u64 refused;	/* packets: no place for another histogram */
};

/* Sequence numbers that were overtaken, or lost before they came here. */
struct ifit_tcp_hole {
	__u32 start;
	__u32 end;	/* start == end: no hole */
	__u64 opened_ns;
	__u32 tsval;	/* time stamp of the segment that opened it */
	__u32 stamped;	/* whether it had one */
};

/* Where and for whom one direction of a connection was seen. */
struct ifit_tcp_view {
	__u64 slots;	/* of the policies that ask for the connection */
	__u64 last_ns;
	__u32 ruleset;
	__u32 ifindex;
	__u32 direction;	/* 0 ingress, 1 egress */
	__u32 zero;
};

/*
 * What one end of a TCP connection has sent, since the first packet: counts
 * of packets count the segments of super-packets, times are of the monotonic
 * clock.
 */
struct ifit_tcp_half {
	__u64 first_ns;
	__u64 packets;
	__u64 payload;	/* octets */
	__u64 retransmitted_octets;
	__u64 zero_window_ns;	/* for how long the end's window was closed */
	__u32 retransmitted;	/* packets */
	__u32 out_of_order;	/* packets that others overtook before they came here */
	__u32 gaps;	/* holes in the sequence numbers */
	__u32 duplicate_acks;
	__u32 probes;	/* of windows and of idle connections */
	__u32 zero_windows;
	__u32 syns;
	__u32 fins;
	__u32 resets;

	/* Round trips from here to the other end and back, nanoseconds. */
	__u32 rtt_samples;
	__u64 handshake_rtt;	/* of the SYN; 0: not known */
	__u64 rtt_sum;	/* these by time stamps */
	__u64 rtt_min;
	__u64 rtt_max;
	__u64 rtt_smoothed;	/* seven parts of what was, one of the sample */

	/* What the next packets are held against. */
	__u64 zero_since_ns;	/* 0: the window is open */
	__u64 syn_ns;	/* 0: no round trip of a SYN is under way */
	__u64 stamp_ns;	/* 0: no round trip of a time stamp is under way */
	__u32 pending;	/* that time stamp */
	__u32 tsval;	/* the newest one */
	__u32 next;	/* sequence number behind the highest octet */
	__u32 isn;
	__u32 acked;
	__u16 window;
	__u16 known;	/* which of the above are; see tcp.h */
	struct ifit_tcp_hole hole[IFIT_TCP_HOLES];

	struct ifit_tcp_view counted;	/* by the point whose packets these are */
	struct ifit_tcp_view seen;	/* by another one, which does not count them again */
};
_Static_assert(sizeof(struct ifit_tcp_half) == 328, "TCP half");

/*
 * A connection. Its key is the 5-tuple with the lesser end as the source;
 * half 0 is what that end sent.
 */
struct ifit_tcp_flow {
	struct bpf_spin_lock lock;
	__u32 zero;
	struct ifit_tcp_half half[2];
};
_Static_assert(sizeof(struct ifit_tcp_flow) == 664, "TCP flow");

/* The sketch of one epoch on one CPU: a count-min sketch of octets, and the flows that looked largest. */
struct ifit_place {
	__u64 tag;	/* hash of the flow; 0: empty */
	struct ifit_flow_id id;
	__u64 octets;	/* estimate when the flow came in, then counted on */
	__u64 counted;	/* octets since then */
	__u64 packets;	/* since then */
};
_Static_assert(sizeof(struct ifit_place) == 72, "place");

/* Sources share a bucket; it names the one that has shown the rarest pair. */
struct ifit_spread {
	__u8 source[16];
	__u8 family;	/* 0: empty */
	__u8 level;	/* how rare: one pair in 2^level */
	__u8 zero[6];
	__u8 reg[IFIT_SPREAD_REGISTERS];	/* of the pairs of source and destination */
};
_Static_assert(sizeof(struct ifit_spread) == 88, "spread");

/* Go makes the parts of a sketch that its policy reports, from the front on. */
struct ifit_sketch {
	__u32 cell[IFIT_SKETCH_ROWS][IFIT_SKETCH_WIDTH];
	struct ifit_place place[IFIT_SKETCH_PLACES];
	/* HyperLogLog: the highest rank that each register has seen. */
	__u8 flows[IFIT_DISTINCT_REGISTERS];
	__u8 sources[IFIT_DISTINCT_REGISTERS];
	__u8 destinations[IFIT_DISTINCT_REGISTERS];
	struct ifit_spread spread[IFIT_SPREAD_ROWS][IFIT_SPREAD_WIDTH];
};

enum ifit_event_state {
	IFIT_EVENT_RAISED = 1,
	IFIT_EVENT_CLEARED = 2,
	IFIT_EVENT_MOMENTARY = 3,
};

/* Metrics that the kernel watches, as dataplane/flow numbers them. */
enum ifit_metric {
	IFIT_METRIC_TRANSIT_DELAY = 1,
	IFIT_METRIC_QUEUE_DEPTH = 3,
	IFIT_METRIC_PACKET_DROP = 4,
	IFIT_METRIC_PATH_CHANGE = 5,
	IFIT_METRIC_NEW_FLOW = 6,
	IFIT_METRIC_FLOW_RATE = 7,
	IFIT_METRIC_MICROBURST = 8,
	IFIT_METRIC_RECORDS_OF_DROPS = 255,	/* no trigger: a policy that wants records */
};

/* One trigger of one policy. Its place is its number in vectors. */
struct ifit_trigger {
	__u64 raise;	/* the condition begins at this value */
	__u64 clear;	/* and ends below this one */
	__u64 hold_ns;	/* how long either must hold before it is told */
	__u32 policy;
	__u32 generation;
	__u8 metric;	/* 0: none in this place */
	__u8 index;	/* in its policy */
	__u8 per_flow;
	__u8 zero[5];
};
_Static_assert(sizeof(struct ifit_trigger) == 40, "trigger");

/* Counts of one trigger, per CPU. */
struct ifit_trigger_counters {
	__u64 events;
	__u64 suppressed;	/* over the node's rate */
	__u64 lost;	/* no place in the ring buffer */
	__u64 refused;	/* values not watched: no place for another condition */
};

struct ifit_event {
	__u64 time_ns;	/* monotonic */
	__u64 value;
	__u64 threshold;
	struct ifit_flow_id id;
	__u32 policy;
	__u32 generation;
	__u32 ifindex;
	__u32 ingress_ifindex;
	__u32 egress_ifindex;
	__u32 previous_ingress_ifindex;
	__u32 previous_egress_ifindex;
	__u8 trigger;	/* index in its policy */
	__u8 metric;
	__u8 state;
	__u8 per_flow;
	__u8 direction;	/* 0 ingress, 1 egress */
	__u8 hop_limit;
	__u8 previous_hop_limit;
	__u8 zero;
	__u64 location;	/* PACKET_DROP: where in the kernel */
	__u32 reason;	/* PACKET_DROP: the kernel's enum skb_drop_reason */
	__u32 padding;
};
_Static_assert(sizeof(struct ifit_event) == 120, "event");

/* One of the flows that filled a bin. */
struct ifit_culprit {
	struct ifit_flow_id id;
	__u64 octets;	/* never too small; 0: none in this place */
};
_Static_assert(sizeof(struct ifit_culprit) == 48, "culprit");

/* The event of a MICROBURST. */
struct ifit_burst_event {
	struct ifit_event event;
	struct ifit_culprit culprit[IFIT_CULPRITS];
};
_Static_assert(sizeof(struct ifit_burst_event) == 504, "burst event");

/* What triggers know of a flow of the node. */
struct ifit_flow_state {
	__u64 last_ns;	/* monotonic, to a tenth of a second */
	__u64 announced;	/* NEW_FLOW triggers that have told the flow */
	__u64 path;	/* ingress and egress interface and hop limit; see watch.h */
	__u64 xmit_triggers;	/* that watch the flow behind the queue of its egress interface */
	__u64 drop_numbers;	/* of triggers and policies that want to know of its drops */
	__u64 drop_epoch;	/* under which they were noted */
};

/* What a condition is of: an interface, or one flow there. */
struct ifit_condition_key {
	__u32 trigger;
	__u32 generation;	/* of the policy: the next one begins anew */
	__u32 ifindex;
	__u32 direction;	/* 0 ingress, 1 egress */
	struct ifit_flow_id id;	/* zero: of the interface */
};

struct ifit_condition {
	__u64 word;	/* phase, and since when; see condition.h */
	__u64 last_ns;
	struct ifit_flow_id id;	/* flow of the last value */
	__u64 location;	/* and of a drop, where in the kernel */
	__u32 reason;	/* and why */
	__u32 zero;
};

/* An interface whose transmissions are watched. */
struct ifit_watched {
	__u64 delay_floor;	/* values below it begin no condition; ~0: not watched */
	__u64 queue_floor;	/* likewise */
	__u64 attentive_until;	/* until then smaller values may end one */
};

/* What a window counts: one flow at a point. */
struct ifit_window_key {
	struct ifit_flow_id id;
	__u32 ifindex;
	__u32 direction;
};
_Static_assert(sizeof(struct ifit_window_key) == 48, "window key");

struct ifit_window {
	__u64 number;	/* of the window that is being counted */
	__u64 amount;	/* in it */
	__u64 told;	/* the last window that was told before its end */
	__u64 triggers;	/* that want to know */
};

/* What dropped packets are counted by. */
struct ifit_drop_key {
	struct ifit_flow_id id;
	__u64 location;	/* address of the kernel's code */
	__u32 reason;	/* the kernel's enum skb_drop_reason */
	__u32 ingress_ifindex;	/* 0: sent by the node itself */
	__u32 egress_ifindex;	/* 0: dropped before one was chosen */
	__u32 policy;
	__u32 generation;
	__u32 zero;
};
_Static_assert(sizeof(struct ifit_drop_key) == 72, "drop key");

struct ifit_drop {
	__u64 packets;	/* segments of super-packets counted singly */
	__u64 octets;	/* IP octets, as if super-packets had been segmented */
	__u64 first;	/* monotonic nanoseconds */
	__u64 last;
};

/* Counts of the drop program, per CPU. */
struct ifit_drop_counters {
	__u64 packets;	/* that the node dropped, whatever their flow */
	__u64 unknown;	/* of those, packets of no flow that a policy asks for */
	__u64 refused;	/* packets without a record: table full */
};

/* A trigger's bins at one point. */
struct ifit_burst_key {
	__u32 trigger;
	__u32 generation;
	__u32 ifindex;
	__u32 direction;
};

struct ifit_bin {
	__u64 number;	/* milliseconds of the monotonic clock */
	__u64 octets;
	__u64 tag[IFIT_CULPRITS];	/* hashes of the flows */
	struct ifit_culprit culprit[IFIT_CULPRITS];
};

/* The bin that is being filled and the one before, which is told meanwhile. */
struct ifit_burst {
	struct bpf_spin_lock lock;
	__u32 filling;
	struct ifit_bin bin[2];
};

/* Argument and result of the program that ends what no packet ends. */
struct ifit_sweep_context {
	__u64 flow_idle_ns;	/* in: flows are forgotten after this time */
	__u64 now;
	__u32 flows;	/* out: flows known */
	__u32 conditions;	/* out: conditions that are raised */
};
