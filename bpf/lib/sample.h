/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples on their way to user space: by ring buffer, and where the kernel has
 * none, by a perf buffer (many, from a packet's program) or a queue (few, from
 * anywhere). The maps are declared as ring buffers and are made as what the
 * kernel has.
 */
#pragma once

#include "kernel.h"

#define SAMPLE_OCTETS 512	/* the largest, and what a queue carries of each */

/* Without ring buffers samples are put together here; a softirq may interrupt a sweep. */
struct sample_desk {
	__u64 busy;
	__u8 sample[2][SAMPLE_OCTETS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample_desk);
} sample_desks SEC(".maps");

static __always_inline struct sample_desk *sample_desk(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sample_desks, &zero);
}

static __always_inline void *desk_place(void)
{
	struct sample_desk *desk = sample_desk();

	void *sample;

	if (!desk || desk->busy > 1)
		return NULL;
	sample = desk->busy++ ? desk->sample[1] : desk->sample[0];
	__builtin_memset(sample, 0, SAMPLE_OCTETS);
	return sample;
}

static __always_inline void clear_desk(void)
{
	struct sample_desk *desk = sample_desk();

	if (desk && desk->busy)
		desk->busy--;
}

/* A place for a sample of a constant size, NULL when there is none. */
#define reserve_sample(ring, size) \
	(lacks(IFIT_LACKS_RING_BUFFER) ? desk_place() : bpf_ringbuf_reserve(ring, size, 0))

static __always_inline void discard_sample(void *sample)
{
	if (lacks(IFIT_LACKS_RING_BUFFER))
		clear_desk();
	else
		bpf_ringbuf_discard(sample, 0);
}

/* Sends a sample; false when it is lost after all. wake is a flag of ring buffers. */
static __always_inline bool submit_sample(void *ring, void *sample, __u64 wake)
{
	long err;

	if (!lacks(IFIT_LACKS_RING_BUFFER)) {
		bpf_ringbuf_submit(sample, wake);
		return true;
	}
	err = bpf_map_push_elem(ring, sample, 0);
	clear_desk();
	return !err;
}

/* The same for samples that a packet's program sends in great numbers. */
static __always_inline bool submit_bulk_sample(struct __sk_buff *skb, void *ring, void *sample,
					       __u64 size, __u64 wake)
{
	long err;

	if (!lacks(IFIT_LACKS_RING_BUFFER)) {
		bpf_ringbuf_submit(sample, wake);
		return true;
	}
	err = bpf_perf_event_output(skb, ring, BPF_F_CURRENT_CPU, sample, size);
	clear_desk();
	return !err;
}
