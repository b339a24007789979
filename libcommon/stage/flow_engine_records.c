/* flow_engine_records: the flow and packet records of the flow engine. */
#include "libcommon/stage/flow_engine_private.h"

_Static_assert((int)TCP_MALFORMED == REC_verdict_MALFORMED, "verdicts go out as they are");
_Static_assert((int)TCP_KEEPALIVE == REC_verdict_KEEPALIVE, "verdicts go out as they are");
_Static_assert((int)TCP_RST_DATA == REC_verdict_RST_DATA, "verdicts go out as they are");
_Static_assert((int)TCP_R_MIDSTREAM == PACKET_MIDSTREAM, "flags go out as they are");
_Static_assert((int)TCP_R_ANCHOR == PACKET_ANCHOR, "flags go out as they are");
_Static_assert((int)TCP_R_FIN == PACKET_FIN, "flags go out as they are");
_Static_assert((int)TCP_R_RST == PACKET_RST, "flags go out as they are");
_Static_assert((int)TCP_R_ONESIDED == PACKET_ONESIDED, "flags go out as they are");
_Static_assert((int)TCP_R_ACK_VALID == PACKET_ACK_VALID, "flags go out as they are");
_Static_assert((int)FLOW_END_SWAPPED == REC_flow_reason_SWAPPED, "reasons go out as they are");
_Static_assert((int)FLOW_END_ABORT == REC_flow_reason_ABORT, "reasons go out as they are");
_Static_assert((int)FLOW_END_EVICTED == REC_flow_reason_EVICTED, "reasons go out as they are");
_Static_assert((int)LAYERS_NSH == REC_tunnel_kind_NSH, "kinds go out as they are");

/* ---- flows ------------------------------------------------------------------------------ */

static struct ip address(const struct flow *f, unsigned dir)
{
	struct ip ip = { 0 };

	if (f->key.ip_version != FLOW_KEY_MAC) {
		ip.len = f->key.ip_version == 4 ? 4 : 16;
		memcpy(ip.b, f->key.addr[flow_side(f, dir)], 16);
	}
	return ip;
}

struct rec_key flow_record_key(const struct flow *f)
{
	return (struct rec_key){
		.orig_h = address(f, 0),
		.resp_h = address(f, 1),
		.orig_p = f->key.port[flow_side(f, 0)],
		.resp_p = f->key.port[flow_side(f, 1)],
		.proto = f->key.proto,
	};
}

static struct mac mac_of(const struct flow *f, unsigned dir)
{
	struct mac m = { .set = f->bits & FLOW_MAC_SET << dir };

	memcpy(m.b, f->mac[dir], 6);
	if (f->key.ip_version == FLOW_KEY_MAC) {
		m.set = true;
		memcpy(m.b, f->key.addr[flow_side(f, dir)], 6);
	}
	return m;
}

static struct ip step_address(const struct layers_step *s, const uint8_t *b)
{
	struct ip ip = { .len = s->ip_version == 4 ? 4 : s->ip_version == 6 ? 16 : 0 };

	memcpy(ip.b, b, 16);
	return ip;
}

/* What the flow's packets are wrapped in: VLAN ids, and the rest. */
struct wrapping {
	uint16_t vlans[LAYERS_MAX];
	struct rec_tunnel tunnels[LAYERS_MAX];
};

static void set_wrapping(struct rec_flow *r, struct wrapping *w, const struct flow_engine *e,
			 const struct flow *f)
{
	struct layers_step steps[LAYERS_MAX];
	unsigned n = paths_get(tracker_paths(e->tracker), f->path, steps);
	size_t vlans = 0, tunnels = 0;
	bool turned = f->bits & FLOW_TURNED;

	for (unsigned i = 0; i < n; i++) {
		const struct layers_step *s = &steps[i];

		if (s->kind == LAYERS_VLAN) {
			if (s->id) /* else a priority tag */
				w->vlans[vlans++] = (uint16_t)s->id;
			continue;
		}
		w->tunnels[tunnels++] = (struct rec_tunnel){
			.kind = s->kind,
			.orig_h = step_address(s, turned ? s->dst : s->src),
			.resp_h = step_address(s, turned ? s->src : s->dst),
			.id = s->has_id ? SOME(s->id) : NONE,
		};
	}
	r->vlan = LIST_OF(w->vlans, vlans);
	r->tunnels = LIST_OF(w->tunnels, tunnels);
}

static struct rec_opt some_count(uint64_t v)
{
	return v ? SOME(v) : NONE;
}

