/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet identifiers: BOB (RFC 5475 appendix A.2) over the invariant fields of
 * section 6.2.4. The reference in Go is dataplane/flow/packetid.
 */
#pragma once

#include "parse.h"

#define BOB_GOLDEN 0x9e3779b9U
#define BOB_INIT 0	/* of packet identifiers */
#define BOB_WORDS 7	/* three of header fields, four of payload */
#define BOB_PAYLOAD 16

#define IP6_ADDRESSES_OFFSET 8

struct ip6_addresses {
	__u8 saddr[16];
	__u8 daddr[16];
};

static __always_inline void bob_mix(__u32 *a, __u32 *b, __u32 *c)
{
	*a = (*a - *b - *c) ^ (*c >> 13);
	*b = (*b - *c - *a) ^ (*a << 8);
	*c = (*c - *a - *b) ^ (*b >> 13);
	*a = (*a - *b - *c) ^ (*c >> 12);
	*b = (*b - *c - *a) ^ (*a << 16);
	*c = (*c - *a - *b) ^ (*b >> 5);
	*a = (*a - *b - *c) ^ (*c >> 3);
	*b = (*b - *c - *a) ^ (*a << 10);
	*c = (*c - *a - *b) ^ (*b >> 15);
}

/*
 * The length is fixed at two rounds of three words and one word more, so that
 * the general end of the algorithm shrinks to two additions.
 */
static __always_inline __u32 bob(const __u32 in[BOB_WORDS], __u32 c)
{
	__u32 a = BOB_GOLDEN, b = BOB_GOLDEN;

	a += in[0];
	b += in[1];
	c += in[2];
	bob_mix(&a, &b, &c);
	a += in[3];
	b += in[4];
	c += in[5];
	bob_mix(&a, &b, &c);
	a += in[6];
	c += BOB_WORDS * 4;
	bob_mix(&a, &b, &c);
	return c;
}

/* Whether the packet is long enough to be told from others by its payload. */
static __always_inline bool has_packet_id(const struct packet *pkt)
{
	return !pkt->truncated && !is_extension(pkt->key.id.proto) &&
	       pkt->octets >= (__u32)(pkt->transport - pkt->network) + BOB_PAYLOAD;
}

/* Collects what is hashed; false when the packet is too short for that. */
static __always_inline bool invariants(struct __sk_buff *skb, const struct packet *pkt, __u32 in[BOB_WORDS])
{
	__u8 *octets = (__u8 *)in;

	if (!has_packet_id(pkt) || bpf_skb_load_bytes(skb, pkt->transport, &in[3], BOB_PAYLOAD) < 0)
		return false;
	if (pkt->key.id.family == 4) {
		struct iphdr iph;

		if (bpf_skb_load_bytes(skb, pkt->network, &iph, sizeof(iph)) < 0)
			return false;
		/* The reserved flag is a candidate for a mark, so not invariant. */
		in[0] = iph.id | (__u32)(iph.frag_off & bpf_htons(0x7fff)) << 16;
		in[1] = iph.saddr;
		in[2] = iph.daddr;
	} else {
		/* On-path headers come and go, so the length is that of the payload. */
		__u32 length = pkt->octets - (pkt->transport - pkt->network);
		/* Of the key's addresses some policies read the prefix alone. */
		struct ip6_addresses addresses;

		if (bpf_skb_load_bytes(skb, pkt->network + IP6_ADDRESSES_OFFSET, &addresses, sizeof(addresses)) < 0)
			return false;
		octets[0] = length >> 8;
		octets[1] = length;
		octets[2] = addresses.saddr[9];
		octets[3] = addresses.saddr[10];
		octets[4] = addresses.saddr[13];
		octets[5] = addresses.saddr[14];
		octets[6] = addresses.saddr[15];
		octets[7] = addresses.daddr[9];
		octets[8] = addresses.daddr[10];
		octets[9] = addresses.daddr[13];
		octets[10] = addresses.daddr[14];
		octets[11] = addresses.daddr[15];
	}
	return true;
}

/* Stores the packet's identifier; false when it has none. */
static __always_inline bool packet_id(struct __sk_buff *skb, const struct packet *pkt, __u32 *out)
{
	__u32 in[BOB_WORDS];

	if (!invariants(skb, pkt, in))
		return false;
	*out = bob(in, BOB_INIT);
	return true;
}
