/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is inside of tunnels, where some policy asks for it. Global functions,
 * which the verifier checks by themselves, and which read by helpers: only
 * packets in tunnels take this way.
 */
#pragma once

#include "parse.h"
#include "tunnel_headers.h"

/* IP headers that are read behind the outermost one; what is deeper is counted as unread. */
#define MAX_TUNNELS 4

/* Packets that have no room on the stack. */
enum packet_place {
	ROOM_OUTER,
	ROOM_INNER,	/* what is innermost so far */
	ROOMS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ROOMS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct packet));
} packet_rooms SEC(".maps");

static __always_inline struct packet *packet_room(__u32 place)
{
	return bpf_map_lookup_elem(&packet_rooms, &place);
}

/* Results of walk_tunnels. */
enum tunnel_walk {
	TUNNEL_FOUND = 1 << 0,	/* there is an inner IP header */
	TUNNEL_UNREAD = 1 << 1,	/* and one behind it that was not read */
};

/* An EtherType in host order says what is inside. */
enum tunnel_inside {
	INSIDE_NOTHING = 0,	/* no tunnel, or nothing that has an IP header */
	INSIDE_BROKEN = -1,
};

/* What of the packet has not been read yet. */
struct descent {
	__u32 offset;
	__u32 end;	/* of what the IP headers so far leave; Ethernet's padding is behind it */
};

static __always_inline bool load(struct __sk_buff *skb, struct descent *at, void *to, __u32 size)
{
	if (at->offset + size > at->end || bpf_skb_load_bytes(skb, at->offset, to, size))
		return false;
	at->offset += size;
	return true;
}

static __always_inline int open_gre(struct __sk_buff *skb, struct packet *pkt, struct descent *at)
{
	struct gre_hdr gre;
	__be32 key_be;
	int type;

	if (!load(skb, at, &gre, sizeof(gre)))
		return INSIDE_BROKEN;
	if (gre.flags & bpf_htons(GRE_ROUTING | GRE_VERSION))
		return INSIDE_NOTHING;
	type = bpf_ntohs(gre.protocol);
	if (gre.flags & bpf_htons(GRE_CHECKSUM))
		at->offset += GRE_FIELD_OCTETS;
	if (gre.flags & bpf_htons(GRE_KEY)) {
		if (!load(skb, at, &key_be, sizeof(key_be)))
			return INSIDE_BROKEN;
		/* Of other tunnels the key is whatever both ends agree on. */
		if (type == ETH_P_TEB) {
			pkt->overlay = IFIT_OVERLAY_NVGRE;
			pkt->vni = bpf_ntohl(key_be) >> NVGRE_VSID_SHIFT;
		}
	}
	if (gre.flags & bpf_htons(GRE_SEQUENCE))
		at->offset += GRE_FIELD_OCTETS;
	return type;
}

static __always_inline int open_vxlan(struct __sk_buff *skb, struct packet *pkt, struct descent *at)
{
	struct vxlan_hdr vxlan;

	if (!load(skb, at, &vxlan, sizeof(vxlan)))
		return INSIDE_BROKEN;
	if (!(vxlan.flags & VXLAN_VNI_VALID))
		return INSIDE_NOTHING;
	pkt->overlay = IFIT_OVERLAY_VXLAN;
	pkt->vni = bpf_ntohl(vxlan.vni) >> VNI_SHIFT;
	return ETH_P_TEB;
}

static __always_inline int open_geneve(struct __sk_buff *skb, struct packet *pkt, struct descent *at)
{
	struct geneve_hdr geneve;

	if (!load(skb, at, &geneve, sizeof(geneve)))
		return INSIDE_BROKEN;
	if (geneve.version_length >> GENEVE_VERSION_SHIFT)
		return INSIDE_NOTHING;
	pkt->overlay = IFIT_OVERLAY_GENEVE;
	pkt->vni = bpf_ntohl(geneve.vni) >> VNI_SHIFT;
	at->offset += (geneve.version_length & GENEVE_OPTIONS) * 4;
	return bpf_ntohs(geneve.protocol);
}

/*
 * Opens the tunnel behind the IP header of outer, which may be pkt itself, and
 * notes in pkt what the tunnel says of the packet.
 */
__noinline int open_tunnel(struct __sk_buff *skb, struct packet *pkt, const struct packet *outer, struct descent *at)
{
	if (!pkt || !outer || !at)
		return INSIDE_NOTHING;
	at->offset = outer->transport;
	switch (outer->key.id.proto) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
	case IPPROTO_ETHERNET:
	case IPPROTO_GRE:
		/* A later fragment, or cut off. */
		if (!outer->payload)
			return INSIDE_BROKEN;
		break;
	case IPPROTO_UDP:
		at->offset = outer->payload;
		if (outer->payload && outer->key.id.dport == VXLAN_PORT)
			return open_vxlan(skb, pkt, at);
		if (outer->payload && outer->key.id.dport == GENEVE_PORT)
			return open_geneve(skb, pkt, at);
		return INSIDE_NOTHING;
	default:
		return INSIDE_NOTHING;
	}
	switch (outer->key.id.proto) {
	case IPPROTO_IPIP:
		return ETH_P_IP;
	case IPPROTO_IPV6:
		return ETH_P_IPV6;
	case IPPROTO_ETHERNET:
		return ETH_P_TEB;
	}
	return open_gre(skb, pkt, at);
}

