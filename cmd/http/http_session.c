/* http_session: messages out of two byte streams, paired into exchanges.
 *
 * Each direction is read on its own, and responses go to requests in order (RFC 9112 9.3.2). */
#include "cmd/http/http_session.h"

#include <netinet/in.h>

struct http_config http_config;

static const struct opt http_options[] = {
	OPT_ROW(0, "headers", OPT_FLAG, struct http_config, headers, NULL,
		"put all header fields into the record"),
	OPT_ROW(0, "body-max", OPT_SIZE, struct http_config, body_max, "BYTES",
		"put the first BYTES of each body into the record, at most 48K"),
	{ 0 },
};

/* ---- what the engine calls ----------------------------------------------------------------- */

static bool is_web_port(uint16_t p)
{
	return p == 80 || p == 81 || p == 591 || p == 2480 || p == 3128 || p == 5000 || p == 8000 ||
	       p == 8008 || p == 8080 || p == 8081 || p == 8088 || p == 8888;
}

/* Who is the client? Its direction is told by what is said first; in the middle of a body, by
 * the ports. False: more bytes are needed. */
static bool orient(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct http_session *s = l7_state(f);
	const struct rec_key *key = l7_key(f);

	switch (http_look(data)) {
	case HTTP_LOOK_SHORT:
		if (memcmp(data.ptr, "HTTP/", data.len < 5 ? data.len : 5) == 0 && data.len < 5)
			return false;
		s->swapped = dir == L7_RESP;
		break;
	case HTTP_LOOK_REQUEST:
	case HTTP_LOOK_SIMPLE:
		s->swapped = dir == L7_RESP;
		break;
	case HTTP_LOOK_RESPONSE:
		s->swapped = dir == L7_ORIG;
		break;
	case HTTP_LOOK_NO:
		s->swapped = is_web_port(key->orig_p) && !is_web_port(key->resp_p);
		break;
	}
	s->oriented = true;
	return true;
}

static enum http_who who_of(const struct http_session *s, enum l7_dir dir)
{
	return (dir == L7_RESP) != s->swapped ? HTTP_SERVER : HTTP_CLIENT;
}

static size_t http_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct http_session *s = l7_state(f);
	struct http_side *side;
	enum http_who who;
	size_t used;
	ssize_t n;

	if (!s->oriented && !orient(f, dir, data))
		return 0;
	who = who_of(s, dir);
	side = &s->side[who];
	http_body_catch_up(f, who);
	/* One step a call: the engine then knows at which offset, and when, it began. */
	do {
		n = http_step(f, who, data, l7_scanned(f, dir));
	} while (n == 0 && !s->over);
	used = n < 0 ? 0 : (size_t)n;
	if (s->over)
		return used;
	http_body_skip(f, who);
	side->at += used;
	return used;
}

static void http_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct http_session *s = l7_state(f);
	enum http_who who = who_of(s, dir);
	struct http_side *side = &s->side[who];
	struct http_exchange *ex;
	enum http_body_status status = HTTP_BODY_MORE;
	uint64_t inside = 0;

	(void)why;
	http_body_catch_up(f, who);
	side->at += missing;
	ex = side->ex;
	if (side->phase == HTTP_OVER)
		return;
	if (side->phase == HTTP_BODY) {
		inside = http_body_gap(&side->body, missing, &status);
		if (ex && inside && http_body_keep_max(f)) {
			if (ex->body[who].len < http_body_keep_max(f))
				http_exchange_cut(ex, who == HTTP_CLIENT ? HTTP_REQ_BODY
									 : HTTP_RESP_BODY);
			ex->body_closed[who] = true;
		}
	}
	if (ex)
		ex->gap += missing;
	else
		side->gap_before += missing;
	if (inside == missing) {
		if (status == HTTP_BODY_DONE)
			http_message_end(f, who, 0);
		return;
	}
	/* The end of this message is lost, and perhaps others with it. */
	if (side->phase == HTTP_BODY || side->phase == HTTP_HEAD) {
		bool whole = side->phase == HTTP_BODY && status == HTTP_BODY_DONE;

		http_message_end(f, who, whole ? 0 : HTTP_FLAW_PARTIAL);
	} else if (side->ex) {
		http_message_end(f, who,
				 HTTP_FLAW_PARTIAL); /* an interim response was all so far */
	}
	side->lost = true;
	http_resync(f, who, true);
}

