/* expr: tests of fields by name, literals and expressions, over cold, hot and custom records. */
#include "libcommon/record/expr.h"
#include "libcommon/record/literal.h"
#include "libcommon/record/make.h"
#include "tests/unit/check.h"
#include "tests/unit/record_fill.h"

#define REC_TABLES
#define REC_DEF "tests/unit/record_custom.def"
#include "libcommon/record/expand.h"

enum { DNS, TLS, PACKET, CUSTOM, RECORDS };

static struct schema *schemas[RECORDS];
static struct buf records[RECORDS];

#define KEY_OF(...)                                                                                \
	{                                                                                          \
		.orig_h = { 4, { 192, 0, 2, 10 } }, .resp_h = { 4, { 10, 1, 2, 3 } }, __VA_ARGS__  \
	}
#define TEXT(s) BYTES_LIT(s)

static void make_dns(void)
{
	static const struct rec_dns_rr answers[] = {
		{ .name = TEXT("www.example"),
		  .type = 5,
		  .class = 1,
		  .ttl = 60,
		  .rdata = TEXT("a.example") },
		{ .name = TEXT("a.example"),
		  .type = 1,
		  .class = 1,
		  .ttl = 30,
		  .rdata = TEXT("203.0.113.5") },
	};
	const struct rec_head h = { REC_dns, 1700000000500000000, 1ull << 48 | 7, 9 };

	schemas[DNS] = schema_of(&rec_dns_desc);
	rec_pack(&records[DNS], &rec_dns_desc, &h,
		 &(struct rec_dns){
			 .key = KEY_OF(.orig_p = 4000, .resp_p = 53, .proto = 17),
			 .state = REC_dns_state_ANSWERED,
			 .trans_id = 0x1234,
			 .rtt = SOME(12000000),
			 .query = TEXT("www.example"),
			 .rd = SOME(1),
			 .aa = SOME(0),
			 .answers = LIST_OF(answers, 2),
			 .retries = 3,
		 });
}

static void make_tls(void)
{
	static const uint16_t ciphers[] = { 0x1301, 0x1302, 0xc02f };
	const struct rec_head h = { REC_tls, 1700000001000000000, 8, 12 };

	schemas[TLS] = schema_of(&rec_tls_desc);
	rec_pack(&records[TLS], &rec_tls_desc, &h,
		 &(struct rec_tls){
			 .key = { .orig_h = { 16, { 0x20, 1, 0x0d, 0xb8, [15] = 1 } },
				  .resp_h = { 16, { 0x20, 1, 0x0d, 0xb8, 0, 1, [15] = 2 } },
				  .orig_p = 5000,
				  .resp_p = 443,
				  .proto = 6 },
			 .sni = TEXT("www.example"),
			 .ciphers = LIST_OF(ciphers, 3),
			 .established = true,
		 });
}

static void make_packet(void)
{
	const struct rec_head h = { REC_packet, 1700000002000000000, 8, 13 };
	struct rec_packet p = { .ip_version = 4,
				.proto = 6,
				.resp_p = 80,
				.orig_h = { 10, 0, 0, 1 },
				.resp_h = { 10, 0, 0, 2 },
				.payload = TEXT("GET / HTTP/1.1"),
				.wire_len = 80 };

	schemas[PACKET] = schema_of(&rec_packet_desc);
	rec_packet_put(buf_reserve(&records[PACKET], rec_packet_wire + p.payload.len), &h, &p);
	records[PACKET].len = rec_packet_wire + p.payload.len;
}

static void make_custom(void)
{
	static const struct rec_sample_inner inner[] = { { 7 }, { 8 } };
	static const struct rec_sample_outer outer[] = {
		{ .name = TEXT("one") }, { .name = TEXT("two"), .inner = LIST_OF(inner, 2) }
	};
	const struct rec_head h = { 1000, 0, 0, 14 };

	schemas[CUSTOM] = schema_of(&rec_sample_desc);
	rec_pack(&records[CUSTOM], &rec_sample_desc, &h,
		 &(struct rec_sample){ .small = 200,
				       .sign = -5,
				       .real = 1.5,
				       .text = TEXT("x\"y"),
				       .blob = BYTES("\0\xff", 2),
				       .state = REC_verdict_PAWS,
				       .outer = LIST_OF(outer, 2) });
}

