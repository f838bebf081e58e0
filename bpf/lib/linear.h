/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow of a packet as tracing programs read it: from the linear part of
 * the skb, by the rules of parse.h, which reads through a tcx context. The
 * headers are linear, because a program of ours has parsed them at tcx egress.
 * It is the flow of the outermost IP header, which triggers are about.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "abi.h"
#include "headers.h"

struct linear {
	const unsigned char *pos;
	__u64 left;	/* octets from pos on; as wide as the pointers that it comes from */
};

/* Copies what is at the cursor; false when it is cut off. */
static __always_inline bool peek(const struct linear *at, void *to, __u32 size)
{
	return at->left >= size && bpf_probe_read_kernel(to, size, at->pos) == 0;
}

static __always_inline bool skip(struct linear *at, __u32 size)
{
	if (at->left < size)
		return false;
	at->pos += size;
	at->left -= size;
	return true;
}

/* Moves over tags and labels to the EtherType of what they carry; false when they are cut off. */
static __always_inline bool skip_link(struct linear *at, __be16 *type_be)
{
	struct vlan_hdr tag;
	__be32 entry_be;
	__u8 first;

	for (int i = 0; i < MAX_VLAN_TAGS && is_tag(*type_be); i++) {
		if (!peek(at, &tag, sizeof(tag)) || !skip(at, sizeof(tag)))
			return false;
		*type_be = tag.h_vlan_encapsulated_proto;
	}
	if (!is_mpls(*type_be))
		return true;
#pragma clang loop unroll(disable)
	for (int i = 0; i < MPLS_MAX_LABELS; i++) {
		if (!peek(at, &entry_be, sizeof(entry_be)) || !skip(at, MPLS_OCTETS))
			return false;
		if (!(entry_be & bpf_htonl(MPLS_BOTTOM)))
			continue;
		if (!peek(at, &first, sizeof(first)))
			return false;
		*type_be = type_by_version(first);
		return true;
	}
	return false;
}

/* Ethernet's padding is behind this. A length of zero is that of a super-packet here, which bounds nothing. */
static __always_inline void bound_linear(struct linear *at, __u32 octets)
{
	if (octets && octets < at->left)
		at->left = octets;
}

/* Finds the transport header; false when there is none to be read. */
static __always_inline bool skip_ipv4(struct linear *at, struct ifit_flow_id *id)
{
	struct iphdr iph;
	__u32 size, octets;

	if (!peek(at, &iph, sizeof(iph)))
		return false;
	size = iph.ihl * 4;
	octets = bpf_ntohs(iph.tot_len);
	if (iph.version != 4 || size < sizeof(iph) || (octets && octets < size))
		return false;
	bound_linear(at, octets);
	id->family = 4;
	id->proto = iph.protocol;
	__builtin_memcpy(id->saddr, &iph.saddr, 4);
	__builtin_memcpy(id->daddr, &iph.daddr, 4);
	return !(iph.frag_off & bpf_htons(IP_OFFSET)) && skip(at, size);
}

static __always_inline bool skip_ipv6(struct linear *at, struct ifit_flow_id *id)
{
	struct ipv6hdr ip6h;
	__u32 skipped = 0, octets;

	if (!peek(at, &ip6h, sizeof(ip6h)) || !skip(at, sizeof(ip6h)) || ip6h.version != 6)
		return false;
	id->family = 6;
	id->proto = ip6h.nexthdr;
	__builtin_memcpy(id->saddr, &ip6h.saddr, 16);
	__builtin_memcpy(id->daddr, &ip6h.daddr, 16);

#pragma clang loop unroll(disable)
	for (int i = 0; i < IP6_MAX_HEADERS; i++) {
		__u8 proto = id->proto;
		struct frag_hdr ext;
		__u32 size;

		if (!is_extension(proto)) {
			octets = bpf_ntohs(ip6h.payload_len);
			bound_linear(at, octets ? octets - skipped : 0);
			return !octets || skipped <= octets;
		}
		if (!peek(at, &ext, sizeof(ext)))
			return false;
		id->proto = ext.nexthdr;
		if (proto == IPPROTO_FRAGMENT) {
			if (ext.frag_off & bpf_htons(IP6_OFFSET))
				return false;
			size = sizeof(ext);
		} else if (proto == IPPROTO_AH) {
			size = (ext.hdrlen + 2) * 4;
		} else {
			size = (ext.hdrlen + 1) * 8;
		}
		skipped += size;
		if (skipped > IP6_MAX_EXTENSION_OCTETS || !skip(at, size))
			return false;
	}
	return false;
}

/* Reads the flow of a packet, from behind its EtherType; false when it is no IP packet. */
static __always_inline bool read_flow(struct linear *at, __be16 type_be, struct ifit_flow_id *id)
{
	__u8 octets[4];
	bool transport;

	if (!skip_link(at, &type_be))
		return false;
	if (type_be == bpf_htons(ETH_P_IP))
		transport = skip_ipv4(at, id);
	else if (type_be == bpf_htons(ETH_P_IPV6))
		transport = skip_ipv6(at, id);
	else
		return false;
	if (!transport || at->left < transport_octets(id->proto) || !peek(at, octets, sizeof(octets)))
		return id->family;
	if (has_ports(id->proto)) {
		id->sport = octets[0] << 8 | octets[1];
		id->dport = octets[2] << 8 | octets[3];
	} else if (id->proto == IPPROTO_ICMP || id->proto == IPPROTO_ICMPV6) {
		id->dport = octets[0] << 8 | octets[1];
	}
	return true;
}

/* Reads the flow of an Ethernet frame. */
static __always_inline bool read_frame(struct linear *at, struct ifit_flow_id *id)
{
	struct ethhdr eth;

	return peek(at, &eth, sizeof(eth)) && skip(at, sizeof(eth)) && read_flow(at, eth.h_proto, id);
}
