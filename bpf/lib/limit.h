/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's limit of selected packets: one bucket of tokens for all programs. */
#pragma once

#include "counters.h"
#include "node.h"
#include "packet.h"

/*
 * Takes up to n tokens and returns how many there were. The bucket is one word,
 * the time up to which tokens are spent: it lies at most a burst ahead of now.
 * What two CPUs take at once is added up in memory, so that no token is ever
 * given twice; the one that finds that it took too much puts it back, and
 * meanwhile another may go without a token that was there. At the limit nobody
 * writes.
 */
static __always_inline __u32 take_tokens(const struct ifit_limit *limit, __u64 now, __u32 n)
{
	__u32 which = IFIT_LIMIT_SELECTED;
	__u64 *spent = bpf_map_lookup_elem(&limits, &which);
	__u64 interval = limit->interval_ns;
	__u64 until = now + limit->burst_ns;
	__u64 at, room;

	if (!interval)
		return n;
	if (!spent)
		return 0;
	at = *(volatile __u64 *)spent;
	if (at < now) {
		__sync_val_compare_and_swap(spent, at, now);
		at = *(volatile __u64 *)spent;
	}
	if (at + interval > until)
		return 0;
	room = (until - at) / interval;
	if (n > room)
		n = room;
	if (__sync_fetch_and_add(spent, n * interval) + n * interval <= until)
		return n;
	__sync_fetch_and_sub(spent, n * interval);
	return 0;
}

/* Of the segments that a policy selected, those that the node may select now. */
static __always_inline __u32 limit_selected(const struct packet *pkt, __u32 selected,
					    struct ifit_policy_counters *count)
{
	const struct ifit_node *config;
	__u32 allowed;

	if (!has(IFIT_FEATURE_LIMIT))
		return selected;
	config = node_config();
	if (!config)
		return 0;
	allowed = take_tokens(&config->selected, pkt->now, selected);
	count->limited += selected - allowed;
	return allowed;
}
