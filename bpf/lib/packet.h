/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet on its way through the program. */
#pragma once

#include "point.h"

struct packet {
	/* Zero until something is found: begin_packet clears these and no others. */
	struct ifit_flow_key key;	/* the 5-tuple; the rest by complete_key */
	__u64 arrival;	/* monotonic; 0 when the packet has no arrival stamp. First, so that what is cleared is aligned */
	__u32 flow_label;	/* before marking */
	__u32 mpls;	/* top label stack entry */
	__u16 vlan;	/* of the outermost tag */
	__u16 customer_vlan;	/* of the tag behind it */
	__u16 payload;	/* offset behind the transport header, 0 when that is unknown */
	__u16 tcp_flags;
	bool fragment;	/* any fragment, the first one too */
	bool truncated;	/* the transport header is cut off */
	bool labelled;	/* behind MPLS labels */
	bool segment_routed;	/* has a segment routing header: the destination is the active segment */
	__u8 marked;	/* fields that carry a mark: 1 << enum ifit_mark_field */
	bool stays;	/* ingress: delivered here; these two with IFIT_FEATURES_OF_MARKS alone */
	bool tcp;	/* a whole TCP header was read */
	bool flagged;	/* IPv4's reserved flag is set; where that is a mark alone */

	/* Known of every packet that was parsed. */
	__u16 network;	/* offset of the IP header */
	__u16 transport;	/* offset of what follows the IP header and its extensions */
	__u32 octets;	/* of the IP packet as its header says */
	__u32 segments;	/* 1 unless a super-packet */
	__u8 ttl;
	__u8 dscp;	/* before marking */
	__u8 wire_dscp;	/* as it is in the packet now; this and ipv4 with marks alone */
	bool ipv4;
	__u64 wire_octets;	/* as if super-packets had been segmented */
	__u64 now;	/* monotonic; see clock.h for its precision */
	__u64 accepted;	/* slots that accept the flow */
	__u64 selected;	/* slots of those that take this very packet */

	/* What tunnels say, with IFIT_FEATURE_TUNNEL alone. */
	__u8 segment[16];	/* active one, of the outermost segment routing header */
	__u32 vni;	/* of the innermost overlay, likewise */
	__u32 overlay;	/* enum ifit_overlay */
	enum ifit_layer layer;
};

/* Leaves the wide part of the key to complete_key: narrow flow tables never look at it. */
static __always_inline void begin_packet(struct packet *pkt)
{
	const __u32 rest = __builtin_offsetof(struct packet, arrival);

	__builtin_memset(pkt, 0, IFIT_NARROW_KEY);
	__builtin_memset((void *)pkt + rest, 0, __builtin_offsetof(struct packet, network) - rest);
}
