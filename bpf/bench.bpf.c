// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the program of a point is measured by: a generator of live frames, the
 * least that any meter must do (floor), and a meter of the usual design (peer).
 */
#include "lib/vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/abi.h"
#include "lib/headers.h"

#define BATCH 64	/* frames that the kernel hands on at once */
#define BATCHES 16384	/* whose times are kept */

struct bench_generator {
	__u64 sent;	/* frames; Go starts a run by setting it to 0 */
	__u64 batch_end;
	__u32 flows;	/* source addresses, one per frame */
	__u32 scatter;	/* not one after the other, but all over the place */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_generator);
} generator SEC(".maps");

/* Nanoseconds that the network stack took for each batch. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BATCHES);
	__type(key, __u32);
	__type(value, __u64);
} batch_times SEC(".maps");

static __always_inline void time_batch(struct bench_generator *g, __u64 n)
{
	__u32 batch = n / BATCH - 1;
	__u64 *took;

	if (n % BATCH == 0 && n > 0) {
		took = bpf_map_lookup_elem(&batch_times, &batch);
		if (took)
			*took = bpf_ktime_get_ns() - g->batch_end;
	}
	if (n % BATCH == BATCH - 1)
		g->batch_end = bpf_ktime_get_ns();
}

#define HASH 0x9e3779b1U	/* odd, so that numbers of 32 bits are permuted */
#define TTL 64

static __always_inline __u32 source_address(const struct bench_generator *g, __u64 n)
{
	__u32 flow = g->scatter ? (__u32)n * HASH >> 8 : n;

	return bpf_htonl(10 << 24 | flow % g->flows);
}

static __always_inline void write_checksum(struct iphdr *iph)
{
	const __u16 *word = (const void *)iph;
	__u32 sum = 0;

	iph->check = 0;
#pragma clang loop unroll(full)
	for (int i = 0; i < sizeof(*iph) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	iph->check = ~sum;
}

/*
 * Runs on every frame of a batch before any of them enters the stack, so that
 * from the last frame of one batch to the first of the next is the stack's
 * time. Frames are recycled: whatever changes on the way is written every
 * time. The checksum of UDP is left wrong, nobody looks.
 */
SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *iph = (void *)(eth + 1);
	struct bench_generator *g;
	__u32 zero = 0;
	__u64 n;

	g = bpf_map_lookup_elem(&generator, &zero);
	if (!g || (void *)(iph + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	n = g->sent++;
	time_batch(g, n);
	if (g->flows)
		iph->saddr = source_address(g, n);
	/* Loopback's address is zero. */
	__builtin_memset(eth->h_dest, 0, sizeof(eth->h_dest));
	iph->ttl = TTL;
	write_checksum(iph);
	return XDP_PASS;
}

/* Ends the way of the frames, behind what is measured. */
SEC("tcx/ingress")
int bench_drop(struct __sk_buff *skb)
{
	return TCX_DROP;
}

SEC("tcx/ingress")
int bench_empty(struct __sk_buff *skb)
{
	return TCX_NEXT;
}

struct headers {
	struct ifit_flow_id id;
	__u32 octets;
	__u16 tcp_flags;
	__u8 dscp;
};

/* TCP and UDP without options and extensions. */
static __always_inline bool read_headers(struct __sk_buff *skb, struct headers *h)
{
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = (void *)(long)skb->data;
	__be16 *ports_be;
	__u8 *transport;

	if ((void *)(eth + 1) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *iph = (void *)(eth + 1);

		transport = (void *)(iph + 1);
		if ((void *)(transport + 4) > end)
			return false;
		__builtin_memcpy(h->id.saddr, &iph->saddr, 4);
		__builtin_memcpy(h->id.daddr, &iph->daddr, 4);
		h->id.proto = iph->protocol;
		h->id.family = 4;
		h->octets = bpf_ntohs(iph->tot_len);
		h->dscp = iph->tos >> 2;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6h = (void *)(eth + 1);

		transport = (void *)(ip6h + 1);
		if ((void *)(transport + 4) > end)
			return false;
		__builtin_memcpy(h->id.saddr, &ip6h->saddr, 16);
		__builtin_memcpy(h->id.daddr, &ip6h->daddr, 16);
		h->id.proto = ip6h->nexthdr;
		h->id.family = 6;
		h->octets = bpf_ntohs(ip6h->payload_len) + sizeof(*ip6h);
		h->dscp = ip6h->priority << 2 | ip6h->flow_lbl[0] >> 6;
	} else {
		return false;
	}
	ports_be = (__be16 *)transport;
	h->id.sport = bpf_ntohs(ports_be[0]);
	h->id.dport = bpf_ntohs(ports_be[1]);
	if (h->id.proto == IPPROTO_TCP && (void *)(transport + TCP_OCTETS) <= end)
		h->tcp_flags = transport[13];
	return true;
}

/* Floor: two counters per flow and CPU. */
struct bench_count {
	__u64 packets;
	__u64 octets;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ifit_flow_id);
	__type(value, struct bench_count);
} floor_flows SEC(".maps");

SEC("tcx/ingress")
int bench_floor(struct __sk_buff *skb)
{
	struct bench_count first = { .packets = 1 };
	struct bench_count *count;
	struct headers h = {};

	if (!read_headers(skb, &h))
		return TCX_NEXT;
	count = bpf_map_lookup_elem(&floor_flows, &h.id);
	if (count) {
		count->packets++;
		count->octets += h.octets;
		return TCX_NEXT;
	}
	first.octets = h.octets;
	bpf_map_update_elem(&floor_flows, &h.id, &first, BPF_NOEXIST);
	return TCX_NEXT;
}

/*
 * Peer: the design of the flow agents in use. One hash table shared by all
 * CPUs, IPv4 addresses mapped into IPv6, a spin lock in each record, the
 * precise clock at each packet, and a list of the interfaces that saw the flow.
 */
#define PEER_INTERFACES 6

struct bench_record {
	struct bpf_spin_lock lock;
	__u32 interfaces;
	__u64 first;
	__u64 last;
	__u64 packets;
	__u64 octets;
	__u16 tcp_flags;
	__u8 dscp;
	__u8 smac[ETH_ALEN];
	__u8 dmac[ETH_ALEN];
	__u8 zero;
	__u32 ifindex[PEER_INTERFACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct ifit_flow_id);
	__type(value, struct bench_record);
} peer_flows SEC(".maps");

static __always_inline void map_address(__u8 *addr)
{
	__builtin_memcpy(addr + 12, addr, 4);
	__builtin_memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
}

static __always_inline bool saw(const struct bench_record *record, __u32 ifindex)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < PEER_INTERFACES && i < record->interfaces; i++) {
		if (record->ifindex[i] == ifindex)
			return true;
	}
	return false;
}

