/* Tests of the HTTP parser as a whole: exchanges out of both directions of a flow. */
#include "tests/unit/check.h"
#include "tests/unit/http_talk.h"

/* A conversation: "> bytes", "< bytes", ">gap", "<gap" steps in order. */
struct turn {
	char who; /* '>' client, '<' server, '(' gap of the client, ')' gap of the server */
	struct bytes data;
	uint64_t gap;
};
#define C(s)                                                                                       \
	{                                                                                          \
		'>', BYTES_LIT(s), 0                                                               \
	}
#define S(s)                                                                                       \
	{                                                                                          \
		'<', BYTES_LIT(s), 0                                                               \
	}
#define CGAP(n)                                                                                    \
	{                                                                                          \
		'(', BYTES(NULL, 0), n                                                             \
	}
#define SGAP(n)                                                                                    \
	{                                                                                          \
		')', BYTES(NULL, 0), n                                                             \
	}

enum cutting { WHOLE, BYTEWISE, RANDOM };

static unsigned seed = 1;

static unsigned next_random(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 16;
}

static void say_cut(struct talk *t, enum l7_dir dir, struct bytes b, enum cutting how)
{
	while (b.len) {
		size_t n = how == WHOLE ? b.len : how == BYTEWISE ? 1 : 1 + next_random() % 17;
		uint8_t *copy; /* of exactly that size, so that a sanitizer sees a read past it */

		if (n > b.len)
			n = b.len;
		copy = malloc(n);
		memcpy(copy, b.ptr, n);
		talk_say(t, dir, BYTES(copy, n));
		free(copy);
		b.ptr += n;
		b.len -= n;
	}
}

static void play(struct talk *t, const struct turn *turns, size_t n, enum cutting how)
{
	for (size_t i = 0; i < n; i++) {
		switch (turns[i].who) {
		case '>':
			say_cut(t, L7_ORIG, turns[i].data, how);
			break;
		case '<':
			say_cut(t, L7_RESP, turns[i].data, how);
			break;
		case '(':
			talk_lose(t, L7_ORIG, turns[i].gap);
			break;
		default:
			talk_lose(t, L7_RESP, turns[i].gap);
		}
	}
}

/* What the conversation gives, as lines; the same for every way of cutting it. */
static char *lines(const struct turn *turns, size_t n, enum rec_stream_reason why, unsigned flags)
{
	char *first = NULL;

	for (int how = 0; how < 8; how++) {
		struct talk t = { .flags = flags };

		talk_start(&t);
		play(&t, turns, n, how > 1 ? RANDOM : (enum cutting)how);
		talk_end(&t, why);
		if (!first) {
			first = (char *)t.out.ptr;
			continue;
		}
		if (strcmp(first, (char *)t.out.ptr) != 0) {
			printf("# cut %d differs:\n# %s\n# %s\n", how, first, (char *)t.out.ptr);
			check_bad = 1;
		}
		buf_release(&t.out);
	}
	return first;
}

/* Counts the records whose type is `type` and that hold `what`. */
static unsigned count(const char *all, const char *type, const char *what)
{
	unsigned n = 0;
	const char *end;

	for (const char *p = all; (end = strchr(p, '\n')); p = end + 1) {
		char *line = strndup(p, (size_t)(end - p));

		n += strncmp(line, type, strlen(type)) == 0 && strstr(line, what);
		free(line);
	}
	return n;
}

/* The number-th http record holds all of `want`, a NULL-ended list. */
static bool holds(const char *all, unsigned number, const char *const *want)
{
	const char *end;

	for (const char *p = all; (end = strchr(p, '\n')); p = end + 1) {
		char *line;
		bool good = true;

		if (strncmp(p, "http ", 5) != 0 || number--)
			continue;
		line = strndup(p, (size_t)(end - p));
		for (size_t i = 0; want[i]; i++) {
			if (!strstr(line, want[i])) {
				printf("# no \"%s\" in: %s\n", want[i], line);
				good = false;
			}
		}
		free(line);
		return good;
	}
	printf("# no such record in: %s\n", all);
	return false;
}

