/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sketch of flow sizes: a count-min sketch of octets, and a list of the flows
 * that look largest, each in one of two places that its hash names.
 */
#pragma once

#include "bits.h"
#include "distinct.h"
#include "flowhash.h"
#include "meter.h"
#include "node.h"

/*
 * The model of the two epochs of a point, from which Go makes them; by CPU,
 * because a value is too large for a per-CPU map.
 */
struct sketch_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ifit_sketch);
} sketch_table SEC(".maps");

/* The one slot names the epoch in progress; the other one is being read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct sketch_table);
} sketch_tables SEC(".maps");

/*
 * Adds octets to the flow's cells and returns the new estimate. Only cells
 * below the estimate are raised, which never makes it too small and keeps the
 * others' smaller. A full cell stays full.
 */
static __noinline __u32 add_octets(struct ifit_sketch *sketch, __u64 hash, __u32 octets)
{
	__u32 step = hash >> 32 | 1;
	__u32 *cell[IFIT_SKETCH_ROWS];
	__u32 least = ~0U;

	for (int i = 0; i < IFIT_SKETCH_ROWS; i++) {
		cell[i] = &sketch->cell[i][((__u32)hash + i * step) & (IFIT_SKETCH_WIDTH - 1)];
		if (*cell[i] < least)
			least = *cell[i];
	}
	least = least + octets < least ? ~0U : least + octets;
	for (int i = 0; i < IFIT_SKETCH_ROWS; i++) {
		if (*cell[i] < least)
			*cell[i] = least;
	}
	return least;
}

static __always_inline bool same_flow(const struct ifit_flow_id *a, const struct ifit_flow_id *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;
	__u64 differ = 0;

	for (int i = 0; i < sizeof(*a) / sizeof(*x); i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

static __always_inline bool holds(const struct ifit_place *place, __u64 hash, const struct ifit_flow_id *id)
{
	return place->tag == hash && same_flow(&place->id, id);
}

/* Octets of the flow, and a place in the list when that is enough. */
static __always_inline void list_heavy(struct ifit_sketch *sketch, const struct packet *pkt, __u64 hash)
{
	const struct ifit_flow_id *id = &pkt->key.id;
	__u64 octets = segmented_octets(pkt);
	struct ifit_place *place, *other;
	__u32 estimate;

	estimate = add_octets(sketch, hash, octets);
	/* Bits that neither the rows nor their step have used. */
	place = &sketch->place[hash >> 11 & (IFIT_SKETCH_PLACES - 1)];
	other = &sketch->place[hash >> 43 & (IFIT_SKETCH_PLACES - 1)];
	if (!holds(place, hash, id)) {
		if (holds(other, hash, id) || other->octets < place->octets)
			place = other;
	}
	if (!holds(place, hash, id)) {
		if (estimate <= place->octets)
			return;
		place->tag = hash;
		place->id = *id;
		place->octets = estimate - octets;
		place->counted = 0;
		place->packets = 0;
	}
	place->octets += octets;
	place->counted += octets;
	place->packets += pkt->segments;
}

static __always_inline void sketch_packet(const struct packet *pkt, const struct ifit_node *config)
{
	__u32 zero = 0, cpu = bpf_get_smp_processor_id();
	struct ifit_sketch *sketch;
	void *table;
	__u64 hash;

	table = bpf_map_lookup_elem(&sketch_tables, &zero);
	if (!table)
		return;
	sketch = bpf_map_lookup_elem(table, &cpu);
	if (!sketch)
		return;
	hash = hash_flow(&pkt->key.id, config->sketch_seed);
	if (point.sketch_parts & IFIT_SKETCH_HEAVY)
		list_heavy(sketch, pkt, hash);
	if (point.sketch_parts & (IFIT_SKETCH_DISTINCT | IFIT_SKETCH_SPREAD))
		count_distinct(sketch, &pkt->key.id, hash, config->sketch_seed);
}
