/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates: what one flow amounts to in windows of a fixed length, one after the
 * other on the node's clock. The packet that opens a window tells the one
 * before; the sweep does so where no packet comes. A window that reaches a
 * threshold before its end is told at once.
 */
#pragma once

#include "condition.h"

#define SECOND_NS 1000000000ULL
#define WINDOW_NS (SECOND_NS / 10)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_WINDOWS);
	__type(key, struct ifit_window_key);
	__type(value, struct ifit_window);
} windows SEC(".maps");

/* Offers what a window amounts to, as a rate, to each trigger of a set. */
static __always_inline void offer_rate(struct sample *sample, __u64 numbers, __u64 amount, __u64 length, __u64 now)
{
	struct rounds r;

	sample->value = amount * (SECOND_NS / length);
	sample->now = now;
	begin_rounds(&r, 0, IFIT_TRIGGERS);
	while (next_round(&r) && numbers) {
		offer(sample, lowest_bit(numbers));
		numbers &= numbers - 1;
	}
	end_rounds(&r);
}

/*
 * Tells the window before the present one, if nobody has done so; of several
 * CPUs just one does.
 */
static __always_inline void end_window(struct ifit_window *window, struct sample *sample, __u64 numbers,
				       __u64 length, __u64 now)
{
	__u64 number = now / length, old, amount;

	old = *(volatile __u64 *)&window->number;
	if (number <= old || __sync_val_compare_and_swap(&window->number, old, number) != old)
		return;
	amount = __sync_lock_test_and_set(&window->amount, 0);
	offer_rate(sample, numbers, amount, length, (old + 1) * length);
	if (amount && number > old + 1)
		offer_rate(sample, numbers, 0, length, number * length);
}

/* Adds to a window; what reaches floor within it is told before its end. */
static __always_inline void add_to_window(struct ifit_window *window, struct sample *sample, __u64 numbers,
					  __u64 amount, __u64 floor, __u64 length, __u64 now)
{
	if (window->triggers != numbers)
		window->triggers = numbers;
	end_window(window, sample, numbers, length, now);
	amount += __sync_fetch_and_add(&window->amount, amount);
	if (amount >= floor && window->told != now / length) {
		window->told = now / length;
		offer_rate(sample, numbers, amount, length, now);
	}
}

/*
 * Adds octets to the window of the sample's flow; false when there is no place
 * for it. A global function, so that the verifier looks at it once.
 */
__noinline bool count_rate(struct sample *sample, __u64 numbers, __u64 octets, __u64 floor, __u64 now)
{
	struct ifit_window *window;

	if (!sample)
		return false;
	window = bpf_map_lookup_elem(&windows, &sample->at);
	if (!window) {
		sample->fresh.number = now / WINDOW_NS;
		bpf_map_update_elem(&windows, &sample->at, &sample->fresh, BPF_NOEXIST);
		window = bpf_map_lookup_elem(&windows, &sample->at);
		if (!window)
			return false;
	}
	add_to_window(window, sample, numbers, octets, floor, WINDOW_NS, now);
	return true;
}
