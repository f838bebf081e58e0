// SPDX-License-Identifier: GPL-2.0-only
/* Reports what cannot be exported. */
#include "ifit_probe.h"

struct ifit_record {
	__u32 length : 3;
	__u32 rest : 29;
};
IFIT_RECORDS(4096);

SEC("ifit/probe")
__u64 field(struct ifit_packet *packet)
{
	struct ifit_record *record = ifit_record_begin();
	if (record)
		ifit_record_send(record);
	return 0;
}

IFIT_LICENSE("GPL");
