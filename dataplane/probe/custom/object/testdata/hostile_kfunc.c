// SPDX-License-Identifier: GPL-2.0-only
/* Calls a function of the kernel that is no helper. */
#include "ifit_probe.h"

extern void bpf_rcu_read_lock(void) SEC(".ksyms");

SEC("ifit/probe")
__u64 kfunc(struct ifit_packet *packet)
{
	bpf_rcu_read_lock();
	return 0;
}

IFIT_LICENSE("GPL");