static __always_inline void new_record(struct __sk_buff *skb, const struct headers *h, __u64 now)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct bench_record record = {
		.first = now, .last = now, .packets = 1, .octets = h->octets,
		.tcp_flags = h->tcp_flags, .dscp = h->dscp, .interfaces = 1, .ifindex = { skb->ifindex },
	};

	if ((void *)(eth + 1) <= (void *)(long)skb->data_end) {
		__builtin_memcpy(record.smac, eth->h_source, ETH_ALEN);
		__builtin_memcpy(record.dmac, eth->h_dest, ETH_ALEN);
	}
	bpf_map_update_elem(&peer_flows, &h->id, &record, BPF_NOEXIST);
}

SEC("tcx/ingress")
int bench_peer(struct __sk_buff *skb)
{
	struct bench_record *record;
	struct headers h = {};
	__u64 now;

	if (!read_headers(skb, &h))
		return TCX_NEXT;
	if (h.id.family == 4) {
		map_address(h.id.saddr);
		map_address(h.id.daddr);
	}
	now = bpf_ktime_get_ns();
	record = bpf_map_lookup_elem(&peer_flows, &h.id);
	if (!record) {
		new_record(skb, &h, now);
		return TCX_NEXT;
	}
	bpf_spin_lock(&record->lock);
	record->packets++;
	record->octets += h.octets;
	record->last = now;
	record->tcp_flags |= h.tcp_flags;
	record->dscp = h.dscp;
	if (!saw(record, skb->ifindex) && record->interfaces < PEER_INTERFACES)
		record->ifindex[record->interfaces++] = skb->ifindex;
	bpf_spin_unlock(&record->lock);
	return TCX_NEXT;
}

char __license[] SEC("license") = "Dual BSD/GPL";
