/* Properties of the HTTP parser: cuts do not show, ends are safe, time grows with the input. */
#include "tests/unit/check.h"
#include "tests/unit/http_talk.h"

#include <time.h>

static const char requests[] =
	"GET /one HTTP/1.1\r\nHost: h:80\r\nAccept:\r\n  folded\r\n\r\n"
	"POST /two HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: t\r\n\r\n"
	"HEAD /three HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
	"PUT /four HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nxyz"
	"POST /five HTTP/1.1\r\nContent-Length: +1\r\n\r\nq\r\n"
	"noise \x01\x02 noise\r\n"
	"GET /six HTTP/1.1\nHost: h\n\n"
	"POST /seven HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
	"GET /eight HTTP/1.0\r\nAuthorization: Basic dTpw\r\n\r\n"
	"GET /nine\r\n";

static const char responses[] =
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
	"HTTP/1.1 204 None\r\nSet-Cookie: a=b\r\n\r\n"
	"\r\nHTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nwhat is this"
	"HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n"
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nzz"
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
	"<html>to the end";

static struct talk started(void)
{
	struct talk t = { .n = 0 };

	return t;
}

/* As talk_say, out of a buffer of just that size. */
static void say_exact(struct talk *t, enum l7_dir dir, struct bytes b)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);

	memcpy(copy, b.ptr, b.len);
	talk_say(t, dir, BYTES(copy, b.len));
	free(copy);
}

/* The lines of the whole conversation, each side cut at one place; `lost` bytes go missing. */
static char *split_at(size_t req_cut, size_t resp_cut, size_t lost)
{
	struct bytes parts[2] = { BYTES_LIT(requests), BYTES_LIT(responses) };
	size_t cuts[2] = { req_cut, resp_cut };
	struct talk t = started();

	talk_start(&t);
	for (int dir = 0; dir < 2; dir++) {
		struct bytes all = parts[dir];
		size_t rest = cuts[dir] + (dir ? lost : 0);

		say_exact(&t, (enum l7_dir)dir, BYTES(all.ptr, cuts[dir]));
		if (dir && lost)
			talk_lose(&t, L7_RESP, lost);
		say_exact(&t, (enum l7_dir)dir, BYTES(all.ptr + rest, all.len - rest));
	}
	talk_end(&t, REC_stream_reason_FIN);
	return (char *)t.out.ptr;
}

static void test_cuts(void)
{
	size_t nreq = sizeof(requests) - 1, nresp = sizeof(responses) - 1, differ = 0;
	char *want = split_at(nreq, nresp, 0);

	check_case("a conversation cut in two anywhere gives the same records byte for byte");
	CHECK(strstr(want, "uri=/nine "));
	for (size_t i = 0; i < nreq || i < nresp; i++) {
		char *got = split_at(i < nreq ? i : nreq, i < nresp ? i : nresp, 0);

		if (strcmp(got, want) != 0 && !differ++)
			printf("# cut at %zu:\n# %s\n# %s\n", i, got, want);
		free(got);
	}
	CHECK_EQ(differ, 0);
	free(want);

	check_case("every request of it is a record, the hidden ones too");
	want = split_at(nreq, nresp, 0);
	for (const char *const *uri =
		     (const char *const[]){ "/one ", "/two ", "/three ", "/four ", "/five ",
					    "/six ", "/seven ", "/eight ", "/nine ", NULL };
	     *uri; uri++) {
		char key[32];

		snprintf(key, sizeof(key), "uri=%s", *uri);
		CHECK(strstr(want, key) != NULL);
	}
	free(want);
}

/* Bytes that the exchanges say are missing. */
static size_t gaps(const char *lines)
{
	size_t sum = 0;

	while ((lines = strstr(lines, " gap="))) {
		lines += 5;
		sum += strtoul(lines, NULL, 10);
	}
	return sum;
}