static struct expr *parse(const char *text)
{
	struct expr_error e;
	struct expr *x = expr_parse(bytes_str(text), &e);

	if (!x)
		printf("# %s: column %u: %s\n", text, e.column, e.what);
	return x;
}

static enum expr_result result(const char *text, int record)
{
	struct expr *x = parse(text);
	struct expr_bound *b;
	enum expr_result r;

	if (!x)
		return EXPR_DEPENDS;
	b = expr_bind(x, schemas[record]);
	r = expr_eval(b, buf_bytes(&records[record]));
	expr_bound_free(b);
	expr_free(x);
	return r;
}

struct row {
	const char *text;
	const char *holds; /* a letter each: d t p c */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < RECORDS; k++) {
			bool want = strchr(rows[i].holds, "dtpc"[k]);
			enum expr_result got = result(rows[i].text, k);

			if (got != (want ? EXPR_YES : EXPR_NO))
				printf("# %s: %c gives %d\n", rows[i].text, "dtpc"[k], got);
			CHECK_EQ(got, want ? EXPR_YES : EXPR_NO);
		}
	}
}
#define ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))

static void test_fields(void)
{
	static const struct row rows[] = {
		{ "type == \"dns\"", "d" },
		{ "type in { \"dns\", \"sample\" }", "dc" },
		{ "type ~ '^(tls|pack)'", "tp" },
		{ "exists(ts)", "dtpc" },
		{ "ts == 1700000000.5", "d" },
		{ "ts >= 2023-11-14T22:13:21Z", "tp" },
		{ "ts < 2000-01-01", "c" },
		{ "n in 12..13", "tp" },
		{ "flow == 281474976710663", "d" },
		{ "community_id ~ '^1:'", "dtp" },
		{ "not exists(community_id)", "c" },
		{ "resp_p == 53", "d" },
		{ "resp_p in { 50..60, 440..450 }", "dt" },
		{ "resp_h == 10.1.2.3", "d" },
		{ "resp_h == 10.0.0.0/8", "dp" },
		{ "resp_h in { 10.0.0.2, 2001:db8::/32 }", "tp" },
		{ "orig_h in 10.0.0.0..10.0.0.9", "p" },
		{ "orig_h < resp_h", "tp" },
		{ "resp_p < orig_p", "dt" },
		{ "payload ~ '^GET '", "p" },
		{ "payload == \"GET / HTTP/1.1\"", "p" },
		{ "sni == query", "" },
		{ "rtt > 10ms and rtt < 0.02", "d" },
		{ "trans_id == 0x1234", "d" },
		{ "established", "t" },
		{ "aa == false", "d" },
		{ "rd and not aa", "d" },
		{ "rd && !aa", "d" },
		{ "aa || rd", "d" },
	};

	check_case("fields of every kind are found by name, in every type that has them");
	ROWS(rows);
}

static void test_lists(void)
{
	static const struct row rows[] = {
		{ "answers.rdata == \"a.example\"", "d" },
		{ "answers.rdata in { 203.0.113.0/24 }", "d" },
		{ "answers.rdata != \"a.example\"", "" },
		{ "answers.rdata != \"b.example\"", "d" },
		{ "answers.ttl < 60", "d" },
		{ "answers.ttl > 60", "" },
		{ "exists(answers) and not exists(authorities)", "d" },
		{ "count(answers) == 2", "d" },
		{ "count(answers) != 2", "" },
		{ "count(authorities) == 0", "d" },
		{ "count(ciphers) >= 3", "t" },
		{ "ciphers == 0xc02f", "t" },
		{ "ciphers not in { 1, 2 }", "t" },
		{ "answers.type == retries", "" },
		{ "answers.class < retries", "d" },
		{ "outer.inner.v == 8", "c" },
		{ "count(outer.inner.v) == 2", "c" },
		{ "outer.name ~ 'tw'", "c" },
		{ "outer.inner.v == 9", "" },
	};

	check_case("of a list one value is enough; != and not in want one, and none that fits");
	ROWS(rows);
}