/* What is open in this direction ends here. */
static void side_end(struct l7_flow *f, enum http_who who, unsigned flaw)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	if (side->phase == HTTP_OVER)
		return;
	http_body_catch_up(f, who);
	if (who == HTTP_CLIENT && side->ex)
		http_simple_request_end(f, side->ex);
	if (side->ex) {
		bool close = side->phase == HTTP_BODY && side->body.kind == HTTP_BODY_CLOSE;

		if (side->phase == HTTP_HEAD)
			http_fields_flush(f, who);
		http_message_end(f, who, close ? flaw : flaw | HTTP_FLAW_PARTIAL);
	}
	side->phase = HTTP_OVER;
	http_fields_release(f, side);
}

static void http_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	struct http_session *s = l7_state(f);
	unsigned flaw = why == REC_stream_reason_FIN   ? 0
			: why == REC_stream_reason_RST ? HTTP_FLAW_RESET
						       : HTTP_FLAW_PARTIAL;

	if (s->oriented)
		side_end(f, who_of(s, dir), flaw);
}

static void http_end(struct l7_flow *f, enum l7_end why)
{
	struct http_session *s = l7_state(f);

	(void)why;
	side_end(f, HTTP_CLIENT, HTTP_FLAW_PARTIAL);
	side_end(f, HTTP_SERVER, HTTP_FLAW_PARTIAL);
	if (s->unanswered)
		s->unanswered->gap += s->side[HTTP_SERVER].gap_before;
	while (s->head) {
		struct http_exchange *ex = s->head;

		s->head = ex->next;
		http_exchange_out(f, ex);
	}
}

static enum l7_claim http_claims(const struct l7_first *first)
{
	bool web = is_web_port(first->orig_p) || is_web_port(first->resp_p);
	struct bytes b = first->data;

	if (first->proto != IPPROTO_TCP || b.len == 0)
		return L7_NO;
	switch (http_look(b)) {
	case HTTP_LOOK_REQUEST:
	case HTTP_LOOK_RESPONSE:
		return L7_YES;
	case HTTP_LOOK_SIMPLE:
		return web ? L7_YES : L7_NO;
	case HTTP_LOOK_SHORT:
		return L7_MAYBE;
	case HTTP_LOOK_NO:
		break;
	}
	/* In the middle of a connection a body may come first; HTTP/2, TLS and SSH are none. */
	if (first->midstream && web && !http_is_preface(b) &&
	    !(b.len > 1 && b.ptr[0] - 0x14u < 4 && b.ptr[1] == 3) &&
	    !(b.len >= 4 && memcmp(b.ptr, "SSH-", 4) == 0))
		return L7_YES;
	return L7_NO;
}

static const char *const http_protocols[] = { "http", NULL };

const struct l7_parser http_parser = {
	.name = "http",
	.summary = "make HTTP/1.x exchanges out of streams",
	.options = http_options,
	.config = &http_config,
	.epilog = "In: stream. Out: http, anomaly, session_end, and what it does not know.\n"
		  "  weir read trace.pcap | weir flow | weir reasm | weir http | weir json",
	.state_size = sizeof(struct http_session),
	.max_buffer = 2 * HTTP_LINE_MAX,
	.shared_size = sizeof(struct http_shared),
	.close = http_shared_release,
	.protocols = http_protocols,
	.claims = http_claims,
	.feed = http_feed,
	.gap = http_gap,
	.eof = http_eof,
	.end = http_end,
};
