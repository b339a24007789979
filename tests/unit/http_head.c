/* Tests of the HTTP head and body readers, which are pure functions over bytes. */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "cmd/http/http_body.h"
#include "cmd/http/http_head.h"

static bool same(struct bytes b, const char *s)
{
	return b.ptr && bytes_is(b, s);
}

static void test_lines(void)
{
	static uint8_t big[HTTP_LINE_MAX + 2];
	struct http_line l;

	check_case("a line ends with CRLF or LF, and is not there before that");
	CHECK_EQ(http_line_take(BYTES_LIT("ab"), 0, &l), 0);
	CHECK_EQ(http_line_take(BYTES_LIT(""), 0, &l), 0);
	CHECK_EQ(http_line_take(BYTES_LIT("ab\r\nc"), 0, &l), 4);
	CHECK(same(l.text, "ab") && !l.bare_lf && !l.cut);
	CHECK_EQ(http_line_take(BYTES_LIT("ab\nc"), 2, &l), 3);
	CHECK(same(l.text, "ab") && l.bare_lf);
	CHECK_EQ(http_line_take(BYTES_LIT("\n"), 0, &l), 1);
	CHECK_EQ(l.text.len, 0);

	check_case("bytes that were scanned are not scanned again");
	CHECK_EQ(http_line_take(BYTES_LIT("a\nb"), 2, &l), 0);

	check_case("a line is cut at the same place however much of it is there");
	memset(big, 'x', sizeof(big));
	CHECK_EQ(http_line_take(BYTES(big, HTTP_LINE_MAX), 0, &l), 0);
	CHECK_EQ(http_line_take(BYTES(big, HTTP_LINE_MAX + 1), HTTP_LINE_MAX, &l), HTTP_LINE_MAX);
	CHECK(l.cut && l.text.len == HTTP_LINE_MAX);
	big[HTTP_LINE_MAX + 1] = '\n';
	CHECK_EQ(http_line_take(BYTES(big, HTTP_LINE_MAX + 2), 0, &l), HTTP_LINE_MAX);
	CHECK(l.cut);
	big[HTTP_LINE_MAX] = '\n';
	CHECK_EQ(http_line_take(BYTES(big, HTTP_LINE_MAX + 2), 0, &l), HTTP_LINE_MAX + 1);
	CHECK(!l.cut && l.text.len == HTTP_LINE_MAX);
}

static void test_start_lines(void)
{
	struct http_request_line r;
	struct http_status_line s;

	check_case("a request line has method, target and version");
	CHECK_EQ(http_request_line(BYTES_LIT("GET /a?b HTTP/1.1"), false, &r), HTTP_LINE_GOOD);
	CHECK(same(r.method, "GET") && same(r.uri, "/a?b") && same(r.version, "1.1"));
	CHECK(!r.odd && !r.odd_version);
	CHECK_EQ(http_request_line(BYTES_LIT("X!y *  HTTP/1.2"), false, &r), HTTP_LINE_GOOD);
	CHECK(same(r.method, "X!y") && same(r.uri, "*") && r.odd && r.odd_version);
	CHECK_EQ(http_request_line(BYTES_LIT("GET /a b c HTTP/1.0"), false, &r), HTTP_LINE_GOOD);
	CHECK(same(r.uri, "/a b c") && r.odd);
	CHECK_EQ(http_request_line(BYTES_LIT("GET HTTP/1.1"), false, &r), HTTP_LINE_GOOD);
	CHECK(r.odd && r.uri.len == 0);

	check_case("without a version it is an old one, or none");
	CHECK_EQ(http_request_line(BYTES_LIT("GET /a"), false, &r), HTTP_LINE_SIMPLE);
	CHECK(same(r.uri, "/a") && !r.version.ptr);
	CHECK_EQ(http_request_line(BYTES_LIT("HELO there"), false, &r), HTTP_LINE_BAD);
	CHECK_EQ(http_request_line(BYTES_LIT("GET"), false, &r), HTTP_LINE_BAD);
	CHECK_EQ(http_request_line(BYTES_LIT("GET  "), false, &r), HTTP_LINE_BAD);
	CHECK_EQ(http_request_line(BYTES_LIT("Host: a"), false, &r), HTTP_LINE_BAD);
	CHECK_EQ(http_request_line(BYTES_LIT(""), false, &r), HTTP_LINE_BAD);

	check_case("a status line has version, code and reason");
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.1 404 Not Found"), &s), HTTP_LINE_GOOD);
	CHECK(s.code == 404 && same(s.reason, "Not Found") && same(s.version, "1.1") && !s.odd);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.0 200"), &s), HTTP_LINE_GOOD);
	CHECK(s.code == 200 && s.reason.len == 0);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/2.0 \t200 ok"), &s), HTTP_LINE_GOOD);
	CHECK(s.odd && s.odd_version);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.1 2000 x"), &s), HTTP_LINE_BAD);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.1 20"), &s), HTTP_LINE_BAD);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.1 099"), &s), HTTP_LINE_BAD);
	CHECK_EQ(http_status_line(BYTES_LIT("HTTP/1.1"), &s), HTTP_LINE_BAD);
	CHECK_EQ(http_status_line(BYTES_LIT("ICY 200 OK"), &s), HTTP_LINE_BAD);
}

