/* http_message: reads one direction step by step: start line, fields, body, next message.
 *
 * What a message says of its length is believed as RFC 9112 6.3 has it; where that cannot be, or
 * bytes are missing, reading goes on at the next start line that can be found, so that a request
 * hidden behind an ambiguous one still becomes a record. */
#include "cmd/http/http_session.h"

static bool tunnel_expected(const struct http_session *s, enum http_who who)
{
	return who == HTTP_CLIENT && s->last && s->last->is_connect && !s->last->has_resp;
}

void http_resync(struct l7_flow *f, enum http_who who, bool by_gap)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	/* A capture that starts in the middle has nothing to say about what came before, and who
	 * expects a tunnel may send into it before it is there. */
	if (!by_gap && (side->messages || !l7_midstream(f)) && !tunnel_expected(s, who))
		http_raise(f, who, HTTP_TAG_DESYNC);
	if (!by_gap && who == HTTP_SERVER && !side->ex && s->unanswered)
		s->unanswered->tags |= 1u << HTTP_TAG_DESYNC; /* what answers it is noise */
	side->phase = HTTP_RESYNC;
	side->by_gap = by_gap;
	side->rest = false;
}

/* What follows is for others. */
static void session_leave(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);

	s->over = true;
	l7_done(f);
}

static void session_switch(struct l7_flow *f, struct http_exchange *ex)
{
	ex->switched = true;
	ex->framing = REC_http_framing_UPGRADE;
	if (ex->has_req && !ex->done[HTTP_CLIENT])
		http_message_end(f, HTTP_CLIENT, 0);
	ex->done[HTTP_CLIENT] = true;
	http_message_end(f, HTTP_SERVER, 0);
	session_leave(f);
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void body_begin(struct l7_flow *f, enum http_who who, struct http_framing framing)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	static const enum rec_http_framing names[] = {
		[HTTP_BODY_NONE] = REC_http_framing_NONE,
		[HTTP_BODY_LENGTH] = REC_http_framing_LENGTH,
		[HTTP_BODY_CHUNKED] = REC_http_framing_CHUNKED,
		[HTTP_BODY_CLOSE] = REC_http_framing_CLOSE,
	};

	http_body_start(&side->body, framing.kind, framing.length);
	if (side->ex && who == HTTP_SERVER)
		side->ex->framing = names[framing.kind];
	side->phase = HTTP_BODY;
	if (framing.unknown) {
		http_message_end(f, who, HTTP_FLAW_DESYNC);
		side->phase = HTTP_RESYNC;
		side->by_gap = false;
	} else if (framing.kind == HTTP_BODY_NONE ||
		   (framing.kind == HTTP_BODY_LENGTH && framing.length == 0)) {
		http_message_end(f, who, 0);
	}
}

static void body_oddities(struct l7_flow *f, enum http_who who)
{
	static const struct {
		unsigned bit;
		enum http_tag tag;
	} odd[] = {
		{ HTTP_BODY_OVERFLOW, HTTP_TAG_CHUNK_OVERFLOW },
		{ HTTP_BODY_BAD_CHUNK, HTTP_TAG_CHUNK_INVALID },
		{ HTTP_BODY_BARE_LF, HTTP_TAG_BARE_LF },
		{ HTTP_BODY_LONG_LINE, HTTP_TAG_LINE_TOO_LONG },
		{ HTTP_BODY_BARE_CR, HTTP_TAG_BARE_CR },
	};
	struct http_session *s = l7_state(f);
	struct http_body *body = &s->side[who].body;

	for (size_t i = 0; body->odd && i < sizeof(odd) / sizeof(odd[0]); i++)
		if (body->odd & odd[i].bit)
			http_raise(f, who, odd[i].tag);
	body->odd = 0;
}

size_t http_body_keep_max(struct l7_flow *f)
{
	const struct http_config *config = l7_config(f);

	return config->body_max < HTTP_BODY_MAX ? (size_t)config->body_max : HTTP_BODY_MAX;
}

/* RFC 9110 10.1.1: a client that waited to be told to go on, and was refused, may leave the body
 * out. Does the next request stand where the body should be? L7_MAYBE: more bytes will tell. It
 * is told by bytes that would be the body's alone, so that how much is there does not matter. */
static enum l7_claim body_left_out(const struct http_side *side, struct bytes data)
{
	uint64_t most = side->body.left < 1000 ? side->body.left : 1000;
	enum http_look look;

	if (side->body.kind != HTTP_BODY_LENGTH || !side->ex || side->ex->status < 300)
		return L7_NO;
	if (data.len > most)
		data.len = (size_t)most;
	look = http_look(data);
	if (look == HTTP_LOOK_SHORT && data.len < most)
		return L7_MAYBE;
	return look == HTTP_LOOK_REQUEST ? L7_YES : L7_NO;
}

