/* from_json: a line becomes the record that its schema says, or names the field that is wrong. */
#include "cmd/from-json/encode.h"
#include "libcommon/record/make.h"
#include "tests/unit/check.h"

static struct schema *schema;

/* One field of each kind. */
static void make_type(void)
{
	struct make_schema m = { 0 };
	struct buf rows = { 0 }, raw = { 0 };
	const char *why;
	static const struct schema_field list = { .kind = REC_U16, .list = true };

	for (int k = 0; k < REC_SUB; k++)
		if (k != REC_ENUM)
			make_field(&m, rec_kind_name((enum rec_kind)k), (enum rec_kind)k);
	make_field_like(&m, "list", &list);
	make_rows(&m, &rows);
	make_schema_record(&raw, 1000, "mine", 1, buf_bytes(&rows));
	schema = schema_parse(buf_bytes(&raw), &why);
	make_schema_release(&m);
	buf_release(&rows);
	buf_release(&raw);
}

static char why[LINE_WHY];

/* The record of a line, or an empty one. */
static bool encode(const char *text, struct buf *out)
{
	static struct line l;
	struct encoder e = { .schema = schema, .id = 1000, .n = 7 };

	why[0] = '\0';
	out->len = 0;
	return line_split(&l, bytes_str(text), why) && line_encode(&e, &l, out, why);
}

/* Is the value of the first field that is set the bytes `want`? */
static bool gives(const char *text, const char *want, size_t len)
{
	struct buf out = { 0 };
	bool good = encode(text, &out);
	struct cursor c;

	if (good) {
		c = cursor_of(BYTES(out.ptr + REC_PREFIX, out.len - REC_PREFIX));
		while (cursor_left(&c) && *c.pos == 0xc0)
			c.pos++;
		good = cursor_left(&c) >= len && memcmp(c.pos, want, len) == 0;
	}
	buf_release(&out);
	return good;
}

static bool refuses(const char *text, const char *what)
{
	struct buf out = { 0 };
	bool bad = !encode(text, &out) && out.len == 0 && strstr(why, what) != NULL;

	if (!bad)
		printf("# %s: '%s'\n", text, why);
	buf_release(&out);
	return bad;
}

static void test_kinds(void)
{
	CHECK(gives("{\"bool\":true}", "\xc3", 1));
	CHECK(gives("{\"u8\":255}", "\xcc\xff", 2));
	CHECK(gives("{\"u16\":\"65535\"}", "\xcd\xff\xff", 3));
	CHECK(gives("{\"u64\":\"18446744073709551615\"}", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		    9));
	CHECK(gives("{\"i64\":-9223372036854775808}", "\xd3\x80\0\0\0\0\0\0\0", 9));
	CHECK(gives("{\"f64\":1.5}", "\xcb\x3f\xf8\0\0\0\0\0\0", 9));
	CHECK(gives("{\"str\":\"a\\u00e9\"}",
		    "\xa3"
		    "a\xc3\xa9",
		    4));
	CHECK(gives("{\"bytes\":\"00fF\"}", "\xc4\x02\x00\xff", 4));
	CHECK(gives("{\"bytes\":\"\"}", "\xc4\x00", 2));
	CHECK(gives("{\"raw\":\"93010203\"}", "\x93\x01\x02\x03", 4));
	CHECK(gives("{\"ip\":\"192.0.2.1\"}", "\xc4\x04\xc0\x00\x02\x01", 6));
	CHECK(gives("{\"ip\":\"2001:db8::1\"}", "\xc4\x10\x20\x01\x0d\xb8", 6));
	CHECK(gives("{\"ip16\":\"192.0.2.1\"}", "\xc4\x10\xc0\x00\x02\x01\x00", 7));
	CHECK(gives("{\"mac\":\"00:11:22:aa:bb:cc\"}", "\xc4\x06\x00\x11\x22\xaa\xbb\xcc", 8));
	CHECK(gives("{\"time\":1767225600.000000001}", "\xcf\x18\x86\x72\x51\xed\xfa\x00\x01", 9));
	CHECK(gives("{\"dur\":0.25}", "\xce\x0e\xe6\xb2\x80", 5));
	CHECK(gives("{\"list\":[1,2,300]}", "\x93\x01\x02\xcd\x01\x2c", 6));
	CHECK(gives("{\"list\":[],\"u8\":null}", "\x90", 1));
}

