// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Behind the queueing discipline, where the kernel hands packets to their
 * device: node transit delay with the queue included, and what is left in the
 * queue. One program for the node; all that it knows is in maps. ifit_sweep
 * runs when the agent calls it.
 */
#include "lib/bin.h"
#include "lib/dropwindow.h"
#include "lib/linear.h"
#include "lib/queue.h"
#include "lib/window.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Kernels before 6.11 have one bit of the same meaning instead. */
struct sk_buff___6_10 {
	__u8 mono_delivery_time : 1;
} __attribute__((preserve_access_index));

/* A window without packets for so long is forgotten. */
#define IDLE_WINDOWS 10

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

#include "lib/histogram.h"

/* Interfaces whose transmissions are watched. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IFIT_WATCHED);
	__type(key, __u32);
	__type(value, struct ifit_watched);
} watched SEC(".maps");

/* What is measured on one packet. */
struct measured {
	bool delayed;	/* it has a transit delay */
	bool queued;	/* the depth of its queue is known */
	__u64 delay;
	__u64 depth;
};

static __always_inline void offer_all(struct ifit_watched *place, const struct sk_buff *skb,
				      const struct ifit_node *config, struct sample *sample,
				      const struct measured *measured)
{
	/* The network header may be behind a tag that is in the packet, or before it. */
	struct linear at = {
		.pos = skb->data,
		.left = skb->head + skb->tail - skb->data,
	};
	__u64 numbers, until, wanted = 0;
	struct ifit_flow_id id = {};
	struct ifit_flow_state *flow;
	struct rounds r;

	if (skb->head + skb->tail < skb->data || !read_frame(&at, &id))
		return;
	flow = bpf_map_lookup_elem(&flow_states, &id);
	if (!flow)
		return;
	sample->at.id = id;
	if (measured->delayed)
		wanted |= config->delay_triggers;
	if (measured->queued)
		wanted |= config->queue_triggers;
	numbers = flow->xmit_triggers & wanted;
	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		__u32 number = lowest_bit(numbers);

		sample->value = config->queue_triggers >> number & 1 ? measured->depth : measured->delay;
		until = offer(sample, number);
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
	struct measured measured = {};
	struct ifit_watched *place;
	struct sample *sample;
	__u32 ifindex;

	if (!config || dev->nd_net.net->net_cookie != config->netns_cookie)
		return 0;
	if (config->histograms)
		measure_departure(skb, dev, config);
	ifindex = dev->ifindex;
	place = bpf_map_lookup_elem(&watched, &ifindex);
	sample = new_sample(SAMPLE_OF_PACKET);
	if (!place || !sample)
		return 0;
	measured.delayed = place->delay_floor != ~0ULL && has_arrival(skb);
	measured.queued = place->queue_floor != ~0ULL && queue_depth(skb, dev, &measured.depth);
	if (!measured.delayed && !measured.queued)
		return 0;
	sample->now = bpf_ktime_get_ns();
	sample->at.ifindex = ifindex;
	sample->at.direction = 1;
	if (measured.delayed && sample->now < skb->tstamp)
		measured.delayed = false;
	if (measured.delayed)
		measured.delay = sample->now - skb->tstamp;
	if ((measured.delayed && measured.delay >= place->delay_floor) ||
	    (measured.queued && measured.depth >= place->queue_floor) || sample->now < place->attentive_until)
		offer_all(place, skb, config, sample, &measured);
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
	current = is_lasting(trigger) && trigger->generation == key->generation;
	if (current && is_raised(word)) {
		bool silent = now - condition->last_ns >= silence(trigger);
		bool fallen = word_phase(word) == PHASE_FALLING && now - word_since(word) >= trigger->hold_ns;

		sweep->conditions++;
		if (now > condition->last_ns && now > word_since(word) && (silent || fallen))
			make_step(condition, key, trigger, count, word, make_word(PHASE_QUIET, now), 0, now, NULL);
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

/* Tells windows and bins that no packet has ended, and forgets the idle ones. */
static long sweep_window(void *map, struct ifit_window_key *key, struct ifit_window *window, struct ifit_sweep_context *sweep)
{
	struct sample *sample = new_sample(SAMPLE_OF_SWEEP);
	const struct ifit_node *config = node_config();
	__u64 number = *(volatile __u64 *)&window->number;

	if (!sample || !config)
		return 1;
	sample->at = *key;
	/* A number may have gone to a trigger of another metric meanwhile. */
	end_window(window, sample, window->triggers & config->rate_triggers, WINDOW_NS, sweep->now);
	if (!sweep->flow_idle_ns || sweep->now / WINDOW_NS > number + IDLE_WINDOWS)
		bpf_map_delete_elem(map, key);
	return 0;
}

static long sweep_burst(void *map, struct ifit_burst_key *key, struct ifit_burst *burst, struct ifit_sweep_context *sweep)
{
	const struct ifit_trigger *trigger = find_trigger(key->trigger);
	struct sample *sample = new_sample(SAMPLE_OF_SWEEP);
	__u64 number = sweep->now / BIN_NS;
	int ended;

	if (!sample)
		return 1;
	if (!trigger || trigger->metric != IFIT_METRIC_MICROBURST || trigger->generation != key->generation) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	sample->burst = *key;
	sample->at.ifindex = key->ifindex;
	sample->at.direction = key->direction;
	bpf_spin_lock(&burst->lock);
	ended = open_bin(burst, number);
	bpf_spin_unlock(&burst->lock);
	if (ended >= 0)
		tell_bin(sample, ended_bin(burst, ended), number);
	return 0;
}

static long sweep_drop_window(void *map, struct ifit_condition_key *key, struct ifit_window *window, struct ifit_sweep_context *sweep)
{
	const struct ifit_trigger *trigger = find_trigger(key->trigger);
	struct sample *sample = new_sample(SAMPLE_OF_SWEEP);
	__u64 number = *(volatile __u64 *)&window->number;

	if (!sample)
		return 1;
	if (!trigger || trigger->metric != IFIT_METRIC_PACKET_DROP || trigger->generation != key->generation) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	sample->at.id = key->id;
	sample->at.ifindex = key->ifindex;
	sample->at.direction = key->direction;
	end_window(window, sample, 1ULL << (key->trigger & (IFIT_TRIGGERS - 1)), SECOND_NS, sweep->now);
	if (sweep->now / SECOND_NS > number + 1)
		bpf_map_delete_elem(map, key);
	return 0;
}

SEC("syscall")
int ifit_sweep(struct ifit_sweep_context *sweep)
{
	struct ifit_sweep_context local = { .flow_idle_ns = sweep->flow_idle_ns, .now = bpf_ktime_get_ns() };

	bpf_for_each_map_elem(&windows, sweep_window, &local, 0);
	bpf_for_each_map_elem(&drop_windows, sweep_drop_window, &local, 0);
	bpf_for_each_map_elem(&bursts, sweep_burst, &local, 0);
	bpf_for_each_map_elem(&conditions, sweep_condition, &local, 0);
	bpf_for_each_map_elem(&flow_states, sweep_flow, &local, 0);
	sweep->now = local.now;
	sweep->flows = local.flows;
	sweep->conditions = local.conditions;
	return 0;
}

char __license[] SEC("license") = "Dual BSD/GPL";
