/* json_render: records as JSON, by the schema alone. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/json/key_cache.h"
#include "cmd/json/render.h"
#include "tests/unit/check.h"

/* The line that a record of a type that we know gives. */
static const char *line(const struct rec_desc *d, const struct rec_head *h, const void *rec,
			const struct render_options *o)
{
	static struct buf raw, out;
	struct schema *s = schema_of(d);
	struct render_plan *p = render_plan_new(s, o);

	raw.len = out.len = 0;
	rec_pack(&raw, d, h, rec);
	if (!render_record(p, h, buf_bytes(&raw), &out))
		buf_add_str(&out, "(malformed)");
	buf_add_byte(&out, 0);
	render_plan_free(p);
	schema_free(s);
	return (const char *)out.ptr;
}

static bool is(const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return true;
	printf("# got  %s# want %s", got, want);
	return false;
}

static bool string_is(struct bytes in, const char *want)
{
	struct buf out = { 0 };
	bool same;

	json_string(&out, in);
	buf_add_byte(&out, 0);
	same = strcmp((const char *)out.ptr, want) == 0;
	if (!same)
		printf("# got %s, not %s\n", (const char *)out.ptr, want);
	buf_release(&out);
	return same;
}

static void test_strings(void)
{
	check_case("a string keeps UTF-8 and escapes what JSON must escape");
	CHECK(string_is(BYTES_LIT("plain"), "\"plain\""));
	CHECK(string_is(BYTES_LIT(""), "\"\""));
	CHECK(string_is(BYTES_LIT("a\"b\\c"), "\"a\\\"b\\\\c\""));
	CHECK(string_is(BYTES_LIT("a\nb\rc\td"), "\"a\\nb\\rc\\td\""));
	CHECK(string_is(BYTES_LIT("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\""));
	CHECK(string_is(BYTES_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f"),
			"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f\""));

	check_case("what is no UTF-8 is four characters a byte, also at the very end");
	CHECK(string_is(BYTES_LIT("\xff"), "\"\\\\xff\""));
	CHECK(string_is(BYTES_LIT("a\xc3"), "\"a\\\\xc3\""));
	CHECK(string_is(BYTES_LIT("\xe2\x82"), "\"\\\\xe2\\\\x82\""));
	CHECK(string_is(BYTES_LIT("\xc0\x80"), "\"\\\\xc0\\\\x80\""));            /* overlong */
	CHECK(string_is(BYTES_LIT("\xed\xa0\x80"), "\"\\\\xed\\\\xa0\\\\x80\"")); /* surrogate */
}

/* Each place of a string of each length has each byte in turn: the same comes out as where every
 * byte is a string of its own. */
static void test_string_words(void)
{
	uint8_t text[40];
	struct buf out = { 0 }, want = { 0 };
	int wrong = 0;

	check_case("an escape is found at every place of strings of every length");
	for (size_t len = 1; len <= sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 0; c < 256; c++) {
				memset(text, 'x', sizeof(text));
				text[at] = (uint8_t)c;
				out.len = want.len = 0;
				json_string(&out, BYTES(text, len));
				json_string(&want, BYTES(text + at, 1));
				wrong += out.len != want.len + len - 1 ||
					 memcmp(out.ptr + at + 1, want.ptr + 1, want.len - 2) != 0;
				for (size_t i = 1; i <= at; i++)
					wrong += out.ptr[i] != 'x';
				for (size_t i = 0; i < len - 1 - at; i++)
					wrong += out.ptr[out.len - 2 - i] != 'x';
			}
		}
	}
	CHECK_EQ(wrong, 0);
	buf_release(&out);
	buf_release(&want);
}

static bool number_is_right(uint64_t v)
{
	static struct buf out;
	char want[64];

	out.len = 0;
	number_text(&out, v);
	buf_add_byte(&out, ' ');
	json_time(&out, v);
	snprintf(want, sizeof(want), "%" PRIu64 " %" PRIu64 ".%09u", v, v / 1000000000,
		 (unsigned)(v % 1000000000));
	return bytes_is(buf_bytes(&out), want);
}