static void test_times(void)
{
	struct buf a = { 0 }, b = { 0 };

	CHECK(encode("{\"ts\":1767225600.000000001,\"time\":1}", &a));
	CHECK(be64_get(a.ptr + 7) == 1767225600000000001u);
	CHECK(encode("{\"ts\":\"2026-01-01T00:00:00.000000001Z\",\"time\":1}", &b));
	CHECK(a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0);
	CHECK(encode("{\"ts\":\"2026-01-01T00:00:00Z\"}", &a));
	CHECK(be64_get(a.ptr + 7) == 1767225600000000000u);
	CHECK(be64_get(a.ptr + 25) == 7);
	CHECK(encode("{\"ts\":8.05e-05}", &a) && be64_get(a.ptr + 7) == 80500);
	CHECK(encode("{\"ts\":1.5E3}", &a) && be64_get(a.ptr + 7) == 1500000000000);
	CHECK(encode("{\"ts\":1.0000000004}", &a) && be64_get(a.ptr + 7) == 1000000000);
	CHECK(encode("{\"ts\":1.0000000005}", &a) && be64_get(a.ptr + 7) == 1000000001);
	CHECK(encode("{\"ts\":9e-10}", &a) && be64_get(a.ptr + 7) == 1);
	CHECK(encode("{\"ts\":9e-11}", &a) && be64_get(a.ptr + 7) == 0);
	CHECK(encode("{\"ts\":18446744073.709551615}", &a) && be64_get(a.ptr + 7) == UINT64_MAX);
	CHECK(!encode("{\"ts\":18446744073.7095516155}", &a));
	CHECK(encode("{\"flow\":\"281474976710657\",\"n\":3}", &a));
	CHECK(be64_get(a.ptr + 16) == 281474976710657u && be64_get(a.ptr + 25) == 3);
	buf_release(&a);
	buf_release(&b);
}

static void test_refused(void)
{
	CHECK(refuses("{\"u8\":256}", "'u8': not a value of type u8"));
	CHECK(refuses("{\"u8\":-1}", "'u8'"));
	CHECK(refuses("{\"u8\":1.5}", "'u8'"));
	CHECK(refuses("{\"u8\":true}", "'u8'"));
	CHECK(refuses("{\"u64\":18446744073709551616}", "'u64'"));
	CHECK(refuses("{\"i64\":9223372036854775808}", "'i64'"));
	CHECK(refuses("{\"bool\":1}", "'bool'"));
	CHECK(refuses("{\"str\":1}", "'str'"));
	CHECK(refuses("{\"str\":\"\\ud800\"}", "'str'"));
	CHECK(refuses("{\"bytes\":\"abc\"}", "'bytes'"));
	CHECK(refuses("{\"bytes\":\"zz\"}", "'bytes'"));
	CHECK(refuses("{\"raw\":\"9301\"}", "'raw'"));
	CHECK(refuses("{\"raw\":\"0101\"}", "'raw'"));
	CHECK(refuses("{\"ip\":\"1.2.3\"}", "'ip'"));
	CHECK(refuses("{\"ip\":\"\"}", "'ip'"));
	CHECK(refuses("{\"mac\":\"00:11:22:aa:bb\"}", "'mac'"));
	CHECK(refuses("{\"mac\":\"00-11-22-aa-bb-cc\"}", "'mac'"));
	CHECK(refuses("{\"time\":1e99}", "'time'"));
	CHECK(refuses("{\"time\":\"1e\"}", "'time'"));
	CHECK(refuses("{\"time\":\".\"}", "'time'"));
	CHECK(refuses("{\"time\":-1}", "'time'"));
	CHECK(refuses("{\"time\":20000000000}", "'time'"));
	CHECK(refuses("{\"ts\":\"yesterday\"}", "'ts'"));
	CHECK(refuses("{\"flow\":-1}", "'flow'"));
	CHECK(refuses("{\"list\":1}", "not a list"));
	CHECK(refuses("{\"list\":[1,\"x\"]}", "'list'"));
	CHECK(refuses("{\"nix\":1}", "no field 'nix'"));
	CHECK(refuses("{\"u8\":1,\"u8\":2}", "twice"));
	CHECK(refuses("[1]", "no object"));
	CHECK(refuses("{\"u8\":1", "no JSON"));
	CHECK(refuses("{\"u8\":1}}", "no JSON"));
}

static void test_needed(void)
{
	static struct line l;
	struct schema *s = schema_of(&rec_dns_desc);
	struct encoder e = { .schema = s, .desc = &rec_dns_desc, .id = REC_dns };
	struct buf out = { 0 };

	CHECK(line_split(&l, BYTES_LIT("{\"type\":\"dns\",\"proto\":17}"), why));
	CHECK(bytes_is(line_type(&l), "dns"));
	CHECK(!line_encode(&e, &l, &out, why) && strstr(why, "is missing"));
	schema_free(s);
	buf_release(&out);
}

int main(void)
{
	make_type();
	check_case("each kind is read as the printer writes it");
	test_kinds();
	check_case("times keep every nanosecond, and the prefix comes from ts, flow and n");
	test_times();
	check_case("a value that is not of its kind is refused, by the name of the field");
	test_refused();
	check_case("a built-in type without a field that it must have is refused");
	test_needed();
	schema_free(schema);
	return check_end();
}
