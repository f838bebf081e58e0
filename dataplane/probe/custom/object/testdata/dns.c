// SPDX-License-Identifier: GPL-2.0-only
/* dns counts packets and octets, and reports each DNS query that it sees.
 *
 *	ifitctl probe build dns.c
 *	ifitctl probe check dns.o
 */
#define IFIT_CAPTURE 128
#include "ifit_probe.h"

/* What an operator can set, and what it is unless set. */
struct ifit_parameters {
	__u16 port IFIT_TEXT("UDP port of the queries");
	__u8 report IFIT_TEXT("1 reports each query, 0 counts only");
};
IFIT_PARAMETERS = { .port = 53, .report = 1 };

/* What the agent exports every few seconds, added up over all CPUs. */
struct ifit_counters {
	__u64 packets IFIT_UNITS("packets") IFIT_SEMANTICS("deltaCounter");
	__u64 octets IFIT_UNITS("octets") IFIT_SEMANTICS("deltaCounter");
	__u64 queries IFIT_SEMANTICS("deltaCounter");
};
IFIT_COUNTERS;

/* What the agent exports for each query. */
struct ifit_record {
	__u64 time IFIT_AS("dateTimeNanoseconds");
	__u8 client[4] IFIT_AS("ipv4Address");
	__u32 length IFIT_UNITS("octets");
	__u16 id IFIT_SEMANTICS("identifier") IFIT_TEXT("identifier of the query");
	__u8 reserved[6];
};
IFIT_RECORDS(65536);

#define ETHERNET 14
#define IPV4 0x0800
#define UDP 17

/* The probe. The number that it answers can go onto the packet's postcard; it
 * has no other effect. */
SEC("ifit/probe")
__u64 dns(struct ifit_packet *packet)
{
	struct ifit_counters *count = ifit_counters_begin();
	if (!count)
		return 0;
	count->packets++;
	count->octets += packet->length;

	/* Ethernet, IPv4 without options, UDP, and the first two octets of DNS. */
	const __u8 *ip = packet->data + ETHERNET, *udp = ip + 20, *dns = udp + 8;
	if (packet->captured < ETHERNET + 20 + 8 + 2 || packet->protocol != IPV4)
		return 0;
	if (ip[0] != 0x45 || ip[9] != UDP || ifit_be16(udp + 2) != parameters.port)
		return 0;
	count->queries++;
	if (!parameters.report)
		return 1;

	struct ifit_record *record = ifit_record_begin();
	if (!record)
		return 1;
	__builtin_memset(record, 0, sizeof(*record));
	record->time = bpf_ktime_get_ns();
	__builtin_memcpy(record->client, ip + 12, 4);
	record->length = packet->length;
	record->id = ifit_be16(dns);
	ifit_record_send(record);
	return 1;
}

IFIT_LICENSE("GPL");