static uint64_t random_bits(void)
{
	static uint64_t x = 1;

	x = x * 6364136223846793005u + 1442695040888963407u;
	return x ^ x >> 29;
}

static void test_numbers(void)
{
	int wrong = 0;

	check_case("numbers and times of every length have all their digits");
	for (uint64_t v = 0; v < 200000; v++)
		wrong += !number_is_right(v);
	for (uint64_t v = 1, next = 0; v > next; next = v, v *= 10)
		wrong += !number_is_right(v - 1) + !number_is_right(v) + !number_is_right(v + 1);
	for (int i = 0; i < 200000; i++) {
		uint64_t v = random_bits();

		wrong += !number_is_right(v >> (v & 63));
	}
	wrong += !number_is_right(UINT64_MAX);
	CHECK_EQ(wrong, 0);
}

/* The C library writes them as RFC 5952 says, too. */
static void test_addresses(void)
{
	struct buf out = { 0 };
	char want[INET6_ADDRSTRLEN];
	int wrong = 0;

	check_case("addresses are written as in RFC 5952, wherever their zeros are");
	for (int i = 0; i < 300000; i++) {
		uint64_t zero = random_bits(), narrow = random_bits();
		uint8_t a[16];

		for (size_t g = 0; g < 8; g++) {
			uint16_t v = (uint16_t)(random_bits() >> 20);

			if (zero >> (8 + 2 * g) & 3)
				v = 0;
			else if (narrow >> (8 + 3 * g) & 4)
				v = (uint16_t)(v >> 4 * (narrow >> (8 + 3 * g) & 3));
			be16_put(a + 2 * g, v);
		}
		if (zero >> 60 == 0)
			memcpy(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		out.len = 0;
		ip_text(&out, BYTES(a, 16));
		wrong += !bytes_is(buf_bytes(&out), inet_ntop(AF_INET6, a, want, sizeof(want)));
		out.len = 0;
		ip_text(&out, BYTES(a, 4));
		wrong += !bytes_is(buf_bytes(&out), inet_ntop(AF_INET, a, want, sizeof(want)));
	}
	CHECK_EQ(wrong, 0);
	buf_release(&out);
}

static void test_records(void)
{
	struct rec_head h = { REC_anomaly, 1700000000000000001, 7, 9 };
	struct rec_anomaly a = {
		.key = { { 4, { 192, 0, 2, 1 } }, { 4, { 198, 51, 100, 1 } }, 1000, 80, 6 },
		.name = BYTES_LIT("odd"),
		.severity = REC_severity_ALERT,
		.stage = BYTES_LIT("flow"),
		.len = SOME(0),
	};
	struct render_options plain = { .format = RENDER_JSON };
	struct render_options few = plain, iso = plain, with_id = plain, less = plain;
	const char *some[] = { "ts", "severity", "orig_h", NULL };
	const char *out[] = { "ts",     "flow",   "n",      "proto", "orig_h",
			      "orig_p", "resp_h", "resp_p", NULL };

	check_case("a record is its fields in order; absent fields have no key, 0 is a value");
	CHECK(is(line(&rec_anomaly_desc, &h, &a, &plain),
		 "{\"type\":\"anomaly\",\"ts\":1700000000.000000001,\"flow\":7,\"n\":9,\"proto\":6,"
		 "\"orig_h\":\"192.0.2.1\",\"orig_p\":1000,\"resp_h\":\"198.51.100.1\",\"resp_p\":"
		 "80,"
		 "\"name\":\"odd\",\"severity\":\"alert\",\"stage\":\"flow\",\"len\":0}\n"));

	check_case("--fields and --exclude choose among all fields");
	few.fields = some;
	CHECK(is(line(&rec_anomaly_desc, &h, &a, &few),
		 "{\"type\":\"anomaly\",\"ts\":1700000000.000000001,\"orig_h\":\"192.0.2.1\","
		 "\"severity\":\"alert\"}\n"));
	less.exclude = out;
	CHECK(is(line(&rec_anomaly_desc, &h, &a, &less),
		 "{\"type\":\"anomaly\",\"name\":\"odd\",\"severity\":\"alert\",\"stage\":\"flow\","
		 "\"len\":0}\n"));

	check_case("times as ISO 8601 keep every nanosecond");
	iso.iso_time = true;
	iso.fields = some;
	CHECK(is(line(&rec_anomaly_desc, &h, &a, &iso),
		 "{\"type\":\"anomaly\",\"ts\":\"2023-11-14T22:13:20.000000001Z\","
		 "\"orig_h\":\"192.0.2.1\",\"severity\":\"alert\"}\n"));

	check_case("the Community ID stands behind n");
	with_id.community_id = true;
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &with_id), "\"n\":9,\"community_id\":\"1:"));

	check_case("an unknown enumeration value is its number");
	a.severity = 77;
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &plain), "\"severity\":77,"));

	check_case("numbers above 2^53 are strings, 2^53 is a number");
	a.offset = SOME(1ull << 53);
	a.count = SOME((1ull << 53) + 1);
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &plain), "\"offset\":9007199254740992,"));
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &plain), "\"count\":\"9007199254740993\"}"));
	h.flow = 33ull << 48 | 5;
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &plain), "\"flow\":\"9288674231451653\","));

	check_case("a wire string that is no UTF-8 still gives valid JSON");
	a.event = BYTES_LIT("x\xff\"");
	CHECK(strstr(line(&rec_anomaly_desc, &h, &a, &plain), "\"event\":\"x\\\\xff\\\"\","));
}

