/* record_measure: tests of what decides where a record ends and whether it is accepted. */
#include "tests/unit/check.h"
#include "tests/unit/record_fill.h"

/* Every allocation is counted; sanitizers want the allocator for themselves. */
static unsigned long allocations;
#ifndef WEIR_SANITIZE
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}
#endif

static struct fill fill;
static union {
	uint8_t bytes[4096];
	uint64_t align;
} rec;

/* An exact-size copy on the heap, so that a sanitizer sees a read past the end. */
static ssize_t measure_exact(const uint8_t *p, size_t n, const char **why)
{
	uint8_t *copy = malloc(n ? n : 1);
	unsigned long before;
	ssize_t got;

	memcpy(copy, p, n);
	before = allocations;
	got = rec_measure(BYTES(copy, n), why);
	CHECK_EQ(allocations, before); /* not for a bomb, and for nothing else */
	free(copy);
	return got;
}

static void golden(const struct rec_desc *d, uint64_t seed, struct buf *out)
{
	struct rec_head h = { .type = d->id };

	fill.seed = seed;
	fill.used = 0;
	fill.all = seed % 2;
	h.ts = fill_number(&fill);
	h.flow = fill_number(&fill);
	h.n = fill_number(&fill);
	fill_struct(&fill, d, &rec);
	buf_clear(out);
	rec_pack(out, d, &h, &rec);
}

static void golden_hot(uint16_t id, uint64_t seed, struct buf *out)
{
	struct rec_head h = { .ts = seed, .flow = seed << 48, .n = ~seed };

	fill.seed = seed;
	fill.used = 0;
	fill_struct(&fill, rec_builtin_find(id), &rec);
	buf_clear(out);
	buf_reserve(out, 4096);
	if (id == REC_frame) {
		struct rec_frame *r = (struct rec_frame *)&rec;

		rec_frame_put(out->ptr, &h, r);
		out->len = rec_frame_wire + r->payload.len;
	} else if (id == REC_packet) {
		struct rec_packet *r = (struct rec_packet *)&rec;

		rec_packet_put(out->ptr, &h, r);
		out->len = rec_packet_wire + r->payload.len;
	} else {
		struct rec_stream *r = (struct rec_stream *)&rec;

		rec_stream_put(out->ptr, &h, r);
		out->len = rec_stream_wire + r->payload.len;
	}
}

/* Every truncation must ask for more, at once and in crumbs; what follows must not matter. */
static void check_truncations(struct buf *b)
{
	struct rec_scan s = { 0 };
	const char *why = NULL;
	size_t len = b->len;

	for (size_t n = 0; n < len; n++) {
		CHECK_EQ(measure_exact(b->ptr, n, &why), 0);
		CHECK_EQ(rec_scan_more(&s, BYTES(b->ptr, n), &why), 0);
	}
	CHECK_EQ(measure_exact(b->ptr, len, &why), len);
	CHECK_EQ(rec_scan_more(&s, buf_bytes(b), &why), len);
	buf_add(b, "\xdc\xff\xff\xc1", 4);
	CHECK_EQ(measure_exact(b->ptr, b->len, &why), len);
}

static void test_truncations(void)
{
	struct buf out = { 0 };

	check_case("every truncation of a golden record of each type asks for more bytes");
	for (uint64_t seed = 0; seed < 6; seed++) {
		for (size_t i = 0; i < rec_builtin_count; i++) {
			golden(rec_builtin[i], seed * 100 + i, &out);
			check_truncations(&out);
		}
	}
	check_case("so does every truncation of a hot record in its fixed layout");
	for (uint64_t seed = 0; seed < 6; seed++) {
		static const uint16_t ids[] = { REC_frame, REC_packet, REC_stream };

		for (int i = 0; i < 3; i++) {
			golden_hot(ids[i], seed, &out);
			check_truncations(&out);
		}
	}
	buf_release(&out);
}

static const char *why_of(const char *bytes, size_t n)
{
	const char *why = "accepted";
	ssize_t got = measure_exact((const uint8_t *)bytes, n, &why);

	return got < 0 ? why : got == 0 ? "more" : "accepted";
}
#define WHY(lit) why_of(lit, sizeof(lit) - 1)
#define REJECTS(lit, what) CHECK(strcmp(WHY(lit), what) == 0)
#define HEAD4 "\x94\x20\x01\x02"
#define HEAD5 "\x95\x20\x01\x02\x03"

