/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers of tunnels: GRE (RFC 2784, 2890, 7637), VXLAN (RFC 7348), GENEVE (RFC 8926). */
#pragma once

#include "headers.h"

struct gre_hdr {
	__be16 flags;
	__be16 protocol;
};

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING 0x4000	/* RFC 1701, which nobody sends any more */
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION 0x0007	/* 1: carries PPP */
#define GRE_FIELD_OCTETS 4	/* of checksum, key and sequence number each */
#define NVGRE_VSID_SHIFT 8	/* in the key, before the flow identifier */

#define VXLAN_PORT 4789

struct vxlan_hdr {
	__u8 flags;
	__u8 reserved[3];
	__be32 vni;
};

#define VXLAN_VNI_VALID 0x08
#define VNI_SHIFT 8	/* before a reserved octet, in GENEVE too */

#define GENEVE_PORT 6081

struct geneve_hdr {
	__u8 version_length;
	__u8 flags;
	__be16 protocol;
	__be32 vni;
};

#define GENEVE_VERSION_SHIFT 6
#define GENEVE_OPTIONS 0x3f	/* words of four octets */
