// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program of an Observation Point: one per interface and direction, for
 * all policies there, specialised before each load (see lib/point.h). It
 * passes every packet on, except those whose mark must not.
 *
 * A packet's way: parse -> foreign marks -> classify and meter -> select ->
 * sketch, watch, mark -> postcard -> unmark -> what is inside of a tunnel.
 */
#include "lib/mark.h"
#include "lib/note.h"
#include "lib/postcard.h"
#include "lib/select.h"
#include "lib/sketch.h"
#include "lib/tcp.h"
#include "lib/tunnel.h"
#include "lib/watch.h"

/*
 * What the domain's marks ask for: a postcard wherever a marked packet leaves
 * an interface or is delivered, and no mark beyond the domain. Returns false
 * when the packet must be dropped.
 */
static __always_inline bool end_mark(struct __sk_buff *skb, struct packet *pkt, const struct ifit_node *config,
				     struct ifit_counters *count, bool ingress)
{
	__u64 owners = pkt->accepted & point.postcard_mask;

	if (!pkt->marked || (ingress && !pkt->stays))
		return true;
	if (has(IFIT_FEATURE_POSTCARD) && owners)
		send_postcard(skb, pkt, config, lowest_bit(owners), ingress ? 0 : skb->ifindex);
	else
		count->unowned += pkt->segments;
	if (!ingress && pkt->ipv4 && skb->ingress_ifindex)
		keep_priority(skb, pkt->wire_dscp, pkt->dscp);
	if (!has(IFIT_FEATURE_UNMARK))
		return true;
	if (!unmark(skb, pkt)) {
		count->rewrite_failed += pkt->segments;
		return false;
	}
	count->unmarked += pkt->segments;
	return true;
}

/* Whether no policy here wants a record of the outermost header of a packet with another one inside. */
static __always_inline bool reads_inside_alone(const struct packet *in)
{
	return in && !has(IFIT_FEATURE_LAYERS);
}

/* Where policies look at marked packets alone, the others need no flow record. */
static __always_inline bool is_of_interest(const struct packet *pkt, bool ingress)
{
	if (has(IFIT_FEATURE_EVERY_PACKET))
		return true;
	return point.policies && pkt->marked && (!ingress || pkt->stays);
}

/* What policies do that read the innermost header: nothing else changes packets or tells of single ones. */
static __always_inline void act_inside(struct __sk_buff *skb, struct packet *in, const struct ifit_node *config)
{
	if (has(IFIT_FEATURE_SAMPLE))
		in->selected = select_packet(skb, in);
	if (has(IFIT_FEATURE_SKETCH) && in->selected & point.sketch_mask)
		sketch_packet(in, config);
}

/* Counts what is inside of a tunnel. A global function, because the verifier would follow all of it twice. */
__noinline int observe_inside(struct __sk_buff *skb, struct packet *in)
{
	const struct ifit_node *config = NULL;
	struct ifit_counters *count = point_counters();

	if (!in || !count)
		return 0;
	if (has(IFIT_FEATURE_SKETCH)) {
		config = node_config();
		if (!config)
			return 0;
	}
	in->wire_octets = segmented_octets(in);
	complete_key(skb, in, live.ruleset);
	in->accepted = meter(skb, in, count);
	in->selected = in->accepted;
	if (has(IFIT_FEATURES_OF_ACTION))
		act_inside(skb, in, config);
	return 0;
}

/* What policies do with the packet, beyond counting it. */
static __always_inline void act(struct __sk_buff *skb, struct packet *pkt, const struct ifit_node *config,
				struct ifit_counters *count, bool ingress)
{
	/* What the node itself sends is for other nodes to report. */
	if (!ingress && has(IFIT_FEATURE_DIGEST) && !skb->ingress_ifindex)
		pkt->accepted &= ~point.digest_mask;
	if (has(IFIT_FEATURE_TCP))
		watch_tcp(skb, pkt, count, ingress);
	if (has(IFIT_FEATURE_SAMPLE))
		pkt->selected = select_packet(skb, pkt);
	if (!ingress && has(IFIT_FEATURE_DIGEST) && pkt->selected & point.digest_mask)
		send_postcard(skb, pkt, config, lowest_bit(pkt->selected & point.digest_mask), skb->ifindex);
	if (has(IFIT_FEATURE_SKETCH) && pkt->selected & point.sketch_mask)
		sketch_packet(pkt, config);
	if (has(IFIT_FEATURE_EVENT) && pkt->accepted & point.event_mask)
		watch_packet(skb, pkt, config, count, pkt->accepted & point.event_mask, ingress);
	if (ingress && has(IFIT_FEATURE_MARK) && pkt->selected & point.mark_mask)
		mark_packet(skb, pkt, pkt->selected & point.mark_mask);
}

