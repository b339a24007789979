/* smtp_build: runs the SMTP parser over streams, for the tests. */
#ifndef WEIR_TEST_SMTP_BUILD_H
#define WEIR_TEST_SMTP_BUILD_H

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/smtp/smtp.h"
#include "libcommon/base/buf.h"

/* One run over one flow; what it emits is kept as texts, a line per record. */
struct run {
	struct l7 *l7;
	struct buf log;
	uint16_t resp_p;
	uint64_t offset[2];
};

static inline void log_text(struct buf *log, const char *name, struct bytes b)
{
	if (b.ptr)
		buf_printf(log, " %s=%.*s", name, (int)b.len, (const char *)b.ptr);
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;
	const struct rec_smtp *s = rec;

	(void)h;
	if (desc == &rec_anomaly_desc) {
		log_text(&r->log, "anomaly", ((const struct rec_anomaly *)rec)->event);
		buf_add_byte(&r->log, '\n');
	}
	if (desc != &rec_smtp_desc)
		return;
	buf_printf(&r->log, "%u%s", s->trans_depth, s->tls ? " tls" : "");
	log_text(&r->log, "server", s->server);
	log_text(&r->log, "helo", s->helo);
	log_text(&r->log, "from", s->mailfrom);
	for (size_t i = 0; i < s->rcptto.count; i++)
		log_text(&r->log, "to", ((const struct bytes *)s->rcptto.items)[i]);
	log_text(&r->log, "subject", s->subject);
	log_text(&r->log, "auth", s->auth_mech);
	buf_printf(&r->log, " bytes=%d code=%d", (int)s->bytes, (int)s->reply_code.v);
	log_text(&r->log, "reply", s->last_reply);
	buf_add_byte(&r->log, '\n');
}

static inline void run_start(struct run *r, uint16_t resp_p)
{
	struct l7_host host = { r, run_emit };
	struct l7_limits limits = { .max_flows = 64 };

	*r = (struct run){ .resp_p = resp_p };
	r->l7 = l7_new(&smtp_parser, &host, &limits);
}

static inline bool run_stream(struct run *r, int dir, struct bytes b)
{
	struct rec_head h = { REC_stream, 1000000000, 1, 1 };
	uint8_t *copy = malloc(b.len ? b.len : 1);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = r->resp_p,
				.offset = r->offset[dir],
				.payload = BYTES(copy, b.len) };
	bool taken;

	if (b.len)
		memcpy(copy, b.ptr, b.len);
	taken = l7_stream(r->l7, &h, &s);
	r->offset[dir] += b.len;
	free(copy);
	return taken;
}

static inline void run_pieces(struct run *r, int dir, struct bytes b, size_t piece)
{
	for (size_t i = 0; i < b.len; i += piece)
		run_stream(r, dir, BYTES(b.ptr + i, b.len - i < piece ? b.len - i : piece));
}

/* Ends the flow; the log, as a string. */
static inline const char *run_finish(struct run *r)
{
	l7_finish(r->l7, 1);
	*buf_reserve(&r->log, 1) = 0;
	return (const char *)r->log.ptr;
}

static inline void run_free(struct run *r)
{
	l7_free(r->l7);
	buf_release(&r->log);
}

#endif
