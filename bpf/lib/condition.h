/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conditions: whether a value of an interface, or of one flow there, is over
 * a trigger's threshold. A condition is told when it has held for the
 * trigger's hold time, and its end when the value has been below the clear
 * threshold for as long. One word holds the phase and since when, so that of
 * several CPUs just one makes each step.
 */
#pragma once

#include "event.h"

enum phase {
	PHASE_QUIET,
	PHASE_RISING,	/* over the threshold, not yet for the hold time */
	PHASE_RAISED,
	PHASE_FALLING,	/* below the clear threshold, not yet for the hold time */
	PHASE_GONE,	/* being deleted */
};

#define PHASE_BITS 3

/* A condition whose packets have stopped ends after this time or the hold time. */
#define SILENCE_NS 1000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_CONDITIONS);
	__type(key, struct ifit_condition_key);
	__type(value, struct ifit_condition);
} conditions SEC(".maps");

/* Interfaces whose transmissions are watched. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IFIT_WATCHED);
	__type(key, __u32);
	__type(value, struct ifit_watched);
} watched SEC(".maps");

static __always_inline __u64 make_word(enum phase phase, __u64 since)
{
	return since << PHASE_BITS | phase;
}

static __always_inline __u64 word_since(__u64 word)
{
	return word >> PHASE_BITS;
}

static __always_inline enum phase word_phase(__u64 word)
{
	return word & ((1 << PHASE_BITS) - 1);
}

static __always_inline bool is_raised(__u64 word)
{
	return word_phase(word) == PHASE_RAISED || word_phase(word) == PHASE_FALLING;
}

static __always_inline __u64 silence(const struct ifit_trigger *trigger)
{
	return trigger->hold_ns > SILENCE_NS ? trigger->hold_ns : SILENCE_NS;
}

/* What a value does to a condition. */
static __always_inline __u64 next_word(__u64 word, const struct ifit_trigger *trigger, __u64 value, __u64 now)
{
	bool held = now - word_since(word) >= trigger->hold_ns;

	switch (word_phase(word)) {
	case PHASE_QUIET:
		if (value < trigger->raise)
			return word;
		return make_word(trigger->hold_ns ? PHASE_RISING : PHASE_RAISED, now);
	case PHASE_RISING:
		if (value < trigger->raise)
			return make_word(PHASE_QUIET, now);
		return held ? make_word(PHASE_RAISED, now) : word;
	case PHASE_RAISED:
		if (value >= trigger->clear)
			return word;
		return make_word(trigger->hold_ns ? PHASE_FALLING : PHASE_QUIET, now);
	case PHASE_FALLING:
		if (value >= trigger->clear)
			return make_word(PHASE_RAISED, now);
		return held ? make_word(PHASE_QUIET, now) : word;
	default:
		return word;
	}
}

/*
 * Makes a step and tells it where it is one that is told. Without a place for
 * the event the step is not made, so that the next packet tries again. Returns
 * whether this CPU made it.
 */
static __always_inline bool make_step(struct ifit_condition *condition, const struct ifit_condition_key *key,
				      const struct ifit_trigger *trigger, struct ifit_trigger_counters *count,
				      __u64 word, __u64 next, __u64 value, __u64 now)
{
	struct ifit_event *event = NULL;

	if (is_raised(next) != is_raised(word)) {
		event = reserve_event(trigger, count, now);
		if (!event)
			return false;
		event->state = is_raised(next) ? IFIT_EVENT_RAISED : IFIT_EVENT_CLEARED;
		event->id = condition->id;
		event->ifindex = key->ifindex;
		event->egress_ifindex = key->ifindex;
		event->direction = 1;
		event->value = value;
		event->threshold = is_raised(next) ? trigger->raise : trigger->clear;
	}
	if (__sync_val_compare_and_swap(&condition->word, word, next) != word) {
		if (event)
			discard_sample(event);
		return false;
	}
	if (event)
		submit_event(event, count);
	return true;
}

/* One value of an interface, measured on a packet of a flow. */
struct sample {
	struct ifit_flow_id id;
	__u64 value;
	__u64 now;
	__u32 ifindex;
};

/*
 * Offers a value to one trigger. Returns until when the condition asks for
 * small values too: as long as it would take to end in silence; 0 when it is
 * quiet. A global function, so that the verifier looks at it once.
 */
__noinline __u64 offer(const struct sample *sample, __u32 number)
{
	struct ifit_trigger_counters *count = find_trigger_counters(number);
	const struct ifit_trigger *trigger = find_trigger(number);
	struct ifit_condition_key key = { .trigger = number };
	struct ifit_condition *condition;
	__u64 word, next;

	if (!sample || !count || !trigger || trigger->metric != IFIT_METRIC_TRANSIT_DELAY)
		return 0;
	key.generation = trigger->generation;
	key.ifindex = sample->ifindex;
	if (trigger->per_flow)
		key.id = sample->id;
	condition = bpf_map_lookup_elem(&conditions, &key);
	if (!condition) {
		struct ifit_condition quiet = {
			.word = make_word(PHASE_QUIET, sample->now),
			.last_ns = sample->now,
			.id = sample->id,
		};

		if (sample->value < trigger->raise)
			return 0;
		bpf_map_update_elem(&conditions, &key, &quiet, BPF_NOEXIST);
		condition = bpf_map_lookup_elem(&conditions, &key);
		if (!condition) {
			count->refused++;
			return 0;
		}
	}
	word = *(volatile __u64 *)&condition->word;
	next = next_word(word, trigger, sample->value, sample->now);
	condition->last_ns = sample->now;
	if (sample->value >= trigger->raise && !trigger->per_flow)
		condition->id = sample->id;
	if (next != word)
		make_step(condition, &key, trigger, count, word, next, sample->value, sample->now);
	return word_phase(next) == PHASE_QUIET ? 0 : sample->now + 2 * silence(trigger);
}