static void test_fields(void)
{
	struct http_field f;
	struct http_codings c = { .lines = 0 };
	uint64_t n;

	check_case("a field line has a name, a colon and a trimmed value");
	CHECK(http_field_parse(BYTES_LIT("Na-me: \t v w \t"), &f));
	CHECK(same(f.name, "Na-me") && same(f.value, "v w"));
	CHECK(!f.ws_before_colon && !f.bad_name && !f.bare_cr && !f.control);
	CHECK(http_field_parse(BYTES_LIT("a:"), &f) && f.value.len == 0);
	CHECK(http_field_parse(BYTES_LIT("a \t:b"), &f) && f.ws_before_colon && same(f.name, "a"));
	CHECK(http_field_parse(BYTES_LIT(": b"), &f) && f.bad_name);
	CHECK(http_field_parse(BYTES_LIT("a b: c"), &f) && f.bad_name);
	CHECK(http_field_parse(BYTES_LIT("a: b\rc"), &f) && f.bare_cr && !f.control);
	CHECK(http_field_parse(BYTES_LIT("a: \0"), &f) && f.control);
	CHECK(!http_field_parse(BYTES_LIT("nothing"), &f));

	check_case("Content-Length takes decimal numbers below 2^64, and lists of equal ones");
	CHECK_EQ(http_content_length(BYTES_LIT("18446744073709551615"), &n), HTTP_NUMBER_GOOD);
	CHECK(n == UINT64_MAX);
	CHECK_EQ(http_content_length(BYTES_LIT("18446744073709551616"), &n), HTTP_NUMBER_BAD);
	CHECK_EQ(http_content_length(BYTES_LIT("00042"), &n), HTTP_NUMBER_GOOD);
	CHECK_EQ(n, 42);
	CHECK_EQ(http_content_length(BYTES_LIT("3, 3,3"), &n), HTTP_NUMBER_GOOD);
	CHECK_EQ(n, 3);
	CHECK_EQ(http_content_length(BYTES_LIT("3, 4"), &n), HTTP_NUMBER_DIFFERS);
	CHECK_EQ(n, 3);
	CHECK_EQ(http_content_length(BYTES_LIT("3,"), &n), HTTP_NUMBER_BAD);
	CHECK_EQ(http_content_length(BYTES_LIT("+3"), &n), HTTP_NUMBER_BAD);
	CHECK_EQ(http_content_length(BYTES_LIT("-3"), &n), HTTP_NUMBER_BAD);
	CHECK_EQ(http_content_length(BYTES_LIT("0x3"), &n), HTTP_NUMBER_BAD);
	CHECK_EQ(http_content_length(BYTES_LIT(""), &n), HTTP_NUMBER_BAD);

	check_case("Transfer-Encoding is read as a list over all its lines");
	http_codings_add(&c, BYTES_LIT("gzip"));
	CHECK(c.present && !c.chunked && !c.unknown);
	http_codings_add(&c, BYTES_LIT(" GZip , Chunked;a=b"));
	CHECK(c.chunked && c.chunked_last && !c.unknown && c.lines == 2);
	CHECK(c.chunked_params && !c.chunked_early);
	http_codings_add(&c, BYTES_LIT("identity"));
	CHECK(c.chunked && !c.chunked_last && c.identity && c.chunked_early);
	c = (struct http_codings){ .lines = 0 };
	http_codings_add(&c, BYTES_LIT("xchunked"));
	CHECK(c.unknown && !c.chunked);
	c = (struct http_codings){ .lines = 0 };
	http_codings_add(&c, BYTES_LIT(""));
	CHECK(c.present && c.unknown);
}