static ssize_t body_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	enum http_body_status status;
	struct bytes piece;
	size_t used, max = http_body_keep_max(f);

	if (side->expect) {
		enum l7_claim left_out = body_left_out(side, data);

		if (left_out == L7_MAYBE)
			return -1;
		side->expect = false;
		if (left_out == L7_YES) {
			http_message_end(f, who, 0);
			return 0;
		}
	}
	used = http_body_take(&side->body, data, scanned, &piece, &status);

	if (side->body.odd)
		body_oddities(f, who);
	if (max && side->ex && piece.len) {
		http_exchange_body(side->ex, who, piece, max);
		http_account(f, side->ex);
	}
	if (status == HTTP_BODY_DONE) {
		http_message_end(f, who, 0);
	} else if (status == HTTP_BODY_BAD) {
		http_message_end(f, who, HTTP_FLAW_DESYNC);
		side->phase = HTTP_RESYNC;
		side->by_gap = false;
	} else if (used == 0) {
		return -1;
	}
	return (ssize_t)used;
}

/* Has the engine let pass what nobody looks at. The last byte is looked at, so that the end of
 * the body is noticed when it comes. */
void http_body_skip(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	size_t max = http_body_keep_max(f);

	if (side->phase != HTTP_BODY || side->body.at != HTTP_AT_DATA || side->body.left < 2 ||
	    side->body.kind == HTTP_BODY_CLOSE || side->expect)
		return;
	if (max && side->ex && !side->ex->body_closed[who]) {
		if (side->ex->body[who].len < max)
			return;
		http_exchange_cut(side->ex, who == HTTP_CLIENT ? HTTP_REQ_BODY : HTTP_RESP_BODY);
		side->ex->body_closed[who] = true;
	}
	l7_skip(f, http_dir(s, who), side->body.left - 1);
}

/* Counts what the engine has let pass since the last call. */
void http_body_catch_up(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	uint64_t at = l7_offset(f, http_dir(s, who));
	enum http_body_status status;

	if (side->phase == HTTP_BODY && at > side->at)
		http_body_gap(&side->body, at - side->at, &status);
	side->at = at;
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool has_lower(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i] >= 'a' && b.ptr[i] <= 'z')
			return true;
	return false;
}

static void request_begin(struct l7_flow *f, const struct http_request_line *r, bool simple)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_CLIENT];
	struct http_exchange *ex = http_exchange_new(f, HTTP_CLIENT, false);
	struct bytes authority = http_target_authority(r->uri);

	http_fields_start(side);
	http_side_attach(f, HTTP_CLIENT, ex);
	side->phase = HTTP_HEAD;
	side->old = bytes_is(r->version, "1.0");
	if (!s->unanswered)
		s->unanswered = ex;
	ex->has_req = true;
	ex->simple = simple;
	ex->is_head = bytes_is(r->method, "HEAD");
	ex->is_connect = bytes_is(r->method, "CONNECT");
	http_exchange_text(ex, HTTP_METHOD, r->method);
	http_exchange_text(ex, HTTP_URI, r->uri);
	if (r->version.ptr)
		http_exchange_text(ex, HTTP_VERSION, r->version);
	if (ex->is_connect)
		authority = r->uri;
	if (authority.ptr)
		http_exchange_text(ex, HTTP_HOST, http_authority_host(authority));
	if (r->odd_version)
		http_raise(f, HTTP_CLIENT, HTTP_TAG_BAD_VERSION);
	if (r->odd)
		http_raise(f, HTTP_CLIENT, HTTP_TAG_BAD_START_LINE);
	if (has_lower(r->method))
		http_raise(f, HTTP_CLIENT, HTTP_TAG_LOWER_CASE_METHOD);
	http_account(f, ex);
}

static void request_head_end(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_CLIENT];
	struct http_framing framing = { HTTP_BODY_NONE, 0, false };

	http_fields_flush(f, HTTP_CLIENT);
	if (side->ex && side->ex->simple) {
		/* Fields without a version: not as old as it looks. */
		bool v09 = side->fields == 0;

		http_raise(f, HTTP_CLIENT, v09 ? HTTP_TAG_V09 : HTTP_TAG_BAD_VERSION);
		if (v09)
			http_exchange_text(side->ex, HTTP_VERSION, BYTES_LIT("0.9"));
		side->ex->simple = v09;
	}
	if (!side->ex || !side->ex->is_connect)
		framing = http_framing_of(f, HTTP_CLIENT);
	if (side->ex)
		http_account(f, side->ex);
	body_begin(f, HTTP_CLIENT, framing);
}

