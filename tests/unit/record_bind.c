/* record_bind: tests of schemas, of binding a stream's fields to ours by name, of walking. */
#include "tests/unit/check.h"
#include "tests/unit/record_fill.h"

#include <msgpack.h>

#define REC_TABLES
#define REC_DEF "tests/unit/record_custom.def"
#include "libcommon/record/expand.h"

static struct fill fill;
static union record {
	uint8_t bytes[4096];
	uint64_t align;
} rec, back;

static struct schema *parse(const struct buf *b)
{
	const char *why = "?";
	struct schema *s = schema_parse(buf_bytes(b), &why);

	if (!s)
		printf("# schema: %s\n", why);
	return s;
}

static void check_fields(const struct schema *s, const struct rec_desc *d)
{
	size_t n;
	const struct schema_field *f = schema_fields(s, &n);

	CHECK_EQ(n, d->nfields);
	for (size_t i = 0; i < n && i < d->nfields; i++) {
		const struct rec_field *want = &d->fields[i];

		CHECK(strcmp(f[i].name, want->name) == 0);
		CHECK_EQ(f[i].kind, want->kind);
		CHECK_EQ(f[i].list, want->shape == REC_LIST);
		CHECK_EQ(schema_find(s, want->name), i);
		if (want->sub) {
			CHECK(f[i].sub && strcmp(schema_name(f[i].sub), want->sub->name) == 0);
			check_fields(f[i].sub, want->sub);
		}
		if (!want->en)
			continue;
		CHECK_EQ(f[i].enum_count, want->en->count);
		for (size_t v = 0; v < f[i].enum_count && v < want->en->count; v++) {
			const char *have = f[i].enum_values[v], *own = want->en->values[v];

			CHECK(!have == !own && (!have || strcmp(have, own) == 0)); /* or a hole */
		}
	}
}

static void test_schema(void)
{
	struct buf out = { 0 };
	const char *why = NULL;

	check_case("a packed schema is a record and tells all of its description");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];
		struct schema *s;

		buf_clear(&out);
		rec_pack_schema(&out, d, (uint16_t)(1000 + i), 77);
		CHECK_EQ(rec_measure(buf_bytes(&out), &why), out.len);
		CHECK_EQ(rec_head_fast(out.ptr).n, 77);
		s = parse(&out);
		CHECK(s && schema_id(s) == 1000 + i && schema_major(s) == d->major);
		CHECK(strcmp(schema_name(s), d->name) == 0);
		check_fields(s, d);
		CHECK_EQ(schema_find(s, "no_such_field"), -1);
		schema_free(s);
	}
	check_case("a schema that is cut anywhere is refused");
	buf_clear(&out);
	rec_pack_schema(&out, &rec_tls_desc, 42, 0);
	for (size_t n = 0; n < out.len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, out.ptr, n);
		CHECK(!schema_parse(BYTES(copy, n), &why));
		free(copy);
	}
	buf_release(&out);
}

static void start(struct buf *b, const char *name, size_t nfields)
{
	buf_clear(b);
	buf_add(b, "\x98\x01\x00\x00\x00\xcd\x03\xe8", 8);
	buf_add_byte(b, (uint8_t)(0xa0 | strlen(name)));
	buf_add_str(b, name);
	buf_add_byte(b, 1);
	buf_add_byte(b, 0xdc);
	buf_add_byte(b, (uint8_t)(nfields >> 8));
	buf_add_byte(b, (uint8_t)nfields);
}

static void row(struct buf *b, const char *name, const char *type, const char *detail, size_t n)
{
	buf_add_byte(b, detail ? 0x93 : 0x92);
	buf_add_byte(b, 0xd9);
	buf_add_byte(b, (uint8_t)strlen(name));
	buf_add_str(b, name);
	buf_add_byte(b, 0xd9);
	buf_add_byte(b, (uint8_t)strlen(type));
	buf_add_str(b, type);
	if (detail)
		buf_add(b, detail, n);
}

#define ROW(b, name, type, detail) row(b, name, type, detail, sizeof(detail) - 1)

static const char *refused(const struct buf *b)
{
	const char *why = "accepted";
	struct schema *s = schema_parse(buf_bytes(b), &why);

	schema_free(s);
	return why;
}

