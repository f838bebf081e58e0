/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet on its way through the program. */
#pragma once

#include "point.h"

struct packet {
	struct ifit_flow_key key;	/* the 5-tuple; the rest by complete_key */
	__u64 accepted;	/* slots that accept the flow */
	__u64 selected;	/* slots of those that take this very packet */
	__u64 now;	/* monotonic; see clock.h for its precision */
	__u64 arrival;	/* monotonic; 0 when the packet has no arrival stamp */
	__u64 wire_octets;	/* as if super-packets had been segmented */
	__u32 octets;	/* of the IP packet as its header says */
	__u32 segments;	/* 1 unless a super-packet */
	__u16 network;	/* offset of the IP header */
	__u16 transport;	/* offset of what follows the IP header and its extensions */
	__u16 payload;	/* offset behind the transport header, 0 when that is unknown */
	__u16 tcp_flags;
	__u32 flow_label;
	__u16 vlan;	/* of the outermost tag */
	__u8 ttl;
	__u8 dscp;	/* before marking */
	__u8 wire_dscp;	/* as it is in the packet now */
	bool ipv4;
	bool marked;
	bool stays;	/* ingress: delivered here; these five with IFIT_FEATURE_CODE_POINTS alone */
	bool fragment;	/* any fragment, the first one too */
	bool truncated;	/* the transport header is cut off */
};
