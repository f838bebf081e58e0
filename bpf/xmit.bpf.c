// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Node transit delay with the queue included: here the kernel hands packets to
 * their device, behind the queueing discipline. One program for the node; all
 * that it knows is in maps. ifit_sweep runs when the agent calls it.
 */
#include "lib/condition.h"
#include "lib/linear.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Kernels before 6.11 have one bit of the same meaning instead. */
struct sk_buff___6_10 {
	__u8 mono_delivery_time : 1;
} __attribute__((preserve_access_index));

static __always_inline bool has_arrival(const struct sk_buff *skb)
{
	const struct sk_buff___6_10 *older = (const void *)skb;

	/* A packet that no interface received carries its sender's departure time. */
	if (!skb->skb_iif)
		return false;
	if (bpf_core_field_exists(skb->tstamp_type))
		return BPF_CORE_READ_BITFIELD(skb, tstamp_type) == BPF_SKB_TSTAMP_DELIVERY_MONO;
	if (bpf_core_field_exists(older->mono_delivery_time))
		return BPF_CORE_READ_BITFIELD(older, mono_delivery_time);
	return false;
}

static __always_inline void offer_all(struct ifit_watched *place, const struct sk_buff *skb,
				      struct sample *sample)
{
	struct linear at = {
		.pos = skb->head + skb->network_header,
		.left = skb->tail - skb->network_header,
	};
	struct ifit_flow_state *flow;
	struct rounds r;
	__u64 numbers, until;

	if (skb->tail < skb->network_header || !read_flow(&at, skb->protocol, &sample->id))
		return;
	flow = bpf_map_lookup_elem(&flow_states, &sample->id);
	if (!flow)
		return;
	numbers = flow->delay_triggers;
	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		until = offer(sample, lowest_bit(numbers));
		if (until > place->attentive_until)
			place->attentive_until = until;
		numbers &= numbers - 1;
	}
	end_rounds(&r);
}

/*
 * The tracepoint fires for every namespace, and interface numbers repeat
 * across them, so filter by both before the clock is read.
 */
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(ifit_xmit, const struct sk_buff *skb, const struct net_device *dev)
{
	const struct ifit_node *config = node_config();
	struct ifit_watched *place;
	struct sample sample = {};

	if (!config || dev->nd_net.net->net_cookie != config->netns_cookie)
		return 0;
	sample.ifindex = dev->ifindex;
	place = bpf_map_lookup_elem(&watched, &sample.ifindex);
	if (!place || !has_arrival(skb))
		return 0;
	sample.now = bpf_ktime_get_ns();
	if (sample.now < skb->tstamp)
		return 0;
	sample.value = sample.now - skb->tstamp;
	if (sample.value >= place->floor || sample.now < place->attentive_until)
		offer_all(place, skb, &sample);
	return 0;
}

/* Ends a condition whose packets have stopped, or that has fallen long enough. */
static long sweep_condition(void *map, struct ifit_condition_key *key, struct ifit_condition *condition,
			    struct ifit_sweep_context *sweep)
{
	__u64 word = *(volatile __u64 *)&condition->word;
	struct ifit_trigger_counters *count = find_trigger_counters(key->trigger);
	const struct ifit_trigger *trigger = find_trigger(key->trigger);
	__u64 now = sweep->now;
	bool current;

	if (!count || !trigger)
		return 0;
	current = trigger->metric == IFIT_METRIC_TRANSIT_DELAY && trigger->generation == key->generation;
	if (current && is_raised(word)) {
		bool silent = now - condition->last_ns >= silence(trigger);
		bool fallen = word_phase(word) == PHASE_FALLING && now - word_since(word) >= trigger->hold_ns;

		sweep->conditions++;
		if (now > condition->last_ns && now > word_since(word) && (silent || fallen))
			make_step(condition, key, trigger, count, word, make_word(PHASE_QUIET, now), 0, now);
		return 0;
	}
	if (current && (now < condition->last_ns || now - condition->last_ns < silence(trigger)))
		return 0;
	if (__sync_val_compare_and_swap(&condition->word, word, make_word(PHASE_GONE, now)) == word)
		bpf_map_delete_elem(map, key);
	return 0;
}

static long sweep_flow(void *map, struct ifit_flow_id *id, struct ifit_flow_state *flow, struct ifit_sweep_context *sweep)
{
	const struct ifit_node *config = node_config();

	if (!config)
		return 1;
	if (sweep->now > flow->last_ns && sweep->now - flow->last_ns >= sweep->flow_idle_ns) {
		bpf_map_delete_elem(map, id);
		return 0;
	}
	/* A number that a new trigger takes over must not have told anything yet. */
	if (flow->announced & ~config->new_flow_triggers)
		__sync_fetch_and_and(&flow->announced, config->new_flow_triggers);
	sweep->flows++;
	return 0;
}

SEC("syscall")
int ifit_sweep(struct ifit_sweep_context *sweep)
{
	struct ifit_sweep_context local = { .flow_idle_ns = sweep->flow_idle_ns, .now = bpf_ktime_get_ns() };

	bpf_for_each_map_elem(&conditions, sweep_condition, &local, 0);
	bpf_for_each_map_elem(&flow_states, sweep_flow, &local, 0);
	sweep->now = local.now;
	sweep->flows = local.flows;
	sweep->conditions = local.conditions;
	return 0;
}

char __license[] SEC("license") = "Dual BSD/GPL";
