/* dns_build: builds DNS messages, and runs the parser over packets and streams, for the tests. */
#ifndef WEIR_TEST_DNS_BUILD_H
#define WEIR_TEST_DNS_BUILD_H

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/dns/dns.h"
#include "cmd/dns/dns_message.h"
#include "libcommon/base/buf.h"

static inline void put16(struct buf *b, unsigned v)
{
	be16_put(buf_reserve(b, 2), (uint16_t)v);
	b->len += 2;
}

static inline void put32(struct buf *b, uint32_t v)
{
	be32_put(buf_reserve(b, 4), v);
	b->len += 4;
}

static inline void put_header(struct buf *b, unsigned id, unsigned flags, unsigned qd, unsigned an,
			      unsigned ns, unsigned ar)
{
	put16(b, id);
	put16(b, flags);
	put16(b, qd);
	put16(b, an);
	put16(b, ns);
	put16(b, ar);
}

/* "www.example.com" without escapes; "" is the root. */
static inline void put_labels(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		buf_add_byte(b, (uint8_t)n);
		buf_add(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_add_byte(b, 0);
}

static inline void put_question(struct buf *b, const char *name, unsigned type)
{
	put_labels(b, name);
	put16(b, type);
	put16(b, 1);
}

/* Owner: a pointer to offset 12. Data: len bytes. */
static inline void put_rr(struct buf *b, unsigned type, uint32_t ttl, const void *data, size_t len)
{
	put16(b, 0xc00c);
	put16(b, type);
	put16(b, 1);
	put32(b, ttl);
	put16(b, (unsigned)len);
	buf_add(b, data, len);
}

static inline void put_query(struct buf *b, unsigned id, const char *name, unsigned type)
{
	put_header(b, id, 0x0100, 1, 0, 0, 0);
	put_question(b, name, type);
}

static inline void put_answer(struct buf *b, unsigned id, const char *name, unsigned type)
{
	put_header(b, id, 0x8180, 1, 1, 0, 0);
	put_question(b, name, type);
	put_rr(b, 1, 60, "\300\000\002\001", 4);
}

/* A message with the two bytes of length in front. */
static inline void put_frame(struct buf *out, struct buf *message)
{
	put16(out, (unsigned)message->len);
	buf_add(out, message->ptr, message->len);
	buf_clear(message);
}

/* One run of the parser over one or more flows; what it emits is kept, packed and as texts. */
struct run {
	struct l7 *l7;
	struct buf packed;
	struct buf log; /* a line per record */
	size_t dns, anomalies, session_ends;
	struct rec_dns last;
	uint64_t last_ts;
	uint8_t proto;
	uint16_t orig_p, resp_p;
	uint64_t flow; /* of the records to come */
	uint64_t offset[2];
	uint32_t lacking; /* bytes that the capture lacks of the packets to come */
};

static inline const char *state_name(uint32_t state)
{
	return rec_enum_text(&rec_enum_dns_state, state);
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;

	rec_pack(&r->packed, desc, h, rec);
	if (desc == &rec_dns_desc) {
		const struct rec_dns *d = rec;

		r->dns++;
		r->last = *d; /* its texts are gone: only scalars may be looked at */
		r->last_ts = h->ts;
		buf_printf(&r->log, "n=%llu %s id=%u", (unsigned long long)h->n,
			   state_name(d->state), d->trans_id);
		if (d->query.ptr)
			buf_printf(&r->log, " %.*s", (int)d->query.len, (const char *)d->query.ptr);
		if (d->qtype_name.ptr)
			buf_printf(&r->log, " %.*s", (int)d->qtype_name.len,
				   (const char *)d->qtype_name.ptr);
		if (d->rcode.set)
			buf_printf(&r->log, " rcode=%u", (unsigned)d->rcode.v);
		if (d->rtt.set)
			buf_printf(&r->log, " rtt=%llums",
				   (unsigned long long)(d->rtt.v / 1000000));
		if (d->retries)
			buf_printf(&r->log, " retries=%u", d->retries);
		if (d->responses)
			buf_printf(&r->log, " responses=%u", d->responses);
		for (size_t i = 0; i < d->answers.count; i++) {
			const struct rec_dns_rr *rr =
				(const struct rec_dns_rr *)d->answers.items + i;

			if (i == 4) {
				buf_printf(&r->log, " ..%zu", d->answers.count);
				break;
			}
			buf_printf(&r->log, " [%.*s]", (int)rr->rdata.len,
				   rr->rdata.ptr ? (const char *)rr->rdata.ptr : "");
		}
		if (d->edns_ecs.ptr)
			buf_printf(&r->log, " ecs=%.*s", (int)d->edns_ecs.len,
				   (const char *)d->edns_ecs.ptr);
		for (size_t i = 0; i < d->truncated.count; i++) {
			const struct bytes *t = (const struct bytes *)d->truncated.items + i;

			buf_printf(&r->log, " cut=%.*s", (int)t->len, (const char *)t->ptr);
		}
	} else if (desc == &rec_anomaly_desc) {
		const struct rec_anomaly *a = rec;

		r->anomalies++;
		buf_printf(&r->log, "%.*s", (int)a->name.len, (const char *)a->name.ptr);
	} else {
		const struct rec_session_end *e = rec;

		r->session_ends++;
		buf_printf(&r->log, "session_end %s %llu",
			   rec_enum_text(&rec_enum_session_reason, e->reason),
			   (unsigned long long)e->messages);
	}
	buf_add_byte(&r->log, '\n');
}

static inline void run_start(struct run *r, uint8_t proto, uint16_t orig_p, uint16_t resp_p)
{
	struct l7_host host = { r, run_emit };
	struct l7_limits limits = { .max_flows = 64 }; /* a small table is made fast */

	*r = (struct run){ .proto = proto, .orig_p = orig_p, .resp_p = resp_p, .flow = 1 };
	r->l7 = l7_new(&dns_parser, &host, &limits);
}

static inline struct rec_head run_head(const struct run *r, uint16_t type, double at, uint64_t n)
{
	return (struct rec_head){ type, (uint64_t)(at * 1e9), r->flow, n };
}

/* Returns whether the parser took it. Frees nothing: the message may be sent again. */
static inline bool run_packet(struct run *r, int dir, double at, uint64_t n, struct bytes payload)
{
	struct rec_head h = run_head(r, REC_packet, at, n);
	/* A copy of the exact size, so that a sanitizer sees a read past its end. */
	uint8_t *copy = malloc(payload.len ? payload.len : 1);
	struct rec_packet p = { .ip_version = 4,
				.proto = r->proto,
				.dir = (uint8_t)dir,
				.flags = r->lacking ? PACKET_SNAPPED : 0,
				.missing = r->lacking,
				.orig_p = r->orig_p,
				.resp_p = r->resp_p,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 53 },
				.payload = BYTES(copy, payload.len) };
	bool taken;

	if (payload.len)
		memcpy(copy, payload.ptr, payload.len);
	taken = l7_packet(r->l7, &h, &p);
	free(copy);
	return taken;
}

