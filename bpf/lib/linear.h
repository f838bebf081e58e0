/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow of a packet as tracing programs read it: from the linear part of
 * the skb, by the rules of parse.h, which reads through a tcx context. The
 * headers are linear, because a program of ours has parsed them at tcx egress.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include "abi.h"
#include "headers.h"

struct linear {
	const unsigned char *pos;
	__u32 left;	/* octets from pos on */
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

/* Finds the transport header; false when there is none to be read. */
static __always_inline bool skip_ipv4(struct linear *at, struct ifit_flow_id *id)
{
	struct iphdr iph;

	if (!peek(at, &iph, sizeof(iph)))
		return false;
	id->family = 4;
	id->proto = iph.protocol;
	__builtin_memcpy(id->saddr, &iph.saddr, 4);
	__builtin_memcpy(id->daddr, &iph.daddr, 4);
	return !(iph.frag_off & bpf_htons(IP_OFFSET)) && skip(at, iph.ihl * 4);
}

static __always_inline bool skip_ipv6(struct linear *at, struct ifit_flow_id *id)
{
	struct ipv6hdr ip6h;

	if (!peek(at, &ip6h, sizeof(ip6h)) || !skip(at, sizeof(ip6h)))
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

		if (!is_extension(proto))
			return true;
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
		if (!skip(at, size))
			return false;
	}
	return false;
}

/* Reads the flow of an IP packet; false when it is no IP packet. */
static __always_inline bool read_flow(struct linear *at, __be16 type_be, struct ifit_flow_id *id)
{
	__u8 octets[4];
	bool transport;

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
