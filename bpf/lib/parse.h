/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads the headers of a packet once; knows nothing of policies. */
#pragma once

#include "headers.h"
#include "packet.h"

/* Headers that are worth copying out of the fragments of an skb. */
#define PULL_OCTETS 256

enum parse_result {
	PARSE_OK,
	PARSE_NOT_IP,
	PARSE_CUT,	/* the linear part ends within the IP header */
	PARSE_BROKEN,	/* the IP header contradicts itself */
};

/* The part of the packet that has not been read yet. */
struct hdr_cursor {
	void *pos;
	void *end;
};

/* Returns the header at the cursor and moves behind it, NULL when it is cut off. */
static __always_inline void *take(struct hdr_cursor *cur, __u32 size)
{
	void *header = cur->pos;

	if (header + size > cur->end)
		return NULL;
	cur->pos = header + size;
	return header;
}

/* Stores the Ethertype behind all VLAN tags; returns false when it is cut off. */
static __always_inline bool parse_ethernet(struct hdr_cursor *cur, const struct __sk_buff *skb,
					   struct packet *pkt, __be16 *type_be)
{
	struct ethhdr *eth = take(cur, sizeof(*eth));
	bool tagged = skb->vlan_present;

	if (!eth)
		return false;
	/* The kernel has moved the outermost tag out of the packet already. */
	if (tagged)
		pkt->key.vlan = skb->vlan_tci & VLAN_VID_MASK;
	*type_be = eth->h_proto;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_hdr *tag;

		if (*type_be != bpf_htons(ETH_P_8021Q) && *type_be != bpf_htons(ETH_P_8021AD))
			break;
		tag = take(cur, sizeof(*tag));
		if (!tag)
			return false;
		if (!tagged)
			pkt->key.vlan = bpf_ntohs(tag->h_vlan_TCI) & VLAN_VID_MASK;
		tagged = true;
		*type_be = tag->h_vlan_encapsulated_proto;
	}
	return true;
}

/*
 * Reads ports or ICMP type and code. left is what the IP header leaves for
 * it: a short packet may be padded by Ethernet, and padding has no ports.
 */
static __always_inline void parse_transport(struct hdr_cursor *cur, struct packet *pkt, __u32 left)
{
	struct ifit_flow_id *id = &pkt->key.id;
	__u32 header = 8;
	__be16 *ports_be;
	__u8 *octets;

	if (id->proto == IPPROTO_TCP)
		header = 20;
	else if (id->proto == IPPROTO_SCTP || id->proto == IPPROTO_DCCP)
		header = 12;
	else if (!has_ports(id->proto) && id->proto != IPPROTO_ICMP && id->proto != IPPROTO_ICMPV6)
		header = 0;

	if (left < header) {
		pkt->truncated = true;
		return;
	}
	pkt->payload = pkt->transport + header;
	if (!header)
		return;
	octets = cur->pos;
	if ((void *)octets + 8 > cur->end) {
		pkt->truncated = true;
		return;
	}
	if (!has_ports(id->proto)) {
		id->dport = octets[0] << 8 | octets[1];
		return;
	}
	if (id->proto == IPPROTO_TCP) {
		if ((void *)octets + 20 > cur->end) {
			pkt->truncated = true;
			return;
		}
		pkt->tcp_flags = (octets[12] << 8 | octets[13]) & TCP_CONTROL_BITS;
		header = (octets[12] >> 4) * 4;
	} else if (id->proto == IPPROTO_DCCP) {
		header = octets[4] * 4;
	}
	ports_be = (__be16 *)octets;
	id->sport = bpf_ntohs(ports_be[0]);
	id->dport = bpf_ntohs(ports_be[1]);
	pkt->payload = pkt->transport + header;
}

static __always_inline int parse_ipv4(struct hdr_cursor *cur, struct packet *pkt)
{
	struct iphdr *iph = take(cur, sizeof(*iph));
	__u16 frag;
	__u32 size;

	if (!iph)
		return PARSE_CUT;
	size = iph->ihl * 4;
	pkt->octets = bpf_ntohs(iph->tot_len);
	if (iph->version != 4 || size < sizeof(*iph) || (pkt->octets && pkt->octets < size))
		return PARSE_BROKEN;

	pkt->key.id.family = 4;
	__builtin_memcpy(pkt->key.id.saddr, &iph->saddr, 4);
	__builtin_memcpy(pkt->key.id.daddr, &iph->daddr, 4);
	pkt->key.id.proto = iph->protocol;
	pkt->key.dscp = iph->tos >> 2;
	pkt->ttl = iph->ttl;
	pkt->transport = pkt->network + size;

	frag = bpf_ntohs(iph->frag_off);
	pkt->fragment = frag & (IP_MF | IP_OFFSET);
	if (frag & IP_OFFSET)
		return PARSE_OK;
	if (!take(cur, size - sizeof(*iph))) {
		pkt->truncated = true;
		return PARSE_OK;
	}
	parse_transport(cur, pkt, pkt->octets ? pkt->octets - size : ~0U);
	return PARSE_OK;
}

