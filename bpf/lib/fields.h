/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wide part of flow keys: VNI, MPLS label, active segment, customer's
 * VLAN, and the interface of arrival. Programs whose policies read none of them have none of this.
 */
#pragma once

#include "headers.h"
#include "packet.h"

static __always_inline bool has_segment(const struct ifit_flow_key *key)
{
	const __u32 *word = (const __u32 *)key->segment;

	return word[0] | word[1] | word[2] | word[3];
}

/* The wide part of the key: what the policies of the point read of it, and else zero. */
static __always_inline void complete_wide_key(const struct __sk_buff *skb, struct packet *pkt)
{
	struct ifit_flow_key *key = &pkt->key;
	__u32 vni = 0, mpls = 0;

	if (reads(IFIT_KEY_SEGMENT))
		__builtin_memcpy(key->segment, pkt->segment, sizeof(key->segment));
	else
		__builtin_memset(key->segment, 0, sizeof(key->segment));
	if (reads(IFIT_KEY_VNI))
		vni = pkt->vni << IFIT_VNI_SHIFT | pkt->overlay;
	if (reads(IFIT_KEY_MPLS) && pkt->labelled) {
		vni |= IFIT_LABELLED | (pkt->mpls >> MPLS_REST_SHIFT & IFIT_LABEL_REST_MASK) << IFIT_LABEL_REST_SHIFT;
		mpls = pkt->mpls >> MPLS_LABEL_SHIFT << IFIT_VLAN_BITS;
	}
	if (reads(IFIT_KEY_CUSTOMER_VLAN))
		mpls |= pkt->customer_vlan;
	key->vni = vni;
	key->mpls = mpls;
	key->ingress_ifindex = reads(IFIT_KEY_INGRESS_INTERFACE) ? skb->ingress_ifindex : 0;
}
