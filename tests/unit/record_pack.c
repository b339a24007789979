/* record_pack: msgpack-c's unpacker as the oracle of what we pack, for every record type. */
#include "tests/unit/check.h"
#include "tests/unit/record_fill.h"

#include <msgpack.h>

static struct fill fill;
static union record {
	uint8_t bytes[4096];
	uint64_t align;
} rec, back;

static struct rec_head golden(const struct rec_desc *d, uint64_t seed, struct buf *out)
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
	return h;
}

static bool is_uint(const msgpack_object *o, uint64_t v)
{
	return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 == v;
}

static bool is_bin(const msgpack_object *o, const void *p, size_t n)
{
	return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size == n &&
	       memcmp(o->via.bin.ptr, p, n) == 0;
}

static bool is_fields(const msgpack_object *o, size_t skip, const struct rec_desc *d,
		      const void *p);

static bool is_text(const msgpack_object *o, struct bytes b)
{
	if (!rec_is_utf8(b))
		return is_bin(o, b.ptr, b.len);
	return o->type == MSGPACK_OBJECT_STR && o->via.str.size == b.len &&
	       memcmp(o->via.str.ptr, b.ptr, b.len) == 0;
}

static bool is_value(const msgpack_object *o, const struct rec_field *f, const void *p)
{
	const struct bytes *b = p;
	const struct ip *ip = p;
	uint64_t u = 0;

	switch (f->kind) {
	case REC_BOOL:
		return o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean == *(const bool *)p;
	case REC_I64:
		return *(const int64_t *)p < 0 ? o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER &&
							 o->via.i64 == *(const int64_t *)p
					       : is_uint(o, *(const uint64_t *)p);
	case REC_F64:
		return o->type == MSGPACK_OBJECT_FLOAT64 && o->via.f64 == *(const double *)p;
	case REC_STR:
		return is_text(o, *b);
	case REC_BYTES:
		return is_bin(o, b->ptr, b->len);
	case REC_RAW:
		return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 2;
	case REC_IP:
		return is_bin(o, ip->b, ip->len);
	case REC_IP16:
		return is_bin(o, p, 16);
	case REC_MAC:
		return is_bin(o, p, 6);
	case REC_SUB:
		return is_fields(o, 0, f->sub, p);
	default:
		memcpy(&u, p, rec_item_size(f)); /* little endian */
		return is_uint(o, u);
	}
}

static bool is_field(const msgpack_object *o, const struct rec_field *f, const void *p)
{
	const struct rec_list *list = p;
	const struct rec_opt *opt = p;
	bool nil = o->type == MSGPACK_OBJECT_NIL;

	if (f->shape == REC_ONE)
		return is_value(o, f, p);
	if (f->shape == REC_LIST) {
		if (list->count == 0)
			return nil;
		if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != list->count)
			return false;
		for (size_t i = 0; i < list->count; i++)
			if (!is_value(&o->via.array.ptr[i], f,
				      (const uint8_t *)list->items + i * rec_item_size(f)))
				return false;
		return true;
	}
	if (rec_kind_in_opt(f->kind) && opt->set && f->kind == REC_BOOL)
		return o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean == (opt->v != 0);
	if (rec_kind_in_opt(f->kind))
		return opt->set ? is_uint(o, opt->v) : nil;
	if (rec_kind_is_blob(f->kind) && !((const struct bytes *)p)->ptr)
		return nil;
	if (f->kind == REC_IP && !((const struct ip *)p)->len)
		return nil;
	if (f->kind == REC_MAC && !((const struct mac *)p)->set)
		return nil;
	return is_value(o, f, p);
}

static bool is_fields(const msgpack_object *o, size_t skip, const struct rec_desc *d, const void *p)
{
	if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size != skip + d->nfields)
		return false;
	for (size_t i = 0; i < d->nfields; i++) {
		const struct rec_field *f = &d->fields[i];

		if (!is_field(&o->via.array.ptr[skip + i], f, (const uint8_t *)p + f->offset)) {
			printf("# %s.%s is not what was packed\n", d->name, f->name);
			return false;
		}
	}
	return true;
}

/* Does msgpack-c read from these bytes exactly this record? */
static bool oracle_reads(struct bytes b, const struct rec_desc *d, const struct rec_head *h,
			 const void *p)
{
	msgpack_unpacked u;
	size_t off = 0;
	const msgpack_object *v;
	bool ok;

	msgpack_unpacked_init(&u);
	ok = msgpack_unpack_next(&u, (const char *)b.ptr, b.len, &off) == MSGPACK_UNPACK_SUCCESS &&
	     off == b.len && is_fields(&u.data, 4, d, p);
	if (ok) {
		v = u.data.via.array.ptr;
		ok = is_uint(&v[0], h->type) && is_uint(&v[1], h->ts) && is_uint(&v[2], h->flow) &&
		     is_uint(&v[3], h->n);
	}
	msgpack_unpacked_destroy(&u);
	return ok;
}

