/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hash functions of packet selection over the fields that bob.h collects. The
 * reference in Go is dataplane/flow/packetid.
 */
#pragma once

#include "bob.h"

/*
 * IPSX (RFC 5475 appendix A.1): identification and flags, source, destination
 * and the second word of the payload. In IPv6 the three words before the
 * payload stand for the first three.
 */
static __always_inline __u32 ipsx(const __u32 in[BOB_WORDS])
{
	__u32 v1 = bpf_ntohl(in[0]) ^ bpf_ntohl(in[1]);
	__u32 v2 = bpf_ntohl(in[2]) ^ bpf_ntohl(in[4]);

	return (v1 << 8 ^ v1 >> 4 ^ v1 >> 12 ^ v1 >> 16 ^ v2 << 6 ^ v2 << 10 ^ v2 << 14 ^ v2 >> 7) & 0xffff;
}

/* Remainders of half an octet: 64 octets stay in the cache where 1,024 would not. */
static const __u32 crc32_half[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

/* The CRC of IEEE 802.3, begun with the remainder of what may have gone before. */
static __always_inline __u32 crc32(const __u32 in[BOB_WORDS], __u32 crc)
{
	crc = ~crc;
	for (int i = 0; i < BOB_WORDS; i++) {
		crc ^= in[i];
#pragma unroll
		for (int half = 0; half < 8; half++)
			crc = crc32_half[crc & 15] ^ crc >> 4;
	}
	return ~crc;
}

#define NO_HASH (-1LL)

/*
 * The hash of a packet; NO_HASH when it is too short for one. A global
 * function, so that the verifier looks at three functions once and not once
 * for each policy.
 */
__noinline __s64 hash_packet(struct __sk_buff *skb, struct packet *pkt, __u32 algorithm, __u32 initialiser)
{
	__u32 in[BOB_WORDS];

	if (!pkt || !invariants(skb, pkt, in))
		return NO_HASH;
	if (uses(IFIT_SELECT_IPSX) && algorithm == IFIT_SELECT_IPSX)
		return ipsx(in);
	if (uses(IFIT_SELECT_CRC32) && algorithm == IFIT_SELECT_CRC32)
		return crc32(in, initialiser);
	return bob(in, initialiser);
}