#define SET_SIDE(side, f)                                                                          \
	do {                                                                                       \
		if ((f).rtt_count) {                                                               \
			r->side##_rtt_min = SOME((f).rtt_min);                                     \
			r->side##_rtt_avg = SOME((f).rtt_sum / (f).rtt_count);                     \
			r->side##_rtt_max = SOME((f).rtt_max);                                     \
		}                                                                                  \
		r->side##_retransmits = some_count((f).retransmitted);                             \
		r->side##_repeated_bytes = some_count((f).repeated_bytes);                         \
		r->side##_out_of_order = some_count((f).out_of_order);                             \
		r->side##_dup_acks = some_count((f).dup_acks);                                     \
		r->side##_zero_windows = some_count((f).zero_windows);                             \
		r->side##_mss = some_count((f).mss);                                               \
		if ((f).scale != TCP_NO_SCALE)                                                     \
			r->side##_wscale = SOME((f).scale);                                        \
		r->side##_sack_ok = some_count((f).sack);                                          \
		r->side##_ce = some_count((f).ce);                                                 \
		r->side##_ece = some_count((f).ece);                                               \
	} while (0)

static void set_figures(struct rec_flow *r, const struct flow *f)
{
	struct tcp_figures orig, resp;

	tcp_figures_get(&f->tcp, &f->history, 0, &orig);
	tcp_figures_get(&f->tcp, &f->history, 1, &resp);
	if (orig.has_handshake_rtt)
		r->syn_rtt = SOME(orig.handshake_rtt);
	if (resp.has_handshake_rtt)
		r->ack_rtt = SOME(resp.handshake_rtt);
	SET_SIDE(orig, orig);
	SET_SIDE(resp, resp);
	r->ecn = some_count(orig.ecn);
}

static void set_state(struct rec_flow *r, const struct flow *f)
{
	const char *conn_state = r->event == REC_flow_event_END ? flow_conn_state(f) : NULL;
	const char *state = flow_state(f);

	if (conn_state)
		r->conn_state = bytes_str(conn_state);
	if (state)
		r->state = bytes_str(state);
	if (f->key.proto == PROTO_TCP) {
		if (f->tcp.midstream)
			r->midstream = SOME(1);
		set_figures(r, f);
	} else if (f->key.proto == PROTO_SCTP) {
		if (f->sctp.midstream)
			r->midstream = SOME(1);
	}
}

void flow_emit(struct flow_engine *e, const struct flow *f, enum rec_flow_event event,
	       enum flow_end_reason why)
{
	struct rec_head head = { REC_flow, e->now.ts, f->id, e->now.n };
	struct wrapping wrapping;
	struct rec_flow r = {
		.key = flow_record_key(f),
		.event = event,
		.reason = why,
		.start = f->start,
		.last = f->last,
		.duration = f->last - f->start,
		.orig_pkts = f->packets[0],
		.resp_pkts = f->packets[1],
		.orig_bytes = f->wire_bytes[0],
		.resp_bytes = f->wire_bytes[1],
		.orig_ip_bytes = f->ip_bytes[0],
		.resp_ip_bytes = f->ip_bytes[1],
		.orig_payload = f->payload[0],
		.resp_payload = f->payload[1],
		.orig_l2 = mac_of(f, 0),
		.resp_l2 = mac_of(f, 1),
		.first_n = SOME(f->id & 0xffffffffffff),
	};

	set_state(&r, f);
	if (f->history.len)
		r.history = BYTES(f->history.text, f->history.len);
	if (f->key.scope)
		r.scope = SOME(f->key.scope);
	if (f->path)
		set_wrapping(&r, &wrapping, e, f);
	if (f->bad_checksums[0])
		r.orig_bad_checksums = SOME(f->bad_checksums[0]);
	if (f->bad_checksums[1])
		r.resp_bad_checksums = SOME(f->bad_checksums[1]);
	e->config.emit(e->config.user, &rec_flow_desc, &head, &r);
}

/* ---- packets ---------------------------------------------------------------------------- */

static uint32_t packet_flags(const struct flow_item *it)
{
	const struct tracked *p = &it->tracked;
	uint32_t flags = p->tcp.flags & (uint32_t)~TCP_R_ESTABLISHED;

	flags |= p->is_new ? PACKET_NEW : 0;
	flags |= p->bad_checksum ? PACKET_BAD_CSUM : 0;
	flags |= p->csum_unready ? PACKET_CSUM_UNREADY : 0;
	flags |= it->layers.missing ? PACKET_SNAPPED : 0;
	flags |= it->tracked.defragmented ? PACKET_DEFRAGMENTED : 0;
	return flags;
}