static void test_hostile_schema(void)
{
	static const char long_name[] = "a23456789012345678901234567890123456789012345678901234567"
					"8901234567";
	struct buf b = { 0 };
	struct schema *s;
	const struct schema_field *f;
	size_t n;

	check_case("names are 1 to 64 of a-z 0-9 _ and .");
	start(&b, "x.y_1", 1);
	row(&b, "a", "u8", NULL, 0);
	CHECK(strcmp(refused(&b), "accepted") == 0);
	start(&b, "X", 1);
	row(&b, "a", "u8", NULL, 0);
	CHECK(strcmp(refused(&b), "the record type's name is not a name") == 0);
	for (const char *const *bad = (const char *const[]){ "", "A", "a\"b", "a b", "\x1b[2J",
							     "\xc3\xa9", long_name, NULL };
	     *bad; bad++) {
		start(&b, "x", 1);
		row(&b, *bad, "u8", NULL, 0);
		CHECK(strcmp(refused(&b), "a field's name is not a name") == 0);
	}
	start(&b, "x", 1);
	row(&b, long_name + 3, "u8", NULL, 0);
	CHECK(strcmp(refused(&b), "accepted") == 0);
	check_case("more than 512 fields are refused");
	start(&b, "x", 512);
	for (int i = 0; i < 512; i++)
		row(&b, "a", "u8", NULL, 0);
	CHECK(strcmp(refused(&b), "accepted") == 0);
	start(&b, "x", 513);
	for (int i = 0; i < 513; i++)
		row(&b, "a", "u8", NULL, 0);
	CHECK(strcmp(refused(&b), "more than 512 fields") == 0);
	check_case("sub-records are followed two deep");
	start(&b, "x", 1);
	ROW(&b, "a", "list<s1>",
	    "\x91\x93\xa1"
	    "b\xa8list<s2>\x91\x92\xa1"
	    "c\xa2u8");
	CHECK(strcmp(refused(&b), "accepted") == 0);
	start(&b, "x", 1);
	ROW(&b, "a", "list<s1>",
	    "\x91\x93\xa1"
	    "b\xa8list<s2>\x91\x93\xa1"
	    "c\xa8list<s3>\x91\x92\xa1"
	    "d\xa2u8");
	CHECK(strcmp(refused(&b), "sub-records nested deeper than 2") == 0);
	check_case("a field type never heard of is any value");
	start(&b, "x", 2);
	row(&b, "a", "decimal", NULL, 0);
	row(&b, "b", "list<decimal>", NULL, 0);
	s = parse(&b);
	f = schema_fields(s, &n);
	CHECK(n == 2 && f[0].kind == REC_RAW && !f[0].list && f[1].kind == REC_RAW && f[1].list);
	schema_free(s);
	check_case("an enumeration's texts are plain ASCII, its holes have none");
	start(&b, "x", 1);
	ROW(&b, "a", "enum",
	    "\x94\x92\x02\xa3two\x92\xcd\xff\xff\xa3"
	    "far\x92\x01\xa2\x1b[\x92\x04\xa4"
	    "four");
	s = parse(&b);
	f = schema_fields(s, &n);
	CHECK_EQ(f[0].enum_count, 5);
	CHECK(f[0].enum_count == 5 && !f[0].enum_values[0] && !f[0].enum_values[1] &&
	      strcmp(f[0].enum_values[2], "two") == 0 && !f[0].enum_values[3] &&
	      strcmp(f[0].enum_values[4], "four") == 0);
	schema_free(s);
	check_case("many sparse enumerations cannot make memory grow");
	start(&b, "x", 17);
	for (int i = 0; i < 17; i++)
		ROW(&b, "a", "enum", "\x91\x92\xcd\x0f\xff\xa1z");
	CHECK(strcmp(refused(&b), "too many enumeration values") == 0);
	buf_release(&b);
}

/* desc without the field at `drop`, or with a spare field before all others. */
static struct rec_desc altered(const struct rec_desc *d, int drop, bool spare,
			       struct rec_field *fields)
{
	static const struct rec_field extra = { .name = "extra.one", .kind = REC_U64 };
	struct rec_desc out = *d;
	size_t n = 0;

	if (spare)
		fields[n++] = extra;
	for (size_t i = 0; i < d->nfields; i++)
		if ((int)i != drop)
			fields[n++] = d->fields[i];
	if (spare)
		fields[n++] = extra;
	out.fields = fields;
	out.nfields = n;
	return out;
}

