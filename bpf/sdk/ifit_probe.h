/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a probe for OpenIFIT includes, and all that it needs: no header of the
 * system, no libbpf. docs/write-a-probe.md explains it.
 *
 * A probe is one function in the section "ifit/probe". It gets a copy of a
 * packet, not the packet: whatever it does, the packet goes its way unchanged.
 */
#ifndef IFIT_PROBE_H
#define IFIT_PROBE_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __always_inline inline __attribute__((always_inline))

/* How many octets of each packet are copied: 16 to 1024. Define it before
 * including this file; copying more costs more. */
#ifndef IFIT_CAPTURE
#define IFIT_CAPTURE 128
#endif

/* struct ifit_packet is one packet at an Observation Point. */
struct ifit_packet {
	__u32 length;		/* octets, from the Ethernet header on */
	__u32 captured;		/* octets in data; what is behind them is left over */
	__u32 ifindex;		/* the interface observed */
	__u32 ingress_ifindex;	/* where the packet came in; 0 if it began here */
	__u32 segments;		/* of a super-packet, else 0 or 1 */
	__u32 mark;		/* skb->mark */
	__u32 priority;		/* skb->priority */
	__u32 hash;		/* the kernel's flow hash; 0 if it has none yet */
	__u16 protocol;		/* EtherType in host order, behind any VLAN tag */
	__u16 vlan;		/* tag control information; 0 without a tag */
	__u8 direction;		/* IFIT_INGRESS or IFIT_EGRESS */
	__u8 reserved;
	__u8 data[IFIT_CAPTURE]; /* from the Ethernet header on */
};

enum { IFIT_INGRESS = 0, IFIT_EGRESS = 1 };

/* Tags that say what a field of a record, or a parameter, means. Units and
 * semantics are those of RFC 5610: "octets", "packets", "nanoseconds" ...;
 * "quantity", "deltaCounter", "totalCounter", "identifier", "flags". */
#define IFIT_UNITS(units) __attribute__((btf_decl_tag("ifit:units:" units)))
#define IFIT_SEMANTICS(semantics) __attribute__((btf_decl_tag("ifit:semantics:" semantics)))
/* IFIT_AS names the IPFIX type of octets: "ipv4Address", "ipv6Address",
 * "macAddress", "string", or "dateTimeNanoseconds" of a __u64 in the kernel's
 * monotonic time. */
#define IFIT_AS(type) __attribute__((btf_decl_tag("ifit:as:" type)))
#define IFIT_TEXT(text) __attribute__((btf_decl_tag("ifit:text:" text)))

/* IFIT_PARAMETERS declares what an operator can set, with its defaults:
 *
 *	struct ifit_parameters { __u16 port; };
 *	IFIT_PARAMETERS = { .port = 53 };
 *
 * and read as parameters.port. */
#define IFIT_PARAMETERS const volatile struct ifit_parameters parameters SEC(".rodata")

/* IFIT_RECORDS declares that the probe reports struct ifit_record, one at a
 * time, and how many octets of them may wait: a power of two, at least 4096. */
#define IFIT_RECORDS(size)                            \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_RINGBUF);   \
		__uint(max_entries, size);            \
		__type(value, struct ifit_record);    \
	} ifit_records SEC(".maps");                  \
	__u64 ifit_records_lost SEC(".data.ifit")

/* IFIT_COUNTERS declares struct ifit_counters, which the probe adds up and the
 * agent reports every few seconds. Each CPU has its own; fields are summed. */
#define IFIT_COUNTERS                                      \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);   \
		__uint(max_entries, 1);                    \
		__type(key, __u32);                        \
		__type(value, struct ifit_counters);       \
	} ifit_counters SEC(".maps")

/* IFIT_LICENSE says under which licence the probe is. */
#define IFIT_LICENSE(name) char ifit_license[] SEC("license") = name

/* Types of maps that a probe may have. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };

/* BPF_F_NO_PREALLOC is for maps of type LPM_TRIE, which need it. */
enum { BPF_F_NO_PREALLOC = 1 };

/* Functions of the kernel that a probe may call; any other is refused. */
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static __u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static __u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_map_push_elem)(void *map, const void *value, __u64 flags) = (void *)87;
static long (*const bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*const bpf_map_peek_elem)(void *map, void *value) = (void *)89;
static __u64 (*const bpf_jiffies64)(void) = (void *)118;
static long (*const bpf_ringbuf_output)(void *ring, void *data, __u64 size, __u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *ring, __u64 size, __u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, __u64 flags) = (void *)132;
static void (*const bpf_ringbuf_discard)(void *data, __u64 flags) = (void *)133;
static __u64 (*const bpf_ktime_get_coarse_ns)(void) = (void *)160;

/* BPF_RB_NO_WAKEUP: the agent looks every 10 ms, waking it costs more. */
enum { BPF_RB_NO_WAKEUP = 1 };

/* ifit_record_begin gives room for a record, or 0 when too many wait: that is
 * counted, and shown as records-lost. What it gave must be sent. */
#define ifit_record_begin()                                                                             \
	({                                                                                              \
		struct ifit_record *__r = bpf_ringbuf_reserve(&ifit_records, sizeof(struct ifit_record), 0); \
		if (!__r)                                                                               \
			__sync_fetch_and_add(&ifit_records_lost, 1);                                    \
		__r;                                                                                    \
	})
#define ifit_record_send(record) bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP)

/* ifit_counters_begin gives this CPU's counters; 0 never, but the kernel wants
 * that looked at. */
#define ifit_counters_begin()                                               \
	({                                                                  \
		__u32 __zero = 0;                                           \
		(struct ifit_counters *)bpf_map_lookup_elem(&ifit_counters, &__zero); \
	})

/* Reading numbers in network order out of data. */
#define ifit_be16(at) ((__u16)((at)[0] << 8 | (at)[1]))
#define ifit_be32(at) ((__u32)(at)[0] << 24 | (__u32)(at)[1] << 16 | (__u32)(at)[2] << 8 | (at)[3])

#endif