/*
 * Walks over the extension headers and returns their length; -1 when there is
 * no transport header to be read behind them: the flow's protocol is then the
 * header that could not be read. Reads by helper, not by pointer: rare enough
 * to be slower, and the verifier follows one way through the loop where
 * pointers would have it follow thousands.
 */
__noinline int skip_extensions(struct __sk_buff *skb, struct packet *pkt)
{
	__u32 start, offset;

	if (!pkt)
		return -1;
	start = offset = pkt->transport;

#pragma clang loop unroll(disable)
	for (int i = 0; i < IP6_MAX_EXTENSIONS; i++) {
		__u8 proto = pkt->key.id.proto;
		struct frag_hdr ext;

		pkt->transport = offset;
		if (!is_extension(proto))
			return offset - start;
		/* Every extension header has at least the eight octets of this one. */
		if (bpf_skb_load_bytes(skb, offset, &ext, sizeof(ext)))
			break;
		if (proto == IPPROTO_FRAGMENT) {
			offset += sizeof(ext);
			pkt->fragment = ext.frag_off & bpf_htons(IP6_OFFSET | IP6_MF);
			if (ext.frag_off & bpf_htons(IP6_OFFSET)) {
				pkt->key.id.proto = ext.nexthdr;
				pkt->transport = offset;
				return -1;
			}
		} else if (proto == IPPROTO_AH) {
			offset += (ext.hdrlen + 2) * 4;
		} else {
			offset += (ext.hdrlen + 1) * 8;
		}
		pkt->key.id.proto = ext.nexthdr;
	}
	pkt->truncated = true;
	return -1;
}

static __always_inline int parse_ipv6(struct hdr_cursor *cur, struct __sk_buff *skb, struct packet *pkt)
{
	struct ipv6hdr *ip6h = take(cur, sizeof(*ip6h));
	__u32 size = sizeof(*ip6h);

	if (!ip6h)
		return PARSE_CUT;
	if (ip6h->version != 6)
		return PARSE_BROKEN;

	pkt->key.id.family = 6;
	__builtin_memcpy(pkt->key.id.saddr, &ip6h->saddr, 16);
	__builtin_memcpy(pkt->key.id.daddr, &ip6h->daddr, 16);
	pkt->key.id.proto = ip6h->nexthdr;
	pkt->key.dscp = ip6h->priority << 2 | ip6h->flow_lbl[0] >> 6;
	pkt->key.flow_label = (ip6h->flow_lbl[0] & 0x0f) << 16 | ip6h->flow_lbl[1] << 8 | ip6h->flow_lbl[2];
	pkt->ttl = ip6h->hop_limit;
	pkt->transport = pkt->network + size;
	if (ip6h->payload_len)
		pkt->octets = bpf_ntohs(ip6h->payload_len) + size;

	if (is_extension(ip6h->nexthdr)) {
		int length = skip_extensions(skb, pkt);

		if (length < 0)
			return PARSE_OK;
		size += length;
		if (length > IP6_MAX_EXTENSION_OCTETS || !take(cur, length) ||
		    (pkt->octets && pkt->octets < size)) {
			pkt->truncated = true;
			return PARSE_OK;
		}
	}
	parse_transport(cur, pkt, pkt->octets ? pkt->octets - size : ~0U);
	return PARSE_OK;
}

/* Reads what the linear part of the packet holds. A function of its own
 * because it runs again after the headers were pulled. */
__noinline int parse_linear(struct __sk_buff *skb, struct packet *pkt)
{
	struct hdr_cursor cur = {
		.pos = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
	};
	void *start = cur.pos;
	__be16 type_be;
	int result;

	if (!pkt || !parse_ethernet(&cur, skb, pkt, &type_be))
		return PARSE_CUT;
	pkt->network = cur.pos - start;
	if (type_be == bpf_htons(ETH_P_IP))
		result = parse_ipv4(&cur, pkt);
	else if (type_be == bpf_htons(ETH_P_IPV6))
		result = parse_ipv6(&cur, skb, pkt);
	else
		return PARSE_NOT_IP;
	/* BIG TCP leaves the length in the IP header zero. */
	if (!pkt->octets)
		pkt->octets = skb->len - pkt->network;
	return result;
}

/* Copies headers out of the fragments of the skb; false when that changes nothing. */
static __always_inline bool pull_headers(struct __sk_buff *skb)
{
	__u32 linear = skb->data_end - skb->data;
	__u32 want = skb->len < PULL_OCTETS ? skb->len : PULL_OCTETS;

	return linear < want && bpf_skb_pull_data(skb, want) == 0;
}

static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *pkt)
{
	int result = parse_linear(skb, pkt);

	if (result != PARSE_CUT && !pkt->truncated)
		return result;
	if (!pull_headers(skb))
		return result;
	__builtin_memset(&pkt->key, 0, sizeof(pkt->key));
	pkt->octets = 0;
	pkt->payload = 0;
	pkt->truncated = false;
	return parse_linear(skb, pkt);
}
