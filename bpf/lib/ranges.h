/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * In which of many ranges an address lies, by halving. Comparisons are sums:
 * the verifier would follow every branch, and the CPU could not foresee them.
 * A trie would do as well, but visits a place in memory for each prefix that
 * covers the address.
 */
#pragma once

#include "point.h"

/* Keeps the compiler from making a branch of it again. */
#define AS_NUMBER(x) asm volatile("" : "+r"(x))

/* 1 when a is less than b plus borrow, which is 0 or 1. */
static __always_inline __u64 is_less(__u64 a, __u64 b, __u64 borrow)
{
	__u64 difference = a - b - borrow;
	__u64 less = (~a & b) | ((~a | b) & difference);

	AS_NUMBER(less);
	return less >> 63;
}

/* The number of addresses that are not above the given one. */
static __always_inline __u32 range_of_ipv4(const __u32 *from, const volatile struct ifit_ranges *ranges,
					   const __u8 *address)
{
	__u64 wanted = bpf_ntohl(*(const __u32 *)address);
	__u32 steps = ranges->steps[0];
	__u64 range = 0;

#pragma unroll
	for (int i = IFIT_RANGE_STEPS - 1; i >= 0; i--) {
		__u64 above;

		if (i >= steps)
			continue;
		above = wanted - from[range + (1U << i) - 1];
		AS_NUMBER(above);
		range += (above >> 63 ^ 1) << i;
	}
	return range;
}

static __always_inline __u32 range_of_ipv6(const __u64 *from, const volatile struct ifit_ranges *ranges,
					   const __u8 *address)
{
	const __u32 *word = (const __u32 *)address;
	__u64 high = (__u64)bpf_ntohl(word[0]) << 32 | bpf_ntohl(word[1]);
	__u64 low = (__u64)bpf_ntohl(word[2]) << 32 | bpf_ntohl(word[3]);
	__u32 steps = ranges->steps[1];
	__u64 range = 0;

#pragma unroll
	for (int i = IFIT_RANGE_STEPS - 1; i >= 0; i--) {
		const __u64 *at;

		if (i >= steps)
			continue;
		at = from + 2 * (range + (1U << i) - 1);
		range += (is_less(high, at[0], is_less(low, at[1], 0)) ^ 1) << i;
	}
	return range;
}
