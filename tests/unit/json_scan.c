/* json_scan: JSON is taken apart as RFC 8259 says, and what is none is refused. */
#include "libcommon/base/json.h"
#include "tests/unit/check.h"

static enum json_type whole(const char *text)
{
	struct cursor c = cursor_of(bytes_str(text));
	struct json_value v = json_next(&c);

	return v.type != JSON_BAD && cursor_left(&c) == 0 ? v.type : JSON_BAD;
}

static bool means(const char *text, const char *want, size_t len)
{
	struct buf out = { 0 };
	bool same = json_unescape(bytes_str(text), &out) && out.len == len &&
		    (len == 0 || memcmp(out.ptr, want, len) == 0);

	buf_release(&out);
	return same;
}

static bool refused(const char *text)
{
	struct buf out = { 0 };
	bool bad = !json_unescape(bytes_str(text), &out);

	buf_release(&out);
	return bad;
}

static void test_good(void)
{
	static const struct {
		const char *text;
		enum json_type type;
	} rows[] = {
		{ "null", JSON_NULL },
		{ " true ", JSON_TRUE },
		{ "false\t", JSON_FALSE },
		{ "0", JSON_NUMBER },
		{ "-12.50e+3", JSON_NUMBER },
		{ "1E9", JSON_NUMBER },
		{ "18446744073709551616", JSON_NUMBER },
		{ "\"\"", JSON_STRING },
		{ "\"a\\\"b\\\\\"", JSON_STRING },
		{ "[]", JSON_ARRAY },
		{ "{ }", JSON_OBJECT },
		{ "[1,[2,{}],\"]\"]", JSON_ARRAY },
		{ "{\"a\":1,\"b\":[{\"}\":null}]}", JSON_OBJECT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_EQ(whole(rows[i].text), rows[i].type);
}

static void test_bad(void)
{
	static const char *const rows[] = {
		"",
		"nul",
		"01",
		"1.",
		".5",
		"+1",
		"-",
		"1e",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\n\"",
		"[",
		"[1",
		"[1,]",
		"[,1]",
		"[1 2]",
		"]",
		"[}",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{\"a\":1,}",
		"{1:2}",
		"{\"a\":1 \"b\":2}",
		"1 2",
		"{]",
		"NaN",
		"'a'",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_EQ(whole(rows[i]), JSON_BAD);
}

static void test_cut(void)
{
	static const char text[] = "{\"a\":[1,{\"b\":\"c\\u0041\"},true,null,-1.5e7],\"d\":{}}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = malloc(n + 1); /* the sanitizer watches its end */
		struct cursor c;

		memcpy(copy, text, n);
		c = cursor_of(BYTES(copy, n));
		CHECK_EQ(json_next(&c).type, JSON_BAD);
		free(copy);
	}
	CHECK_EQ(whole(text), JSON_OBJECT);
}

static void test_depth(void)
{
	char text[2 * JSON_DEPTH + 3];

	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	text[2 * JSON_DEPTH] = '\0';
	CHECK_EQ(whole(text), JSON_ARRAY);
	memset(text, '[', JSON_DEPTH + 1);
	memset(text + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	text[2 * JSON_DEPTH + 2] = '\0';
	CHECK_EQ(whole(text), JSON_BAD);
}

static void test_walk(void)
{
	struct cursor c = cursor_of(BYTES_LIT("{ \"a\" : 1 , \"b\":[ 2 , \"x\" , [] ] }"));
	struct json_value v = json_next(&c), item;
	struct bytes key;

	CHECK_EQ(v.type, JSON_OBJECT);
	c = cursor_of(v.text);
	CHECK(json_member(&c, &key, &v) && bytes_is(key, "a") && bytes_is(v.text, "1"));
	CHECK(json_member(&c, &key, &v) && bytes_is(key, "b") && v.type == JSON_ARRAY);
	CHECK(!json_member(&c, &key, &item) && !cursor_left(&c));
	c = cursor_of(v.text);
	CHECK(json_item(&c, &item) && bytes_is(item.text, "2"));
	CHECK(json_item(&c, &item) && item.type == JSON_STRING && bytes_is(item.text, "x"));
	CHECK(json_item(&c, &item) && item.type == JSON_ARRAY && item.text.len == 0);
	CHECK(!json_item(&c, &item));
}

static void test_strings(void)
{
	CHECK(means("a\\\"\\\\\\/\\b\\f\\n\\r\\t", "a\"\\/\b\f\n\r\t", 9));
	CHECK(means("\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac", 6));
	CHECK(means("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4));
	CHECK(means("\\u0000", "\0", 1));
	CHECK(means("\xe2\x82\xac", "\xe2\x82\xac", 3));
	CHECK(means("", "", 0));
	CHECK(refused("\\ud83d"));
	CHECK(refused("\\ud83dx"));
	CHECK(refused("\\ud83d\\u0041"));
	CHECK(refused("\\ude00"));
	CHECK(refused("\xff"));
	CHECK(refused("\xc0\x80"));
	CHECK(refused("\xed\xa0\x80"));
	CHECK(refused("\xe2\x82"));
}

int main(void)
{
	check_case("values of each kind are found, with blanks around them");
	test_good();
	check_case("what is no JSON is refused");
	test_bad();
	check_case("a text that is cut anywhere is refused, without a look beyond");
	test_cut();
	check_case("nesting is followed so deep and no deeper");
	test_depth();
	check_case("members and items are walked in order");
	test_walk();
	check_case("escapes, surrogates and UTF-8 are what they mean, or refused");
	test_strings();
	return check_end();
}
