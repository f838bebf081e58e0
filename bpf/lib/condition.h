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

/* Metrics whose conditions begin and end. */
static __always_inline bool is_lasting(const struct ifit_trigger *trigger)
{
	return trigger->metric && trigger->metric != IFIT_METRIC_NEW_FLOW &&
	       trigger->metric != IFIT_METRIC_PATH_CHANGE;
}

/*
 * How long a condition rises before it is told: a burst is over before
 * anything could hold.
 */
static __always_inline __u64 rise_ns(const struct ifit_trigger *trigger)
{
	return trigger->metric == IFIT_METRIC_MICROBURST ? 0 : trigger->hold_ns;
}

static __always_inline __u64 silence(const struct ifit_trigger *trigger)
{
	return trigger->hold_ns > SILENCE_NS ? trigger->hold_ns : SILENCE_NS;
}

/* What a value does to a condition. */
static __always_inline __u64 next_word(__u64 word, const struct ifit_trigger *trigger, __u64 value, __u64 now)
{
	bool held = now >= word_since(word) && now - word_since(word) >= trigger->hold_ns;

	switch (word_phase(word)) {
	case PHASE_QUIET:
		if (value < trigger->raise)
			return word;
		return make_word(rise_ns(trigger) ? PHASE_RISING : PHASE_RAISED, now);
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

/* One value at an interface, measured on a packet of a flow. */
struct sample {
	struct ifit_window_key at;	/* the flow, and where */
	__u64 value;
	__u64 now;

	/* Working space: programs of points have little stack left. */
	struct ifit_condition_key key;
	struct ifit_condition quiet;
	struct ifit_window fresh;
	struct ifit_burst_key burst;

	/* Of drops alone. */
	__u64 location;
	__u32 reason;
};

enum samples {
	SAMPLE_OF_PACKET,
	SAMPLE_OF_SWEEP,	/* which packets interrupt */
	SAMPLES,
};

/* By use; each program has its own, and no two of its packets meet on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAMPLES);
	__type(key, __u32);
	__type(value, struct sample);
} samples SEC(".maps");

static __always_inline struct sample *new_sample(__u32 use)
{
	return bpf_map_lookup_elem(&samples, &use);
}

static __always_inline void fill_event(struct ifit_event *event, const struct ifit_condition *condition,
				       const struct ifit_condition_key *key, const struct ifit_trigger *trigger,
				       bool raised, __u64 value)
{
	event->state = raised ? IFIT_EVENT_RAISED : IFIT_EVENT_CLEARED;
	event->id = condition->id;
	event->ifindex = key->ifindex;
	event->direction = key->direction;
	if (key->direction)
		event->egress_ifindex = key->ifindex;
	else
		event->ingress_ifindex = key->ifindex;
	event->value = value;
	event->threshold = raised ? trigger->raise : trigger->clear;
	event->location = condition->location;
	event->reason = condition->reason;
}

/*
 * Makes a step and tells it where it is one that is told. Without a place for
 * the event the step is not made, so that the next packet tries again. Returns
 * whether this CPU made it. bin holds the flows of a burst, NULL elsewhere.
 */
static __always_inline bool make_step(struct ifit_condition *condition, const struct ifit_condition_key *key,
				      const struct ifit_trigger *trigger, struct ifit_trigger_counters *count,
				      __u64 word, __u64 next, __u64 value, __u64 now, const struct ifit_bin *bin)
{
	bool raised = is_raised(next);
	void *told = NULL;

	if (raised != is_raised(word)) {
		if (!take_event(count, now))
			return false;
		told = bin ? reserve_burst(trigger, count, now, bin) : reserve_event(trigger, count, now);
		if (!told)
			return false;
		fill_event(told, condition, key, trigger, raised, value);
	}
	if (__sync_val_compare_and_swap(&condition->word, word, next) != word) {
		if (told)
			discard_sample(told);
		return false;
	}
	if (told)
		submit_event(told, count);
	return true;
}

/* The condition of the sample's key, made if the sample begins one; NULL if not. */
static __always_inline struct ifit_condition *find_condition(struct sample *sample, const struct ifit_trigger *trigger,
							     struct ifit_trigger_counters *count)
{
	struct ifit_condition *condition = bpf_map_lookup_elem(&conditions, &sample->key);

	if (condition || sample->value < trigger->raise)
		return condition;
	sample->quiet.word = make_word(PHASE_QUIET, sample->now);
	sample->quiet.last_ns = sample->now;
	sample->quiet.id = sample->at.id;
	bpf_map_update_elem(&conditions, &sample->key, &sample->quiet, BPF_NOEXIST);
	condition = bpf_map_lookup_elem(&conditions, &sample->key);
	if (!condition)
		count_one(&count->refused);
	return condition;
}

static __always_inline void make_key(struct sample *sample, const struct ifit_trigger *trigger, __u32 number)
{
	__builtin_memset(&sample->key, 0, sizeof(sample->key));
	sample->key.trigger = number;
	sample->key.generation = trigger->generation;
	sample->key.ifindex = sample->at.ifindex;
	sample->key.direction = sample->at.direction;
	if (trigger->per_flow)
		sample->key.id = sample->at.id;
}

/* A sweep knows neither flow nor reason, and leaves what packets noted. */
static __always_inline void note_cause(struct ifit_condition *condition, const struct sample *sample,
				       const struct ifit_trigger *trigger)
{
	if (!trigger->per_flow && sample->at.id.family)
		condition->id = sample->at.id;
	if (sample->reason) {
		condition->location = sample->location;
		condition->reason = sample->reason;
	}
}

static __always_inline __u64 offer_with(struct sample *sample, __u32 number, const struct ifit_bin *bin)
{
	struct ifit_trigger_counters *count = find_trigger_counters(number);
	const struct ifit_trigger *trigger = find_trigger(number);
	struct ifit_condition *condition;
	__u64 word, next;

	if (!count || !trigger || !is_lasting(trigger))
		return 0;
	make_key(sample, trigger, number);
	condition = find_condition(sample, trigger, count);
	if (!condition)
		return 0;
	word = *(volatile __u64 *)&condition->word;
	next = next_word(word, trigger, sample->value, sample->now);
	condition->last_ns = sample->now;
	if (sample->value >= trigger->raise)
		note_cause(condition, sample, trigger);
	if (next != word)
		make_step(condition, &sample->key, trigger, count, word, next, sample->value, sample->now, bin);
	return word_phase(next) == PHASE_QUIET ? 0 : sample->now + 2 * silence(trigger);
}

/*
 * Offers a value to one trigger. Returns until when the condition asks for
 * small values too: as long as it would take to end in silence; 0 when it is
 * quiet. A global function, so that the verifier looks at it once.
 */
__noinline __u64 offer(struct sample *sample, __u32 number)
{
	return sample ? offer_with(sample, number, NULL) : 0;
}
