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

static __always_inline bool in_bounds(const struct hdr_cursor *cur, __u32 size)
{
	return cur->pos + size <= cur->end;
}

/* Moves over the Ethernet header and all VLAN tags; false when they are cut off. */
static __always_inline bool parse_ethernet(struct hdr_cursor *cur, const struct __sk_buff *skb,
					   struct packet *pkt, __be16 *type_be)
{
	struct ethhdr *eth = cur->pos;
	__u32 tags = 0;

	if (!in_bounds(cur, sizeof(*eth)))
		return false;
	cur->pos += sizeof(*eth);
	/* The kernel has moved the outermost tag out of the packet already. */
	if (skb->vlan_present) {
		pkt->vlan = skb->vlan_tci & VLAN_VID_MASK;
		tags++;
	}
	*type_be = eth->h_proto;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_hdr *tag = cur->pos;

		if (!is_tag(*type_be))
			break;
		if (!in_bounds(cur, sizeof(*tag)))
			return false;
		cur->pos += sizeof(*tag);
		if (tags == 0)
			pkt->vlan = bpf_ntohs(tag->h_vlan_TCI) & VLAN_VID_MASK;
		else if (tags == 1)
			pkt->customer_vlan = bpf_ntohs(tag->h_vlan_TCI) & VLAN_VID_MASK;
		tags++;
		*type_be = tag->h_vlan_encapsulated_proto;
	}
	return true;
}

/*
 * The hash of the flow tables reads the key by words. A word that was stored
 * in pieces could not be read until the pieces have reached the cache, so the
 * pieces are put together before. This source is little endian.
 */
static __always_inline void set_ports(struct ifit_flow_id *id, __u16 sport, __u16 dport)
{
	__u32 word = sport | (__u32)dport << 16;

	__builtin_memcpy(&id->sport, &word, sizeof(word));
}

static __always_inline void set_protocol(struct ifit_flow_id *id, __u8 proto, __u8 family)
{
	__u32 word = proto | (__u32)family << 8;

	__builtin_memcpy(&id->proto, &word, sizeof(word));
}

static __always_inline void take_ports(struct packet *pkt, const __be16 *ports_be, __u32 header)
{
	set_ports(&pkt->key.id, bpf_ntohs(ports_be[0]), bpf_ntohs(ports_be[1]));
	pkt->payload = pkt->transport + header;
}

/*
 * Reads ports or ICMP type and code; false when they are cut off. left is what
 * the IP header leaves for them: a short packet may be padded by Ethernet, and
 * padding has no ports.
 */
static __always_inline bool parse_transport(const struct hdr_cursor *cur, struct packet *pkt, __u8 proto,
					    __u32 left)
{
	const __u8 *octets = cur->pos;

	switch (proto) {
	case IPPROTO_TCP:
		if (left < TCP_OCTETS || !in_bounds(cur, TCP_OCTETS))
			return false;
		pkt->tcp = true;
		pkt->tcp_flags = (octets[12] << 8 | octets[13]) & TCP_CONTROL_BITS;
		take_ports(pkt, cur->pos, (octets[12] >> 4) * 4);
		return true;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		if (left < UDP_OCTETS || !in_bounds(cur, UDP_OCTETS))
			return false;
		take_ports(pkt, cur->pos, UDP_OCTETS);
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (left < ICMP_OCTETS || !in_bounds(cur, ICMP_OCTETS))
			return false;
		set_ports(&pkt->key.id, 0, octets[0] << 8 | octets[1]);
		pkt->payload = pkt->transport + ICMP_OCTETS;
		return true;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (left < SCTP_OCTETS || !in_bounds(cur, SCTP_OCTETS))
			return false;
		take_ports(pkt, cur->pos, proto == IPPROTO_SCTP ? SCTP_OCTETS : octets[4] * 4);
		return true;
	}
	pkt->payload = pkt->transport;
	return true;
}

static __always_inline int parse_ipv4(struct hdr_cursor *cur, const struct __sk_buff *skb, struct packet *pkt)
{
	const struct iphdr *iph = cur->pos;
	__u32 size;
	__u16 frag;

	if (!in_bounds(cur, sizeof(*iph)))
		return PARSE_CUT;
	size = iph->ihl * 4;
	pkt->octets = bpf_ntohs(iph->tot_len);
	/* BIG TCP leaves the length zero; a lone packet's would be Ethernet's padding. */
	if (!pkt->octets && skb->gso_size)
		pkt->octets = skb->len - pkt->network;
	if (iph->version != 4 || size < sizeof(*iph) || pkt->octets < size)
		return PARSE_BROKEN;

	__builtin_memcpy(pkt->key.id.saddr, &iph->saddr, 4);
	__builtin_memcpy(pkt->key.id.daddr, &iph->daddr, 4);
	set_protocol(&pkt->key.id, iph->protocol, 4);
	pkt->dscp = iph->tos >> 2;
	pkt->ttl = iph->ttl;
	pkt->transport = pkt->network + size;

	if (has(IFIT_FEATURE_FLAG_MARKS))
		pkt->flagged = iph->frag_off & bpf_htons(IP_RESERVED);
	frag = iph->frag_off & bpf_htons(IP_MF | IP_OFFSET);
	if (frag) {
		pkt->fragment = true;
		if (frag & bpf_htons(IP_OFFSET))
			return PARSE_OK;
	}
	if (!in_bounds(cur, size)) {
		pkt->truncated = true;
		return PARSE_OK;
	}
	cur->pos += size;
	pkt->truncated = !parse_transport(cur, pkt, iph->protocol, pkt->octets - size);
	return PARSE_OK;
}

