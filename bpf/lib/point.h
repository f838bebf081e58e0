/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one program knows of its Observation Point. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/*
 * Set before each load. The verifier knows the values and removes whatever
 * they switch off, so one source gives every specialised program.
 */
const volatile struct ifit_point point;

/*
 * What moves without a reload; see abi.h. A variable in a section of its own
 * is a map, but needs no look-up.
 */
volatile struct ifit_live live SEC(".data.live");

static __always_inline bool reads(__u32 key_field)
{
	return point.key_fields & key_field;
}

/*
 * Features are tested group by group where packets pass that need none of
 * them: the verifier removes what a test guards, but not the test.
 */
#define IFIT_FEATURES_OF_ACTION \
	(IFIT_FEATURE_SAMPLE | IFIT_FEATURE_SKETCH | IFIT_FEATURE_EVENT | IFIT_FEATURE_MARK | IFIT_FEATURE_DIGEST | \
	 IFIT_FEATURE_TCP)
#define IFIT_FEATURES_OF_MARKS \
	(IFIT_FEATURE_CODE_POINTS | IFIT_FEATURE_FLAG_MARKS | IFIT_FEATURE_LABEL_MARKS)
#define IFIT_FEATURES_OF_NODE                                                                    \
	(IFIT_FEATURES_OF_MARKS | IFIT_FEATURE_SKETCH | IFIT_FEATURE_EVENT | IFIT_FEATURE_POSTCARD | \
	 IFIT_FEATURE_UNMARK | IFIT_FEATURE_DIGEST)

static __always_inline bool has(__u32 feature)
{
	return point.features & feature;
}

/* Whether some policy of the point selects packets in this way. */
static __always_inline bool uses(enum ifit_algorithm algorithm)
{
	return point.algorithms >> algorithm & 1;
}
