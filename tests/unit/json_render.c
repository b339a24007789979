/* json_render: records as JSON, by the schema alone. */
#include <stdlib.h>

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
	test_records();
	test_lists();
	test_hot();
	test_damage();
	return check_end();
}
