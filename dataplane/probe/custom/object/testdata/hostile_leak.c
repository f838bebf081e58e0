// SPDX-License-Identifier: GPL-2.0-only
/* Keeps what it reserved. */
#include "ifit_probe.h"

struct ifit_record {
	__u32 length;
};
IFIT_RECORDS(4096);

SEC("ifit/probe")
__u64 leak(struct ifit_packet *packet)
{
	return ifit_record_begin() != 0;
}

IFIT_LICENSE("GPL");
