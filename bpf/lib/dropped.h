/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet as the kernel frees it: whether it is ours, and what it was. */
#pragma once

#include "event.h"
#include "linear.h"
#include <bpf/bpf_core_read.h>

struct dropped {
	struct ifit_flow_id id;
	__u64 location;
	__u64 now;
	__u64 octets;
	__u32 reason;
	__u32 segments;
	__u32 ingress_ifindex;
	__u32 egress_ifindex;
	__u64 network;	/* address of the IP header */
	__u32 left;	/* linear octets from there on */
	__u32 len;	/* of the whole packet */
	__be16 protocol;
};

/*
 * Reasons that are no loss: none at all, a packet that was used up, and a copy
 * for a packet socket. Their numbers are the running kernel's.
 */
static __always_inline bool is_loss(__u32 reason)
{
	if (!reason)
		return false;
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_CONSUMED) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_CONSUMED))
		return false;
	return !(bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_PACKET_SOCK_ERROR) &&
		 reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_PACKET_SOCK_ERROR));
}

/*
 * The device of a packet, 0 where it has none: UDP keeps other things in its
 * place, and reading those as a device finds no namespace.
 */
static __always_inline __u32 device_of(const struct sk_buff *skb, __u64 cookie)
{
	if (BPF_CORE_READ(skb, dev, nd_net.net, net_cookie) != cookie)
		return 0;
	return BPF_CORE_READ(skb, dev, ifindex);
}

/* Whether the packet is in the agent's network namespace. */
static __always_inline bool is_here(const struct sk_buff *skb, const struct sock *socket, __u64 cookie)
{
	if (socket)
		return BPF_CORE_READ(socket, __sk_common.skc_net.net, net_cookie) == cookie;
	if (BPF_CORE_READ(skb, dev))
		return BPF_CORE_READ(skb, dev, nd_net.net, net_cookie) == cookie;
	return BPF_CORE_READ(skb, sk, __sk_common.skc_net.net, net_cookie) == cookie;
}

static __always_inline __u32 segments_of(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = (const void *)(skb->head + skb->end);
	__u16 segments = BPF_CORE_READ(shared, gso_segs);

	return segments ? segments : 1;
}

/* Where the packet was, and where its header is. */
static __always_inline void locate(const struct sk_buff *skb, struct dropped *packet, __u64 cookie)
{
	__u32 device = device_of(skb, cookie);

	packet->segments = segments_of(skb);
	packet->network = (__u64)skb->head + skb->network_header;
	packet->left = skb->tail < skb->network_header ? 0 : skb->tail - skb->network_header;
	packet->len = skb->len;
	packet->protocol = skb->protocol;
	packet->ingress_ifindex = skb->skb_iif;
	if (device != packet->ingress_ifindex)
		packet->egress_ifindex = device;
}

/* Octets of the IP packet by its header, as if it had been segmented. */
static __always_inline __u64 ip_octets(const struct dropped *packet, const struct linear *network,
				       const struct linear *transport)
{
	__u64 octets = packet->len, headers = transport->pos - network->pos;
	struct ipv6hdr ip6h;
	struct iphdr iph;
	__u8 offset = 0;

	if (packet->id.family == 4 && peek(network, &iph, sizeof(iph)) && iph.tot_len)
		octets = bpf_ntohs(iph.tot_len);
	else if (packet->id.family == 6 && peek(network, &ip6h, sizeof(ip6h)) && ip6h.payload_len)
		octets = bpf_ntohs(ip6h.payload_len) + sizeof(ip6h);
	if (packet->segments == 1)
		return octets;
	if (packet->id.proto == IPPROTO_TCP && !bpf_probe_read_kernel(&offset, sizeof(offset), transport->pos + 12))
		headers += (offset >> 4) * 4;
	else
		headers += transport_octets(packet->id.proto);
	return octets + (__u64)(packet->segments - 1) * headers;
}

/*
 * Reads flow and length; false when it is no IP packet. A global function, so
 * that the verifier looks at it once.
 */
__noinline bool read_dropped(struct dropped *packet)
{
	struct linear network, at;

	if (!packet)
		return false;
	network.pos = (const void *)packet->network;
	network.left = packet->left;
	at = network;
	if (!read_flow(&at, packet->protocol, &packet->id))
		return false;
	packet->octets = ip_octets(packet, &network, &at);
	return true;
}
