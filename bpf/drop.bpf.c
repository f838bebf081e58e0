// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Packets that the node drops, with the kernel's own reason. Programs of points
 * have noted in flow_states whose flows they are: a packet passes a point
 * before it can be dropped behind it. One program for the node; all that it
 * knows is in maps.
 */
#include "lib/dropped.h"
#include "lib/dropwindow.h"
#include <bpf/bpf_tracing.h>

/* Set before load: kernels before 6.11 do not tell the receiving socket. */
const volatile bool tells_socket = false;

/*
 * Set before load. While one program follows another both are attached, and
 * one store makes the other one count.
 */
const volatile __u64 instance = 0;

/*
 * The model of the two tables of drops, from which Go makes them: programs
 * count into one while the other is drained.
 */
struct drop_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_DROPS);
	__type(key, struct ifit_drop_key);
	__type(value, struct ifit_drop);
} drop_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct drop_table);
} drop_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_drop_counters);
} drop_counters SEC(".maps");

static __always_inline struct ifit_drop *drop_record(void *table, const struct ifit_drop_key *key, __u64 now)
{
	struct ifit_drop *drop = bpf_map_lookup_elem(table, key);
	struct ifit_drop fresh = { .first = now };

	if (drop)
		return drop;
	bpf_map_update_elem(table, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(table, key);
}

/* Puts the types of keys and records into the object, which otherwise knows pointers to them alone. */
const struct {
	struct ifit_drop_key key;
	struct ifit_drop drop;
} drop_types = {};

static __always_inline struct ifit_drop_counters *drop_counts(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&drop_counters, &zero);
}

/*
 * Counts a drop for one policy that wants records. A global function, as the
 * next one is, so that the verifier looks at it once.
 */
__noinline int record_drop(const struct dropped *packet, __u32 number)
{
	const struct ifit_trigger *policy = find_trigger(number);
	struct ifit_drop_counters *count = drop_counts();
	struct ifit_drop_key key = {};
	struct ifit_drop *drop = NULL;
	__u32 zero = 0;
	void *table;

	if (!policy || !count || !packet)
		return 0;
	key.id = packet->id;
	key.location = packet->location;
	key.reason = packet->reason;
	key.ingress_ifindex = packet->ingress_ifindex;
	key.egress_ifindex = packet->egress_ifindex;
	key.policy = policy->policy;
	key.generation = policy->generation;
	table = bpf_map_lookup_elem(&drop_tables, &zero);
	if (table)
		drop = drop_record(table, &key, packet->now);
	if (!drop) {
		count->refused += packet->segments;
		return 0;
	}
	__sync_fetch_and_add(&drop->packets, packet->segments);
	__sync_fetch_and_add(&drop->octets, packet->octets);
	drop->last = packet->now;
	return 0;
}

/* Counts a drop in a trigger's window. */
__noinline int watch_drop(const struct dropped *packet, __u32 number)
{
	struct ifit_trigger_counters *count = find_trigger_counters(number);
	const struct ifit_trigger *trigger = find_trigger(number);
	struct sample *sample = new_sample(SAMPLE_OF_PACKET);
	struct ifit_window *window;

	if (!count || !trigger || !sample || !packet)
		return 0;
	sample->at.id = packet->id;
	sample->at.direction = packet->egress_ifindex != 0;
	sample->at.ifindex = packet->egress_ifindex ? packet->egress_ifindex : packet->ingress_ifindex;
	sample->location = packet->location;
	sample->reason = packet->reason;
	make_key(sample, trigger, number);
	window = bpf_map_lookup_elem(&drop_windows, &sample->key);
	if (!window) {
		sample->fresh.number = packet->now / SECOND_NS;
		bpf_map_update_elem(&drop_windows, &sample->key, &sample->fresh, BPF_NOEXIST);
		window = bpf_map_lookup_elem(&drop_windows, &sample->key);
		if (!window) {
			count_one(&count->refused);
			return 0;
		}
	}
	add_to_window(window, sample, 1ULL << (number & (IFIT_TRIGGERS - 1)), packet->segments, trigger->raise,
		      SECOND_NS, packet->now);
	return 0;
}

static __always_inline void tell_drop(const struct dropped *packet, __u64 numbers, __u64 records)
{
	struct rounds r;

	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		__u32 number = lowest_bit(numbers);

		if (records >> number & 1)
			record_drop(packet, number);
		else
			watch_drop(packet, number);
		numbers &= numbers - 1;
	}
	end_rounds(&r);
}

SEC("tp_btf/kfree_skb")
int ifit_free(__u64 *ctx)
{
	const struct sk_buff *skb = (const void *)ctx[0];
	const struct ifit_node *config = node_config();
	const struct sock *socket = NULL;
	struct dropped packet = { .location = ctx[1], .reason = ctx[2] };
	struct ifit_drop_counters *count = drop_counts();
	struct ifit_flow_state *flow = NULL;
	__u64 numbers = 0;

	if (tells_socket)
		socket = (const void *)ctx[3];
	if (!config || !count || config->drop_instance != instance || !is_loss(packet.reason) ||
	    !is_here(skb, socket, config->netns_cookie))
		return 0;
	locate(skb, &packet, config->netns_cookie);
	count->packets += packet.segments;
	if (read_dropped(&packet))
		flow = bpf_map_lookup_elem(&flow_states, &packet.id);
	if (flow)
		numbers = flow->drop_numbers & (config->drop_triggers | config->drop_records);
	if (!numbers) {
		count->unknown += packet.segments;
		return 0;
	}
	packet.now = bpf_ktime_get_ns();
	tell_drop(&packet, numbers, config->drop_records);
	return 0;
}

char __license[] SEC("license") = "Dual BSD/GPL";
