/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Windows of a second in which triggers count dropped packets. */
#pragma once

#include "window.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IFIT_CONDITIONS);
	__type(key, struct ifit_condition_key);
	__type(value, struct ifit_window);
} drop_windows SEC(".maps");