static void test_lists(void)
{
	struct rec_head h = { REC_dns, 0, 1, 1 };
	struct rec_dns_rr rr[2] = {
		{ .name = BYTES_LIT("a"),
		  .type = 1,
		  .class = 1,
		  .ttl = 5,
		  .rdata = BYTES_LIT("192.0.2.7") },
		{ .name = BYTES_LIT("b"), .type = 99, .class = 1, .ttl = 0 },
	};
	struct rec_dns_option opt = { .code = 10, .data = BYTES_LIT("\x00\xff") };
	struct bytes cut[] = { BYTES_LIT("query"), BYTES_LIT("answers") };
	struct rec_dns d = {
		.rtt = SOME(12000000),
		.aa = SOME(1),
		.answers = LIST_OF(rr, 2),
		.edns_options = LIST_OF(&opt, 1),
		.truncated = LIST_OF(cut, 2),
	};
	const char *some[] = { "rtt",         "aa",           "tc",        "answers",
			       "authorities", "edns_options", "truncated", NULL };
	struct render_options o = { .format = RENDER_JSON, .fields = some };

	check_case("lists are arrays, sub-records objects, bytes hex, durations seconds");
	CHECK(is(line(&rec_dns_desc, &h, &d, &o),
		 "{\"type\":\"dns\",\"rtt\":0.012000000,\"aa\":true,\"answers\":["
		 "{\"name\":\"a\",\"type\":1,\"class\":1,\"ttl\":5,\"rdata\":\"192.0.2.7\"},"
		 "{\"name\":\"b\",\"type\":99,\"class\":1,\"ttl\":0}],"
		 "\"edns_options\":[{\"code\":10,\"data\":\"00ff\"}],"
		 "\"truncated\":[\"query\",\"answers\"]}\n"));
}

static void test_hot(void)
{
	struct rec_head h = { REC_packet, 0, 1, 1 };
	struct rec_packet p = { .ip_version = 4,
				.orig_h = { 192, 0, 2, 1 },
				.payload = BYTES_LIT("ab") };
	const char *some[] = { "orig_h", "payload", NULL };
	struct render_options o = { .format = RENDER_JSON, .fields = some };

	check_case("the 16 bytes of an address in a hot record are read by its IP version");
	CHECK(is(line(&rec_packet_desc, &h, &p, &o),
		 "{\"type\":\"packet\",\"orig_h\":\"192.0.2.1\",\"payload\":\"6162\"}\n"));
	p.ip_version = 6;
	CHECK(is(line(&rec_packet_desc, &h, &p, &o),
		 "{\"type\":\"packet\",\"orig_h\":\"c000:201::\",\"payload\":\"6162\"}\n"));
}