static int write_buf(void *to, const char *p, size_t n)
{
	buf_add(to, p, n);
	return 0;
}

/* The record as a writer with shortest ints has it, prefix included. */
static void repack(struct bytes b, struct buf *out)
{
	msgpack_unpacked u;
	msgpack_packer pk;
	size_t off = 0;

	msgpack_unpacked_init(&u);
	msgpack_unpack_next(&u, (const char *)b.ptr, b.len, &off);
	buf_clear(out);
	msgpack_packer_init(&pk, out, write_buf);
	msgpack_pack_object(&pk, u.data);
	msgpack_unpacked_destroy(&u);
}

static bool decodes_to(const struct rec_desc *d, struct bytes raw, const struct rec_head *h,
		       const void *p)
{
	struct schema *s = schema_of(d);
	struct rec_binding *b = rec_bind(s, d, NULL);
	struct buf arena = { 0 };
	struct rec_head got;
	bool ok;

	ok = b && rec_decode(b, raw, &got, &back, &arena) && same_struct(d, p, &back) &&
	     got.type == h->type && got.ts == h->ts && got.flow == h->flow && got.n == h->n;
	rec_binding_free(b);
	schema_free(s);
	buf_release(&arena);
	return ok;
}

static void test_cold(void)
{
	struct buf out = { 0 }, shortest = { 0 };
	const char *why = NULL;

	check_case("msgpack-c reads from every packed record what was in the struct");
	for (uint64_t seed = 0; seed < 3000; seed++) {
		const struct rec_desc *d = rec_builtin[seed % rec_builtin_count];
		struct rec_head h = golden(d, seed, &out);

		CHECK(rec_is_canonical(buf_bytes(&out)));
		CHECK(oracle_reads(buf_bytes(&out), d, &h, &rec));
	}
	check_case("so does our decoder");
	for (uint64_t seed = 0; seed < 3000; seed++) {
		const struct rec_desc *d = rec_builtin[seed % rec_builtin_count];
		struct rec_head h = golden(d, seed, &out);

		CHECK(decodes_to(d, buf_bytes(&out), &h, &rec));
	}
	check_case("a record written again with the shortest ints decodes to the same");
	for (uint64_t seed = 0; seed < 3000; seed++) {
		const struct rec_desc *d = rec_builtin[seed % rec_builtin_count];
		struct rec_head h = golden(d, seed, &out);

		repack(buf_bytes(&out), &shortest);
		CHECK(!rec_is_canonical(buf_bytes(&shortest)));
		CHECK_EQ(rec_measure(buf_bytes(&shortest), &why), shortest.len);
		CHECK(decodes_to(d, buf_bytes(&shortest), &h, &rec));
	}
	buf_release(&out);
	buf_release(&shortest);
}

static bool hot_put(uint16_t id, struct buf *out, const struct rec_head *h, const void *p)
{
	buf_clear(out);
	buf_reserve(out, 1024);
	switch (id) {
	case REC_frame:
		rec_frame_put(out->ptr, h, p);
		out->len = rec_frame_wire + ((const struct rec_frame *)p)->payload.len;
		return true;
	case REC_packet:
		rec_packet_put(out->ptr, h, p);
		out->len = rec_packet_wire + ((const struct rec_packet *)p)->payload.len;
		return true;
	case REC_stream:
		rec_stream_put(out->ptr, h, p);
		out->len = rec_stream_wire + ((const struct rec_stream *)p)->payload.len;
		return true;
	default:
		return false;
	}
}

static bool hot_get(uint16_t id, struct bytes raw, struct rec_head *h, void *p)
{
	switch (id) {
	case REC_frame:
		return rec_frame_get(raw, h, p);
	case REC_packet:
		return rec_packet_get(raw, h, p);
	case REC_stream:
		return rec_stream_get(raw, h, p);
	default:
		return false;
	}
}

static void test_hot(void)
{
	struct buf out = { 0 }, shortest = { 0 };
	struct rec_head got;
	int met = 0;

	check_case("hot records carry the same values in the fixed layout as packed");
	for (uint64_t seed = 0; seed < 3000; seed++) {
		const struct rec_desc *d = rec_builtin[seed % rec_builtin_count];
		struct rec_head h;

		if (!d->hot)
			continue;
		h = golden(d, seed, &out);
		CHECK(!hot_get(d->id, buf_bytes(&out), &got, &back));
		CHECK(hot_put(d->id, &out, &h, &rec));
		met++;
		CHECK(oracle_reads(buf_bytes(&out), d, &h, &rec));
		CHECK(decodes_to(d, buf_bytes(&out), &h, &rec));
		memset(&back, 0, sizeof(back));
		CHECK(hot_get(d->id, buf_bytes(&out), &got, &back));
		CHECK(same_struct(d, &rec, &back));
		CHECK(got.type == d->id && got.ts == h.ts && got.flow == h.flow && got.n == h.n);
		repack(buf_bytes(&out), &shortest);
		CHECK(!hot_get(d->id, buf_bytes(&shortest), &got, &back));
		CHECK(decodes_to(d, buf_bytes(&shortest), &h, &rec));
	}
	CHECK(met > 300);
	check_case("a hot record with any marker damaged is not taken for the fixed layout");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];
		struct rec_head h;
		size_t damaged = 0;

		if (!d->hot)
			continue;
		h = golden(d, 5, &shortest);
		hot_put(d->id, &out, &h, &rec);
		for (size_t at = 0; at < out.len; at++) {
			struct bytes raw = buf_bytes(&out);

			out.ptr[at] ^= 1;
			/* what is still taken has the same markers: the oracle sees full widths */
			damaged += !hot_get(d->id, raw, &got, &back);
			out.ptr[at] ^= 1;
		}
		/* one byte a marker; an address has two, array header and type three each,
		 * the payload's length four */
		CHECK(damaged >= d->nfields + 4 + 4 + 3);
		CHECK(hot_get(d->id, buf_bytes(&out), &got, &back));
		CHECK(!hot_get(d->id, BYTES(out.ptr, out.len - 1), &got, &back));
		buf_add_byte(&out, 0);
		CHECK(!hot_get(d->id, buf_bytes(&out), &got, &back));
	}
	buf_release(&out);
	buf_release(&shortest);
}

