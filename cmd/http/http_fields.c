/* http_fields: joins field lines, keeps the values that a record shows, and finds the framing. */
#include "cmd/http/http_session.h"

void http_fields_start(struct http_side *side)
{
	side->rest = side->start_line = side->interim = side->old = side->expect = false;
	side->code = 0;
	side->fields = side->folds = side->hosts = 0;
	side->head_bytes = 0;
	side->field_open = side->field_cut = false;
	buf_clear(&side->field);
	side->cl = HTTP_CL_NONE;
	side->length = 0;
	side->te = (struct http_codings){ .lines = 0 };
	http_body_start(&side->body, HTTP_BODY_NONE, 0);
}

/* ---- what a field means -------------------------------------------------------------------- */

static void framing_field(struct l7_flow *f, enum http_who who, struct bytes name,
			  struct bytes value)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	uint64_t n;

	if (http_name_is(name, "transfer-encoding")) {
		http_codings_add(&side->te, value);
		if (side->te.lines > 1)
			http_raise(f, who, HTTP_TAG_DUPLICATE_TE);
		return;
	}
	if (!http_name_is(name, "content-length"))
		return;
	switch (http_content_length(value, &n)) {
	case HTTP_NUMBER_BAD:
		http_raise(f, who, HTTP_TAG_CL_INVALID);
		if (side->cl == HTTP_CL_NONE)
			side->cl = HTTP_CL_BAD;
		return;
	case HTTP_NUMBER_DIFFERS:
		http_raise(f, who, HTTP_TAG_MULTI_CL);
		break;
	case HTTP_NUMBER_GOOD:
		if (side->cl == HTTP_CL_GOOD && n != side->length)
			http_raise(f, who, HTTP_TAG_MULTI_CL);
		break;
	}
	if (side->cl != HTTP_CL_GOOD)
		side->length = n;
	side->cl = HTTP_CL_GOOD;
}

static void request_field(struct l7_flow *f, struct http_exchange *ex, struct bytes name,
			  struct bytes value, bool cut)
{
	static const struct {
		const char *name;
		enum http_item item;
	} plain[] = {
		{ "referer", HTTP_REFERRER },    { "user-agent", HTTP_USER_AGENT },
		{ "origin", HTTP_ORIGIN },       { "content-type", HTTP_REQ_TYPE },
		{ "x-forwarded-for", HTTP_XFF },
	};
	struct http_session *s = l7_state(f);

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (http_name_is(name, plain[i].name)) {
			http_exchange_text(ex, plain[i].item, value);
			if (cut)
				http_exchange_cut(ex, plain[i].item);
			return;
		}
	}
	if (http_name_is(name, "host")) {
		if (s->side[HTTP_CLIENT].hosts++)
			http_raise(f, HTTP_CLIENT, HTTP_TAG_DUPLICATE_HOST);
		http_exchange_text(ex, HTTP_HOST, http_authority_host(value));
	} else if (http_name_is(name, "expect")) {
		s->side[HTTP_CLIENT].expect = http_name_is(value, "100-continue");
	} else if (http_name_is(name, "authorization") ||
		   http_name_is(name, "proxy-authorization")) {
		uint8_t user[HTTP_VALUE_MAX];
		bool user_cut;
		long n = http_basic_user(value, user, sizeof(user), &user_cut);

		if (n >= 0)
			http_exchange_text(ex, HTTP_USERNAME, BYTES(user, (size_t)n));
		if (n >= 0 && user_cut)
			http_exchange_cut(ex, HTTP_USERNAME);
	}
}

static void response_field(struct http_exchange *ex, struct bytes name, struct bytes value,
			   bool cut)
{
	static const struct {
		const char *name;
		enum http_item item;
	} plain[] = {
		{ "content-type", HTTP_RESP_TYPE },
		{ "content-encoding", HTTP_ENCODING },
		{ "location", HTTP_LOCATION },
		{ "server", HTTP_SERVER_NAME },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (http_name_is(name, plain[i].name)) {
			http_exchange_text(ex, plain[i].item, value);
			if (cut)
				http_exchange_cut(ex, plain[i].item);
			return;
		}
	}
	if (http_name_is(name, "set-cookie")) {
		size_t n = 0;

		while (n < value.len && value.ptr[n] != '=' && value.ptr[n] != ';')
			n++;
		http_exchange_cookie(ex, http_trim(BYTES(value.ptr, n)));
	}
}