static inline bool run_stream(struct run *r, int dir, double at, uint64_t n, struct bytes payload,
			      uint64_t gap)
{
	struct rec_head h = run_head(r, REC_stream, at, n);
	uint8_t *copy = malloc(payload.len ? payload.len : 1);
	struct rec_stream s = { .ip_version = 4,
				.proto = r->proto,
				.dir = (uint8_t)dir,
				.orig_p = r->orig_p,
				.resp_p = r->resp_p,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 53 },
				.offset = r->offset[dir],
				.gap = gap,
				.gap_reason = gap ? REC_gap_reason_ACKED : 0,
				.payload = BYTES(copy, payload.len) };
	bool taken;

	if (payload.len)
		memcpy(copy, payload.ptr, payload.len);
	taken = l7_stream(r->l7, &h, &s);
	r->offset[dir] += payload.len + gap;
	free(copy);
	return taken;
}

/* The direction ends with a FIN. */
static inline void run_end(struct run *r, int dir, double at, uint64_t n)
{
	struct rec_head h = run_head(r, REC_stream_end, at, n);
	struct rec_stream_end e = { .dir = (uint8_t)dir, .reason = REC_stream_reason_FIN };

	l7_stream_end(r->l7, &h, &e);
}

static inline void run_finish(struct run *r, double at, uint64_t n)
{
	struct rec_head h = run_head(r, REC_flow, at, n);
	struct rec_flow fl = { .event = REC_flow_event_END, .reason = REC_flow_reason_IDLE };

	l7_flow_end(r->l7, &h, &fl);
}

/* The log so far, as a string. */
static inline const char *run_log(struct run *r)
{
	*buf_reserve(&r->log, 1) = 0;
	return (const char *)r->log.ptr;
}

static inline void run_free(struct run *r)
{
	l7_finish(r->l7, 0);
	l7_free(r->l7);
	buf_release(&r->packed);
	buf_release(&r->log);
}

#endif
