/* tftp: follows the messages of a flow: a record of each request, and one of each transfer. The
 * server answers from a port of its own, so that request and transfer are mostly two flows, of
 * which each record says what its own flow tells. */
#include "cmd/tftp/tftp.h"

#include <netinet/in.h>

enum {
	PORT = 69,
	MESSAGE = 512, /* bytes kept of a request, and of the options agreed to */
	TEXT = 256,    /* of an error's text */
	BLKSIZE = 512, /* unless another one is agreed on */
};

struct kept {
	uint16_t len;
	bool set, cut;
	uint8_t b[MESSAGE];
};

struct session {
	bool begun, over, closing; /* a transfer; it was reported; its last block was seen */
	bool knows_client, acked;
	uint8_t client, op; /* enum l7_dir; enum tftp_op, or 0 */
	uint16_t last;      /* number of the last block */
	struct kept request, options;
	struct tftp_blocks blocks;
	uint64_t bytes, blksize;
	uint64_t first_ts, first_n, last_ts;
	struct rec_opt error;
	uint16_t error_len;
	bool error_cut;
	uint8_t error_text[TEXT];
};

static void kept_set(struct kept *k, struct bytes b)
{
	k->set = true;
	k->cut = b.len > MESSAGE;
	k->len = (uint16_t)(b.len < MESSAGE ? b.len : MESSAGE);
	memcpy(k->b, b.ptr, k->len);
}

/* ---- the record ----------------------------------------------------------------------------- */

/* What a limit may have cut: of a request, and of a transfer. */
enum { CUT_OPTIONS = 1, CUT_FILENAME = 2, CUT_MODE = 4, CUT_ERROR = 8, CUTS = 4 };
static const char *const cut_names[CUTS] = { "options", "filename", "mode", "error_msg" };

static struct bytes small_letters(struct l7_flow *f, struct bytes b)
{
	uint8_t *copy = b.len ? l7_scratch(f, b.len) : NULL;

	for (size_t i = 0; copy && i < b.len; i++)
		copy[i] =
			(uint8_t)(b.ptr[i] >= 'A' && b.ptr[i] <= 'Z' ? b.ptr[i] | 0x20 : b.ptr[i]);
	return copy ? BYTES(copy, b.len) : b;
}

static struct rec_list options_of(struct l7_flow *f, const struct tftp_message *m)
{
	struct rec_tftp_option *all = l7_scratch(f, TFTP_OPTIONS * sizeof(*all));

	for (size_t i = 0; all && i < m->noptions; i++)
		all[i] = (struct rec_tftp_option){ small_letters(f, m->options[i].name),
						   m->options[i].value };
	return (struct rec_list)LIST_OF(all, all ? m->noptions : 0);
}

static void report_request(struct l7_flow *f, const struct tftp_message *m)
{
	const struct session *s = l7_state(f);
	struct bytes cut[CUTS];

	l7_emit(f, tftp_request, .op = s->op, .filename = m->filename,
		.mode = small_letters(f, m->mode), .options = options_of(f, m),
		.truncated = l7_names(m->more ? CUT_OPTIONS : 0, cut_names, CUTS, cut));
}

static enum rec_tftp_state state_of(const struct session *s)
{
	if (s->error.set)
		return REC_tftp_state_FAILED;
	return s->closing && (s->acked || !s->blocks.missing) ? REC_tftp_state_COMPLETED
							      : REC_tftp_state_PARTIAL;
}