/* Moves over an Ethernet header with its tags and over MPLS labels, to the EtherType of an IP header. */
__noinline int find_ip(struct __sk_buff *skb, struct packet *pkt, struct descent *at, __u32 type)
{
	__be16 type_be = bpf_htons(type);
	struct vlan_hdr tag;
	struct ethhdr eth;

	if (!pkt || !at)
		return INSIDE_BROKEN;
	if (type == ETH_P_TEB) {
		if (!load(skb, at, &eth, sizeof(eth)))
			return INSIDE_BROKEN;
		type_be = eth.h_proto;
		for (int i = 0; i < MAX_VLAN_TAGS && is_tag(type_be); i++) {
			if (!load(skb, at, &tag, sizeof(tag)))
				return INSIDE_BROKEN;
			type_be = tag.h_vlan_encapsulated_proto;
		}
	}
	if (is_mpls(type_be)) {
		int carried = skip_labels(skb, pkt, &at->offset);

		if (carried < 0 || at->offset >= at->end)
			return INSIDE_BROKEN;
		type_be = carried;
	}
	if (type_be == bpf_htons(ETH_P_IP) || type_be == bpf_htons(ETH_P_IPV6))
		return bpf_ntohs(type_be);
	return INSIDE_NOTHING;
}

/* Reads what parse_transport reads; false when it is cut off. */
static __always_inline bool load_transport(struct __sk_buff *skb, struct packet *in, struct descent *at)
{
	__u8 proto = in->key.id.proto, octets[TCP_OCTETS] = {};
	__u32 need = transport_octets(proto);

	at->offset = in->transport;
	if (at->offset > at->end)
		return false;
	in->payload = in->transport;
	if (!need)
		return true;
	if (!load(skb, at, octets, need)) {
		in->payload = 0;
		return false;
	}
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		set_ports(&in->key.id, 0, octets[0] << 8 | octets[1]);
		in->payload += ICMP_OCTETS;
		return true;
	}
	take_ports(in, (__be16 *)octets, need);
	if (proto == IPPROTO_TCP) {
		in->tcp = true;
		in->tcp_flags = (octets[12] << 8 | octets[13]) & TCP_CONTROL_BITS;
		in->payload = in->transport + (octets[12] >> 4) * 4;
	} else if (proto == IPPROTO_DCCP) {
		in->payload = in->transport + octets[4] * 4;
	}
	return true;
}

/* What a header leaves, at most: the packet inside may say that it is longer than the one outside. */
static __always_inline void bound(struct descent *at, __u32 end)
{
	if (end < at->end)
		at->end = end;
}

static __always_inline bool load_ipv4(struct __sk_buff *skb, struct packet *in, struct descent *at)
{
	__u32 network = at->offset, size, octets;
	struct iphdr iph;
	__u16 frag;

	if (!load(skb, at, &iph, sizeof(iph)))
		return false;
	size = iph.ihl * 4;
	octets = bpf_ntohs(iph.tot_len);
	if (!octets && skb->gso_size)
		octets = skb->len - network;
	if (iph.version != 4 || size < sizeof(iph) || octets < size)
		return false;
	begin_packet(in);
	__builtin_memcpy(in->key.id.saddr, &iph.saddr, 4);
	__builtin_memcpy(in->key.id.daddr, &iph.daddr, 4);
	set_protocol(&in->key.id, iph.protocol, 4);
	in->network = network;
	in->transport = network + size;
	in->octets = octets;
	in->dscp = iph.tos >> 2;
	in->ttl = iph.ttl;
	in->ipv4 = true;
	bound(at, network + octets);

	frag = iph.frag_off & bpf_htons(IP_MF | IP_OFFSET);
	in->fragment = frag;
	if (frag & bpf_htons(IP_OFFSET))
		return true;
	in->truncated = !load_transport(skb, in, at);
	return true;
}