static void test_logic(void)
{
	static const struct row rows[] = {
		{ "type == \"dns\" or type == \"tls\" and resp_p == 1", "d" },
		{ "(type == \"dns\" or type == \"tls\") and resp_p == 443", "t" },
		{ "not (resp_p == 53 or resp_p == 80)", "tc" },
		{ "not resp_p == 53", "tpc" },
		{ "resp_p != 53", "tp" },
		{ "!(resp_p != 53)", "dc" },
		{ "not not resp_p == 53", "d" },
		{ "sni != \"x\"", "t" },
		{ "query != sni", "" },
		{ "nowhere == 5", "" },
		{ "not nowhere == 5", "dtpc" },
		{ "sign == -5 and small == 200 and real == 1.5", "c" },
		{ "sign in -10..-1", "c" },
		{ "real > 1 and real < 2 and sign < 0", "c" },
		{ "text == \"x\\\"y\" and blob == \"\\x00\\xff\"", "c" },
		{ "blob ~ \"\\xff$\"", "c" },
		{ "state == \"paws\"", "c" },
		{ "state == \"answered\"", "d" },
		{ "state == 4", "c" },
		{ "state in { \"paws\", \"answered\" }", "dc" },
		{ "state ~ 'an'", "d" },
		{ "resp_p in { 53 } or sni ~ '(?i)WWW'", "dt" },
		{ "sni !~ 'com'", "t" },
	};

	check_case("and, or, not and parentheses; what a type lacks makes a comparison false");
	ROWS(rows);
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		unsigned column;
	} rows[] = {
		{ "", 1 },
		{ "resp_p", 7 },
		{ "resp_p ==", 10 },
		{ "resp_p = 5", 8 },
		{ "resp_p == \"x\"", 8 },
		{ "resp_p == x y", 13 },
		{ "(resp_p == 5", 13 },
		{ "resp_p == 5)", 12 },
		{ "5 == resp_p", 1 },
		{ "resp_p in { 5, }", 16 },
		{ "resp_p in { 5", 14 },
		{ "resp_p < 1..5", 10 },
		{ "resp_p in 5..1", 11 },
		{ "resp_h == 300.1.1.1", 11 },
		{ "resp_h == 10.0.0.0/33", 11 },
		{ "query ~ 'a('", 12 },
		{ "query ~ abc", 9 },
		{ "query == \"abc", 10 },
		{ "conn_state == 5", 12 },
		{ "rtt > \"x\"", 5 },
		{ "answers == 1", 9 },
		{ "count(answers)", 15 },
		{ "resp_p == 5 & n == 1", 13 },
		{ "resp_p == 5 | n == 1", 13 },
		{ "resp_p == 5 &&", 15 },
		{ "resp_p == 5 n == 1", 13 },
		{ "not", 4 },
		{ "A == 5", 1 },
		{ "resp_h == orig_p", 8 },
		{ "reason == \"fim\"", 8 },
		{ "ts == 2026-13-01", 7 },
		{ "resp_p == 5 @", 13 },
		{ "resp_p in { 10, a }", 17 },
	};
	struct expr_error e;

	check_case("what is no expression is refused, with the column");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expr *x = expr_parse(bytes_str(rows[i].text), &e);

		CHECK(!x);
		expr_free(x);
		if (e.column != rows[i].column)
			printf("# %s: column %u: %s\n", rows[i].text, e.column, e.what);
		CHECK_EQ(e.column, rows[i].column);
	}
}