/* item: what stands at the end of such a line, but for the version. */
static void start_line_oddities(struct l7_flow *f, enum http_who who, const struct http_line *line,
				enum http_item item)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	bool bare_cr, control;

	if (line->bare_lf)
		http_raise(f, who, HTTP_TAG_BARE_LF);
	/* The last byte of a cut line may be the CR of its CRLF. */
	http_controls(BYTES(line->text.ptr, line->text.len - line->cut), &bare_cr, &control);
	if (bare_cr)
		http_raise(f, who, HTTP_TAG_BARE_CR);
	if (control)
		http_raise(f, who, HTTP_TAG_CONTROL_CHAR);
	if (!line->cut)
		return;
	side->rest = side->start_line = true;
	side->ntail = 0;
	http_raise(f, who, HTTP_TAG_LINE_TOO_LONG);
	http_exchange_cut(side->ex, item);
}

static ssize_t request_start(struct l7_flow *f, struct bytes data, size_t scanned)
{
	struct http_request_line r;
	struct http_line line;
	enum http_line_kind kind;
	size_t used = http_line_take(data, scanned, &line);

	if (!used)
		return -1;
	kind = http_request_line(line.text, line.cut, &r);
	if (kind == HTTP_LINE_BAD) {
		http_resync(f, HTTP_CLIENT, false);
		return 0; /* something may begin within the line */
	}
	if (http_is_preface(line.text)) {
		session_leave(f);
		return (ssize_t)used;
	}
	request_begin(f, &r, kind == HTTP_LINE_SIMPLE);
	start_line_oddities(f, HTTP_CLIENT, &line, HTTP_URI);
	return (ssize_t)used;
}

/* ---- responses ----------------------------------------------------------------------------- */

/* A simple request waits for nothing but its response. */
void http_simple_request_end(struct l7_flow *f, struct http_exchange *ex)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_CLIENT];

	if (side->ex == ex && side->phase == HTTP_HEAD && ex->simple && side->fields == 0)
		request_head_end(f);
}

static struct http_exchange *response_begin(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_SERVER];

	http_fields_start(side);
	side->phase = HTTP_HEAD;
	if (!side->ex) {
		http_side_attach(f, HTTP_SERVER, http_response_pair(f));
		http_simple_request_end(f, side->ex);
		http_exchanges_flush(f);
	}
	side->ex->resp_ts = l7_start_ts(f, http_dir(s, HTTP_SERVER));
	return side->ex;
}

/* The answer to a simple request: no head, all of it body. */
static void response_simple(struct l7_flow *f)
{
	struct http_exchange *ex = response_begin(f);

	ex->has_resp = true;
	body_begin(f, HTTP_SERVER, (struct http_framing){ HTTP_BODY_CLOSE, 0, false });
}

static void response_status(struct l7_flow *f, const struct http_status_line *st)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_SERVER];
	struct http_exchange *ex = response_begin(f);

	side->code = st->code;
	side->old = bytes_is(st->version, "1.0");
	if (st->odd_version)
		http_raise(f, HTTP_SERVER, HTTP_TAG_BAD_VERSION);
	if (st->odd)
		http_raise(f, HTTP_SERVER, HTTP_TAG_BAD_START_LINE);
	if (!ex->has_req)
		http_exchange_text(ex, HTTP_VERSION, st->version);
	if (st->code < 200) {
		http_exchange_info(ex, st->code);
		side->interim = st->code != 101;
	} else {
		ex->has_resp = true;
		ex->status = st->code;
		http_exchange_text(ex, HTTP_STATUS_MSG, st->reason);
	}
	http_account(f, ex);
}

static void response_head_end(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_SERVER];
	struct http_framing framing = { HTTP_BODY_NONE, 0, false };
	struct http_exchange *ex = side->ex;

	http_fields_flush(f, HTTP_SERVER);
	if (ex)
		http_account(f, ex);
	if (ex && (side->code == 101 || (ex->is_connect && side->code / 100 == 2))) {
		session_switch(f, ex);
		return;
	}
	if (side->code < 200) {
		side->phase = HTTP_START; /* of the same exchange */
		return;
	}
	if (!(ex && ex->is_head) && side->code != 204 && side->code != 304)
		framing = http_framing_of(f, HTTP_SERVER);
	body_begin(f, HTTP_SERVER, framing);
}