static void test_ends(void)
{
	size_t nreq = sizeof(requests) - 1, nresp = sizeof(responses) - 1;

	check_case("a conversation may end, or have a hole, at any byte");
	for (size_t i = 1; i < nreq || i < nresp; i++) {
		struct talk t = started();
		size_t a = i < nreq ? i : nreq, b = i < nresp ? i : nresp;

		talk_start(&t);
		say_exact(&t, L7_ORIG, BYTES(requests, a));
		say_exact(&t, L7_RESP, BYTES(responses, b));
		talk_end(&t, i % 2 ? REC_stream_reason_RST : REC_stream_reason_END_OF_INPUT);
		CHECK(t.out.len > 0 || i < 20);
		buf_release(&t.out);
		for (size_t lost = 1; b + lost <= nresp && lost < 100; lost += 33) {
			char *got = split_at(nreq, b, lost);

			CHECK(gaps(got) <= lost);
			CHECK(strstr(got, "session_end") != NULL);
			free(got);
		}
	}
	CHECK_EQ(talk_left, 0);
}

/* ---- time ---------------------------------------------------------------------------------- */

struct hostile {
	const char *what, *start, *repeat;
	enum l7_dir dir;
	size_t piece; /* bytes of a segment */
};

static const struct hostile hostile[] = {
	{ "folded fields", "GET / HTTP/1.1\r\nA: b\r\n", " c\r\n", L7_ORIG, 1400 },
	{ "folded fields byte by byte", "GET / HTTP/1.1\r\nA: b\r\n", " c\r\n", L7_ORIG, 1 },
	{ "one endless line", "GET /", "x", L7_ORIG, 1400 },
	{ "one endless line byte by byte", "GET /", "x", L7_ORIG, 1 },
	{ "an endless field", "GET / HTTP/1.1\r\nA: ", "x", L7_ORIG, 1 },
	{ "many fields", "GET / HTTP/1.1\r\n", "Cookie: a\r\n", L7_ORIG, 1400 },
	{ "many hosts", "GET / HTTP/1.1\r\n", "Host: a\r\n", L7_ORIG, 1400 },
	{ "tiny chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n",
	  L7_ORIG, 1400 },
	{ "tiny chunks byte by byte", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "1\r\na\r\n", L7_ORIG, 1 },
	{ "requests without responses", "", "GET / HTTP/1.1\r\n\r\n", L7_ORIG, 1400 },
	{ "responses without requests", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", L7_RESP,
	  1400 },
	{ "interim responses", "", "HTTP/1.1 100 C\r\n\r\n", L7_RESP, 1400 },
	{ "empty lines", "GET / HTTP/1.1\r\n\r\n", "\r\n", L7_ORIG, 1400 },
	{ "near starts of responses", "HTTP/1.1 2000\r\n", "HTTP/1.1 xx", L7_RESP, 1 },
	{ "near requests", "GET / HTTP/1.1\r\n\r\nxx\r\n", "\x01 GEGEGE T HTTP/1.1\r\n", L7_ORIG,
	  1400 },
};

static double cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double cost(const struct hostile *h, size_t n)
{
	struct buf b = { 0 };
	double best = 1e9, sum = 0;

	buf_add_str(&b, h->start);
	while (b.len < n)
		buf_add_str(&b, h->repeat);
	/* The least of many runs is what the input costs; the rest is other load. */
	for (int run = 0; run < 5 || (sum < 0.02 && run < 200); run++) {
		struct talk t = { .quiet = true };
		double start = cpu_now(), took;

		talk_start(&t);
		for (size_t at = 0; at < b.len; at += h->piece)
			talk_say(&t, h->dir,
				 BYTES(b.ptr + at, b.len - at < h->piece ? b.len - at : h->piece));
		talk_end(&t, REC_stream_reason_FIN);
		took = cpu_now() - start;
		best = took < best ? took : best;
		sum += took;
		buf_release(&t.out);
	}
	buf_release(&b);
	return best;
}

static void test_time(void)
{
	static char titles[sizeof(hostile) / sizeof(hostile[0])][80];

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		size_t n = 256 * 1024;
		double one, two, ratio = 0;

		snprintf(titles[i], sizeof(titles[i]),
			 "twice the input takes no more than 2.5 times: %s", hostile[i].what);
		check_case(titles[i]);
		for (int attempt = 0; attempt < 5; attempt++) {
			one = cost(&hostile[i], n);
			two = cost(&hostile[i], 2 * n);
			ratio = two / one;
			if (ratio <= 2.5)
				break;
		}
		printf("# %s: %.1f MB/s, ratio %.2f\n", hostile[i].what, 2 * (double)n / two / 1e6,
		       ratio);
		CHECK(ratio <= 2.5);
	}
}

int main(void)
{
	test_cuts();
	test_ends();
	test_time();
	return check_end();
}
