/* smtp_build: runs the SMTP parser over streams, for the tests. */
#ifndef WEIR_TEST_SMTP_BUILD_H
#define WEIR_TEST_SMTP_BUILD_H

#include "cmd/smtp/smtp.h"
#include "tests/unit/l7_run.h"

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
	if (s->first_n.v > 1)
		buf_printf(&r->log, "n=%d ", (int)s->first_n.v);
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
	log_cut(&r->log, &s->truncated);
	buf_add_byte(&r->log, '\n');
}

static inline void run_start(struct run *r, uint16_t resp_p)
{
	run_open(r, &smtp_parser, run_emit, resp_p);
}

#endif
