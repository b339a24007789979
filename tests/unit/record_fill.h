/* record_fill: golden records of any type: structs filled by walking their description with
 * pseudo-random values, and the comparison of two such structs. */
#ifndef WEIR_TEST_RECORD_FILL_H
#define WEIR_TEST_RECORD_FILL_H

#include "libcommon/record/record.h"
#include "libcommon/record/shape.h"

/* Memory for what a filled struct points at; reset it between records. */
struct fill {
	uint64_t seed;
	bool all; /* every optional field is there */
	size_t used;
	_Alignas(16) uint8_t pool[1 << 18];
};

static inline uint64_t fill_next(struct fill *f)
{
	uint64_t x = f->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Numbers of all magnitudes, so that every int width of msgpack is met. */
static inline uint64_t fill_number(struct fill *f)
{
	return fill_next(f) >> (fill_next(f) % 64);
}

static inline void *fill_space(struct fill *f, size_t n)
{
	void *at = f->pool + f->used;

	f->used += (n + 15) & ~(size_t)15;
	if (f->used > sizeof(f->pool))
		abort();
	memset(at, 0, n);
	return at;
}

static inline struct bytes fill_bytes(struct fill *f, bool text)
{
	static const char *const odd[] = { "\xc3\xa9t\xc3\xa9", "\xff\xfe not text",
					   "\xf0\x9f\x90\x9f" };
	size_t len = fill_next(f) % 4 ? fill_next(f) % 30 : fill_next(f) % 300;
	uint8_t *at = fill_space(f, len + 1);

	if (text && fill_next(f) % 4 == 0)
		return bytes_str(odd[fill_next(f) % 3]);
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(text ? 'a' + fill_next(f) % 26 : fill_next(f));
	return BYTES(at, len);
}

static inline void fill_struct(struct fill *f, const struct rec_desc *desc, void *rec);

static inline void fill_value(struct fill *f, const struct rec_field *field, void *p)
{
	static const uint8_t raw[] = { 0x92, 0x01, 0xa1, 'x' };
	struct ip *ip = p;

	switch (field->kind) {
	case REC_BOOL:
		*(bool *)p = fill_next(f) & 1;
		break;
	case REC_U8:
		*(uint8_t *)p = (uint8_t)fill_number(f);
		break;
	case REC_U16:
		*(uint16_t *)p = (uint16_t)fill_number(f);
		break;
	case REC_U32:
	case REC_ENUM:
		*(uint32_t *)p = (uint32_t)fill_number(f);
		break;
	case REC_U64:
	case REC_TIME:
	case REC_DUR:
		*(uint64_t *)p = fill_number(f);
		break;
	case REC_I64:
		*(int64_t *)p = (int64_t)fill_number(f) * (fill_next(f) & 1 ? -1 : 1);
		break;
	case REC_F64:
		*(double *)p = (double)fill_number(f) / 1024;
		break;
	case REC_STR:
	case REC_BYTES:
		*(struct bytes *)p = fill_bytes(f, field->kind == REC_STR);
		break;
	case REC_RAW:
		*(struct bytes *)p = BYTES(raw, sizeof(raw));
		break;
	case REC_IP:
		ip->len = fill_next(f) & 1 ? 4 : 16;
		for (int i = 0; i < ip->len; i++)
			ip->b[i] = (uint8_t)fill_next(f);
		break;
	case REC_IP16:
		for (int i = 0; i < 16; i++)
			((uint8_t *)p)[i] = (uint8_t)fill_next(f);
		break;
	case REC_MAC:
		((struct mac *)p)->set = true;
		for (int i = 0; i < 6; i++)
			((struct mac *)p)->b[i] = (uint8_t)fill_next(f);
		break;
	case REC_SUB:
		fill_struct(f, field->sub, p);
		break;
	}
}

static inline void fill_opt(struct fill *f, const struct rec_field *field, void *p)
{
	struct rec_opt *opt = p;

	if (!f->all && fill_next(f) % 3 == 0)
		return;
	if (!rec_kind_in_opt(field->kind)) {
		fill_value(f, field, p);
		return;
	}
	opt->set = true;
	fill_value(f, field, &opt->v);
	if (field->kind == REC_BOOL)
		opt->v &= 1;
}

static inline void fill_struct(struct fill *f, const struct rec_desc *desc, void *rec)
{
	memset(rec, 0, desc->size);
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *field = &desc->fields[i];
		uint8_t *p = (uint8_t *)rec + field->offset;

		if (field->shape == REC_ONE) {
			fill_value(f, field, p);
		} else if (field->shape == REC_OPT) {
			fill_opt(f, field, p);
		} else if (f->all || fill_next(f) % 3) {
			size_t n = 1 + fill_next(f) % (fill_next(f) % 8 ? 4 : 20);
			size_t size = rec_item_size(field);
			uint8_t *items = fill_space(f, n * size);

			for (size_t j = 0; j < n; j++)
				fill_value(f, field, items + j * size);
			*(struct rec_list *)p = LIST_OF(items, n);
		}
	}
}

static inline bool same_struct(const struct rec_desc *desc, const void *a, const void *b);

static inline bool same_value(const struct rec_field *f, const void *a, const void *b)
{
	const struct ip *x = a, *y = b;

	if (rec_kind_is_blob(f->kind))
		return bytes_equal(*(const struct bytes *)a, *(const struct bytes *)b) &&
		       !((const struct bytes *)a)->ptr == !((const struct bytes *)b)->ptr;
	if (f->kind == REC_IP)
		return x->len == y->len && memcmp(x->b, y->b, x->len) == 0;
	if (f->kind == REC_SUB)
		return same_struct(f->sub, a, b);
	return memcmp(a, b, rec_item_size(f)) == 0;
}

/* Are the two equal, field by field? */
static inline bool same_struct(const struct rec_desc *desc, const void *a, const void *b)
{
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];
		const void *p = (const uint8_t *)a + f->offset, *q = (const uint8_t *)b + f->offset;
		const struct rec_opt *o = p, *r = q;
		const struct rec_list *l = p, *m = q;
		bool same;

		if (f->shape == REC_LIST) {
			same = l->count == m->count;
			for (size_t j = 0; same && j < l->count; j++)
				same = same_value(f,
						  (const uint8_t *)l->items + j * rec_item_size(f),
						  (const uint8_t *)m->items + j * rec_item_size(f));
		} else if (f->shape == REC_OPT && rec_kind_in_opt(f->kind)) {
			same = o->set == r->set && o->v == r->v;
		} else {
			same = same_value(f, p, q);
		}
		if (!same) {
			printf("# %s.%s differs\n", desc->name, f->name);
			return false;
		}
	}
	return true;
}

#endif
