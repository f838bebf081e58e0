/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers and rules of packet headers. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88A8
#define ETH_P_TEB 0x6558	/* an Ethernet frame, in GRE's and GENEVE's protocol field */
#define ETH_P_MPLS_UC 0x8847
#define ETH_P_MPLS_MC 0x8848
#define VLAN_VID_MASK 0x0fff
#define MAX_VLAN_TAGS 2

#define IP_RESERVED 0x8000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP6_OFFSET 0xfff8
#define IP6_MF 0x0001
#define IP6_MAX_HEADERS 8	/* extension headers and the one behind them */
#define IP6_MAX_EXTENSION_OCTETS 1024

#define IPPROTO_HOPOPTS 0
#define IPPROTO_ICMP 1
#define IPPROTO_IPIP 4
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_DCCP 33
#define IPPROTO_IPV6 41
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_GRE 47
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define IPPROTO_ETHERNET 143

/* The least that a transport header holds; DCCP's is as long as SCTP's. */
#define TCP_OCTETS 20
#define UDP_OCTETS 8
#define ICMP_OCTETS 8
#define SCTP_OCTETS 12

#define ROUTING_TYPE_SEGMENTS 4	/* RFC 8754 */

#define MPLS_MAX_LABELS 16
#define MPLS_OCTETS 4
#define MPLS_LABEL_SHIFT 12
#define MPLS_REST_SHIFT 8	/* traffic class and bottom of stack */
#define MPLS_BOTTOM (1 << 8)

/* RFC 7125: the reserved bits count, the data offset does not. */
#define TCP_CONTROL_BITS 0x0fff

#define TCP_SYN 0x02
#define TCP_ACK 0x10

static __always_inline bool has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static __always_inline bool is_tag(__be16 type_be)
{
	return type_be == bpf_htons(ETH_P_8021Q) || type_be == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool is_mpls(__be16 type_be)
{
	return type_be == bpf_htons(ETH_P_MPLS_UC) || type_be == bpf_htons(ETH_P_MPLS_MC);
}

/* What the octet behind an MPLS label stack begins: labels do not tell what they carry. */
static __always_inline __be16 type_by_version(__u8 octet)
{
	switch (octet >> 4) {
	case 4:
		return bpf_htons(ETH_P_IP);
	case 6:
		return bpf_htons(ETH_P_IPV6);
	}
	return 0;
}

static __always_inline bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_AH || proto == IPPROTO_DSTOPTS;
}

static __always_inline __u32 transport_octets(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return TCP_OCTETS;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return UDP_OCTETS;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_OCTETS;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return SCTP_OCTETS;
	}
	return 0;
}