/* One packet; only a program with room beside the stack counts what is inside of tunnels. */
static __always_inline int observe(struct __sk_buff *skb, struct packet *pkt, bool ingress, bool roomy)
{
	const struct ifit_node *config = NULL;
	struct ifit_counters *count = point_counters();
	struct packet *in = NULL;

	if (!count)
		return TCX_NEXT;
	if (has(IFIT_FEATURES_OF_NODE)) {
		config = node_config();
		if (!config)
			return TCX_NEXT;
	}
	begin_packet(pkt);
	pkt->segments = skb->gso_segs ? skb->gso_segs : 1;
	count->packets += pkt->segments;

	switch (parse_packet(skb, pkt)) {
	case PARSE_OK:
		break;
	case PARSE_NOT_IP:
		count->not_ip += pkt->segments;
		return TCX_NEXT;
	default:
		count->malformed += pkt->segments;
		return TCX_NEXT;
	}
	if (pkt->truncated)
		count->truncated += pkt->segments;
	if (has(IFIT_FEATURE_TUNNEL))
		in = look_inside(skb, pkt, count);
	if (!roomy)
		in = NULL;
	pkt->wire_octets = segmented_octets(pkt);
	count->octets += pkt->wire_octets;

	if (has(IFIT_FEATURES_OF_MARKS)) {
		read_mark(pkt, config);
		if (pkt->marked && (ingress ? has(IFIT_FEATURE_STRIP) : !skb->ingress_ifindex) &&
		    !admit_foreign(skb, pkt, count, ingress))
			return TCX_DROP;
	}
	take_time(skb, pkt, count, ingress);
	if (ingress && has(IFIT_FEATURES_OF_MARKS) && pkt->marked)
		pkt->stays = is_delivered_here(skb, pkt);

	pkt->accepted = 0;
	if (!reads_inside_alone(in) && is_of_interest(pkt, ingress)) {
		complete_key(skb, pkt, live.ruleset);
		pkt->accepted = meter(skb, pkt, count);
		pkt->selected = pkt->accepted;
		if (has(IFIT_FEATURES_OF_ACTION))
			act(skb, pkt, config, count, ingress);
	}
	if (has(IFIT_FEATURES_OF_MARKS) && !end_mark(skb, pkt, config, count, ingress))
		return TCX_DROP;
	if (!ingress && has(IFIT_FEATURE_HISTOGRAM) && pkt->accepted & point.histogram_mask &&
	    note_flow(skb, pkt, live.ruleset, has(IFIT_FEATURES_OF_MARKS) ? pkt->wire_dscp : pkt->dscp))
		count->notes_refused += pkt->segments;
	if (roomy && in) {
		take_over(in, pkt);
		observe_inside(skb, in);
	}
	return TCX_NEXT;
}

SEC("tcx/ingress")
int ifit_ingress(struct __sk_buff *skb)
{
	struct packet pkt;

	return observe(skb, &pkt, true, false);
}

SEC("tcx/egress")
int ifit_egress(struct __sk_buff *skb)
{
	struct packet pkt;

	return observe(skb, &pkt, false, false);
}

/*
 * The same for points at which much is done: where some policy reads the
 * innermost header, the stack is deeper by one call and has no room for the
 * packet; and the verifier, which follows every value on the stack, does not
 * follow those elsewhere.
 */
SEC("tcx/ingress")
int ifit_roomy_in(struct __sk_buff *skb)
{
	struct packet *pkt = packet_room(ROOM_OUTER);

	return pkt ? observe(skb, pkt, true, true) : TCX_NEXT;
}

SEC("tcx/egress")
int ifit_roomy_out(struct __sk_buff *skb)
{
	struct packet *pkt = packet_room(ROOM_OUTER);

	return pkt ? observe(skb, pkt, false, true) : TCX_NEXT;
}

char __license[] SEC("license") = "Dual BSD/GPL";
