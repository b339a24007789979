/* ftp_build: runs the FTP parser over streams, for the tests. */
#ifndef WEIR_TEST_FTP_BUILD_H
#define WEIR_TEST_FTP_BUILD_H

#include <arpa/inet.h>

#include "cmd/ftp/ftp.h"
#include "tests/unit/l7_run.h"

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
	log_cut(log, &r->truncated);
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
	run_open(r, &ftp_parser, run_emit, resp_p);
}

#endif
