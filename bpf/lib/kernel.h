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
 * A loop over from, from + 1, ... to - 1, which need not be known to the
 * verifier:
 *
 *	begin_rounds(&r, from, to);
 *	while (next_round(&r))
 *		... r.at ...
 *	end_rounds(&r);
 *
 * Without open-coded iterators it is a plain loop of at most MAX_ROUNDS
 * rounds, each of which the verifier walks through.
 */
struct rounds {
	struct bpf_iter_num it;
	/* Of full width, so that the verifier knows what is in them. */
	__u64 at;
	__u64 next;
	__u64 end;
};

#define MAX_ROUNDS 1024

static __always_inline void begin_rounds(struct rounds *r, __u32 from, __u32 to)
{
	if (!lacks(IFIT_LACKS_ITERATOR)) {
		bpf_iter_num_new(&r->it, from, to);
		return;
	}
	r->next = from;
	r->end = to;
}

static __always_inline bool next_round(struct rounds *r)
{
	if (!lacks(IFIT_LACKS_ITERATOR)) {
		int *at = bpf_iter_num_next(&r->it);

		if (at)
			r->at = *at;
		return at;
	}
	/* Count up from a constant, whatever the compiler likes better: the verifier can follow that. */
	barrier_var(r->next);
	r->at = r->next;
	if (r->at >= r->end || r->at >= MAX_ROUNDS)
		return false;
	r->next++;
	return true;
}

static __always_inline void end_rounds(struct rounds *r)
{
	if (!lacks(IFIT_LACKS_ITERATOR))
		bpf_iter_num_destroy(&r->it);
}
