/* ftp_build: runs the FTP parser over streams, for the tests. */
#ifndef WEIR_TEST_FTP_BUILD_H
#define WEIR_TEST_FTP_BUILD_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/ftp/ftp.h"
#include "libcommon/base/buf.h"

/* One run over one flow; what it emits is kept as texts, a line per record. */
struct run {
	struct l7 *l7;
	struct buf log;
	uint16_t resp_p;
	bool midstream;
	uint64_t offset[2];
};

static inline void log_text(struct buf *log, const char *name, struct bytes b)
{
	if (b.ptr)
		buf_printf(log, " %s=%.*s", name, (int)b.len, (const char *)b.ptr);
}

static inline void log_ip(struct buf *log, const char *name, const struct ip *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (ip->len && inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->b, text, sizeof(text)))
		buf_printf(log, " %s%s", name, text);
}

static inline void log_ftp(struct buf *log, const struct rec_ftp *r)
{
	log_text(log, "cmd", r->command);
	log_text(log, "arg", r->arg);
	log_text(log, "user", r->user);
	log_text(log, "pass", r->password);
	for (size_t i = 0; i < r->reply_codes.count; i++)
		buf_printf(log, " %u", ((const uint16_t *)r->reply_codes.items)[i]);
	if (r->reply_code.set && !r->reply_codes.count)
		buf_printf(log, " %u", (unsigned)r->reply_code.v);
	log_text(log, "msg", r->reply_msg);
	for (size_t i = 0; i < r->reply_lines.count; i++)
		log_text(log, "line", ((const struct bytes *)r->reply_lines.items)[i]);
	if (r->file_size.set)
		buf_printf(log, " size=%u", (unsigned)r->file_size.v);
	if (r->data_resp_p.set) {
		log_ip(log, r->passive.v ? "passive " : "active ", &r->data_orig_h);
		log_ip(log, "> ", &r->data_resp_h);
		buf_printf(log, ":%u", (unsigned)r->data_resp_p.v);
	}
	buf_add_str(log, r->tls ? " tls\n" : "\n");
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;

	(void)h;
	if (desc == &rec_ftp_desc) {
		log_ftp(&r->log, rec);
	} else if (desc == &rec_ftp_data_desc) {
		const struct rec_ftp_data *d = rec;

		buf_printf(&r->log, " data of %u from %u: %u missing %u\n", (unsigned)d->control.v,
			   (unsigned)d->sender.v, (unsigned)d->bytes, (unsigned)d->missing);
	} else if (desc == &rec_anomaly_desc) {
		const struct rec_anomaly *a = rec;

		log_text(&r->log, "anomaly", a->name);
		log_text(&r->log, "state", a->state);
		log_text(&r->log, "event", a->event);
		log_text(&r->log, "expected", a->expected);
		buf_add_byte(&r->log, '\n');
	}
}

static inline void run_start(struct run *r, uint16_t resp_p)
{
	struct l7_host host = { r, run_emit };
	struct l7_limits limits = { .max_flows = 64 };

	*r = (struct run){ .resp_p = resp_p };
	r->l7 = l7_new(&ftp_parser, &host, &limits);
}

/* From 192.0.2.1 to 192.0.2.2; `gap` bytes that are missing come first. */
static inline bool run_piece(struct run *r, int dir, struct bytes b, uint64_t gap)
{
	struct rec_head h = { REC_stream, 1000000000, 1, 1 };
	uint8_t *copy = malloc(b.len ? b.len : 1);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.flags = r->midstream ? STREAM_MIDSTREAM : 0,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.orig_p = 40000,
				.resp_p = r->resp_p,
				.offset = r->offset[dir],
				.gap = gap,
				.payload = BYTES(copy, b.len) };
	bool taken;

	if (b.len)
		memcpy(copy, b.ptr, b.len);
	taken = l7_stream(r->l7, &h, &s);
	r->offset[dir] += b.len + gap;
	free(copy);
	return taken;
}

static inline bool run_stream(struct run *r, int dir, struct bytes b)
{
	return run_piece(r, dir, b, 0);
}

static inline void run_gap(struct run *r, int dir, uint64_t missing)
{
	run_piece(r, dir, BYTES(NULL, 0), missing);
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