/* Appends what the plan makes of a session_end of that flow and key. */
static void add_line(struct buf *out, struct render_plan *p, uint64_t flow, uint8_t last)
{
	static struct buf raw;
	struct rec_head h = { REC_session_end, 0, flow, 1 };
	struct rec_session_end e = {
		.key = { { 4, { 192, 0, 2, last } }, { 4, { 198, 51, 100, 1 } }, 1000, 80, 6 },
		.parser = BYTES_LIT("http"),
	};

	raw.len = 0;
	rec_pack(&raw, &rec_session_end_desc, &h, &e);
	CHECK(render_record(p, &h, buf_bytes(&raw), out));
	CHECK(bytes_is(render_producer(p), "http"));
}

static void test_kept_keys(void)
{
	const char *less[] = { "orig_p", NULL };
	struct render_options kept = { .format = RENDER_JSON, .community_id = true }, not_kept;
	struct schema *s = schema_of(&rec_session_end_desc);
	struct buf a = { 0 }, b = { 0 };

	check_case("what is kept of a flow's key is not taken for another key of the same number");
	for (int round = 0; round < 2; round++) {
		struct render_plan *with, *without;

		kept.exclude = round ? less : NULL;
		not_kept = kept;
		kept.keys = key_cache_new();
		with = render_plan_new(s, &kept);
		without = render_plan_new(s, &not_kept);
		for (uint64_t i = 0; i < 50000; i++) {
			a.len = b.len = 0;
			add_line(&a, with, i / 4, (uint8_t)(i / 2));
			add_line(&b, without, i / 4, (uint8_t)(i / 2));
			if (!bytes_equal(buf_bytes(&a), buf_bytes(&b)))
				break;
		}
		CHECK(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
		render_plan_free(with);
		render_plan_free(without);
		key_cache_free(kept.keys);
		kept.keys = NULL;
	}
	schema_free(s);
	buf_release(&a);
	buf_release(&b);
}

/* Every cut and every flipped byte of a record is rendered or refused, and never read past. */
static void test_damage(void)
{
	struct rec_head h = { REC_dns, 0, 1, 1 };
	struct rec_dns_rr rr = { .name = BYTES_LIT("a"), .rdata = BYTES_LIT("192.0.2.7") };
	struct rec_dns d = { .query = BYTES_LIT("name"),
			     .answers = LIST_OF(&rr, 1),
			     .rtt = SOME(1) };
	struct render_options o = { .format = RENDER_JSON, .community_id = true };
	struct schema *s = schema_of(&rec_dns_desc);
	struct render_plan *json = render_plan_new(s, &o), *text;
	struct buf raw = { 0 }, out = { 0 };

	o.format = RENDER_TEXT;
	text = render_plan_new(s, &o);
	rec_pack(&raw, &rec_dns_desc, &h, &d);
	check_case("a record cut anywhere is refused, and one damaged anywhere does no harm");
	for (size_t len = 0; len < raw.len; len++) {
		uint8_t *copy = malloc(len ? len : 1); /* exact, so that a sanitizer sees its end */

		memcpy(copy, raw.ptr, len);
		CHECK(!render_record(json, &h, BYTES(copy, len), &out));
		CHECK(!render_record(text, &h, BYTES(copy, len), &out));
		free(copy);
	}
	CHECK_EQ(out.len, 0);
	for (size_t at = REC_PREFIX; at < raw.len; at++) {
		for (unsigned v = 0; v < 256; v++) {
			uint8_t old = raw.ptr[at];

			raw.ptr[at] = (uint8_t)v;
			out.len = 0;
			if (render_record(json, &h, buf_bytes(&raw), &out))
				CHECK(out.len > 2 && out.ptr[out.len - 2] == '}');
			render_record(text, &h, buf_bytes(&raw), &out);
			raw.ptr[at] = old;
		}
	}
	render_plan_free(json);
	render_plan_free(text);
	schema_free(s);
	buf_release(&raw);
	buf_release(&out);
}

int main(void)
{
	test_strings();
	test_string_words();
	test_numbers();
	test_addresses();
	test_records();
	test_lists();
	test_hot();
	test_kept_keys();
	test_damage();
	return check_end();
}