static void test_absent(void)
{
	struct rec_flow flow = { .start = 1 }, got;
	struct rec_head h = { .type = REC_flow }, g;
	struct schema *s = schema_of(&rec_flow_desc);
	struct rec_binding *b = rec_bind(s, &rec_flow_desc, NULL);
	struct buf out = { 0 };

	check_case("what is absent is a nil, and all of a record's fields are written");
	rec_pack(&out, &rec_flow_desc, &h, &flow);
	CHECK(oracle_reads(buf_bytes(&out), &rec_flow_desc, &h, &flow));
	CHECK_EQ(out.ptr[out.len - 1], 0xc0);
	CHECK_EQ(be16_get(out.ptr + 1), rec_flow_desc.nfields + 4);
	check_case("empty is not absent");
	flow.history = BYTES_LIT("");
	flow.scope = SOME(0);
	buf_clear(&out);
	rec_pack(&out, &rec_flow_desc, &h, &flow);
	CHECK(rec_decode(b, buf_bytes(&out), &g, &got, NULL));
	CHECK(got.history.ptr && got.history.len == 0 && !got.conn_state.ptr);
	CHECK(got.scope.set && !got.first_n.set);
	rec_binding_free(b);
	schema_free(s);
	buf_release(&out);
}

static void test_utf8(void)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "", true },
		{ "plain", true },
		{ "\x7f", true },
		{ "\x80", false },
		{ "\xbf", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xc2\x80", true },
		{ "\xc2", false },
		{ "\xc2\x7f", false },
		{ "\xc2\xc0", false },
		{ "\xdf\xbf", true },
		{ "\xe0\x9f\xbf", false },
		{ "\xe0\xa0\x80", true },
		{ "\xe0\xa0", false },
		{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false },
		{ "\xed\xbf\xbf", false },
		{ "\xee\x80\x80", true },
		{ "\xef\xbf\xbf", true },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf0\x90\x80", false },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "eight b\xc3\xa9ytes and on", true },
		{ "12345678\xff", false },
		{ "1234567\xc3\xa9", true },
	};
	static uint8_t zeros[] = { 'a', 0, 'b' };

	check_case("UTF-8 is what RFC 3629 says, overlong forms and surrogates are not");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(rec_is_utf8(bytes_str(rows[i].text)), rows[i].good);
		if (rec_is_utf8(bytes_str(rows[i].text)) != rows[i].good)
			printf("# row %zu\n", i);
	}
	CHECK(rec_is_utf8(BYTES(zeros, 3)));
	CHECK(rec_is_utf8(BYTES(NULL, 0)));
}

static void test_tables(void)
{
	check_case("the built-in types are in order of id and found by id and name");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];

		CHECK(i == 0 || rec_builtin[i - 1]->id < d->id);
		CHECK(rec_builtin_find(d->id) == d);
		CHECK(rec_builtin_named(bytes_str(d->name)) == d);
		CHECK(d->id < REC_FIRST_CUSTOM);
		CHECK(d->size <= sizeof(rec));
	}
	CHECK(!rec_builtin_find(999) && !rec_builtin_find(31));
	CHECK(!rec_builtin_named(bytes_str("dns_rr")));
	CHECK(rec_builtin_find(REC_dns) == &rec_dns_desc);
	check_case("an enumeration knows its names and not those of others' numbers");
	CHECK(strcmp(rec_enum_text(&rec_enum_flow_reason, REC_flow_reason_END_OF_INPUT),
		     "end_of_input") == 0);
	CHECK(!rec_enum_text(&rec_enum_flow_reason, 9));
	CHECK(!rec_enum_text(&rec_enum_flow_reason, UINT64_MAX));
}

int main(void)
{
	test_tables();
	test_cold();
	test_hot();
	test_absent();
	test_utf8();
	return check_end();
}