/* The part of the payload that the verdict is about: the whole for a segment that is ignored. */
static void set_payload(struct rec_packet *r, const struct tracked *p)
{
	const struct layers *l = p->layers;
	size_t skip = p->tcp.skip, len = l->payload.len;

	r->payload = l->payload;
	r->missing = l->missing;
	r->urgent = l->tcp_flags & TCP_URG ? l->urgent : 0;
	if (p->tcp.verdict == TCP_DELIVER) {
		if (skip > len)
			skip = len;
		len -= skip;
		if (len > p->tcp.keep)
			len = p->tcp.keep;
		r->payload = BYTES(l->payload.ptr + skip, len);
		r->urgent = r->urgent > p->tcp.skip ? (uint16_t)(r->urgent - p->tcp.skip) : 0;
		r->missing = p->tcp.keep - (uint32_t)len;
	} else if (p->tcp.flags & TCP_R_FIN) { /* it closes right at its offset */
		r->payload.len = 0;
		r->missing = 0;
	}
}

/* SCTP has no offsets: with PACKET_ANCHOR the offset is this direction's first TSN, with
 * PACKET_ACK_VALID the acknowledgement is that of the other one. */
static void set_sctp(struct rec_packet *r, const struct sctp_result *s)
{
	static const uint8_t verdicts[] = {
		[SCTP_DELIVER] = REC_verdict_DELIVER,
		[SCTP_NO_DATA] = REC_verdict_NO_DATA,
		[SCTP_BAD_CHECKSUM] = REC_verdict_BAD_CHECKSUM,
		[SCTP_BAD_TAG] = REC_verdict_BAD_TAG,
		[SCTP_BAD_INIT] = REC_verdict_BAD_INIT,
		[SCTP_AFTER_CLOSE] = REC_verdict_AFTER_CLOSE,
		[SCTP_AFTER_ABORT] = REC_verdict_AFTER_ABORT,
		[SCTP_MALFORMED] = REC_verdict_MALFORMED,
	};

	r->verdict = verdicts[s->verdict];
	if (s->flags & SCTP_R_TSN) {
		r->flags |= PACKET_ANCHOR;
		r->offset = s->initial_tsn;
	}
	if (s->flags & SCTP_R_TSN_PEER) {
		r->flags |= PACKET_ACK_VALID;
		r->ack = s->initial_tsn_peer;
	}
}

/* Where endpoints are not known by address and port, nothing of layer 4 is told. */
static void set_pair(struct rec_packet *r, const struct flow *f, const struct tracked *p)
{
	const struct layers *l = p->layers;

	r->tcp_flags = r->window = r->urgent = 0;
	r->seq = r->ack = 0;
	if (f->key.ip_version == FLOW_KEY_MAC) { /* the packet's own addresses */
		memcpy(r->orig_h, p->dir ? l->dst : l->src, 16);
		memcpy(r->resp_h, p->dir ? l->src : l->dst, 16);
	}
}

void flow_emit_packet(struct flow_engine *e, const struct flow_item *it)
{
	const struct tracked *p = &it->tracked;
	const struct flow *f = p->flow;
	const struct layers *l = &it->layers;
	struct rec_head head = { REC_packet, e->now.ts, f->id, e->now.n };
	unsigned orig = flow_side(f, 0);
	bool tcp = f->key.proto == PROTO_TCP;
	struct rec_packet r; /* every field is set: zeroing them first costs more than they do */

	r.flags = packet_flags(it);
	r.ip_version = l->ip_version;
	r.proto = f->key.proto;
	r.dir = (uint8_t)p->dir;
	r.verdict = p->tcp.verdict;
	r.orig_p = f->key.port[orig];
	r.resp_p = f->key.port[!orig];
	r.scope = f->key.scope;
	r.raw_ts = p->raw_ts;
	r.first_n = it->first_n;
	r.wire_len = p->wire_len;
	r.ip_len = l->ip_len;
	r.seq = l->seq;
	r.ack = tcp && l->tcp_flags & TCP_ACK ? l->ack : 0;
	r.tcp_flags = l->tcp_flags;
	r.window = l->window;
	r.offset = p->tcp.offset;
	memcpy(r.orig_h, f->key.addr[orig], 16);
	memcpy(r.resp_h, f->key.addr[!orig], 16);
	set_payload(&r, p);
	if (f->key.proto == PROTO_SCTP)
		set_sctp(&r, &p->sctp);
	else if (!f->key.proto)
		set_pair(&r, f, p);
	e->config.packet(e->config.user, &head, &r);
}