static void test_missing(void)
{
	struct rec_field fields[128];
	int required = 0, optional = 0;

	check_case("a required field that the stream lacks is named; an optional one is absent");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];

		for (size_t j = 0; j < d->nfields; j++) {
			struct rec_desc other = altered(d, (int)j, false, fields);
			struct schema *s = schema_of(&other);
			const char *missing = NULL;
			struct rec_binding *b = rec_bind(s, d, &missing);

			if (d->fields[j].shape == REC_ONE) {
				CHECK(!b && missing && strcmp(missing, d->fields[j].name) == 0);
				required++;
			} else {
				CHECK(b != NULL);
				optional++;
			}
			rec_binding_free(b);
			schema_free(s);
		}
	}
	CHECK(required > 100 && optional > 100);
	check_case("a required field that a sub-record lacks is named as well");
	{
		struct rec_field inner[8];
		struct rec_desc sub = altered(&rec_dns_question_desc, 1, false, inner);
		struct rec_desc other = altered(&rec_dns_desc, -1, false, fields);
		const char *missing = NULL;
		struct schema *s;

		for (size_t i = 0; i < other.nfields; i++)
			if (fields[i].sub == &rec_dns_question_desc)
				fields[i].sub = &sub;
		s = schema_of(&other);
		CHECK(!rec_bind(s, &rec_dns_desc, &missing));
		CHECK(missing && strcmp(missing, "type") == 0);
		schema_free(s);
	}
	check_case("a field of another type, or another major version, is as good as missing");
	for (enum rec_kind k = REC_BOOL; k < REC_SUB; k++) {
		const char *missing = NULL;
		bool number = (k >= REC_U8 && k <= REC_I64) || k >= REC_TIME;
		struct rec_desc other = altered(&rec_mark_desc, -1, false, fields);
		struct schema *s;
		struct rec_binding *b;

		fields[0].kind = k;
		s = schema_of(&other);
		b = rec_bind(s, &rec_mark_desc, &missing);
		CHECK_EQ(b != NULL, number);
		CHECK(b || strcmp(missing, "source") == 0);
		rec_binding_free(b);
		schema_free(s);
	}
	{
		const char *missing = NULL;
		struct rec_desc other = rec_dns_desc;
		struct schema *s;

		other.major = 2;
		s = schema_of(&other);
		CHECK(!rec_bind(s, &rec_dns_desc, &missing));
		CHECK(missing && strcmp(missing, "version") == 0);
		schema_free(s);
	}
}

static void test_lacking_optional(void)
{
	struct rec_field fields[128];
	struct rec_dns dns = { .trans_id = 7, .query = BYTES_LIT("a.example") }, got;
	struct rec_head h = { .type = REC_dns }, g;
	struct buf out = { 0 };
	int at = -1;
	struct rec_desc other;
	struct schema *s;
	struct rec_binding *b;

	check_case("fields shifted by a missing one are found by name");
	for (size_t i = 0; i < rec_dns_desc.nfields; i++)
		if (strcmp(rec_dns_desc.fields[i].name, "rtt") == 0)
			at = (int)i;
	other = altered(&rec_dns_desc, at, false, fields);
	s = schema_of(&other);
	b = rec_bind(s, &rec_dns_desc, NULL);
	dns.rtt = SOME(99);
	rec_pack(&out, &other, &h, &dns);
	CHECK(b && rec_decode(b, buf_bytes(&out), &g, &got, NULL));
	CHECK(got.trans_id == 7 && bytes_is(got.query, "a.example") && !got.rtt.set);
	rec_binding_free(b);
	schema_free(s);
	buf_release(&out);
}

static void test_additions(void)
{
	struct rec_field fields[128];
	struct buf out = { 0 }, arena = { 0 };
	struct rec_head h = { .ts = 1, .flow = 2, .n = 3 }, g;

	check_case("fields that we do not know, in front or appended, do not disturb");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];
		struct rec_desc other = altered(d, -1, true, fields);
		struct schema *s = schema_of(&other);
		struct rec_binding *b = rec_bind(s, d, NULL);

		fill.seed = i;
		fill.used = 0;
		fill.all = true;
		fill_struct(&fill, d, &rec);
		buf_clear(&out);
		rec_pack(&out, &other, &h, &rec);
		CHECK(b && rec_decode(b, buf_bytes(&out), &g, &back, &arena));
		CHECK(same_struct(d, &rec, &back));
		rec_binding_free(b);
		schema_free(s);
	}
	check_case("a record with more fields than its schema keeps those it has");
	{
		struct rec_mark mark = { .source = 5 }, got;
		struct schema *s = schema_of(&rec_mark_desc);
		struct rec_binding *b = rec_bind(s, &rec_mark_desc, NULL);

		buf_clear(&out);
		rec_pack(&out, &rec_mark_desc, &h, &mark);
		be16_put(out.ptr + 1, 6);
		buf_add(&out, "\x82\x01\x02\x03\x91\xc0", 6);
		CHECK(rec_decode(b, buf_bytes(&out), &g, &got, NULL));
		CHECK_EQ(got.source, 5);
		CHECK(!rec_decode(b, BYTES(out.ptr, out.len - 1), &g, &got, NULL));
		check_case("a record with fewer fields than are required does not fit");
		CHECK(!rec_decode(b, BYTES_LIT("\x94\x02\x01\x02\x03"), &g, &got, NULL));
		CHECK_EQ(got.source, 0);
		CHECK(rec_decode(b, BYTES_LIT("\x95\x02\x01\x02\x03\x07"), &g, &got, NULL));
		CHECK_EQ(got.source, 7);
		check_case("bytes behind the record do not belong to it");
		CHECK(!rec_decode(b, BYTES_LIT("\x95\x02\x01\x02\x03\x07\xc0"), &g, &got, NULL));
		rec_binding_free(b);
		schema_free(s);
	}
	buf_release(&out);
	buf_release(&arena);
}

