// SPDX-License-Identifier: GPL-2.0-only
/* Counts packets by size, in a second way of doing things than dns.c: the
 * same counters, a table of its own, a function beside, no records. */
#define IFIT_CAPTURE 16
#include "ifit_probe.h"

struct ifit_parameters {
	__s32 weight;
	_Bool wide;
};
IFIT_PARAMETERS = { .weight = -1 };

struct ifit_counters {
	__u64 packets IFIT_UNITS("packets") IFIT_SEMANTICS("deltaCounter");
	__u64 octets IFIT_UNITS("octets") IFIT_SEMANTICS("deltaCounter");
	__u64 queries IFIT_SEMANTICS("deltaCounter");
};
IFIT_COUNTERS;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sizes SEC(".maps");

__attribute__((noinline)) static __u32 class(__u32 length)
{
	__u32 n = 0;
	for (int i = 0; i < 16; i++)
		if (length >> i)
			n++;
	return n;
}

SEC("ifit/probe")
__u64 size(struct ifit_packet *packet)
{
	struct ifit_counters *count = ifit_counters_begin();
	if (!count)
		return 0;
	count->packets++;
	count->octets += packet->length + (parameters.wide ? parameters.weight : 0);
	__u32 key = class(packet->length);
	__u64 one = 1, *have = bpf_map_lookup_elem(&sizes, &key);
	if (have)
		__sync_fetch_and_add(have, 1);
	else
		bpf_map_update_elem(&sizes, &key, &one, BPF_NOEXIST);
	return key;
}

IFIT_LICENSE("GPL");
