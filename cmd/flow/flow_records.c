/* flow_records: the records that weir-flow writes. */
#include "cmd/flow/flow.h"

_Static_assert((int)TCP_MALFORMED == REC_verdict_MALFORMED, "verdicts go out as they are");
_Static_assert((int)TCP_KEEPALIVE == REC_verdict_KEEPALIVE, "verdicts go out as they are");
_Static_assert((int)TCP_RST_DATA == REC_verdict_RST_DATA, "verdicts go out as they are");
_Static_assert((int)TCP_R_MIDSTREAM == PACKET_MIDSTREAM, "flags go out as they are");
_Static_assert((int)TCP_R_ANCHOR == PACKET_ANCHOR, "flags go out as they are");
_Static_assert((int)TCP_R_FIN == PACKET_FIN, "flags go out as they are");
_Static_assert((int)TCP_R_RST == PACKET_RST, "flags go out as they are");
_Static_assert((int)TCP_R_ONESIDED == PACKET_ONESIDED, "flags go out as they are");
_Static_assert((int)TCP_R_ACK_VALID == PACKET_ACK_VALID, "flags go out as they are");
_Static_assert((int)FLOW_END_ABORT == REC_flow_reason_ABORT, "reasons go out as they are");
_Static_assert((int)FLOW_END_EVICTED == REC_flow_reason_EVICTED, "reasons go out as they are");

static struct ip address(const struct flow *f, unsigned dir)
{
	struct ip ip = { .len = f->key.ip_version == 4 ? 4 : 16 };

	memcpy(ip.b, f->key.addr[flow_side(f, dir)], 16);
	return ip;
}

static struct rec_key key_of(const struct flow *f)
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
	return m;
}

void flow_emit(struct stage *st, const struct rec_head *h, const struct flow *f,
	       enum rec_flow_event event, enum flow_end_reason why)
{
	bool ended = event == REC_flow_event_END, tcp = f->key.proto == PROTO_TCP;
	const char *conn_state = ended ? flow_conn_state(f) : NULL;
	struct rec_head head = { REC_flow, h->ts, f->id, h->n };
	struct rec_flow r = {
		.key = key_of(f),
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
		.vlan = LIST_OF(f->vlans, f->nvlans),
		.orig_l2 = mac_of(f, 0),
		.resp_l2 = mac_of(f, 1),
		.first_n = SOME(f->id & 0xffffffffffff),
	};

	if (conn_state)
		r.conn_state = bytes_str(conn_state);
	if (f->history.len)
		r.history = BYTES(f->history.text, f->history.len);
	if (tcp)
		r.state = bytes_str(tcp_state_name(&f->tcp));
	if (f->key.scope)
		r.scope = SOME(f->key.scope);
	if (tcp && f->tcp.midstream)
		r.midstream = SOME(1);
	if (f->bad_checksums[0])
		r.orig_bad_checksums = SOME(f->bad_checksums[0]);
	if (f->bad_checksums[1])
		r.resp_bad_checksums = SOME(f->bad_checksums[1]);
	stage_emit(st, &rec_flow_desc, &head, &r);
}

void flow_emit_anomaly(struct stage *st, const struct rec_head *h, const struct tracked *p,
		       const char *name, enum rec_severity severity)
{
	const struct flow *f = p->flow;
	struct rec_head head = { REC_anomaly, h->ts, f->id, h->n };
	struct rec_anomaly r = {
		.key = key_of(f),
		.name = bytes_str(name),
		.severity = severity,
		.stage = BYTES_LIT("flow"),
		.dir = SOME(p->dir),
	};

	if (f->key.proto == PROTO_TCP)
		r.state = bytes_str(tcp_state_name(&f->tcp));
	stage_emit(st, &rec_anomaly_desc, &head, &r);
}

static uint32_t packet_flags(const struct tracked *p)
{
	uint32_t flags = p->tcp.flags & (uint32_t)~TCP_R_ESTABLISHED;

	flags |= p->is_new ? PACKET_NEW : 0;
	flags |= p->bad_checksum ? PACKET_BAD_CSUM : 0;
	flags |= p->csum_unready ? PACKET_CSUM_UNREADY : 0;
	flags |= p->layers->missing ? PACKET_SNAPPED : 0;
	return flags;
}

/* The part of the payload that the verdict is about: the whole for a segment that is ignored. */
static void set_payload(struct rec_packet *r, const struct tracked *p)
{
	const struct layers *l = p->layers;
	size_t skip = p->tcp.skip, len = l->payload.len;

	r->payload = l->payload;
	r->missing = l->missing;
	if (p->tcp.verdict == TCP_DELIVER) {
		if (skip > len)
			skip = len;
		len -= skip;
		if (len > p->tcp.keep)
			len = p->tcp.keep;
		r->payload = BYTES(l->payload.ptr + skip, len);
		r->missing = p->tcp.keep - (uint32_t)len;
	} else if (p->tcp.flags & TCP_R_FIN) { /* it closes right at its offset */
		r->payload.len = 0;
		r->missing = 0;
	}
}

void flow_emit_packet(struct stage *st, const struct rec_head *h, const struct tracked *p,
		      uint64_t raw_ts)
{
	const struct flow *f = p->flow;
	const struct layers *l = p->layers;
	struct rec_head head = { REC_packet, h->ts, f->id, h->n };
	unsigned orig = flow_side(f, 0);
	bool tcp = l->proto == PROTO_TCP;
	struct rec_packet r = {
		.flags = packet_flags(p),
		.ip_version = l->ip_version,
		.proto = l->proto,
		.dir = (uint8_t)p->dir,
		.verdict = p->tcp.verdict,
		.orig_p = f->key.port[orig],
		.resp_p = f->key.port[!orig],
		.scope = f->key.scope,
		.raw_ts = raw_ts,
		.first_n = h->n,
		.wire_len = p->wire_len,
		.ip_len = l->ip_len,
		.seq = l->seq,
		.ack = tcp && l->tcp_flags & TCP_ACK ? l->ack : 0,
		.tcp_flags = l->tcp_flags,
		.window = l->window,
		.urgent = l->tcp_flags & TCP_URG ? l->urgent : 0,
		.offset = p->tcp.offset,
	};
	uint8_t *at;
	size_t n;

	memcpy(r.orig_h, f->key.addr[orig], 16);
	memcpy(r.resp_h, f->key.addr[!orig], 16);
	set_payload(&r, p);
	n = rec_packet_wire + r.payload.len;
	at = stage_reserve(st, &rec_packet_desc, n);
	if (stage_discards(st))
		rec_packet_put_head(at, &head, &r);
	else
		rec_packet_put(at, &head, &r);
	stage_commit(st, n);
}
