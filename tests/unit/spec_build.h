/* spec_build: compiles specs, and runs them over packets and streams, for the tests. */
#ifndef WEIR_TEST_SPEC_BUILD_H
#define WEIR_TEST_SPEC_BUILD_H

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/spec/session.h"
#include "libcommon/base/buf.h"

/* One run of a spec over one flow; what it emits is kept, packed and as texts. */
struct run {
	uint64_t flow;
	struct spec_config config;
	struct l7_parser parser;
	struct l7 *l7;
	struct buf packed;
	struct buf log; /* a line per record */
	size_t records, anomalies;
	uint8_t proto;
	uint16_t resp_p;
	uint64_t offset[2];
};

static inline void log_number(struct buf *log, const struct rec_field *f, uint64_t v)
{
	double d;

	memcpy(&d, &v, sizeof(d));
	if (f->en && rec_enum_text(f->en, v))
		buf_add_str(log, rec_enum_text(f->en, v));
	else if (f->kind == REC_F64)
		buf_printf(log, "%g", d);
	else
		buf_printf(log, "%lld", (long long)v);
}

static inline void log_bytes(struct buf *log, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] >= ' ' && b.ptr[i] < 127)
			buf_add_byte(log, b.ptr[i]);
		else
			buf_printf(log, "\\x%02x", b.ptr[i]);
	}
}

static inline void log_fields(struct buf *log, const struct rec_desc *desc, const uint8_t *rec);

static inline void log_list(struct buf *log, const struct rec_field *f, const struct rec_list *l)
{
	const uint8_t *at = l->items;

	for (size_t i = 0; i < l->count; i++) {
		buf_add_str(log, i ? "," : "");
		if (f->kind == REC_SUB) {
			buf_add_str(log, "{");
			log_fields(log, f->sub, at + i * f->sub->size);
			buf_add_str(log, " }");
		} else if (f->kind == REC_STR || f->kind == REC_BYTES) {
			log_bytes(log, ((const struct bytes *)l->items)[i]);
		} else if (f->kind == REC_U8) {
			log_number(log, f, at[i]);
		} else if (f->kind == REC_U16) {
			log_number(log, f, ((const uint16_t *)l->items)[i]);
		} else if (f->kind == REC_U32 || f->kind == REC_ENUM) {
			log_number(log, f, ((const uint32_t *)l->items)[i]);
		} else {
			log_number(log, f, ((const uint64_t *)l->items)[i]);
		}
	}
}

/* " name=value" for each column that is there, those of the key left out. */
static inline void log_fields(struct buf *log, const struct rec_desc *desc, const uint8_t *rec)
{
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];
		const void *at = rec + f->offset;
		const struct bytes *b = at;
		const struct rec_opt *o = at;
		const struct ip *ip = at;

		if (f->shape == REC_ONE && strcmp(f->name, "state") != 0)
			continue;
		if (f->shape == REC_LIST) {
			if (!((const struct rec_list *)at)->count)
				continue;
			buf_printf(log, " %s=", f->name);
			log_list(log, f, at);
		} else if (f->shape == REC_ONE) {
			buf_printf(log, " %s=%s", f->name,
				   rec_enum_text(f->en, *(const uint32_t *)at));
		} else if (f->kind == REC_IP) {
			if (ip->len == 4 && strcmp(f->name, "orig_h") && strcmp(f->name, "resp_h"))
				buf_printf(log, " %s=%u.%u.%u.%u", f->name, ip->b[0], ip->b[1],
					   ip->b[2], ip->b[3]);
		} else if (f->kind == REC_STR || f->kind == REC_BYTES) {
			if (!b->ptr)
				continue;
			buf_printf(log, " %s=", f->name);
			log_bytes(log, *b);
		} else if (f->kind != REC_MAC && o->set) {
			buf_printf(log, " %s=", f->name);
			log_number(log, f, o->v);
		}
	}
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;

	rec_pack(&r->packed, desc, h, rec);
	if (desc == &r->config.spec->desc) {
		r->records++;
		buf_add_str(&r->log, desc->name);
		log_fields(&r->log, desc, rec);
	} else if (desc == &rec_anomaly_desc) {
		const struct rec_anomaly *a = rec;

		r->anomalies++;
		buf_add(&r->log, a->name.ptr, a->name.len);
		if (a->state.ptr)
			buf_printf(&r->log, " in %.*s", (int)a->state.len,
				   (const char *)a->state.ptr);
		if (a->event.ptr)
			buf_printf(&r->log, ": %.*s", (int)a->event.len,
				   (const char *)a->event.ptr);
	} else {
		return;
	}
	buf_add_byte(&r->log, '\n');
}

static inline void run_start(struct run *r, const struct spec *s, uint8_t proto, uint16_t resp_p)
{
	struct l7_host host = { r, run_emit };
	struct l7_limits limits = { .max_flows = 64 };

	*r = (struct run){ .config = { .spec = s,
				       .timeout = 10000000000ull,
				       .max_pending = 4,
				       .max_memory = 1 << 20 },
			   .proto = proto,
			   .resp_p = resp_p,
			   .flow = 1 };
	r->parser = spec_parser(&r->config);
	r->l7 = l7_new(&r->parser, &host, &limits);
}

static inline struct rec_head run_head(const struct run *r, uint16_t type, double at, uint64_t n)
{
	return (struct rec_head){ type, (uint64_t)(at * 1e9), r->flow, n };
}

/* Payloads are copies of the exact size, so that a sanitizer sees a read past their ends. */
static inline struct bytes run_copy(struct bytes b)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);

	if (b.len)
		memcpy(copy, b.ptr, b.len);
	return BYTES(copy, b.len);
}

static inline bool run_packet(struct run *r, int dir, double at, uint64_t n, struct bytes payload)
{
	struct rec_head h = run_head(r, REC_packet, at, n);
	struct rec_packet p = { .ip_version = 4,
				.proto = r->proto,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = r->resp_p,
				.payload = run_copy(payload) };
	bool taken = l7_packet(r->l7, &h, &p);

	free((void *)p.payload.ptr);
	return taken;
}

static inline bool run_stream(struct run *r, int dir, double at, uint64_t n, struct bytes payload,
			      uint64_t gap)
{
	struct rec_head h = run_head(r, REC_stream, at, n);
	struct rec_stream s = { .ip_version = 4,
				.proto = r->proto,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = r->resp_p,
				.offset = r->offset[dir],
				.gap = gap,
				.gap_reason = gap ? REC_gap_reason_ACKED : 0,
				.payload = run_copy(payload) };
	bool taken = l7_stream(r->l7, &h, &s);

	r->offset[dir] += payload.len + gap;
	free((void *)s.payload.ptr);
	return taken;
}

/* In pieces of so many bytes, all at the same time. */
static inline void run_pieces(struct run *r, int dir, double at, struct bytes b, size_t piece)
{
	for (size_t i = 0; i < b.len; i += piece)
		run_stream(r, dir, at, 1, BYTES(b.ptr + i, b.len - i < piece ? b.len - i : piece),
			   0);
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
