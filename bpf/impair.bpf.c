// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A lossy, reordering link for the lab: no part of what measures. It hangs at
 * clsact egress, where it runs behind the tcx programs of an agent, so that
 * what it drops is lost on the link and not in the node.
 *
 * Fates are drawn from seed and packet number alone: the same packets meet the
 * same fate on every run.
 */
#include "lib/vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD

#define IPV4_DESTINATION 30	/* in an Ethernet frame */
#define IPV6_DESTINATION 38

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

#define FRAME_MAX 2047	/* octets of a frame that can be held back, 2^n - 1 */

/* Written by Go before the program is attached, but for the counters. */
struct impair_state {
	__u64 seed;
	__u64 drop_threshold;	/* of 2^32 */
	__u64 swap_threshold;	/* of 2^32 */
	__u64 packets;		/* that came by, of those that routers forward */
	__u64 dropped;
	__u64 swapped;		/* packets that left in another one's place */
	__u64 held;		/* 1 while a packet is held back */
	__u64 busy;
	__u64 active;		/* slot of the held packet */
};

struct impair_frame {
	__u32 length;
	__u8 octets[FRAME_MAX + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct impair_state);
} impair SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct impair_frame);
} frames SEC(".maps");

/* The finaliser of SplitMix64: each packet number gives independent bits. */
static __always_inline __u64 draw(__u64 seed, __u64 number)
{
	__u64 z = seed + (number + 1) * 0x9E3779B97F4A7C15ULL;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

static __always_inline bool take(struct __sk_buff *skb, struct impair_frame *slot)
{
	__u32 length = skb->len;

	if (!length || length > FRAME_MAX)
		return false;
	slot->length = length;
	return !bpf_skb_load_bytes(skb, 0, slot->octets, length);
}

static __always_inline bool give(struct __sk_buff *skb, const struct impair_frame *slot)
{
	__u32 length = slot->length;

	if (!length || length > FRAME_MAX)
		return false;
	if (bpf_skb_change_tail(skb, length, 0))
		return false;
	return !bpf_skb_store_bytes(skb, 0, slot->octets, length, 0);
}

/*
 * Holds the packet back and lets the one that was held go in its buffer. No
 * packet is cloned or sent again: that would pass the tcx programs twice.
 */
static __always_inline int swap(struct __sk_buff *skb, struct impair_state *s)
{
	__u32 mine = !s->active, other = s->active & 1;
	struct impair_frame *in = bpf_map_lookup_elem(&frames, &mine);
	struct impair_frame *out = bpf_map_lookup_elem(&frames, &other);

	if (!in || !out || !take(skb, in))
		return TC_ACT_OK;
	if (!s->held) {
		s->active = mine;
		s->held = 1;
		return TC_ACT_SHOT;
	}
	if (!give(skb, out)) {
		/* A buffer that could be half rewritten must not leave. */
		__sync_fetch_and_add(&s->dropped, 1);
		return TC_ACT_SHOT;
	}
	s->active = mine;
	__sync_fetch_and_add(&s->swapped, 1);
	return TC_ACT_OK;
}

/*
 * Whether routers forward packets to this destination. Neighbours' own packets
 * come at times of their own: they are let through and take no number.
 */
static __always_inline bool is_forwarded(struct __sk_buff *skb)
{
	__u8 to[3];

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return !bpf_skb_load_bytes(skb, IPV4_DESTINATION, to, sizeof(to)) &&
		       !(to[0] == 224 && to[1] == 0 && to[2] == 0);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return !bpf_skb_load_bytes(skb, IPV6_DESTINATION, to, sizeof(to)) &&
		       !(to[0] == 0xff && to[1] == 0x02) && !(to[0] == 0xfe && (to[1] & 0xc0) == 0x80);
	return false;
}

SEC("tc")
int impair_egress(struct __sk_buff *skb)
{
	struct impair_state *s;
	__u64 bits;
	__u32 zero = 0;
	int verdict;

	if (!is_forwarded(skb))
		return TC_ACT_OK;
	s = bpf_map_lookup_elem(&impair, &zero);
	if (!s)
		return TC_ACT_OK;
	bits = draw(s->seed, __sync_fetch_and_add(&s->packets, 1));
	if ((bits & 0xffffffff) < s->drop_threshold) {
		__sync_fetch_and_add(&s->dropped, 1);
		return TC_ACT_SHOT;
	}
	if (bits >> 32 >= s->swap_threshold || skb->gso_segs > 1)
		return TC_ACT_OK;
	/* Where two CPUs meet, one packet keeps its place. */
	if (__sync_lock_test_and_set(&s->busy, 1))
		return TC_ACT_OK;
	verdict = swap(skb, s);
	__sync_lock_test_and_set(&s->busy, 0);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