static void test_bounds(void)
{
	struct buf text = { 0 };
	struct expr_error e;
	struct expr *x;

	check_case("nesting, length and number are bounded");
	for (int i = 0; i < EXPR_DEPTH; i++)
		buf_add_byte(&text, '(');
	buf_add_str(&text, "n == 1");
	CHECK(!expr_parse(buf_bytes(&text), &e) && strstr(e.what, "nested"));
	buf_clear(&text);
	for (int i = 0; i < EXPR_TESTS; i++)
		buf_printf(&text, "%sn == %d", i ? " or " : "", i);
	x = expr_parse(buf_bytes(&text), &e);
	CHECK(x != NULL);
	if (x) {
		struct expr_bound *b = expr_bind(x, schemas[TLS]);

		CHECK_EQ(expr_eval(b, buf_bytes(&records[TLS])), EXPR_YES);
		expr_bound_free(b);
	}
	expr_free(x);
	buf_add_str(&text, " or n == 1");
	CHECK(!expr_parse(buf_bytes(&text), &e) && strstr(e.what, "comparisons"));
	buf_clear(&text);
	buf_add_str(&text, "n in { 1");
	while (text.len < EXPR_TEXT)
		buf_add_str(&text, ",1");
	CHECK(!expr_parse(buf_bytes(&text), &e));
	buf_release(&text);
}

static void test_types(void)
{
	struct expr *x = parse("type == \"tls\" and sni ~ 'x' or nowhere == 1");
	struct expr_bound *b = expr_bind(x, schemas[DNS]);
	const char *near = NULL;

	check_case("what a type alone decides is decided when it is bound");
	CHECK_EQ(expr_always(b), EXPR_NO);
	expr_bound_free(b);
	b = expr_bind(x, schemas[TLS]);
	CHECK_EQ(expr_always(b), EXPR_DEPENDS);
	expr_bound_free(b);
	check_case("a name that no type has is known as such, and which one is near");
	CHECK(strcmp(names_unknown(expr_names(x), &near), "nowhere") == 0);
	CHECK(near == NULL);
	expr_free(x);
	x = parse("snii == \"x\"");
	CHECK(names_unknown(expr_names(x), &near) && near && strcmp(near, "sni") == 0);
	expr_free(x);
	x = parse("small == 1");
	CHECK(names_unknown(expr_names(x), &near) != NULL);
	b = expr_bind(x, schemas[CUSTOM]);
	CHECK(names_unknown(expr_names(x), &near) == NULL);
	expr_bound_free(b);
	expr_free(x);
}

/* Of a record that is cut anywhere: an answer, or damage, and nothing is read behind its end. */
static void test_damage(void)
{
	struct expr *x = parse("exists(truncated) or answers.rdata == \"x\" or blob == \"y\" or "
			       "outer.inner.v == 1 or payload == \"z\" or established");
	size_t damaged = 0;

	check_case("a record that is cut is damaged, whatever is asked of it");
	for (int k = 0; k < RECORDS; k++) {
		struct expr_bound *b = expr_bind(x, schemas[k]);

		for (size_t n = 0; n < records[k].len; n++) {
			uint8_t *copy = malloc(n ? n : 1);

			memcpy(copy, records[k].ptr, n);
			damaged += expr_eval(b, BYTES(copy, n)) == EXPR_DAMAGED;
			free(copy);
		}
		expr_bound_free(b);
	}
	CHECK(damaged > 500);
	expr_free(x);
}

