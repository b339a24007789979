/* http_fields: joins field lines, keeps the values that a record shows, and finds the framing. */
#include "cmd/http/http_session.h"

static struct l7_spares *lines_of(struct l7_flow *f)
{
	return &((struct http_shared *)l7_shared(f))->lines;
}

void http_fields_release(struct l7_flow *f, struct http_side *side)
{
	l7_spares_give(lines_of(f), &side->field);
}

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

/* The fields that mean something here. */
enum field_id {
	FIELD_OTHER,
	FIELD_TRANSFER_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_TYPE,
	FIELD_REFERER,
	FIELD_USER_AGENT,
	FIELD_ORIGIN,
	FIELD_XFF,
	FIELD_HOST,
	FIELD_EXPECT,
	FIELD_AUTHORIZATION,
	FIELD_CONTENT_ENCODING,
	FIELD_LOCATION,
	FIELD_SERVER,
	FIELD_SET_COOKIE,
};

static enum field_id field_id(struct bytes name)
{
	static const struct {
		struct bytes name;
		enum field_id id;
	} known[] = {
#define ROW(text, id) { { (const uint8_t *)text, sizeof(text) - 1 }, id }
		ROW("transfer-encoding", FIELD_TRANSFER_ENCODING),
		ROW("content-length", FIELD_CONTENT_LENGTH),
		ROW("content-type", FIELD_CONTENT_TYPE),
		ROW("referer", FIELD_REFERER),
		ROW("user-agent", FIELD_USER_AGENT),
		ROW("origin", FIELD_ORIGIN),
		ROW("x-forwarded-for", FIELD_XFF),
		ROW("host", FIELD_HOST),
		ROW("expect", FIELD_EXPECT),
		ROW("authorization", FIELD_AUTHORIZATION),
		ROW("proxy-authorization", FIELD_AUTHORIZATION),
		ROW("content-encoding", FIELD_CONTENT_ENCODING),
		ROW("location", FIELD_LOCATION),
		ROW("server", FIELD_SERVER),
		ROW("set-cookie", FIELD_SET_COOKIE),
#undef ROW
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (name.len == known[i].name.len &&
		    http_name_is(name, (const char *)known[i].name.ptr))
			return known[i].id;
	return FIELD_OTHER;
}

static void length_field(struct l7_flow *f, enum http_who who, struct bytes value)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	uint64_t n;

	switch (http_content_length(value, &n)) {
	case HTTP_NUMBER_BAD:
		http_raise(f, who, HTTP_TAG_CL_INVALID);
		side->cl = HTTP_CL_BAD; /* for good: readers differ over which one counts */
		return;
	case HTTP_NUMBER_DIFFERS:
		http_raise(f, who, HTTP_TAG_MULTI_CL);
		break;
	case HTTP_NUMBER_GOOD:
		if (side->cl == HTTP_CL_GOOD && n != side->length)
			http_raise(f, who, HTTP_TAG_MULTI_CL);
		break;
	}
	if (side->cl != HTTP_CL_NONE)
		return;
	side->length = n;
	side->cl = HTTP_CL_GOOD;
}

/* cut: the end of the value is not here, and it may say anything. */
static void framing_field(struct l7_flow *f, enum http_who who, enum field_id id,
			  struct bytes value, bool cut)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	if (id == FIELD_TRANSFER_ENCODING) {
		http_codings_add(&side->te, value);
		side->te.cut |= cut;
		if (side->te.lines > 1)
			http_raise(f, who, HTTP_TAG_DUPLICATE_TE);
	} else if (id == FIELD_CONTENT_LENGTH && cut) {
		side->cl = HTTP_CL_BAD;
	} else if (id == FIELD_CONTENT_LENGTH) {
		length_field(f, who, value);
	}
}

/* A field whose value goes into the record as it is. */
static void plain_field(struct http_exchange *ex, enum http_item item, struct bytes value, bool cut)
{
	http_exchange_text(ex, item, value);
	if (cut)
		http_exchange_cut(ex, item);
}

static void authorization_field(struct http_exchange *ex, struct bytes value)
{
	uint8_t user[HTTP_VALUE_MAX];
	bool user_cut;
	long n = http_basic_user(value, user, sizeof(user), &user_cut);

	if (n >= 0)
		http_exchange_text(ex, HTTP_USERNAME, BYTES(user, (size_t)n));
	if (n >= 0 && user_cut)
		http_exchange_cut(ex, HTTP_USERNAME);
}

