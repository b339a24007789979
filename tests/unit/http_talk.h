/* http_talk: drives the HTTP parser through the engine and writes down every record as a line. */
#ifndef WEIR_TEST_HTTP_TALK_H
#define WEIR_TEST_HTTP_TALK_H

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/http/http.h"
#include "libcommon/base/buf.h"

struct talk {
	struct l7 *l7;
	struct buf out; /* a line a record */
	uint64_t offset[2];
	uint64_t ts, n; /* of the next record */
	uint16_t orig_p, resp_p;
	unsigned flags; /* STREAM_ bits */
	bool quiet;     /* write nothing down */
	unsigned long records;
	size_t taken; /* stream records that the parser called its own */
};

static inline void talk_scalar(struct buf *out, const struct rec_field *fd, const uint8_t *at,
			       bool opt)
{
	uint64_t v = 0;

	switch (opt ? REC_U64 : fd->kind) {
	case REC_U8:
	case REC_BOOL:
		v = *at;
		break;
	case REC_U16: {
		uint16_t x;

		memcpy(&x, at, 2);
		v = x;
		break;
	}
	case REC_U32:
	case REC_ENUM: {
		uint32_t x;

		memcpy(&x, at, 4);
		v = x;
		break;
	}
	default:
		memcpy(&v, at, 8);
	}
	if (fd->kind == REC_ENUM && rec_enum_text(fd->en, v))
		buf_add_str(out, rec_enum_text(fd->en, v));
	else
		buf_printf(out, "%llu", (unsigned long long)v);
}

static inline void talk_text(struct buf *out, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] < 0x20 || b.ptr[i] > 0x7e)
			buf_printf(out, "\\x%02x", b.ptr[i]);
		else
			buf_add_byte(out, b.ptr[i]);
	}
}

static inline void talk_list(struct buf *out, const struct rec_field *fd, const struct rec_list *l)
{
	buf_add_byte(out, '[');
	for (size_t i = 0; i < l->count; i++) {
		if (i)
			buf_add_byte(out, ',');
		if (fd->kind == REC_SUB) {
			const struct rec_http_header *h = l->items;

			talk_text(out, h[i].name);
			buf_add_byte(out, '=');
			talk_text(out, h[i].value);
		} else if (fd->kind == REC_STR) {
			talk_text(out, ((const struct bytes *)l->items)[i]);
		} else {
			talk_scalar(out, fd, (const uint8_t *)l->items + 2 * i, false);
		}
	}
	buf_add_byte(out, ']');
}

/* " name=value" where the field is there. The key is left out. */
static inline void talk_field(struct buf *out, const struct rec_field *fd, const void *rec)
{
	const uint8_t *at = (const uint8_t *)rec + fd->offset;

	if (fd->offset < sizeof(struct rec_key))
		return;
	if (fd->shape == REC_LIST) {
		const struct rec_list *l = (const void *)at;

		if (!l->count)
			return;
		buf_printf(out, " %s=", fd->name);
		talk_list(out, fd, l);
	} else if (fd->kind == REC_STR || fd->kind == REC_BYTES) {
		const struct bytes *b = (const void *)at;

		if (!b->ptr)
			return;
		buf_printf(out, " %s=", fd->name);
		talk_text(out, *b);
	} else {
		const struct rec_opt *o = (const void *)at;

		if (fd->shape == REC_OPT && !o->set)
			return;
		buf_printf(out, " %s=", fd->name);
		talk_scalar(out, fd, at, fd->shape == REC_OPT);
	}
}

static inline void talk_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			     const void *rec)
{
	struct talk *t = ctx;

	t->records++;
	if (t->quiet)
		return;
	buf_printf(&t->out, "%s ts=%llu n=%llu", desc->name, (unsigned long long)h->ts,
		   (unsigned long long)h->n);
	for (size_t i = 0; i < desc->nfields; i++)
		talk_field(&t->out, &desc->fields[i], rec);
	buf_add_str(&t->out, " \n");
}

/* A zeroed struct talk becomes a flow to port 80. */
static inline void talk_start(struct talk *t)
{
	struct l7_host host = { .ctx = t, .emit = talk_emit };

	t->l7 = l7_new(&http_parser, &host, NULL);
	if (!t->orig_p)
		t->orig_p = 40000;
	if (!t->resp_p)
		t->resp_p = 80;
	t->ts = 1000;
	t->n = 1;
}

static inline void talk_record(struct talk *t, enum l7_dir dir, struct bytes data, uint64_t gap)
{
	struct rec_head h = { REC_stream, t->ts, 1, t->n };
	struct rec_stream s = {
		.flags = t->flags,
		.ip_version = 4,
		.proto = IPPROTO_TCP,
		.dir = (uint8_t)dir,
		.gap_reason = gap ? REC_gap_reason_ACKED : 0,
		.orig_p = t->orig_p,
		.resp_p = t->resp_p,
		.offset = t->offset[dir],
		.gap = gap,
		.first_n = t->n,
		.first_ts = t->ts,
		.payload = data,
	};

	t->taken += l7_stream(t->l7, &h, &s);
	t->offset[dir] += gap ? gap : data.len;
}

static inline void talk_say(struct talk *t, enum l7_dir dir, struct bytes data)
{
	if (data.len)
		talk_record(t, dir, data, 0);
}

static inline void talk_lose(struct talk *t, enum l7_dir dir, uint64_t n)
{
	talk_record(t, dir, BYTES(NULL, 0), n);
}

static inline void talk_eof(struct talk *t, enum l7_dir dir, enum rec_stream_reason why)
{
	struct rec_head h = { REC_stream_end, t->ts, 1, t->n };
	struct rec_stream_end e = { .dir = dir, .reason = why };

	l7_stream_end(t->l7, &h, &e);
}

static uint64_t talk_left; /* bytes that exchanges held behind the end */

/* Both directions end, then the flow; the lines stay. */
static inline void talk_end(struct talk *t, enum rec_stream_reason why)
{
	struct rec_head h = { REC_flow, t->ts, 1, t->n };
	struct rec_flow fl = { .event = REC_flow_event_END, .reason = why };

	talk_eof(t, L7_ORIG, why);
	talk_eof(t, L7_RESP, why);
	l7_flow_end(t->l7, &h, &fl);
	l7_finish(t->l7, t->n);
	talk_left += l7_stats(t->l7)->held + l7_stats(t->l7)->memory;
	l7_free(t->l7);
	t->l7 = NULL;
	buf_add_byte(&t->out, 0);
	t->out.len--;
}

#endif