static void test_literals(void)
{
	struct literal l;
	const char *why;

	check_case("a word is a number, a time, a duration, an address or a prefix");
	CHECK(literal_word(BYTES_LIT("18446744073709551615"), &l, &why));
	CHECK(l.number.low == 18446744073709551615.0L && l.is & LITERAL_NUMBER);
	CHECK(literal_word(BYTES_LIT("10k"), &l, &why) && l.is == LITERAL_NUMBER);
	CHECK(l.number.low == 10000);
	CHECK(literal_word(BYTES_LIT("4Ki"), &l, &why) && l.number.low == 4096);
	CHECK(literal_word(BYTES_LIT("1.5m"), &l, &why) && l.is == LITERAL_DUR);
	CHECK(l.dur.low == 90e9L);
	CHECK(literal_word(BYTES_LIT("1700000000.123456789"), &l, &why) && l.is & LITERAL_TIME);
	CHECK(l.time.low == 1700000000123456789.0L);
	CHECK(literal_word(BYTES_LIT("2026-01-02T03:04:05.006Z"), &l, &why) &&
	      l.is == LITERAL_TIME);
	CHECK(l.time.low == 1767323045006000000.0L);
	CHECK(literal_word(BYTES_LIT("10.1.2.3/8"), &l, &why) && l.is == LITERAL_IP && l.range);
	CHECK(l.ip.len == 4 && l.ip.low[0] == 10 && l.ip.low[1] == 0 && l.ip.high[3] == 255);
	CHECK(literal_word(BYTES_LIT("::/0"), &l, &why) && l.ip.len == 16 && l.ip.high[0] == 255);
	CHECK(literal_word(BYTES_LIT("00:11:22:33:44:5f"), &l, &why) && l.is == LITERAL_MAC);
	CHECK(l.mac[5] == 0x5f);
	CHECK(!literal_word(BYTES_LIT("10x"), &l, &why) &&
	      !literal_word(BYTES_LIT("1..x"), &l, &why));
	CHECK(!literal_word(BYTES_LIT("10.0.0.1..::1"), &l, &why));
	check_case("a set holds what any of its items covers, and nothing else");
	for (uint64_t seed = 1; seed < 300; seed++) {
		struct fill f = { .seed = seed };
		struct literal_set s;
		bool in[256] = { false };

		literal_set_init(&s, 40);
		for (int i = 0; i < 40; i++) {
			char word[32];
			unsigned low = fill_next(&f) % 256, high = low + fill_next(&f) % 4;

			snprintf(word, sizeof(word), "%u..%u", low, high);
			CHECK(literal_word(bytes_str(word), &l, &why));
			literal_set_add(&s, &l);
			for (unsigned v = low; v <= high && v < 256; v++)
				in[v] = true;
		}
		literal_set_sort(&s);
		for (unsigned v = 0; v < 256; v++)
			CHECK(literal_set_has(&s, &(struct value){ .type = VALUE_UINT, .u = v }) ==
			      in[v]);
		literal_set_release(&s);
	}
}

/* Whatever a field is declared as comes out of a schema that was put together by hand. */
static void test_make(void)
{
	struct make_schema rows = { 0 };
	struct buf list = { 0 }, raw = { 0 };
	const struct schema_field *f;
	const char *why;
	struct schema *s;
	size_t n, count;

	check_case("a schema that is put together from another's fields is that schema");
	f = schema_fields(schemas[CUSTOM], &n);
	for (size_t i = 0; i < n; i++)
		make_field_like(&rows, f[i].name, &f[i]);
	make_schema_record(&raw, 1000, "sample", 1, make_rows(&rows, &list));
	CHECK_EQ(rec_measure(buf_bytes(&raw), &why), raw.len);
	s = schema_parse(buf_bytes(&raw), &why);
	CHECK(s != NULL);
	f = schema_fields(s, &count);
	CHECK_EQ(count, n);
	CHECK(f[5].kind == REC_ENUM && strcmp(f[5].enum_values[4], "paws") == 0);
	CHECK(f[6].list && f[6].kind == REC_SUB && schema_find(f[6].sub, "inner") == 1);
	schema_free(s);
	make_schema_release(&rows);
	buf_release(&list);
	buf_release(&raw);
}

int main(void)
{
	make_dns();
	make_tls();
	make_packet();
	make_custom();
	test_fields();
	test_lists();
	test_logic();
	test_refused();
	test_bounds();
	test_types();
	test_damage();
	test_literals();
	test_make();
	for (int i = 0; i < RECORDS; i++) {
		schema_free(schemas[i]);
		buf_release(&records[i]);
	}
	return check_end();
}