static void test_bombs(void)
{
	static const char *many = "more than 16384 items";
	char deep[1100];

	check_case("a header that promises millions of items is rejected by itself");
	REJECTS("\xdd\x01\x00\x00\x00", many);
	REJECTS("\xdd\xff\xff\xff\xff", many);
	REJECTS("\xdc\x40\x01", many);
	REJECTS(HEAD5 "\xdf\x10\x00\x00\x00", many);
	REJECTS(HEAD5 "\xdf\xff\xff\xff\xff", many);
	REJECTS(HEAD5 "\xdd\xff\xff\xff\xff", many);
	REJECTS(HEAD5 "\xde\x20\x00", many);
	REJECTS(HEAD5 "\xdc\x40\x00", many);
	check_case("many small containers count together");
	{
		struct buf b = { 0 };
		const char *why = "";

		buf_add(&b, "\xdc\x20\x00\x20\x01\x02\x03", 7);
		for (int i = 0; i < 4096; i++)
			buf_add(&b, "\x91\x91\xc0", 3);
		CHECK_EQ(measure_exact(b.ptr, b.len, &why), 0);
		CHECK_EQ(measure_exact(b.ptr, 7 + 3 * 4096, &why), 0);
		buf_add_byte(&b, 0x91); /* the 16,385th */
		CHECK_EQ(measure_exact(b.ptr, b.len, &why), -1);
		CHECK(strcmp(why, many) == 0);
		buf_release(&b);
	}
	check_case("a str of 4 GiB is rejected by its header, a bin too");
	REJECTS(HEAD5 "\xdb\xff\xff\xff\xff", "a body above 256 KiB");
	REJECTS(HEAD5 "\xc6\xff\xff\xff\xff", "a payload above 256 KiB");
	REJECTS("\x96\x20\x01\x02\x03\xc6\xff\xff\xff\xff", "a body above 256 KiB");
	check_case("1,000 nested arrays are rejected at the ninth");
	memset(deep, '\x91', sizeof(deep));
	memcpy(deep, HEAD5, 5);
	CHECK(strcmp(why_of(deep, 5 + 7), "more") == 0);
	CHECK(strcmp(why_of(deep, 5 + 8), "nested deeper than 8") == 0);
	CHECK(strcmp(why_of(deep, sizeof(deep)), "nested deeper than 8") == 0);
	memset(deep + 5, '\x81', sizeof(deep) - 5);
	CHECK(strcmp(why_of(deep, sizeof(deep)), "nested deeper than 8") == 0);
	check_case("ext types and the unused marker are rejected");
	for (int m = 0xc7; m <= 0xc9; m++)
		CHECK(strcmp(why_of((char[]){ '\x95', 32, 1, 2, 3, (char)m }, 6),
			     "an ext type or unknown marker") == 0);
	for (int m = 0xd4; m <= 0xd8; m++)
		CHECK(strcmp(why_of((char[]){ '\x95', 32, 1, 2, 3, (char)m }, 6),
			     "an ext type or unknown marker") == 0);
	REJECTS(HEAD5 "\xc1", "an ext type or unknown marker");
}

/* Decoding what is accepted takes memory for list items, and no more than those that are there. */
static void test_decode_bomb(void)
{
	struct schema *s = schema_of(&rec_http_desc);
	struct rec_binding *b = rec_bind(s, &rec_http_desc, NULL);
	struct rec_http http = { 0 }, got;
	struct rec_head h = { .type = REC_http };
	struct buf out = { 0 }, arena = { 0 };
	const struct rec_field *last = &rec_http_desc.fields[rec_http_desc.nfields - 1];

	check_case("a list that promises more items than there are takes no memory for them");
	CHECK(strcmp(last->name, "first_n") == 0);
	rec_pack(&out, &rec_http_desc, &h, &http);
	while (out.ptr[out.len - 1] == 0xc0)
		out.len--;
	/* method .. status_msg are nil, info_codes is the bomb */
	buf_add(&out, "\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xdd\xff\xff\xff\xff\x01", 15);
	CHECK(!rec_decode(b, buf_bytes(&out), &h, &got, &arena));
	out.len -= 6;
	buf_add(&out, "\xdc\x40\x00\x01", 4);
	CHECK(!rec_decode(b, buf_bytes(&out), &h, &got, &arena));
	CHECK_EQ(arena.size, 0);
	rec_binding_free(b);
	schema_free(s);
	buf_release(&out);
	buf_release(&arena);
}