#define HOLDS(all, i, ...) CHECK(holds(all, i, (const char *const[]){ __VA_ARGS__, NULL }))
#define PLAY(why, ...)                                                                             \
	lines((struct turn[]){ __VA_ARGS__ },                                                      \
	      sizeof((struct turn[]){ __VA_ARGS__ }) / sizeof(struct turn),                        \
	      REC_stream_reason_##why, 0)
#define PLAY_MIDSTREAM(why, ...)                                                                   \
	lines((struct turn[]){ __VA_ARGS__ },                                                      \
	      sizeof((struct turn[]){ __VA_ARGS__ }) / sizeof(struct turn),                        \
	      REC_stream_reason_##why, STREAM_MIDSTREAM)

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK0 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void test_fields(void)
{
	char *o;

	check_case("an exchange shows what both sides say");
	o = PLAY(
		FIN,
		C("POST http://u@Example.org:8080/x?y HTTP/1.1\r\nHost: other\r\nUser-Agent:  curl "
		  "\r\n"
		  "Referer: r\r\nOrigin: o\r\nContent-Type: text/a\r\nX-Forwarded-For: 1.2.3.4\r\n"
		  "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nContent-Length: "
		  "3\r\n\r\nabc"),
		S("HTTP/1.0 302 Moved Away\r\nServer: s\r\nLocation: /l\r\nContent-Type: text/b\r\n"
		  "Content-Encoding: gzip\r\nSet-Cookie: sid=1; Path=/\r\nset-cookie: b\r\n"
		  "Content-Length: 2\r\n\r\nhi"));
	HOLDS(o, 0, "tx_id=0 ", "outcome=completed ", "method=POST ", "host=Example.org ",
	      "uri=http://u@Example.org:8080/x?y ", "version=1.1 ", "referrer=r ",
	      "user_agent=curl ", "origin=o ", "status_code=302 ", "status_msg=Moved Away ",
	      "req_body_len=3 ", "resp_body_len=2 ", "req_content_type=text/a ",
	      "resp_content_type=text/b ", "content_encoding=gzip ", "framing=length ",
	      "location=/l ", "xff=1.2.3.4 ", "server=s ", "set_cookie_names=[sid,b] ",
	      "username=Aladdin ", "ttfb=0 ", "duration=0 ", "first_n=1 ");
	CHECK_EQ(count(o, "http ", "tags="), 0);
	CHECK_EQ(count(o, "http ", "truncated="), 0);
	CHECK_EQ(count(o, "http ", "sesame"), 0);
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	CHECK_EQ(count(o, "session_end ", "reason=eof messages=1 "), 1);
	free(o);

	check_case("a header may be split anywhere, and Host loses its port");
	o = PLAY(FIN, C("GET / HTTP/1.1\r\nHo"), C("st: [::1]:8\r\n\r\n"), S(OK0));
	HOLDS(o, 0, "host=[::1] ", "outcome=completed ");
	free(o);

	check_case("a password alone is no user, and other schemes are left alone");
	o = PLAY(FIN, C("GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\n\r\n"), S(OK0));
	CHECK_EQ(count(o, "http ", "username="), 0);
	free(o);
}

static void test_framing(void)
{
	char *o;

	check_case("two pipelined requests give two records, in order");
	o = PLAY(FIN, C(GET "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
		 S(OK5 "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx"));
	HOLDS(o, 0, "tx_id=0 ", "uri=/a ", "status_code=200 ", "resp_body_len=5 ");
	HOLDS(o, 1, "tx_id=1 ", "uri=/b ", "status_code=404 ", "resp_body_len=1 ");
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	free(o);

	check_case("a body without a length ends with the connection");
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhel"), S("lo"));
	HOLDS(o, 0, "outcome=completed ", "framing=close ", "resp_body_len=5 ");
	free(o);
	o = PLAY(RST, C(GET), S("HTTP/1.1 200 OK\r\n\r\nhel"));
	HOLDS(o, 0, "outcome=reset ", "framing=close ", "resp_body_len=3 ");
	free(o);
	o = PLAY(END_OF_INPUT, C(GET), S("HTTP/1.1 200 OK\r\n\r\nhel"));
	HOLDS(o, 0, "outcome=partial ", "framing=close ", "resp_body_len=3 ");
	free(o);

	check_case("a length that is not reached is partial, or reset");
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"));
	HOLDS(o, 0, "outcome=partial ", "resp_body_len=3 ");
	free(o);
	o = PLAY(RST, C(GET), S("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"));
	HOLDS(o, 0, "outcome=reset ");
	free(o);

	check_case("chunks with extensions and trailers give the decoded length");
	o = PLAY(FIN,
		 C("POST /u HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "3;a=\"b\"\r\nabc\r\n000a ; x\r\n0123456789\r\n0\r\nT: v\r\nU: w\r\n\r\n" GET),
		 S("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, "
		   "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" OK0));
	HOLDS(o, 0, "req_body_len=13 ", "resp_body_len=5 ", "framing=chunked ",
	      "outcome=completed ");
	HOLDS(o, 1, "uri=/a ", "status_code=200 ", "outcome=completed ");
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	free(o);

	check_case("HEAD, 204 and 304 have no body whatever the length says");
	o = PLAY(FIN, C("HEAD / HTTP/1.1\r\n\r\n"),
		 S("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), C(GET),
		 S("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"), C(GET),
		 S("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n"), C(GET), S(OK5));
	for (unsigned i = 0; i < 3; i++)
		HOLDS(o, i, "framing=none ", "resp_body_len=0 ", "outcome=completed ");
	HOLDS(o, 3, "framing=length ", "resp_body_len=5 ");
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	free(o);

	check_case("a POST without a length has no body");
	o = PLAY(FIN, C("POST / HTTP/1.1\r\n\r\n" GET), S(OK0 OK5));
	HOLDS(o, 0, "method=POST ", "req_body_len=0 ");
	HOLDS(o, 1, "method=GET ", "resp_body_len=5 ");
	free(o);

	check_case("interim responses belong to the final one");
	o = PLAY(FIN, C("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
		 S("HTTP/1.1 100 Continue\r\n\r\n"), C("ab"),
		 S("HTTP/1.1 103 Early\r\nServer: early\r\nLink: x\r\n\r\n"
		   "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n"));
	HOLDS(o, 0, "status_code=201 ", "info_codes=[100,103] ", "req_body_len=2 ");
	CHECK_EQ(count(o, "http ", ""), 1);
	CHECK_EQ(count(o, "http ", "server="), 0);
	free(o);

	check_case("a client that is refused may leave the body out, or send it");
	o = PLAY(FIN, C("PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 90\r\n\r\n"),
		 S("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), C(GET), S(OK5));
	HOLDS(o, 0, "uri=/x ", "status_code=401 ", "req_body_len=0 ", "outcome=completed ");
	HOLDS(o, 1, "uri=/a ", "status_code=200 ");
	free(o);
	o = PLAY(FIN, C("PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
		 S("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), C("GET" GET), S(OK5));
	HOLDS(o, 0, "uri=/x ", "status_code=401 ", "req_body_len=3 ", "outcome=completed ");
	HOLDS(o, 1, "uri=/a ", "status_code=200 ");
	free(o);

	check_case("a response that comes before the request's body is done still pairs");
	o = PLAY(FIN, C("POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nab"),
		 S("HTTP/1.1 413 Big\r\nContent-Length: 0\r\n\r\n"), C("cd" GET), S(OK5));
	HOLDS(o, 0, "uri=/x ", "status_code=413 ", "req_body_len=4 ", "outcome=completed ");
	HOLDS(o, 1, "uri=/a ", "status_code=200 ");
	free(o);
}

static enum l7_claim claim(uint16_t port, bool midstream, const char *s)
{
	struct l7_first first = { .proto = IPPROTO_TCP,
				  .orig_p = 40000,
				  .resp_p = port,
				  .midstream = midstream,
				  .data = bytes_str(s) };

	return http_parser.claims(&first);
}

static void test_switching(void)
{
	struct talk t = { .orig_p = 0 };
	char *o;

	check_case("101 switches, and what follows is for others");
	talk_start(&t);
	talk_say(&t, L7_ORIG, BYTES_LIT("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"));
	talk_say(&t, L7_RESP,
		 BYTES_LIT("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nServer: s\r\n\r\n"));
	t.taken = 0;
	talk_say(&t, L7_ORIG, BYTES_LIT("GET / HTTP/1.1\r\n\r\n"));
	CHECK_EQ(t.taken, 0);
	talk_end(&t, REC_stream_reason_FIN);
	o = (char *)t.out.ptr;
	HOLDS(o, 0, "outcome=switched ", "framing=upgrade ", "info_codes=[101] ", "uri=/ws ",
	      "server=s ");
	CHECK_EQ(count(o, "http ", ""), 1);
	CHECK_EQ(count(o, "http ", "status_code="), 0);
	CHECK_EQ(count(o, "session_end ", "reason=done "), 1);
	free(o);

	check_case("where HTTP/2 takes over, the rest is for others");
	o = PLAY(FIN, C(GET), S(OK0), C("PRI * HTTP/2.0\r\n"));
	CHECK_EQ(count(o, "http ", ""), 1);
	CHECK_EQ(count(o, "session_end ", "reason=done "), 1);
	CHECK_EQ(claim(80, true, "PRI * HTTP/2.0\r\n\r\n"), L7_NO);
	free(o);

	check_case("CONNECT switches on 2xx only");
	o = PLAY(FIN, C("CONNECT h.example:443 HTTP/1.1\r\nHost: p\r\n\r\n"),
		 S("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno"),
		 C("CONNECT h.example:443 HTTP/1.1\r\nHost: p\r\n\r\n"),
		 S("HTTP/1.1 200 Established\r\nContent-Length: 7\r\n\r\n"));
	HOLDS(o, 0, "status_code=407 ", "outcome=completed ", "resp_body_len=2 ",
	      "host=h.example ");
	HOLDS(o, 1, "status_code=200 ", "outcome=switched ", "framing=upgrade ",
	      "uri=h.example:443 ");
	CHECK_EQ(count(o, "session_end ", "reason=done "), 1);
	free(o);

	check_case("what is sent into a tunnel before it is there is no fault");
	o = PLAY(FIN, C("CONNECT h.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01 hello\n"),
		 S("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno"),
		 C("CONNECT h.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01 hello\n"),
		 S("HTTP/1.1 200 Established\r\n\r\n"));
	HOLDS(o, 0, "status_code=407 ", "outcome=completed ");
	HOLDS(o, 1, "status_code=200 ", "outcome=switched ");
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	free(o);
}

/* Each ambiguity: its name, a request that has it, and a request behind it that must be seen. */
static void test_smuggling(void)
{
	static const struct {
		const char *tag, *head;
	} cases[] = {
		{ "http_cl_te", "POST / HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: "
				"chunked\r\n\r\n0\r\n\r\n" },
		{ "http_cl_te",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
		  "5\r\nabcde\r\n0\r\n\r\n" },
		{ "http_multi_cl",
		  "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc" },
		{ "http_multi_cl", "POST / HTTP/1.1\r\nContent-Length: 3, 4\r\n\r\nabc" },
		{ "http_cl_invalid", "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc\r\n" },
		{ "http_cl_invalid", "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc\r\n" },
		{ "http_cl_invalid", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n" },
		{ "http_cl_invalid", "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n" },
		{ "http_cl_invalid",
		  "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\nabc\r\n" },
		{ "http_cl_invalid", "POST / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\nabc" },
		{ "http_cl_invalid",
		  "POST / HTTP/1.1\r\nContent-Length: 40\r\nContent-Length: x\r\n\r\n" },
		{ "http_cl_invalid",
		  "POST / HTTP/1.1\r\nContent-Length: x\r\nContent-Length: 40\r\n\r\n" },
		{ "http_te_unknown", "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n" },
		{ "http_te_unknown",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n" },
		{ "http_te_unknown", "POST / HTTP/1.1\r\nTransfer-Encoding: "
				     "xchunked\r\nContent-Length: 3\r\n\r\nabc" },
		{ "http_non_final_chunked",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" },
		{ "http_non_final_chunked",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
		{ "http_non_final_chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n" },
		{ "http_duplicate_transfer_encoding",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "0\r\n\r\n" },
		{ "http_te_in_10", "POST / HTTP/1.0\r\nTransfer-Encoding: "
				   "chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" },
		{ "http_chunk_overflow", "POST / HTTP/1.1\r\nTransfer-Encoding: "
					 "chunked\r\n\r\n10000000000000003\r\nabc\r\n" },
		{ "http_chunk_invalid",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n" },
		{ "http_chunk_invalid",
		  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" },
		{ "http_duplicate_host", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
		{ "http_obs_fold",
		  "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" },
		{ "http_bare_lf", "GET / HTTP/1.1\nHost: a\n\n" },
		{ "http_bare_cr", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" },
		{ "http_bare_cr", "GET /\rx HTTP/1.1\r\n\r\n" },
		{ "http_bare_cr", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "1;a\rb\r\nx\r\n0\r\n\r\n" },
		{ "http_bare_cr", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "0\r\nX: a\rb\r\n\r\n" },
		{ "http_ws_before_colon", "POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc" },
		{ "http_bad_field", "GET / HTTP/1.1\r\nnonsense\r\n\r\n" },
		{ "http_control_char", "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n" },
		{ "http_control_char", "GET /a\x01 HTTP/1.1\r\n\r\n" },
		{ "http_bad_version", "GET / HTTP/1.7\r\n\r\n" },
		{ "http_bad_start_line", "GET /a b HTTP/1.1\r\n\r\n" },
		{ "http_lower_case_method", "get / HTTP/1.1\r\n\r\n" },
		{ "http_leading_crlf", "\r\n\r\nGET / HTTP/1.1\r\n\r\n" },
		{ "http_09", "GET /old\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static char titles[64][128]; /* a title is printed when its case is over */
		struct turn turns[] = { { '>', bytes_str(cases[i].head), 0 }, C(GET), S(OK0 OK5) };
		char *o, want[64];

		snprintf(titles[i], sizeof(titles[i]),
			 "%s is noticed, and the request behind it seen (%zu)", cases[i].tag, i);
		check_case(titles[i]);
		o = lines(turns, 3, REC_stream_reason_FIN, 0);
		snprintf(want, sizeof(want), "name=%s ", cases[i].tag);
		CHECK_EQ(count(o, "anomaly ", want), 1);
		HOLDS(o, 0, "tx_id=0 ", cases[i].tag, "status_code=200 ", "resp_body_len=0 ");
		HOLDS(o, 1, "uri=/a ", "host=h ", "status_code=200 ", "resp_body_len=5 ",
		      "outcome=completed ");
		CHECK_EQ(count(o, "http ", ""), 2);
		free(o);
	}

	check_case("equal Content-Length values are one value");
	{
		char *o = PLAY(FIN,
			       C("POST / HTTP/1.1\r\nContent-Length: 3, 3\r\nContent-Length: "
				 "003\r\n\r\nabc"),
			       S(OK0));

		HOLDS(o, 0, "req_body_len=3 ", "outcome=completed ");
		CHECK_EQ(count(o, "http ", "tags="), 0);
		free(o);
	}
	check_case("a response that no request asked for is noticed");
	{
		char *o =
			PLAY(FIN, C(GET), S(OK0 "HTTP/1.1 408 Slow\r\nContent-Length: 0\r\n\r\n"));

		HOLDS(o, 0, "outcome=completed ", "status_code=200 ");
		HOLDS(o, 1, "outcome=no_request ", "status_code=408 ",
		      "tags=[http_resp_without_req] ", "version=1.1 ");
		free(o);
	}
}

static void test_gaps(void)
{
	char *o;

	check_case("a gap inside a body keeps its length right");
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel"), SGAP(4),
		 S("lo!" OK5), C(GET));
	HOLDS(o, 0, "outcome=completed ", "gap=4 ", "resp_body_len=10 ");
	CHECK_EQ(count(o, "http ", "tags=[http_gap_resync]"), 0);
	free(o);

	check_case("a gap up to the last byte of a body ends it");
	o = PLAY(FIN, C(GET GET), S("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhel"),
		 SGAP(997), S(OK5));
	HOLDS(o, 0, "outcome=completed ", "gap=997 ", "resp_body_len=1000 ");
	HOLDS(o, 1, "outcome=completed ", "resp_body_len=5 ");
	CHECK_EQ(count(o, "anomaly ", ""), 0);
	free(o);

	check_case("a gap inside a chunk is counted, one beyond it loses the body's end");
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nab"),
		 SGAP(98), S("\r\n0\r\n\r\n"), C(GET),
		 S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nab"), SGAP(99),
		 S("\n0\r\n\r\n" OK5), C(GET));
	HOLDS(o, 0, "outcome=completed ", "gap=98 ", "resp_body_len=100 ");
	HOLDS(o, 1, "outcome=partial ", "gap=99 ", "resp_body_len=100 ");
	free(o);

	check_case("behind a gap in a head reading goes on at the next message");
	o = PLAY(FIN, C("GET /a HTTP/1.1\r\nHos"), CGAP(20),
		 C("xyz\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0 OK5));
	HOLDS(o, 0, "uri=/a ", "outcome=partial ", "gap=20 ");
	HOLDS(o, 1, "uri=/b ", "outcome=completed ", "tags=[http_gap_resync] ", "resp_body_len=5 ");
	CHECK_EQ(count(o, "anomaly ", "name=http_gap_resync "), 1);
	free(o);

	check_case("behind a gap that swallows a response, the next one goes to the next request");
	o = PLAY(FIN, C(GET), S(OK0), C("GET /lost HTTP/1.1\r\n\r\n"), C("GET /c HTTP/1.1\r\n\r\n"),
		 SGAP(300), S("tail of a body" OK5));
	HOLDS(o, 1, "uri=/lost ", "outcome=partial ", "gap=300 ", "http_gap_resync");
	HOLDS(o, 2, "uri=/c ", "outcome=completed ", "resp_body_len=5 ");
	CHECK_EQ(count(o, "http ", ""), 3);
	free(o);

	check_case("a request right behind the lost end of a body is found");
	o = PLAY(FIN, C("POST /p HTTP/1.1\r\nContent-Length: 10\r\n\r\nab"), CGAP(12),
		 C("1GET /q HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0 OK5));
	HOLDS(o, 0, "uri=/p ", "gap=12 ");
	HOLDS(o, 1, "method=GET ", "uri=/q ");
	free(o);

	check_case("a body that ends in a gap is partial");
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel"), SGAP(3));
	HOLDS(o, 0, "outcome=partial ", "gap=3 ", "resp_body_len=6 ");
	free(o);
}

static void test_one_sided(void)
{
	char *o;

	check_case("one direction alone gives no_response, or no_request");
	o = PLAY(FIN, C(GET GET));
	CHECK_EQ(count(o, "http ", "outcome=no_response "), 2);
	free(o);
	o = PLAY(FIN, S(OK5 OK0));
	CHECK_EQ(count(o, "http ", "outcome=no_request "), 2);
	HOLDS(o, 0, "resp_body_len=5 ", "tags=[http_resp_without_req] ");
	free(o);

	check_case("a request that noise answers has no response, and says so");
	o = PLAY(FIN, C(GET), S("SSH-2.0-x\r\nHTTP/1.1\rX: y\r\n"));
	HOLDS(o, 0, "outcome=no_response ", "tags=[http_desync] ");
	CHECK_EQ(count(o, "anomaly ", "name=http_desync "), 1);
	free(o);

	check_case("a request that is cut short is partial, or reset");
	o = PLAY(FIN, C("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"));
	HOLDS(o, 0, "outcome=partial ", "req_body_len=2 ");
	free(o);
	o = PLAY(RST, C("POST / HTTP/1.1\r\nContent-Le"));
	HOLDS(o, 0, "outcome=reset ");
	free(o);

	check_case("a connection seen from its middle on starts at the first message");
	o = PLAY_MIDSTREAM(FIN, S("ody</html>" OK5), C(GET), S(OK0));
	HOLDS(o, 0, "outcome=no_request ", "resp_body_len=5 ");
	HOLDS(o, 1, "outcome=completed ", "uri=/a ");
	CHECK_EQ(count(o, "anomaly ", "name=http_desync"), 0);
	free(o);
	o = PLAY_MIDSTREAM(FIN, C("form=1&x\r\n" GET), S(OK5));
	HOLDS(o, 0, "outcome=completed ", "uri=/a ");
	free(o);

	check_case("the side that sends a request is the client, whoever spoke first");
	{
		struct talk t = { .flags = STREAM_MIDSTREAM, .orig_p = 80, .resp_p = 40000 };

		talk_start(&t);
		talk_say(&t, L7_RESP, BYTES_LIT(GET));
		talk_say(&t, L7_ORIG, BYTES_LIT(OK5));
		talk_end(&t, REC_stream_reason_FIN);
		HOLDS((char *)t.out.ptr, 0, "outcome=completed ", "uri=/a ", "status_code=200 ");
		buf_release(&t.out);
	}
}

static void test_old(void)
{
	char *o;

	check_case("HTTP/0.9: the answer is all body");
	o = PLAY(FIN, C("GET /x\r\n"), S("<html>\r\n</html>"));
	HOLDS(o, 0, "outcome=completed ", "version=0.9 ", "uri=/x ", "framing=close ",
	      "resp_body_len=15 ", "tags=[http_09] ");
	CHECK_EQ(count(o, "http ", "status_code="), 0);
	free(o);

	check_case("a request without a version but with fields is not HTTP/0.9");
	o = PLAY(FIN, C("GET /x\r\nHost: h\r\n\r\n"), S(OK5));
	HOLDS(o, 0, "outcome=completed ", "host=h ", "tags=[http_bad_version] ",
	      "status_code=200 ");
	free(o);

	check_case("interim responses with a body and unknown codings fall back on what is known");
	o = PLAY(FIN, C(GET),
		 S("HTTP/1.1 200 OK\r\nTransfer-Encoding: xx\r\nContent-Length: 3\r\n\r\nhello"));
	HOLDS(o, 0, "framing=close ", "resp_body_len=5 ", "http_te_unknown", "http_cl_te");
	free(o);
	o = PLAY(FIN, C(GET), S("HTTP/1.1 200 OK\r\nContent-Length: 6.9\r\n\r\nhello" OK5), C(GET));
	HOLDS(o, 0, "outcome=desync ", "http_cl_invalid");
	free(o);
}

#define CRLF_20 "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
#define CRLF_200 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20 CRLF_20
#define CRLF_1000 CRLF_200 CRLF_200 CRLF_200 CRLF_200 CRLF_200

/* A request line with a path of that length: is the answer to its first bytes one of patience, or
 * that to all of it? */
static bool claims_of_cut(const char *method, size_t path, size_t cut)
{
	char line[1200];
	int n = snprintf(line, sizeof(line), "%s /%0*d HTTP/1.1\r\n", method, (int)path, 0);
	struct l7_first first = { .proto = IPPROTO_TCP, .resp_p = 12345 };
	enum l7_claim whole, part;

	first.data = BYTES(line, (size_t)n);
	whole = http_parser.claims(&first);
	first.data.len = cut < first.data.len ? cut : first.data.len;
	part = http_parser.claims(&first);
	return part == whole || part == L7_MAYBE;
}

static void test_claims(void)
{
	struct l7_first udp = { .proto = IPPROTO_UDP, .resp_p = 80, .data = BYTES_LIT(GET) };

	check_case("a flow is claimed by its first bytes, on any port");
	CHECK_EQ(claim(12345, false, GET), L7_YES);
	CHECK_EQ(claim(12345, false, "BREW /pot HTTP/1.1\r\n"), L7_YES);
	CHECK_EQ(claim(12345, false, "HTTP/1.1 200"), L7_YES);
	CHECK_EQ(claim(12345, false, "\r\nGET / HTTP/1.0\r\n"), L7_YES);
	CHECK_EQ(claim(12345, false, "GET / HTTP/1.1"), L7_MAYBE);
	CHECK_EQ(claim(12345, false, "HTT"), L7_MAYBE);
	CHECK_EQ(claim(80, false, "GET /x\r\n"), L7_YES);
	CHECK_EQ(claim(12345, false, "GET /x\r\n"), L7_NO);
	CHECK_EQ(claim(12345, false, "GET / HTTP/2.0\r\n"), L7_YES);
	check_case("any number of empty lines may come first");
	CHECK_EQ(claim(12345, false, CRLF_20 CRLF_20), L7_MAYBE);
	CHECK_EQ(claim(12345, false, CRLF_20 CRLF_20 "GET / HTTP/1.0\r\n"), L7_YES);
	CHECK_EQ(claim(80, false, CRLF_1000 "GET / HTTP/1.0\r\n"), L7_YES);
	CHECK_EQ(claim(12345, false, CRLF_1000 "GET / HTTP/1.0\r\n"), L7_NO);
	check_case("how much of a long request line is there changes no answer");
	for (size_t path = 900; path < 1100; path++)
		for (size_t cut = 990; cut < 1010; cut++)
			CHECK(claims_of_cut("FOO", path, cut) && claims_of_cut("GET", path, cut) &&
			      claims_of_cut("foo", path, cut));
	check_case("what is not HTTP/1 is refused, on port 80 too");
	CHECK_EQ(claim(80, false, "SSH-2.0-x\r\n"), L7_NO);
	CHECK_EQ(claim(80, false, "\x16\x03\x01"), L7_NO);
	CHECK_EQ(claim(80, true, "\x16\x03\x01"), L7_NO);
	CHECK_EQ(claim(80, false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), L7_NO);
	CHECK_EQ(claim(5060, false, "INVITE sip:a SIP/2.0\r\n"), L7_NO);
	CHECK_EQ(claim(554, false, "OPTIONS rtsp://a RTSP/1.0\r\n"), L7_NO);
	CHECK_EQ(claim(25, false, "220 mail ESMTP\r\n"), L7_NO);
	CHECK_EQ(http_parser.claims(&udp), L7_NO);
	check_case("in its middle, a flow on a web port is claimed");
	CHECK_EQ(claim(80, true, "middle, of a page\n"), L7_YES);
	CHECK_EQ(claim(12345, true, "middle, of a page\n"), L7_NO);
}

static void repeat(struct buf *b, const char *s, size_t n)
{
	while (n--)
		buf_add_str(b, s);
}

static char *play_buf(struct buf *request, const char *response)
{
	struct turn turns[] = { { '>', buf_bytes(request), 0 }, { '<', bytes_str(response), 0 } };
	char *o = lines(turns, 2, REC_stream_reason_FIN, 0);

	buf_release(request);
	return o;
}

static void test_limits(void)
{
	struct buf b = { 0 };
	char *o;

	check_case("a request line beyond 8 KiB is cut, its version and what follows are read");
	buf_add_str(&b, "GET /");
	repeat(&b, "x", 20000);
	buf_add_str(&b, " HTTP/1.0\r\nHost: h\r\n\r\n");
	o = play_buf(&b, OK5);
	HOLDS(o, 0, "host=h ", "version=1.0 ", "outcome=completed ", "truncated=[uri] ",
	      "http_line_too_long");
	CHECK(strlen(strstr(o, "uri=")) > 4096 && strlen(strstr(o, "uri=")) < 4800);
	free(o);

	check_case("a value beyond 4,096 bytes is cut and named");
	buf_add_str(&b, "GET / HTTP/1.1\r\nUser-Agent: ");
	repeat(&b, "u", 5000);
	buf_add_str(&b, "\r\nX: ");
	repeat(&b, "y", 9000);
	buf_add_str(&b, "\r\nHost: h\r\n\r\n");
	o = play_buf(&b, OK5);
	HOLDS(o, 0, "truncated=[user_agent] ", "host=h ", "tags=[http_line_too_long] ");
	free(o);

	check_case("a head beyond 64 KiB and 256 fields still frames its message");
	buf_add_str(&b, "POST / HTTP/1.1\r\nHost: h\r\n");
	repeat(&b, "X: 0123456789012345678901234567890123456789\r\n", 3000);
	buf_add_str(&b, "Referer: late\r\nContent-Length: 3\r\n\r\nabc" GET);
	o = play_buf(&b, OK0 OK5);
	HOLDS(o, 0, "http_head_too_large", "http_too_many_fields", "req_body_len=3 ", "host=h ");
	HOLDS(o, 1, "uri=/a ", "resp_body_len=5 ");
	CHECK_EQ(count(o, "http ", "referrer="), 0);
	free(o);

	check_case("what a field that is cut says of the body is not believed");
	for (size_t i = 0; i < 2; i++) {
		buf_add_str(&b, i ? "POST / HTTP/1.1\r\nTransfer-Encoding:"
				  : "POST / HTTP/1.1\r\nContent-Length: ");
		repeat(&b, i ? " " : "0", 9000);
		buf_add_str(&b, i ? "chunked\r\n\r\n" : "40\r\n\r\n" GET);
		if (i)
			buf_add_str(&b, "30\r\n" GET);
		o = play_buf(&b, OK0 OK5);
		HOLDS(o, 0, "outcome=desync ", "http_line_too_long");
		HOLDS(o, 1, "uri=/a ");
		free(o);
	}

	check_case("folds beyond 64 are dropped");
	buf_add_str(&b, "GET / HTTP/1.1\r\nUser-Agent: a\r\n");
	repeat(&b, " b\r\n", 100);
	buf_add_str(&b, "Host: h\r\n\r\n");
	o = play_buf(&b, OK5);
	HOLDS(o, 0, "http_too_many_folds", "truncated=[user_agent] ", "host=h ",
	      "user_agent=a b b ");
	free(o);

	check_case("of 300 requests in a row the oldest are given up, and the rest still pair");
	repeat(&b, "GET /n HTTP/1.1\r\n\r\n", 299);
	buf_add_str(&b, "GET /last HTTP/1.1\r\n\r\n");
	{
		struct buf r = { 0 };

		for (int i = 0; i < 300; i++)
			buf_printf(&r, "HTTP/1.1 200 %d\r\nContent-Length: 0\r\n\r\n", i);
		buf_add_byte(&r, 0);
		o = play_buf(&b, (char *)r.ptr);
		buf_release(&r);
	}
	CHECK_EQ(count(o, "http ", "outcome=no_response "), 44);
	CHECK_EQ(count(o, "http ", "outcome=no_request "), 44);
	CHECK_EQ(count(o, "http ", "outcome=completed "), 256);
	CHECK_EQ(count(o, "http ", "uri=/last version=1.1 status_code=200 status_msg=299 "), 1);
	free(o);
}

static void test_options(void)
{
	char *o;

	check_case("--headers gives all fields, --body-max the start of the bodies");
	http_config.headers = true;
	http_config.body_max = 4;
	o = PLAY(FIN,
		 C("POST / HTTP/1.1\r\nHost: h\r\nX: a\r\n  b\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
		 S("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello"), SGAP(494), S("z"));
	HOLDS(o, 0, "req_headers=[Host=h,X=a b,Transfer-Encoding=chunked] ",
	      "resp_headers=[Content-Length=500] ", "req_body=abc ", "resp_body=hell ",
	      "truncated=[resp_body] ", "resp_body_len=500 ", "req_body_len=3 ");
	free(o);
	http_config = (struct http_config){ 0 };

	check_case("nothing stays behind");
	CHECK_EQ(talk_left, 0);
}

int main(void)
{
	test_fields();
	test_framing();
	test_switching();
	test_smuggling();
	test_gaps();
	test_one_sided();
	test_old();
	test_claims();
	test_limits();
	test_options();
	return check_end();
}