static void test_values(void)
{
	uint8_t user[8];
	bool cut;

	check_case("a host is an authority without user and port");
	CHECK(same(http_authority_host(BYTES_LIT("u:p@h:80")), "h"));
	CHECK(same(http_authority_host(BYTES_LIT("h")), "h"));
	CHECK(same(http_authority_host(BYTES_LIT("[fe80::1]:80")), "[fe80::1]"));
	CHECK(same(http_authority_host(BYTES_LIT("[fe80::1")), "[fe80::1"));
	CHECK_EQ(http_authority_host(BYTES_LIT("")).len, 0);
	CHECK(same(http_target_authority(BYTES_LIT("http://h:1/x?y://z")), "h:1"));
	CHECK(same(http_target_authority(BYTES_LIT("https://h")), "h"));
	CHECK(!http_target_authority(BYTES_LIT("/x?http://h/")).ptr);
	CHECK(!http_target_authority(BYTES_LIT("*")).ptr);

	check_case("the user of Basic authentication ends at the colon");
	CHECK_EQ(http_basic_user(BYTES_LIT("Basic QWxhZGRpbjpvcGVu"), user, 8, &cut), 7);
	CHECK(memcmp(user, "Aladdin", 7) == 0 && !cut);
	CHECK_EQ(http_basic_user(BYTES_LIT("basic  OnB3"), user, 8, &cut), 0);
	CHECK_EQ(http_basic_user(BYTES_LIT("Basic QWxhZGRpbjpvcGVu"), user, 3, &cut), 3);
	CHECK(cut);
	CHECK_EQ(http_basic_user(BYTES_LIT("Basic QWxh"), user, 8, &cut), -1);
	CHECK_EQ(http_basic_user(BYTES_LIT("Bearer QWxh"), user, 8, &cut), -1);
}

static void test_finding(void)
{
	bool found;

	check_case("a request is found in a line, also behind the end of a body");
	CHECK_EQ(http_find_request(BYTES_LIT("GET / HTTP/1.1")), 0);
	CHECK_EQ(http_find_request(BYTES_LIT("PURGE / HTTP/1.1")), 0);
	CHECK_EQ(http_find_request(BYTES_LIT("a=b&cGET / HTTP/1.1")), 5);
	CHECK_EQ(http_find_request(BYTES_LIT("xyPOST / HTTP/1.1")), 2);
	CHECK_EQ(http_find_request(BYTES_LIT("GET / HTML")), 10);
	CHECK_EQ(http_find_request(BYTES_LIT("see HTTP/1.1")), 12);

	check_case("a response is found in any bytes, and its beginning is kept");
	CHECK_EQ(http_find_response(BYTES_LIT("xxHTTP/1.1 200 OK"), &found), 2);
	CHECK(found);
	CHECK_EQ(http_find_response(BYTES_LIT("xHHTTP/1.1 xHTTP/1"), &found), 12);
	CHECK(!found);
	CHECK_EQ(http_find_response(BYTES_LIT("HTTP/2.0 200 OK"), &found), 15);
	CHECK(!found);
	CHECK_EQ(http_find_response(BYTES_LIT("HTTP/1.1 abc"), &found), 12);
	CHECK(!found);
}

struct outcome {
	enum http_body_status status;
	uint64_t len;
	size_t used;
	unsigned odd;
	char data[64];
	size_t ndata;
};

/* Reads a chunked body that comes in two parts. */
static struct outcome chunked(const char *s, size_t cut)
{
	struct outcome o = { .status = HTTP_BODY_MORE };
	size_t len = strlen(s), ends[2] = { cut, len };
	struct http_body b;

	http_body_start(&b, HTTP_BODY_CHUNKED, 0);
	for (int i = 0; i < 2 && o.status == HTTP_BODY_MORE; i++) {
		for (;;) {
			size_t n = ends[i] - o.used;
			uint8_t *copy = malloc(n + 1); /* a read past the end is seen */
			struct bytes piece;
			size_t used;

			memcpy(copy, s + o.used, n);
			copy = realloc(copy, n ? n : 1);
			used = http_body_take(&b, BYTES(copy, n), 0, &piece, &o.status);
			if (piece.len && piece.len <= sizeof(o.data) - o.ndata) {
				memcpy(o.data + o.ndata, piece.ptr, piece.len);
				o.ndata += piece.len;
			}
			free(copy);
			o.used += used;
			if (!used || o.status != HTTP_BODY_MORE)
				break;
		}
	}
	o.len = b.len;
	o.odd = b.odd;
	return o;
}