void http_fields_flush(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	const struct http_config *config = l7_config(f);
	enum http_item headers = who == HTTP_CLIENT ? HTTP_REQ_HEADERS : HTTP_RESP_HEADERS;
	struct http_field field;
	bool named;

	if (!side->field_open)
		return;
	side->field_open = false;
	named = http_field_parse(buf_bytes(&side->field), &field);
	if (field.bare_cr)
		http_raise(f, who, HTTP_TAG_BARE_CR);
	if (field.control)
		http_raise(f, who, HTTP_TAG_CONTROL_CHAR);
	if (!named || field.bad_name)
		http_raise(f, who, HTTP_TAG_BAD_FIELD);
	if (!named)
		return;
	if (field.ws_before_colon)
		http_raise(f, who, HTTP_TAG_WS_BEFORE_COLON);
	framing_field(f, who, field.name, field.value);
	if (!side->ex || side->interim)
		return;
	/* Beyond the limits only what frames the message is looked at. */
	if (side->fields > HTTP_FIELDS_MAX || side->head_bytes > HTTP_HEAD_MAX) {
		if (config->headers)
			http_exchange_cut(side->ex, headers);
		return;
	}
	if (who == HTTP_CLIENT)
		request_field(f, side->ex, field.name, field.value, side->field_cut);
	else
		response_field(side->ex, field.name, field.value, side->field_cut);
	if (config->headers) {
		http_exchange_header(side->ex, who, field.name, field.value);
		if (side->field_cut)
			http_exchange_cut(side->ex, headers);
	}
}

/* ---- joining lines ------------------------------------------------------------------------- */

static void field_add(struct http_side *side, struct bytes b)
{
	size_t room = HTTP_LINE_MAX - side->field.len;

	if (b.len > room) {
		side->field_cut = true;
		b.len = room;
	}
	if (b.len)
		buf_add(&side->field, b.ptr, b.len);
}

static void fold(struct l7_flow *f, enum http_who who, struct bytes text)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	http_raise(f, who, HTTP_TAG_OBS_FOLD);
	if (!side->field_open)
		return; /* before the first field: RFC 9112 2.2 has it ignored */
	if (side->folds++ >= HTTP_FOLDS_MAX) {
		http_raise(f, who, HTTP_TAG_TOO_MANY_FOLDS);
		side->field_cut = true;
		return;
	}
	field_add(side, BYTES_LIT(" "));
	field_add(side, http_trim(text));
}

void http_fields_line(struct l7_flow *f, enum http_who who, const struct http_line *line)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	if (line->bare_lf)
		http_raise(f, who, HTTP_TAG_BARE_LF);
	if (line->cut) {
		http_raise(f, who, HTTP_TAG_LINE_TOO_LONG);
		side->rest = true;
	}
	if (side->head_bytes > HTTP_HEAD_MAX)
		http_raise(f, who, HTTP_TAG_HEAD_TOO_LARGE);
	if (line->text.len && (line->text.ptr[0] == ' ' || line->text.ptr[0] == '\t')) {
		fold(f, who, line->text);
		side->field_cut |= line->cut;
		return;
	}
	http_fields_flush(f, who);
	if (++side->fields > HTTP_FIELDS_MAX)
		http_raise(f, who, HTTP_TAG_TOO_MANY_FIELDS);
	buf_clear(&side->field);
	side->field_open = true;
	side->field_cut = line->cut;
	field_add(side, line->text);
}

/* ---- framing ------------------------------------------------------------------------------- */

static struct http_framing framing_by_length(const struct http_side *side, enum http_who who)
{
	if (side->cl == HTTP_CL_GOOD)
		return (struct http_framing){ HTTP_BODY_LENGTH, side->length, false };
	if (side->cl == HTTP_CL_BAD)
		return (struct http_framing){ HTTP_BODY_NONE, 0, true };
	return (struct http_framing){ who == HTTP_CLIENT ? HTTP_BODY_NONE : HTTP_BODY_CLOSE, 0,
				      false };
}

struct http_framing http_framing_of(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	const struct http_codings *te = &side->te;

	if (!te->present)
		return framing_by_length(side, who);
	if (side->cl != HTTP_CL_NONE)
		http_raise(f, who, HTTP_TAG_CL_TE);
	if (te->unknown || (te->identity && !te->chunked))
		http_raise(f, who, HTTP_TAG_TE_UNKNOWN);
	if (te->chunked && !te->chunked_last)
		http_raise(f, who, HTTP_TAG_NON_FINAL_CHUNKED);
	if (side->old) {
		/* 6.1: such framing is faulty; software of that age knows Content-Length only. */
		http_raise(f, who, HTTP_TAG_TE_IN_10);
		return framing_by_length(side, who);
	}
	if (te->chunked_last)
		return (struct http_framing){ HTTP_BODY_CHUNKED, 0, false };
	if (te->identity && !te->chunked && !te->unknown)
		return framing_by_length(side, who);
	if (who == HTTP_SERVER)
		return (struct http_framing){ HTTP_BODY_CLOSE, 0, false };
	/* A server would refuse such a request; the requests behind it are found either way. */
	if (te->chunked)
		return (struct http_framing){ HTTP_BODY_CHUNKED, 0, false };
	return framing_by_length(side, who);
}
