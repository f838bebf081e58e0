/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what a trigger tells. Programs of points know flows and momentary
 * events; ../xmit.bpf.c watches delays and knows conditions that last.
 */
#pragma once

#include "bits.h"
#include "node.h"
#include "sample.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, IFIT_EVENT_RING);
} events SEC(".maps");

/* By trigger number; Go alone writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IFIT_TRIGGERS);
	__type(key, __u32);
	__type(value, struct ifit_trigger);
} triggers SEC(".maps");

/* By trigger number. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IFIT_TRIGGERS);
	__type(key, __u32);
	__type(value, struct ifit_trigger_counters);
} trigger_counters SEC(".maps");

/* Flows of the whole node, so that a change of the egress interface shows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_FLOW_STATES);
	__type(key, struct ifit_flow_id);
	__type(value, struct ifit_flow_state);
} flow_states SEC(".maps");

static __always_inline struct ifit_trigger *find_trigger(__u32 number)
{
	return bpf_map_lookup_elem(&triggers, &number);
}

static __always_inline struct ifit_trigger_counters *find_trigger_counters(__u32 number)
{
	return bpf_map_lookup_elem(&trigger_counters, &number);
}

/*
 * Counts one. The sweep of ../xmit.bpf.c runs with bottom halves on, and a
 * packet may interrupt it on the same CPU: a plain addition would lose that
 * packet's count.
 */
static __always_inline void count_one(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* A function of its own, so that the type of events gets into the object. */
static __noinline void begin_event(struct ifit_event *event, const struct ifit_trigger *trigger, __u64 now)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now;
	event->policy = trigger->policy;
	event->generation = trigger->generation;
	event->trigger = trigger->index;
	event->metric = trigger->metric;
	event->per_flow = trigger->per_flow;
}

/* Sends an event that is complete, and counts it. */
static __always_inline void submit_event(struct ifit_event *event, struct ifit_trigger_counters *count)
{
	if (submit_sample(&events, event, 0))
		count_one(&count->events);
	else
		count_one(&count->lost);
}

/* Takes one place under the node's limit; false, counted, when there is none. */
static __always_inline bool take_event(struct ifit_trigger_counters *count, __u64 now)
{
	const struct ifit_node *config = node_config();

	if (config && take_limit(IFIT_LIMIT_EVENTS, &config->events, now))
		return true;
	count_one(&count->suppressed);
	return false;
}

/*
 * Reserves an event of a trigger; NULL, counted, when there is no place. The
 * caller has taken the limit and fills in the rest.
 */
static __always_inline struct ifit_event *reserve_event(const struct ifit_trigger *trigger,
							struct ifit_trigger_counters *count, __u64 now)
{
	struct ifit_event *event = reserve_sample(&events, sizeof(*event));

	if (!event) {
		count_one(&count->lost);
		return NULL;
	}
	begin_event(event, trigger, now);
	return event;
}

/* Likewise a function of its own. */
static __noinline void begin_burst(struct ifit_burst_event *burst, const struct ifit_trigger *trigger,
				   const struct ifit_bin *bin, __u64 now)
{
	begin_event(&burst->event, trigger, now);
	__builtin_memcpy(burst->culprit, bin->culprit, sizeof(burst->culprit));
}

/* The same for a burst, with the flows of its bin. */
static __always_inline struct ifit_event *reserve_burst(const struct ifit_trigger *trigger,
							struct ifit_trigger_counters *count, __u64 now,
							const struct ifit_bin *bin)
{
	struct ifit_burst_event *burst = reserve_sample(&events, sizeof(*burst));

	if (!burst) {
		count_one(&count->lost);
		return NULL;
	}
	begin_burst(burst, trigger, bin, now);
	return &burst->event;
}