static void test_chunks(void)
{
	static const struct {
		const char *body, *data;
		enum http_body_status status;
		unsigned odd;
	} cases[] = {
		{ "5\r\nhello\r\n0\r\n\r\n", "hello", HTTP_BODY_DONE, 0 },
		{ "3;x=\"y\"\r\nhel\r\n002\r\nlo\r\n000\r\nT: a\r\nU: b\r\n\r\n", "hello",
		  HTTP_BODY_DONE, 0 },
		{ "A \t;x\r\n0123456789\r\n0;y\r\n\r\n", "0123456789", HTTP_BODY_DONE, 0 },
		{ "5\nhello\n0\n\n", "hello", HTTP_BODY_DONE, HTTP_BODY_BARE_LF },
		{ "5 junk\r\nhello\r\n0\r\n\r\n", "hello", HTTP_BODY_DONE, HTTP_BODY_BAD_CHUNK },
		{ "5\r\nhellox", "hello", HTTP_BODY_BAD, HTTP_BODY_BAD_CHUNK },
		{ "\r\nhello", "", HTTP_BODY_BAD, HTTP_BODY_BAD_CHUNK },
		{ "0x5\r\n", "", HTTP_BODY_MORE, HTTP_BODY_BAD_CHUNK },
		{ "fffffffffffffff1\r\nab", "ab", HTTP_BODY_MORE, 0 },
		{ "0000000000000001\r\na\r\n0\r\n\r\n", "a", HTTP_BODY_DONE, 0 },
		{ "00000000000000001\r\na", "", HTTP_BODY_BAD, HTTP_BODY_OVERFLOW },
		{ "5\r\nhel", "hel", HTTP_BODY_MORE, 0 },
	};

	check_case("chunked bodies, split at every byte");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut <= strlen(cases[i].body); cut++) {
			struct outcome o = chunked(cases[i].body, cut);

			if (o.status != cases[i].status || o.odd != cases[i].odd ||
			    o.len != strlen(cases[i].data) || o.ndata != o.len ||
			    memcmp(o.data, cases[i].data, o.ndata) != 0)
				printf("# case %zu, cut %zu\n", i, cut);
			CHECK_EQ(o.status, cases[i].status);
			CHECK_EQ(o.odd, cases[i].odd);
			CHECK_EQ(o.len, strlen(cases[i].data));
			CHECK(o.ndata == o.len && memcmp(o.data, cases[i].data, o.ndata) == 0);
		}
	}
}

static void test_other_bodies(void)
{
	enum http_body_status status;
	struct bytes piece;
	struct http_body b;

	check_case("a body of a length takes so many bytes and no more");
	http_body_start(&b, HTTP_BODY_LENGTH, 3);
	CHECK_EQ(http_body_take(&b, BYTES_LIT("ab"), 0, &piece, &status), 2);
	CHECK_EQ(status, HTTP_BODY_MORE);
	CHECK_EQ(http_body_take(&b, BYTES_LIT("cd"), 0, &piece, &status), 1);
	CHECK_EQ(status, HTTP_BODY_DONE);
	CHECK_EQ(b.len, 3);
	http_body_start(&b, HTTP_BODY_NONE, 0);
	CHECK_EQ(http_body_take(&b, BYTES_LIT("ab"), 0, &piece, &status), 0);
	CHECK_EQ(status, HTTP_BODY_DONE);

	check_case("a gap is part of a body as far as the body goes");
	http_body_start(&b, HTTP_BODY_LENGTH, 10);
	CHECK_EQ(http_body_gap(&b, 4, &status), 4);
	CHECK_EQ(status, HTTP_BODY_MORE);
	CHECK_EQ(http_body_gap(&b, 7, &status), 6);
	CHECK_EQ(status, HTTP_BODY_DONE);
	CHECK_EQ(b.len, 10);
	http_body_start(&b, HTTP_BODY_CHUNKED, 0);
	CHECK_EQ(http_body_gap(&b, 1, &status), 0);
	http_body_start(&b, HTTP_BODY_CLOSE, 0);
	CHECK_EQ(http_body_gap(&b, UINT64_MAX - 1, &status), UINT64_MAX - 1);
	CHECK_EQ(http_body_take(&b, BYTES_LIT("abc"), 0, &piece, &status), 3);
	CHECK(b.len == UINT64_MAX);
	CHECK_EQ(status, HTTP_BODY_MORE);
}

int main(void)
{
	test_lines();
	test_start_lines();
	test_fields();
	test_values();
	test_finding();
	test_chunks();
	test_other_bodies();
	return check_end();
}