static void test_custom(void)
{
	struct rec_head h = { .type = 1000 }, g;
	struct rec_sample x = { .small = 200,
				.sign = -5,
				.real = 1.5,
				.text = BYTES_LIT("t"),
				.blob = BYTES_LIT("\xff"),
				.state = 4000000000u },
			  got;
	struct rec_sample_outer outer[2] = { { .name = BYTES_LIT("one") },
					     { .name = BYTES_LIT("two") } };
	struct rec_sample_inner inner[3] = { { .v = 1 }, { .v = 2 }, { .v = 3 } };
	struct schema *s = schema_of(&rec_sample_desc);
	struct rec_binding *b = rec_bind(s, &rec_sample_desc, NULL);
	struct buf out = { 0 }, arena = { 0 };
	const struct rec_sample_outer *o;

	check_case("a type of one's own, with lists in lists, comes back as it went");
	outer[1].inner = LIST_OF(inner, 3);
	x.outer = LIST_OF(outer, 2);
	rec_pack(&out, &rec_sample_desc, &h, &x);
	CHECK(b && rec_decode(b, buf_bytes(&out), &g, &got, &arena));
	CHECK(same_struct(&rec_sample_desc, &x, &got));
	o = got.outer.items;
	CHECK(o[1].inner.count == 3 &&
	      ((const struct rec_sample_inner *)o[1].inner.items)[2].v == 3);
	check_case("an enumeration's value that nobody knows is kept as its number");
	CHECK_EQ(got.state, 4000000000u);
	check_case("without an arena lists stay empty and the rest is read");
	CHECK(rec_decode(b, buf_bytes(&out), &g, &got, NULL));
	CHECK(got.outer.count == 0 && got.sign == -5 && got.state == 4000000000u);
	rec_binding_free(b);
	schema_free(s);
	buf_release(&out);
	buf_release(&arena);
}

/* A sample record [1000, 0, 0, 0, small, sign, real, text, blob, state, nil] with one value
 * replaced. */
static bool sample_with(const struct rec_binding *b, int field, const char *value, size_t n,
			struct rec_sample *got)
{
	static const char *const usual[] = { "\x01",      "\x01", "\x01", "\xa1x",
					     "\xc4\x01y", "\x01", "\xc0" };
	static const size_t sizes[] = { 1, 1, 1, 2, 3, 1, 1 };
	static struct buf out, arena;
	struct rec_head h;

	buf_clear(&out);
	buf_add(&out, "\x9b\xcd\x03\xe8\x00\x00\x00", 7);
	for (int i = 0; i < 7; i++)
		buf_add(&out, i == field ? value : usual[i], i == field ? n : sizes[i]);
	return rec_decode(b, buf_bytes(&out), &h, got, &arena);
}
#define WITH(field, lit) sample_with(b, field, lit, sizeof(lit) - 1, &got)

