/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the running kernel lacks, found out by the agent and known to the
 * verifier: it removes the calls that such a kernel would not know, and where
 * nothing is lacking, the ways round them.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "abi.h"

const volatile enum ifit_lack kernel_lacks;

static __always_inline bool lacks(enum ifit_lack what)
{
	return kernel_lacks & what;
}

/*
 * A loop over the numbers from, from + 1, ... to - 1, of which there may be
 * any number:
 *
 *	begin_rounds(&r, from, to);
 *	while ((n = next_number(&r, to)) >= 0)
 *		...
 *	end_rounds(&r);
 *
 * Without open-coded iterators it is a plain loop, each round of which the
 * verifier walks through; numbers end at MAX_ROUNDS then. Loops over the bits
 * of a vector use next_round(), which needs no end.
 */
struct rounds {
	union {
		struct bpf_iter_num it;
		__u64 next;	/* of full width, so that the verifier knows what is in it */
	};
};

#define MAX_ROUNDS 1024

static __always_inline void begin_rounds(struct rounds *r, __u32 from, __u32 to)
{
	if (lacks(IFIT_LACKS_ITERATOR))
		r->next = from;
	else
		bpf_iter_num_new(&r->it, from, to);
}

static __always_inline int next_number(struct rounds *r, __u64 to)
{
	__u64 number;
	int *at;

	if (!lacks(IFIT_LACKS_ITERATOR)) {
		at = bpf_iter_num_next(&r->it);
		return at ? *at & 0x7fffffff : -1;
	}
	/* Count up from a constant, whatever the compiler likes better: the verifier can follow that. */
	barrier_var(r->next);
	number = r->next;
	if (number >= to || number >= MAX_ROUNDS)
		return -1;
	r->next = number + 1;
	return number;
}

static __always_inline bool next_round(struct rounds *r)
{
	return next_number(r, 64) >= 0;
}

static __always_inline void end_rounds(struct rounds *r)
{
	if (!lacks(IFIT_LACKS_ITERATOR))
		bpf_iter_num_destroy(&r->it);
}