static void request_field(struct l7_flow *f, struct http_exchange *ex, enum field_id id,
			  struct bytes value, bool cut)
{
	static const uint8_t plain[] = {
		[FIELD_REFERER] = HTTP_REFERRER,      [FIELD_USER_AGENT] = HTTP_USER_AGENT,
		[FIELD_ORIGIN] = HTTP_ORIGIN,         [FIELD_XFF] = HTTP_XFF,
		[FIELD_CONTENT_TYPE] = HTTP_REQ_TYPE,
	};
	struct http_session *s = l7_state(f);

	switch (id) {
	case FIELD_REFERER:
	case FIELD_USER_AGENT:
	case FIELD_ORIGIN:
	case FIELD_CONTENT_TYPE:
	case FIELD_XFF:
		plain_field(ex, plain[id], value, cut);
		break;
	case FIELD_HOST:
		if (s->side[HTTP_CLIENT].hosts++)
			http_raise(f, HTTP_CLIENT, HTTP_TAG_DUPLICATE_HOST);
		http_exchange_text(ex, HTTP_HOST, http_authority_host(value));
		break;
	case FIELD_EXPECT:
		s->side[HTTP_CLIENT].expect = http_name_is(value, "100-continue");
		break;
	case FIELD_AUTHORIZATION:
		authorization_field(ex, value);
		break;
	default:
		break;
	}
}

static void response_field(struct http_exchange *ex, enum field_id id, struct bytes value, bool cut)
{
	static const uint8_t plain[] = {
		[FIELD_CONTENT_TYPE] = HTTP_RESP_TYPE,
		[FIELD_CONTENT_ENCODING] = HTTP_ENCODING,
		[FIELD_LOCATION] = HTTP_LOCATION,
		[FIELD_SERVER] = HTTP_SERVER_NAME,
	};
	size_t n = 0;

	switch (id) {
	case FIELD_CONTENT_TYPE:
	case FIELD_CONTENT_ENCODING:
	case FIELD_LOCATION:
	case FIELD_SERVER:
		plain_field(ex, plain[id], value, cut);
		break;
	case FIELD_SET_COOKIE:
		while (n < value.len && value.ptr[n] != '=' && value.ptr[n] != ';')
			n++;
		http_exchange_cookie(ex, http_trim(BYTES(value.ptr, n)));
		break;
	default:
		break;
	}
}

void http_fields_flush(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	const struct http_config *config = l7_config(f);
	enum http_item headers = who == HTTP_CLIENT ? HTTP_REQ_HEADERS : HTTP_RESP_HEADERS;
	struct http_field field;
	enum field_id id;
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
	id = field_id(field.name);
	framing_field(f, who, id, field.value, side->field_cut);
	if (!side->ex || side->interim)
		return;
	/* Beyond the limits only what frames the message is looked at. */
	if (side->fields > HTTP_FIELDS_MAX || side->head_bytes > HTTP_HEAD_MAX) {
		if (config->headers)
			http_exchange_cut(side->ex, headers);
		return;
	}
	if (who == HTTP_CLIENT)
		request_field(f, side->ex, id, field.value, side->field_cut);
	else
		response_field(side->ex, id, field.value, side->field_cut);
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
	l7_spares_take(lines_of(f), &side->field);
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

static void coding_oddities(struct l7_flow *f, enum http_who who, const struct http_side *side)
{
	const struct http_codings *te = &side->te;
	bool unknown = te->unknown || te->cut || (te->identity && !te->chunked);

	if (side->cl != HTTP_CL_NONE)
		http_raise(f, who, HTTP_TAG_CL_TE);
	if (unknown || te->chunked_params)
		http_raise(f, who, HTTP_TAG_TE_UNKNOWN);
	/* A response may do without it, and end with the connection. */
	if (te->chunked_early || (who == HTTP_CLIENT && !te->chunked && !unknown))
		http_raise(f, who, HTTP_TAG_NON_FINAL_CHUNKED);
	if (side->old)
		http_raise(f, who, HTTP_TAG_TE_IN_10);
}

struct http_framing http_framing_of(struct l7_flow *f, enum http_who who)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	const struct http_codings *te = &side->te;

	if (!te->present)
		return framing_by_length(side, who);
	coding_oddities(f, who, side);
	/* 6.1: such framing is faulty; software of that age knows Content-Length only. */
	if (side->old)
		return framing_by_length(side, who);
	if (te->cut)
		return (struct http_framing){ HTTP_BODY_NONE, 0, true };
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