static void test_values(void)
{
	struct schema *s = schema_of(&rec_sample_desc);
	struct rec_binding *b = rec_bind(s, &rec_sample_desc, NULL);
	struct rec_sample got;

	check_case("numbers come in any width that can hold them, and only in range");
	CHECK(WITH(-1, "") && got.small == 1 && got.sign == 1 && got.real == 1.0);
	CHECK(WITH(0, "\xcf\x00\x00\x00\x00\x00\x00\x00\xff") && got.small == 255);
	CHECK(WITH(0, "\xd1\x00\x80") && got.small == 128);
	CHECK(!WITH(0, "\xcd\x01\x00"));
	CHECK(!WITH(0, "\xff"));
	CHECK(!WITH(0, "\xc0"));
	CHECK(!WITH(0, "\xc3"));
	CHECK(!WITH(0, "\xca\x3f\x80\x00\x00"));
	CHECK(!WITH(0, "\xa1"
		       "1"));
	CHECK(WITH(1, "\xff") && got.sign == -1);
	CHECK(WITH(1, "\xd0\x80") && got.sign == -128);
	CHECK(WITH(1, "\xd1\x80\x00") && got.sign == INT16_MIN);
	CHECK(WITH(1, "\xd2\x80\x00\x00\x00") && got.sign == INT32_MIN);
	CHECK(WITH(1, "\xe0") && got.sign == -32);
	CHECK(WITH(1, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00") && got.sign == INT64_MIN);
	CHECK(WITH(1, "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff") && got.sign == INT64_MAX);
	CHECK(!WITH(1, "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"));
	CHECK(WITH(2, "\xca\x3f\x80\x00\x00") && got.real == 1.0);
	CHECK(WITH(2, "\xfe") && got.real == -2.0);
	CHECK(!WITH(2, "\xc2"));
	CHECK(!WITH(5, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"));
	check_case("str and bytes may stand for one another");
	CHECK(WITH(3, "\xc4\x02\xff\xfe") && got.text.len == 2);
	CHECK(WITH(4, "\xa2zz") && bytes_is(got.blob, "zz"));
	CHECK(!WITH(3, "\x05"));
	CHECK(!WITH(4, "\xc0"));
	check_case("a list must be one, and its items of the declared form");
	CHECK(WITH(6, "\x90") && got.outer.count == 0);
	CHECK(WITH(6, "\x91\x92\xa1"
		      "n\xc0") &&
	      got.outer.count == 1);
	CHECK(WITH(6, "\x91\x91\xa1"
		      "n") &&
	      got.outer.count == 1);
	CHECK(WITH(6, "\x91\x93\xa1"
		      "n\xc0\x07") &&
	      got.outer.count == 1);
	CHECK(!WITH(6, "\x91\x90"));
	CHECK(!WITH(6, "\x91\x07"));
	CHECK(!WITH(6, "\x07"));
	CHECK(!WITH(6, "\x92\x92\xa1"
		       "n\xc0"));
	CHECK(!WITH(6, "\xdd\x00\xff\xff\xff"));
	CHECK_EQ(got.outer.count, 0);
	rec_binding_free(b);
	schema_free(s);
}

static void test_walk(void)
{
	struct cursor c =
		cursor_of(BYTES_LIT("\x93\x01\xff\x81\xa1k\xc4\x01v\xcb\x3f\xf0\x00\x00\x00"
				    "\x00\x00\x00\xc0"));
	struct mp_value v;

	check_case("a walk gives each value, containers by their count");
	v = mp_next(&c);
	CHECK(v.type == MP_ARRAY && v.count == 3);
	v = mp_next(&c);
	CHECK(v.type == MP_UINT && v.u == 1);
	v = mp_next(&c);
	CHECK(v.type == MP_INT && v.i == -1);
	v = mp_next(&c);
	CHECK(v.type == MP_MAP && v.count == 1);
	v = mp_next(&c);
	CHECK(v.type == MP_STR && bytes_is(v.bytes, "k"));
	v = mp_next(&c);
	CHECK(v.type == MP_BIN && bytes_is(v.bytes, "v"));
	v = mp_next(&c);
	CHECK(v.type == MP_FLOAT && v.f == 1.0);
	CHECK(mp_next(&c).type == MP_NIL);
	CHECK(!c.failed);
	CHECK(mp_next(&c).type == MP_BAD && c.failed);
	check_case("a skip passes one whole value and stops at nonsense");
	c = cursor_of(BYTES_LIT("\x92\x81\x01\x92\xc0\xc3\xa2xy\x07"));
	CHECK(mp_skip(&c) && cursor_left(&c) == 1);
	CHECK(mp_skip(&c) && !mp_skip(&c) && c.failed);
	c = cursor_of(BYTES_LIT("\xdd\xff\xff\xff\xff\x01"));
	CHECK(!mp_skip(&c));
	c = cursor_of(BYTES_LIT("\x91\x91\x91\xc1"));
	CHECK(!mp_skip(&c));
	c = cursor_of(BYTES_LIT("\xd4\x01\x01"));
	CHECK(mp_next(&c).type == MP_BAD);
}

int main(void)
{
	test_schema();
	test_hostile_schema();
	test_missing();
	test_lacking_optional();
	test_additions();
	test_custom();
	test_values();
	test_walk();
	return check_end();
}