static void test_outermost(void)
{
	check_case("the outermost value is an array of at least 4 items");
	REJECTS("\xc0", "not an array");
	REJECTS("\x84", "not an array");
	REJECTS("\xa4weir", "not an array");
	REJECTS("\xc1", "not an array");
	REJECTS("\x90", "an array of less than 4 items");
	REJECTS("\x93", "an array of less than 4 items");
	REJECTS("\xdc\x00\x03", "an array of less than 4 items");
	CHECK_EQ(measure_exact((const uint8_t *)HEAD4 "\x03", 5, NULL), 5);
	check_case("its first item is a number below 65536, in any width");
	REJECTS("\x94\xc0", "the type is not a number below 65536");
	REJECTS("\x94\x91", "the type is not a number");
	REJECTS("\x94\xa1", "the type is not a number");
	REJECTS("\x94\xff", "the type is not a number below 65536");
	REJECTS("\x94\xce\x00\x01\x00\x00", "the type is not a number below 65536");
	REJECTS("\x94\xcf\x00\x00\x00", "more");
	CHECK(strcmp(WHY("\x94\xcf\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03"), "accepted") == 0);
	CHECK(strcmp(WHY("\x94\xd1\x00\x20\x01\x02\x03"), "accepted") == 0);
}

/* A record of one bin or str of n bytes, and maybe an item behind it. */
static ssize_t measure_blob(uint8_t mark, uint32_t n, bool last, const char **why)
{
	struct buf b = { 0 };
	ssize_t got;

	buf_add(&b, last ? HEAD5 : "\x96\x20\x01\x02\x03", 5);
	buf_add_byte(&b, mark);
	be32_put(buf_reserve(&b, 4), n);
	b.len += 4;
	memset(buf_reserve(&b, n), 'x', n);
	b.len += n;
	if (!last)
		buf_add_byte(&b, 0xc0);
	got = rec_measure(buf_bytes(&b), why);
	buf_release(&b);
	return got;
}

static void test_sizes(void)
{
	const char *why = NULL;
	uint32_t body = REC_MAX_BODY - 10;

	check_case("a payload may have 256 KiB, and no byte more");
	CHECK_EQ(measure_blob(0xc6, REC_MAX_PAYLOAD, true, &why), REC_MAX_PAYLOAD + 10);
	CHECK_EQ(measure_blob(0xc6, REC_MAX_PAYLOAD + 1, true, &why), -1);
	check_case("everything else shares the 256 KiB of the body");
	CHECK_EQ(measure_blob(0xdb, body, true, &why), REC_MAX_BODY);
	CHECK_EQ(measure_blob(0xdb, body + 1, true, &why), -1);
	CHECK_EQ(measure_blob(0xc6, body - 1, false, &why), REC_MAX_BODY);
	CHECK_EQ(measure_blob(0xc6, body, false, &why), -1);
	CHECK_EQ(rec_measure(BYTES_LIT("\x96\x20\x01\x02\x03\xdb\x00\x03\xff\xf5"), &why), 0);
	CHECK_EQ(rec_measure(BYTES_LIT("\x96\x20\x01\x02\x03\xdb\x00\x03\xff\xf6"), &why), -1);
	check_case("a hot record's payload has the same limit");
	{
		struct buf b = { 0 };

		golden_hot(REC_frame, 3, &b);
		be32_put(b.ptr + rec_frame_wire - 4, REC_MAX_PAYLOAD);
		CHECK_EQ(rec_measure(buf_bytes(&b), &why), 0);
		be32_put(b.ptr + rec_frame_wire - 4, REC_MAX_PAYLOAD + 1);
		CHECK_EQ(rec_measure(buf_bytes(&b), &why), -1);
		buf_release(&b);
	}
}

static void test_markers(void)
{
	/* marker, bytes of the whole value where those behind the marker are 0 */
	static const uint8_t rows[][2] = {
		{ 0x00, 1 }, { 0x7f, 1 }, { 0x80, 1 },  { 0x90, 1 }, { 0xa0, 1 }, { 0xbf, 32 },
		{ 0xc0, 1 }, { 0xc2, 1 }, { 0xc3, 1 },  { 0xc4, 2 }, { 0xc5, 3 }, { 0xc6, 5 },
		{ 0xca, 5 }, { 0xcb, 9 }, { 0xcc, 2 },  { 0xcd, 3 }, { 0xce, 5 }, { 0xcf, 9 },
		{ 0xd0, 2 }, { 0xd1, 3 }, { 0xd2, 5 },  { 0xd3, 9 }, { 0xd9, 2 }, { 0xda, 3 },
		{ 0xdb, 5 }, { 0xdc, 3 }, { 0xdd, 5 },  { 0xde, 3 }, { 0xdf, 5 }, { 0xe0, 1 },
		{ 0xff, 1 }, { 0x81, 3 }, { 0x8f, 31 }, { 0x91, 2 }, { 0x9f, 16 }
	};

	check_case("each marker has its length, to the measuring and to the walk");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t b[64] = { 0x95, 0x20, 1, 2, 3, rows[i][0] };
		struct cursor c = cursor_of(BYTES(b + 5, rows[i][1]));
		const char *why = NULL;

		CHECK_EQ(measure_exact(b, 5 + rows[i][1], &why), 5 + rows[i][1]);
		CHECK_EQ(measure_exact(b, 5 + rows[i][1] - 1, &why), 0);
		CHECK(mp_skip(&c) && cursor_left(&c) == 0);
		c = cursor_of(BYTES(b + 5, rows[i][1] - 1));
		CHECK(!mp_skip(&c));
	}
}