static __always_inline bool load_ipv6(struct __sk_buff *skb, struct packet *in, struct descent *at)
{
	__u32 network = at->offset, left;
	struct ipv6hdr ip6h;
	int length;

	if (!load(skb, at, &ip6h, sizeof(ip6h)) || ip6h.version != 6)
		return false;
	left = bpf_ntohs(ip6h.payload_len);
	if (!left && (skb->gso_size || ip6h.nexthdr == IPPROTO_HOPOPTS))
		left = skb->len - network - sizeof(ip6h);
	begin_packet(in);
	__builtin_memcpy(in->key.id.saddr, &ip6h.saddr, 16);
	__builtin_memcpy(in->key.id.daddr, &ip6h.daddr, 16);
	set_protocol(&in->key.id, ip6h.nexthdr, 6);
	in->network = network;
	in->transport = network + sizeof(ip6h);
	in->octets = left + sizeof(ip6h);
	in->dscp = ip6h.priority << 2 | ip6h.flow_lbl[0] >> 6;
	in->flow_label = (ip6h.flow_lbl[0] & 0x0f) << 16 | ip6h.flow_lbl[1] << 8 | ip6h.flow_lbl[2];
	in->ttl = ip6h.hop_limit;
	in->ipv4 = false;
	bound(at, network + sizeof(ip6h) + left);

	if (is_extension(ip6h.nexthdr)) {
		length = skip_extensions(skb, in);
		if (length < 0)
			return true;
		if (length > IP6_MAX_EXTENSION_OCTETS) {
			in->truncated = true;
			return true;
		}
	}
	in->truncated = !load_transport(skb, in, at);
	return true;
}

/* Reads an IP header; false, and nothing is changed, when there is none. */
__noinline int load_ip(struct __sk_buff *skb, struct packet *in, struct descent *at, __u32 type)
{
	if (!in || !at)
		return false;
	return type == ETH_P_IP ? load_ipv4(skb, in, at) : load_ipv6(skb, in, at);
}

/* The first segment routing header is the one that the network acts on. */
static __always_inline void note_segment(struct packet *pkt, const struct packet *at)
{
	const __u32 *segment = (const __u32 *)pkt->segment;

	if (at->segment_routed && !(segment[0] | segment[1] | segment[2] | segment[3]))
		__builtin_memcpy(pkt->segment, at->key.id.daddr, sizeof(pkt->segment));
}

/*
 * Walks down to the innermost IP header that can be read, and reads it into
 * in; what tunnels say of the packet goes into pkt. Returns a set of enum
 * tunnel_walk.
 */
__noinline int walk_tunnels(struct __sk_buff *skb, struct packet *pkt, struct packet *in)
{
	struct descent at = { .end = skb->len };
	int type, seen = 0;

	if (!pkt || !in)
		return 0;
	bound(&at, pkt->network + pkt->octets);
	note_segment(pkt, pkt);
#pragma clang loop unroll(disable)
	for (int depth = 0; depth <= MAX_TUNNELS; depth++) {
		type = open_tunnel(skb, pkt, seen ? in : pkt, &at);
		if (type > 0)
			type = find_ip(skb, pkt, &at, type);
		if (type == INSIDE_NOTHING)
			return seen;
		if (type < 0 || depth == MAX_TUNNELS || !load_ip(skb, in, &at, type))
			return seen | TUNNEL_UNREAD;
		note_segment(pkt, in);
		seen = TUNNEL_FOUND;
	}
	return seen;
}

/* What is true of the packet at whatever header one looks. */
static __always_inline void take_over(struct packet *in, const struct packet *pkt)
{
	in->segments = pkt->segments;
	in->arrival = pkt->arrival;
	in->now = pkt->now;
	in->vlan = pkt->vlan;
	in->customer_vlan = pkt->customer_vlan;
	in->labelled = pkt->labelled;
	in->mpls = pkt->mpls;
	in->vni = pkt->vni;
	in->overlay = pkt->overlay;
	__builtin_memcpy(in->segment, pkt->segment, sizeof(in->segment));
}

/*
 * Looks into the packet and returns what is inside, where policies read that;
 * NULL for a packet whose only IP header is pkt's.
 */
static __always_inline struct packet *look_inside(struct __sk_buff *skb, struct packet *pkt,
						  struct ifit_counters *count)
{
	struct packet *in = packet_room(ROOM_INNER);
	int seen;

	__builtin_memset(pkt->segment, 0, sizeof(pkt->segment));
	pkt->vni = 0;
	pkt->overlay = IFIT_OVERLAY_NONE;
	pkt->layer = IFIT_LAYER_ONLY;
	if (!in)
		return NULL;
	seen = walk_tunnels(skb, pkt, in);
	if (seen & TUNNEL_UNREAD)
		count->tunnels_unread += pkt->segments;
	if (!(seen & TUNNEL_FOUND))
		return NULL;
	/* Each segment of a super-packet gets all headers, not the outer ones alone. */
	if (pkt->segments > 1 && in->payload)
		pkt->payload = in->payload;
	if (!has(IFIT_FEATURE_INNER))
		return NULL;
	in->layer = IFIT_LAYER_ONLY;
	if (has(IFIT_FEATURE_LAYERS)) {
		pkt->layer = IFIT_LAYER_OUTER;
		in->layer = IFIT_LAYER_INNER;
	}
	return in;
}