/* Of a routing header, which has it where a fragment header has its offset. */
static __always_inline __u8 routing_type(const struct frag_hdr *ext)
{
	return *(const __u8 *)&ext->frag_off;
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
	for (int i = 0; i < IP6_MAX_HEADERS; i++) {
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
			if (proto == IPPROTO_ROUTING && routing_type(&ext) == ROUTING_TYPE_SEGMENTS)
				pkt->segment_routed = true;
			offset += (ext.hdrlen + 1) * 8;
		}
		pkt->key.id.proto = ext.nexthdr;
	}
	pkt->truncated = true;
	return -1;
}

static __always_inline int parse_ipv6(struct hdr_cursor *cur, struct __sk_buff *skb, struct packet *pkt)
{
	const struct ipv6hdr *ip6h = cur->pos;
	__u8 proto;
	__u32 left;

	if (!in_bounds(cur, sizeof(*ip6h)))
		return PARSE_CUT;
	if (ip6h->version != 6)
		return PARSE_BROKEN;
	cur->pos += sizeof(*ip6h);

	proto = ip6h->nexthdr;
	left = bpf_ntohs(ip6h->payload_len);
	/* BIG TCP leaves the length zero, and so does a jumbogram (RFC 2675), whose length is an option. */
	if (!left && (skb->gso_size || proto == IPPROTO_HOPOPTS))
		left = skb->len - pkt->network - sizeof(*ip6h);
	__builtin_memcpy(pkt->key.id.saddr, &ip6h->saddr, 16);
	__builtin_memcpy(pkt->key.id.daddr, &ip6h->daddr, 16);
	set_protocol(&pkt->key.id, proto, 6);
	pkt->dscp = ip6h->priority << 2 | ip6h->flow_lbl[0] >> 6;
	pkt->flow_label = (ip6h->flow_lbl[0] & 0x0f) << 16 | ip6h->flow_lbl[1] << 8 | ip6h->flow_lbl[2];
	pkt->ttl = ip6h->hop_limit;
	pkt->octets = left + sizeof(*ip6h);
	pkt->transport = pkt->network + sizeof(*ip6h);

	if (is_extension(proto)) {
		int length = skip_extensions(skb, pkt);

		if (length < 0)
			return PARSE_OK;
		if (length > IP6_MAX_EXTENSION_OCTETS || !in_bounds(cur, length) || left < length) {
			pkt->truncated = true;
			return PARSE_OK;
		}
		cur->pos += length;
		left -= length;
		proto = pkt->key.id.proto;
	}
	pkt->truncated = !parse_transport(cur, pkt, proto, left);
	return PARSE_OK;
}

/*
 * Walks over a stack of MPLS labels at offset, keeps the top one if it is the
 * packet's first, and returns the EtherType of what follows, as offset tells
 * then; 0 when that is no IP packet, -1 when it is cut off.
 */
__noinline int skip_labels(struct __sk_buff *skb, struct packet *pkt, __u32 *offset)
{
	__be32 entry_be;
	__u8 first;

	if (!pkt || !offset)
		return -1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < MPLS_MAX_LABELS; i++) {
		if (bpf_skb_load_bytes(skb, *offset, &entry_be, sizeof(entry_be)))
			return -1;
		*offset += MPLS_OCTETS;
		if (!pkt->labelled) {
			pkt->labelled = true;
			pkt->mpls = bpf_ntohl(entry_be);
		}
		if (!(entry_be & bpf_htonl(MPLS_BOTTOM)))
			continue;
		if (bpf_skb_load_bytes(skb, *offset, &first, sizeof(first)))
			return -1;
		return type_by_version(first);
	}
	return 0;
}

/* Moves over MPLS labels to what they carry; false when that is cut off. */
static __always_inline bool parse_labels(struct hdr_cursor *cur, struct __sk_buff *skb, struct packet *pkt,
					 __be16 *type_be)
{
	__u32 start = cur->pos - (void *)(long)skb->data, offset = start;
	int type = skip_labels(skb, pkt, &offset);

	if (type < 0 || offset - start > MPLS_MAX_LABELS * MPLS_OCTETS)
		return false;
	cur->pos += offset - start;
	*type_be = type;
	return true;
}

/*
 * Reads what the linear part of the packet holds. A global function, which
 * the verifier checks by itself: its many ways would multiply with those of
 * the rest of the program.
 */
__noinline int parse_linear(struct __sk_buff *skb, struct packet *pkt)
{
	struct hdr_cursor cur = {
		.pos = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
	};
	__be16 type_be;

	if (!pkt || !parse_ethernet(&cur, skb, pkt, &type_be))
		return PARSE_CUT;
	if (type_be != bpf_htons(ETH_P_IP) && is_mpls(type_be) && !parse_labels(&cur, skb, pkt, &type_be))
		return PARSE_CUT;
	pkt->network = cur.pos - (void *)(long)skb->data;
	if (type_be == bpf_htons(ETH_P_IP))
		return parse_ipv4(&cur, skb, pkt);
	if (type_be == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(&cur, skb, pkt);
	return PARSE_NOT_IP;
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
	begin_packet(pkt);
	return parse_linear(skb, pkt);
}