/* A record with a canonical prefix may have the rest at any width: the byte where the payload's
 * marker would stand proves nothing. */
static void test_not_fixed(void)
{
	struct buf out = { 0 }, flat = { 0 };
	const char *why = NULL;

	check_case("a hot type that is not in the fixed layout is measured like any other");
	for (uint64_t seed = 0; seed < 400; seed++) {
		static const uint16_t ids[] = { REC_frame, REC_packet, REC_stream };

		golden(rec_builtin_find(ids[seed % 3]), seed, &out);
		CHECK_EQ(rec_measure(buf_bytes(&out), &why), out.len);
	}
	check_case("no single damaged byte of a hot record changes its length unnoticed");
	golden_hot(REC_packet, 8, &flat);
	for (size_t i = 0; i < rec_packet_wire - 5; i++) {
		struct rec_scan s = { 0 };
		uint8_t was = flat.ptr[i];

		for (int v = 0; v < 256; v++) {
			ssize_t fast, slow;

			flat.ptr[i] = (uint8_t)v;
			fast = rec_measure(buf_bytes(&flat), &why);
			s = (struct rec_scan){ 0 };
			slow = rec_scan_more(&s, buf_bytes(&flat), &why);
			CHECK_EQ(fast, slow);
		}
		flat.ptr[i] = was;
	}
	buf_release(&out);
	buf_release(&flat);
}

static void test_prefix(void)
{
	static const uint8_t wide[] = { 0xdd, 0, 0,    0, 5, 0xce, 0, 0, 0, 40, 0xcd, 1,   0,
					0xd0, 7, 0xcf, 0, 0, 0,    0, 0, 0, 0,  9,    0xc3 };
	struct buf out = { 0 };
	struct rec_head h;
	uint32_t nfields;
	size_t at;

	check_case("a prefix of any legal widths is read, and made canonical");
	CHECK(rec_head_get(BYTES(wide, sizeof(wide)), &h, &nfields, &at));
	CHECK(h.type == 40 && h.ts == 256 && h.flow == 7 && h.n == 9 && nfields == 1);
	CHECK_EQ(at, sizeof(wide) - 1);
	CHECK(!rec_is_canonical(BYTES(wide, sizeof(wide))));
	CHECK(rec_canonical(BYTES(wide, sizeof(wide)), &out));
	CHECK(rec_is_canonical(buf_bytes(&out)));
	CHECK_EQ(out.len, REC_PREFIX + 1);
	CHECK_EQ(out.ptr[REC_PREFIX], 0xc3);
	h = rec_head_fast(out.ptr);
	CHECK(h.type == 40 && h.ts == 256 && h.flow == 7 && h.n == 9);
	check_case("a prefix that is not four numbers is refused");
	CHECK(!rec_head_get(BYTES_LIT("\x94\x20\x01\xc0\x03"), &h, &nfields, &at));
	CHECK(!rec_head_get(BYTES_LIT("\x94\x20\x01\x02\xff"), &h, &nfields, &at));
	CHECK(!rec_head_get(BYTES_LIT("\x94\x20\x01\x02\xca\x00\x00\x00\x00"), &h, &nfields, &at));
	CHECK(!rec_head_get(BYTES_LIT("\x93\x20\x01\x02"), &h, &nfields, &at));
	CHECK(!rec_head_get(BYTES_LIT("\x94\x20\x01\x02"), &h, &nfields, &at));
	CHECK(!rec_canonical(BYTES_LIT("\x94\x20\x01\x02"), &out));
	CHECK_EQ(out.len, REC_PREFIX + 1);
	buf_release(&out);
}

int main(void)
{
	test_truncations();
	test_bombs();
	test_decode_bomb();
	test_outermost();
	test_sizes();
	test_markers();
	test_not_fixed();
	test_prefix();
	return check_end();
}