static void report_transfer(struct l7_flow *f)
{
	struct session *s = l7_state(f);
	const struct l7_guessed *g = l7_guessed(f);
	const struct rec_key *key = l7_key(f);
	struct bytes names[CUTS];
	uint32_t cut = s->error_cut ? CUT_ERROR : 0;
	struct tftp_message m;
	struct rec_tftp r = { .state = state_of(s),
			      .blocks = s->blocks.count,
			      .bytes = s->bytes,
			      .repeated = s->blocks.repeated,
			      .missing = s->blocks.missing,
			      .error_code = s->error,
			      .duration = s->last_ts - s->first_ts,
			      .first_n = SOME(s->first_n) };

	if (s->op)
		r.op = SOME(s->op);
	if (s->error.set)
		r.error_msg = BYTES(s->error_text, s->error_len);
	if (s->knows_client)
		r.server_port = SOME(s->client == L7_ORIG ? key->resp_p : key->orig_p);
	if (g && g->expected_by)
		r.request = SOME(g->expected_by);
	if (s->request.set && tftp_parse(BYTES(s->request.b, s->request.len), true, &m)) {
		r.filename = m.filename;
		r.mode = small_letters(f, m.mode);
		if (s->request.cut)
			cut |= (m.filename.ptr ? 0 : CUT_FILENAME) | (m.mode.ptr ? 0 : CUT_MODE);
	}
	if (s->options.set && tftp_parse(BYTES(s->options.b, s->options.len), true, &m)) {
		r.options = options_of(f, &m);
		cut |= m.more || s->options.cut ? CUT_OPTIONS : 0;
	}
	r.truncated = l7_names(cut, cut_names, CUTS, names);
	s->over = true;
	l7_emit_rec(f, s->first_ts, &rec_tftp_desc, &r);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void client_is(struct session *s, enum l7_dir dir)
{
	if (s->knows_client)
		return;
	s->knows_client = true;
	s->client = (uint8_t)dir;
}

static void request_take(struct l7_flow *f, enum l7_dir dir, const struct tftp_message *m,
			 struct bytes data)
{
	struct session *s = l7_state(f);
	size_t len = data.len < MESSAGE ? data.len : MESSAGE;

	/* Asked again, as nothing had come. */
	if (s->request.set && !s->begun && s->request.len == len &&
	    memcmp(s->request.b, data.ptr, len) == 0)
		return;
	if (s->begun && !s->over)
		report_transfer(f);
	memset(s, 0, sizeof(*s));
	client_is(s, dir);
	s->op = m->code == TFTP_RRQ ? REC_tftp_op_READ : REC_tftp_op_WRITE;
	kept_set(&s->request, data);
	report_request(f, m);
}

static void data_take(struct l7_flow *f, enum l7_dir dir, const struct tftp_message *m)
{
	struct session *s = l7_state(f);
	uint64_t len = m->text.len + l7_lacking(f);
	bool from_client = s->knows_client && dir == (enum l7_dir)s->client;

	if (s->knows_client && !s->op)
		s->op = from_client ? REC_tftp_op_WRITE : REC_tftp_op_READ;
	if (s->knows_client && from_client != (s->op == REC_tftp_op_WRITE)) {
		l7_violation(f, dir, "tftp_wrong_side", REC_severity_WARNING,
			     from_client ? "read" : "write",
			     from_client ? "data of the client" : "data of the server",
			     from_client ? "acknowledgements" : "acknowledgements of the server");
		return;
	}
	if (!s->blksize)
		s->blksize = len > BLKSIZE ? len : BLKSIZE;
	if (!tftp_block_take(&s->blocks, m->number))
		return;
	s->bytes += len;
	if (len < s->blksize) {
		s->closing = true;
		s->last = m->number;
	}
}

/* A block's acknowledgement; where it is the last one's, the transfer is over. */
static void ack_take(struct l7_flow *f, enum l7_dir dir, const struct tftp_message *m)
{
	struct session *s = l7_state(f);

	if (s->knows_client && !s->op)
		s->op = dir == (enum l7_dir)s->client ? REC_tftp_op_READ : REC_tftp_op_WRITE;
	if (!s->closing || m->number != s->last)
		return;
	s->acked = true;
	report_transfer(f);
}

static void error_take(struct l7_flow *f, const struct tftp_message *m)
{
	struct session *s = l7_state(f);

	s->error = SOME(m->number);
	s->error_len = (uint16_t)(m->text.len < TEXT ? m->text.len : TEXT);
	s->error_cut = m->text.len > TEXT;
	if (s->error_len)
		memcpy(s->error_text, m->text.ptr, s->error_len);
	report_transfer(f);
}

static void options_take(struct session *s, enum l7_dir dir, const struct tftp_message *m,
			 struct bytes data)
{
	uint64_t v;

	client_is(s, (enum l7_dir) !dir);
	kept_set(&s->options, data);
	if (tftp_number(m, "blksize", &v) && v)
		s->blksize = v;
}

static void tftp_datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct session *s = l7_state(f);
	const struct l7_guessed *g = l7_guessed(f);
	struct tftp_message m;

	if (!tftp_parse(data, l7_snapped(f), &m)) {
		l7_poison(f, "no message");
		return;
	}
	if (m.code == TFTP_RRQ || m.code == TFTP_WRQ) {
		request_take(f, dir, &m, data);
		return;
	}
	if (s->over) /* what is repeated behind the end */
		return;
	if (!s->begun) {
		s->begun = true;
		s->first_ts = l7_now(f);
		s->first_n = l7_n(f);
		if (g)
			client_is(s, g->client);
		else if (l7_key(f)->resp_p == PORT)
			client_is(s, L7_ORIG);
	}
	s->last_ts = l7_now(f);
	switch (m.code) {
	case TFTP_DATA:
		data_take(f, dir, &m);
		break;
	case TFTP_ACK:
		ack_take(f, dir, &m);
		break;
	case TFTP_ERROR:
		error_take(f, &m);
		break;
	case TFTP_OACK:
		options_take(s, dir, &m, data);
		break;
	default:
		break;
	}
}

/* ---- calls of the engine -------------------------------------------------------------------- */

static enum l7_claim tftp_claims(const struct l7_first *first)
{
	struct tftp_message m;

	if (first->proto != IPPROTO_UDP)
		return L7_NO;
	if (first->resp_p == PORT)
		return tftp_parse(first->data, true, &m) ? L7_YES : L7_NO;
	return tftp_is_certain(first->data) ? L7_YES : L7_NO;
}

static void tftp_end(struct l7_flow *f, enum l7_end why)
{
	const struct session *s = l7_state(f);

	(void)why;
	if (s->begun && !s->over)
		report_transfer(f);
}

static const char *const tftp_protocols[] = { "tftp", NULL };

const struct l7_parser tftp_parser = {
	.name = "tftp",
	.summary = "make TFTP records out of datagrams",
	.protocols = tftp_protocols,
	.state_size = sizeof(struct session),
	.claims = tftp_claims,
	.datagram = tftp_datagram,
	.end = tftp_end,
};
