/* http_exchange: keeping an exchange's values within their limits, and the record made of them. */
#include "cmd/http/http_exchange.h"

#include <stdlib.h>

static const struct {
	const char *state, *event, *expected;
	enum rec_severity severity;
} tags[] = {
#define X(id, name, severity, state, event, expected)                                              \
	[HTTP_TAG_##id] = { state, event, expected, REC_severity_##severity },
	HTTP_TAGS(X)
#undef X
};
static const char *const tag_names[] = {
#define X(id, name, severity, state, event, expected) [HTTP_TAG_##id] = (name),
	HTTP_TAGS(X)
#undef X
};
_Static_assert(HTTP_TAG_COUNT <= 32, "tags are kept in 32 bits");

/* The record's names of what may be cut. */
static const char *const item_names[HTTP_ITEMS] = {
	[HTTP_METHOD] = "method",
	[HTTP_HOST] = "host",
	[HTTP_URI] = "uri",
	[HTTP_VERSION] = "version",
	[HTTP_REFERRER] = "referrer",
	[HTTP_USER_AGENT] = "user_agent",
	[HTTP_ORIGIN] = "origin",
	[HTTP_STATUS_MSG] = "status_msg",
	[HTTP_REQ_TYPE] = "req_content_type",
	[HTTP_RESP_TYPE] = "resp_content_type",
	[HTTP_ENCODING] = "content_encoding",
	[HTTP_LOCATION] = "location",
	[HTTP_XFF] = "xff",
	[HTTP_SERVER_NAME] = "server",
	[HTTP_USERNAME] = "username",
	[HTTP_COOKIES] = "set_cookie_names",
	[HTTP_INFO] = "info_codes",
	[HTTP_REQ_HEADERS] = "req_headers",
	[HTTP_RESP_HEADERS] = "resp_headers",
	[HTTP_REQ_BODY] = "req_body",
	[HTTP_RESP_BODY] = "resp_body",
};

struct http_exchange *http_exchange_make(struct http_shared *shared)
{
	struct http_exchange *ex = shared->spare;

	if (ex) {
		shared->spare = ex->next;
		shared->nspare--;
		memset(ex, 0, sizeof(*ex));
	} else {
		ex = xcalloc(1, sizeof(*ex));
	}
	l7_spares_take(&shared->texts, &ex->text);
	return ex;
}

void http_exchange_release(struct http_shared *shared, struct http_exchange *ex)
{
	l7_spares_give(&shared->texts, &ex->text);
	buf_release(&ex->cookies);
	for (int i = 0; i < 2; i++) {
		buf_release(&ex->headers[i]);
		buf_release(&ex->body[i]);
	}
	if (shared->nspare == HTTP_SPARE_EXCHANGES) {
		free(ex);
		return;
	}
	ex->next = shared->spare;
	shared->spare = ex;
	shared->nspare++;
}

void http_shared_release(void *memory)
{
	struct http_shared *shared = memory;

	while (shared->spare) {
		struct http_exchange *next = shared->spare->next;

		free(shared->spare);
		shared->spare = next;
	}
	l7_spares_release(&shared->texts);
	l7_spares_release(&shared->lines);
}

size_t http_exchange_size(const struct http_exchange *ex)
{
	return sizeof(*ex) + ex->text.size + ex->cookies.size + ex->headers[0].size +
	       ex->headers[1].size + ex->body[0].size + ex->body[1].size;
}

void http_exchange_cut(struct http_exchange *ex, enum http_item item)
{
	ex->cut |= 1u << item;
}

static struct http_span keep(struct http_exchange *ex, enum http_item item, struct bytes value)
{
	struct http_span span = { (uint32_t)ex->text.len, (uint32_t)value.len };

	if (value.len > HTTP_VALUE_MAX) {
		span.len = HTTP_VALUE_MAX;
		http_exchange_cut(ex, item);
	}
	if (span.len)
		buf_add(&ex->text, value.ptr, span.len);
	return span;
}

void http_exchange_text(struct http_exchange *ex, enum http_item item, struct bytes value)
{
	if (ex->has & 1u << item)
		return; /* the first one counts */
	ex->has |= 1u << item;
	ex->span[item] = keep(ex, item, value);
}

void http_exchange_cookie(struct http_exchange *ex, struct bytes name)
{
	struct http_span span;

	if (ex->cookies.len / sizeof(span) >= HTTP_COOKIES_MAX) {
		http_exchange_cut(ex, HTTP_COOKIES);
		return;
	}
	span = keep(ex, HTTP_COOKIES, name);
	buf_add(&ex->cookies, &span, sizeof(span));
}

void http_exchange_header(struct http_exchange *ex, enum http_who who, struct bytes name,
			  struct bytes value)
{
	enum http_item item = who == HTTP_CLIENT ? HTTP_REQ_HEADERS : HTTP_RESP_HEADERS;
	struct http_header_span h;

	h.name = keep(ex, item, name);
	h.value = keep(ex, item, value);
	buf_add(&ex->headers[who], &h, sizeof(h));
}

void http_exchange_body(struct http_exchange *ex, enum http_who who, struct bytes piece, size_t max)
{
	struct buf *b = &ex->body[who];
	size_t room = max - b->len;

	if (piece.len == 0 || max == 0 || ex->body_closed[who])
		return;
	if (piece.len > room) {
		http_exchange_cut(ex, who == HTTP_CLIENT ? HTTP_REQ_BODY : HTTP_RESP_BODY);
		ex->body_closed[who] = true;
		piece.len = room;
	}
	if (piece.len)
		buf_add(b, piece.ptr, piece.len);
}

void http_exchange_info(struct http_exchange *ex, uint16_t code)
{
	if (ex->ninfo == HTTP_INFO_MAX)
		http_exchange_cut(ex, HTTP_INFO);
	else
		ex->info[ex->ninfo++] = code;
}

void http_tag_report(struct l7_flow *f, enum l7_dir dir, enum http_tag tag)
{
	l7_violation(f, dir, tag_names[tag], tags[tag].severity, tags[tag].state, tags[tag].event,
		     tags[tag].expected);
}

/* ---- the record ---------------------------------------------------------------------------- */

static struct bytes span_bytes(const struct http_exchange *ex, struct http_span s)
{
	/* A kept value of length 0 is present; it needs some address. */
	return BYTES(s.len ? ex->text.ptr + s.at : (const uint8_t *)"", s.len);
}

static struct bytes text(const struct http_exchange *ex, enum http_item item)
{
	return ex->has & 1u << item ? span_bytes(ex, ex->span[item]) : BYTES(NULL, 0);
}

static enum rec_http_outcome outcome(const struct http_exchange *ex)
{
	if (ex->switched)
		return REC_http_outcome_SWITCHED;
	if (!ex->has_req)
		return REC_http_outcome_NO_REQUEST;
	if (ex->flaws & HTTP_FLAW_RESET)
		return REC_http_outcome_RESET;
	if (ex->flaws & HTTP_FLAW_PARTIAL)
		return REC_http_outcome_PARTIAL;
	if (!ex->has_resp)
		return REC_http_outcome_NO_RESPONSE;
	return ex->flaws & HTTP_FLAW_DESYNC ? REC_http_outcome_DESYNC : REC_http_outcome_COMPLETED;
}

static size_t headers(const struct http_exchange *ex, enum http_who who,
		      struct rec_http_header *out, size_t max)
{
	const struct buf *b = &ex->headers[who];
	size_t n = b->len / sizeof(struct http_header_span);

	for (size_t i = 0; i < n && i < max; i++) {
		struct http_header_span h;

		memcpy(&h, b->ptr + i * sizeof(h), sizeof(h));
		out[i].name = span_bytes(ex, h.name);
		out[i].value = span_bytes(ex, h.value);
	}
	return n < max ? n : max;
}

static void fill_times(struct rec_http *r, const struct http_exchange *ex)
{
	uint64_t end = ex->resp_end_ts > ex->req_end_ts ? ex->resp_end_ts : ex->req_end_ts;

	if (ex->has_req && ex->has_resp && ex->req_end_ts && ex->resp_ts >= ex->req_end_ts)
		r->ttfb = SOME(ex->resp_ts - ex->req_end_ts);
	if (end >= ex->start_ts && end && (!ex->has_req || ex->req_end_ts) &&
	    (!ex->has_resp || ex->resp_end_ts))
		r->duration = SOME(end - ex->start_ts);
}

static void fill_texts(struct rec_http *r, const struct http_exchange *ex)
{
	r->method = text(ex, HTTP_METHOD);
	r->host = text(ex, HTTP_HOST);
	r->uri = text(ex, HTTP_URI);
	r->version = text(ex, HTTP_VERSION);
	r->referrer = text(ex, HTTP_REFERRER);
	r->user_agent = text(ex, HTTP_USER_AGENT);
	r->origin = text(ex, HTTP_ORIGIN);
	r->status_msg = text(ex, HTTP_STATUS_MSG);
	r->req_content_type = text(ex, HTTP_REQ_TYPE);
	r->resp_content_type = text(ex, HTTP_RESP_TYPE);
	r->content_encoding = text(ex, HTTP_ENCODING);
	r->location = text(ex, HTTP_LOCATION);
	r->xff = text(ex, HTTP_XFF);
	r->server = text(ex, HTTP_SERVER_NAME);
	r->username = text(ex, HTTP_USERNAME);
}

enum { MAX_HEADERS = 256 };

void http_exchange_emit(struct l7_flow *f, const struct http_exchange *ex)
{
	struct rec_http_header head[2][MAX_HEADERS];
	struct bytes names[HTTP_TAG_COUNT], cut[HTTP_ITEMS], cookies[HTTP_COOKIES_MAX];
	size_t ncookies = ex->cookies.len / sizeof(struct http_span);
	struct rec_http r = { .tx_id = ex->tx_id, .outcome = outcome(ex) };

	fill_texts(&r, ex);
	fill_times(&r, ex);
	if (ex->has_resp) {
		r.framing = SOME(ex->framing);
		r.resp_body_len = SOME(ex->body_len[HTTP_SERVER]);
		if (ex->status)
			r.status_code = SOME(ex->status);
	} else if (ex->switched) {
		r.framing = SOME(REC_http_framing_UPGRADE);
	}
	if (ex->has_req)
		r.req_body_len = SOME(ex->body_len[HTTP_CLIENT]);
	r.info_codes = LIST_OF(ex->info, ex->ninfo);
	for (size_t i = 0; i < ncookies; i++) {
		struct http_span s;

		memcpy(&s, ex->cookies.ptr + i * sizeof(s), sizeof(s));
		cookies[i] = span_bytes(ex, s);
	}
	r.set_cookie_names = LIST_OF(cookies, ncookies);
	r.req_headers = LIST_OF(head[0], headers(ex, HTTP_CLIENT, head[0], MAX_HEADERS));
	r.resp_headers = LIST_OF(head[1], headers(ex, HTTP_SERVER, head[1], MAX_HEADERS));
	if (ex->body[HTTP_CLIENT].len)
		r.req_body = buf_bytes(&ex->body[HTTP_CLIENT]);
	if (ex->body[HTTP_SERVER].len)
		r.resp_body = buf_bytes(&ex->body[HTTP_SERVER]);
	if (ex->gap)
		r.gap = SOME(ex->gap);
	r.truncated = l7_names(ex->cut, item_names, HTTP_ITEMS, cut);
	r.tags = l7_names(ex->tags, tag_names, HTTP_TAG_COUNT, names);
	r.first_n = SOME(ex->first_n);
	l7_emit_rec(f, ex->start_ts, &rec_http_desc, &r);
}