static ssize_t response_start(struct l7_flow *f, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_SERVER];
	size_t n = data.len < 5 ? data.len : 5, used;
	bool simple = !side->ex && !s->ghosts && s->unanswered && s->unanswered->simple;
	struct http_status_line st;
	struct http_line line;

	if (memcmp(data.ptr, "HTTP/", n) != 0) {
		if (simple)
			response_simple(f);
		else
			http_resync(f, HTTP_SERVER, false);
		return 0;
	}
	if (n < 5)
		return -1;
	used = http_line_take(data, scanned, &line);
	if (!used)
		return -1;
	if (http_status_line(line.text, &st) == HTTP_LINE_BAD) {
		if (simple) {
			response_simple(f);
			return 0;
		}
		http_resync(f, HTTP_SERVER, false);
		return (ssize_t)used;
	}
	response_status(f, &st);
	start_line_oddities(f, HTTP_SERVER, &line, HTTP_STATUS_MSG);
	return (ssize_t)used;
}

/* ---- one step of a direction: bytes used, or -1 where more are needed ---------------------- */

static ssize_t start_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);
	const struct http_exchange *ex = s->unanswered;
	bool simple = who == HTTP_SERVER && ex && ex->simple && !s->side[who].ex;

	if ((data.ptr[0] == '\r' || data.ptr[0] == '\n') && !simple) {
		size_t cr = data.ptr[0] == '\r';

		if (data.len == cr)
			return -1;
		http_raise(f, who, HTTP_TAG_LEADING_CRLF);
		return data.ptr[cr] == '\n' ? (ssize_t)cr + 1 : 1;
	}
	return who == HTTP_CLIENT ? request_start(f, data, scanned)
				  : response_start(f, data, scanned);
}

/* The rest of a line that was cut. */
static size_t rest_step(struct l7_flow *f, enum http_who who, struct bytes data)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	const uint8_t *lf = memchr(data.ptr, '\n', data.len);
	size_t n = lf ? (size_t)(lf - data.ptr) : data.len;
	size_t take = n < sizeof(side->tail) ? n : sizeof(side->tail), keep;
	struct bytes version;

	/* The last bytes of a request line hold its version. */
	keep = sizeof(side->tail) - take;
	keep = keep < side->ntail ? keep : side->ntail;
	memmove(side->tail, side->tail + side->ntail - keep, keep);
	memcpy(side->tail + keep, data.ptr + n - take, take);
	side->ntail = (uint8_t)(keep + take);
	if (!lf)
		return n;
	side->rest = false;
	if (side->start_line && who == HTTP_CLIENT && side->ex) {
		if (side->ntail && side->tail[side->ntail - 1] == '\r')
			side->ntail--;
		version = http_version_at_end(BYTES(side->tail, side->ntail));
		if (version.ptr)
			http_exchange_text(side->ex, HTTP_VERSION, version);
		side->old = bytes_is(version, "1.0");
	}
	side->start_line = false;
	return n + 1;
}

static ssize_t head_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	struct http_request_line r;
	struct http_line line;
	size_t used;

	if (side->rest) {
		used = rest_step(f, who, data);
		side->head_bytes += used;
		return (ssize_t)used;
	}
	used = http_line_take(data, scanned, &line);
	if (!used)
		return -1;
	if (line.text.len == 0) {
		if (line.bare_lf)
			http_raise(f, who, HTTP_TAG_BARE_LF);
		if (who == HTTP_CLIENT)
			request_head_end(f);
		else
			response_head_end(f);
		return (ssize_t)used;
	}
	if (who == HTTP_CLIENT && side->ex && side->ex->simple && side->fields == 0 &&
	    http_request_line(line.text, line.cut, &r) != HTTP_LINE_BAD) {
		request_head_end(f); /* no field but the next request */
		return 0;
	}
	side->head_bytes += used;
	http_fields_line(f, who, &line);
	return (ssize_t)used;
}

static ssize_t resync_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	struct http_line line;
	size_t at, used = 0;
	bool found = false;

	if (who == HTTP_SERVER) {
		at = http_find_response(data, &found);
		if (!found)
			return at ? (ssize_t)at : -1;
	} else {
		used = http_line_take(data, scanned, &line);
		if (!used)
			return -1;
		at = line.cut ? line.text.len : http_find_request(line.text);
		found = at < line.text.len;
		if (!found)
			return (ssize_t)used;
	}
	side->phase = HTTP_START;
	return (ssize_t)at;
}

ssize_t http_step(struct l7_flow *f, enum http_who who, struct bytes data, size_t scanned)
{
	struct http_session *s = l7_state(f);

	switch (s->side[who].phase) {
	case HTTP_START:
		return start_step(f, who, data, scanned);
	case HTTP_HEAD:
		return head_step(f, who, data, scanned);
	case HTTP_BODY:
		return body_step(f, who, data, scanned);
	case HTTP_RESYNC:
		return resync_step(f, who, data, scanned);
	case HTTP_OVER:
		break;
	}
	return (ssize_t)data.len;
}
