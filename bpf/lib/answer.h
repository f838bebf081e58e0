/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers of probes that an operator brought. A probe's program runs before the
 * program of the point, at the same packet, and leaves its answer here.
 */
#pragma once

#include "point.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_answer);
} answers SEC(".maps");

/*
 * Puts the answer of the policy's probe on a postcard. A function of its own:
 * the stack of its caller is full.
 */
static __noinline void take_answer(struct ifit_postcard *card)
{
	struct ifit_answer *answer;
	__u32 zero = 0;

	if (card->policy != point.answer_policy)
		return;
	answer = bpf_map_lookup_elem(&answers, &zero);
	if (!answer || !answer->given)
		return;
	card->answer = answer->value;
	card->answered = 1;
	/* Should the probe go, its last answer is nobody else's. */
	answer->given = 0;
}
