/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The notes that programs of points write and the transmit program reads. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_NOTES);
	__type(key, struct ifit_note_key);
	__type(value, struct ifit_note);
} notes SEC(".maps");
