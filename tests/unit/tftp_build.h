/* tftp_build: runs the TFTP parser over the datagrams of a flow, for the tests. */
#ifndef WEIR_TEST_TFTP_BUILD_H
#define WEIR_TEST_TFTP_BUILD_H

#include "cmd/tftp/tftp.h"
#include "tests/unit/l7_run.h"

static inline void log_options(struct buf *log, const struct rec_list *options)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct rec_tftp_option *o =
			(const struct rec_tftp_option *)options->items + i;

		log_text(log, "option", o->name);
		log_text(log, "value", o->value);
	}
}

static inline void log_request(struct buf *log, const struct rec_tftp_request *r)
{
	buf_printf(log, "request %s", r->op == REC_tftp_op_READ ? "read" : "write");
	log_text(log, "file", r->filename);
	log_text(log, "mode", r->mode);
	log_options(log, &r->options);
	log_cut(log, &r->truncated);
	buf_add_byte(log, '\n');
}

static inline void log_tftp(struct buf *log, const struct rec_tftp *r)
{
	static const char *const states[] = { "completed", "partial", "failed" };

	buf_printf(log, "transfer%s %s",
		   !r->op.set                    ? ""
		   : r->op.v == REC_tftp_op_READ ? " read"
						 : " write",
		   states[r->state]);
	log_text(log, "file", r->filename);
	log_text(log, "mode", r->mode);
	log_options(log, &r->options);
	buf_printf(log, " blocks=%u bytes=%u", (unsigned)r->blocks, (unsigned)r->bytes);
	if (r->repeated || r->missing)
		buf_printf(log, " repeated=%u missing=%u", (unsigned)r->repeated,
			   (unsigned)r->missing);
	if (r->error_code.set)
		buf_printf(log, " error=%u", (unsigned)r->error_code.v);
	log_text(log, "msg", r->error_msg);
	if (r->server_port.set)
		buf_printf(log, " port=%u", (unsigned)r->server_port.v);
	if (r->request.set)
		buf_printf(log, " request=%u", (unsigned)r->request.v);
	log_cut(log, &r->truncated);
	buf_add_byte(log, '\n');
}

static inline void run_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			    const void *rec)
{
	struct run *r = ctx;

	(void)h;
	if (desc == &rec_tftp_desc) {
		log_tftp(&r->log, rec);
	} else if (desc == &rec_tftp_request_desc) {
		log_request(&r->log, rec);
	} else if (desc == &rec_anomaly_desc) {
		log_text(&r->log, "anomaly", ((const struct rec_anomaly *)rec)->name);
		log_text(&r->log, "event", ((const struct rec_anomaly *)rec)->event);
		buf_add_byte(&r->log, '\n');
	}
}

static inline void run_start(struct run *r, uint16_t orig_p, uint16_t resp_p)
{
	run_open(r, &tftp_parser, run_emit, resp_p);
	r->orig_p = orig_p;
}

/* DATA, or ACK: without bytes. */
static inline void run_block(struct run *r, int dir, enum tftp_code code, unsigned number,
			     uint32_t bytes)
{
	uint8_t head[4] = { 0, (uint8_t)code, (uint8_t)(number >> 8), (uint8_t)number };

	run_cut(r, dir, BYTES(head, 4), bytes);
}

/* A guess names the flow. */
static inline void run_guess(struct run *r, uint64_t expected_by, uint32_t client)
{
	struct rec_head h = { REC_guess, 1, 1, 1 };
	struct rec_guess g = {
		.protocol = BYTES_LIT("tftp"),
		.state = REC_guess_state_LIKELY,
		.client = client,
		.key = { .proto = IPPROTO_UDP, .orig_p = r->orig_p, .resp_p = r->resp_p },
		.expected_by = SOME(expected_by)
	};

	l7_follow(r->l7);
	l7_guess(r->l7, &h, &g);
}

#endif
