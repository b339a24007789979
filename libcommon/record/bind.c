/* bind: a stream's fields matched to ours by name, and records decoded through that. */
#include "libcommon/record/record.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/record/mark.h"
#include "libcommon/record/shape.h"

enum take {
	TAKE_SKIP, /* not ours */
	TAKE_NUMBER,
	TAKE_BLOB,
	TAKE_BOOL,
	TAKE_IP,
	TAKE_VALUE, /* of any other kind */
	TAKE_LIST
};

/* One field of the stream. */
struct step {
	enum take take;
	bool may_lack; /* a nil is as good as no field */
	bool in_opt;   /* a struct rec_opt is to be filled */
	uint8_t width; /* TAKE_NUMBER: bytes of its C type */
	uint64_t max;  /* TAKE_NUMBER: the largest that fits */
	size_t offset; /* in our struct */
	enum rec_kind kind;
	size_t size;                   /* TAKE_LIST: of an item */
	const struct rec_binding *sub; /* REC_SUB */
};

struct rec_binding {
	const struct rec_desc *desc;
	struct step *steps;
	size_t count;    /* up to the last field that is ours */
	size_t nlists;   /* of them */
	size_t required; /* a record must have at least this many fields */
};

static bool is_number(enum rec_kind k)
{
	return (k >= REC_U8 && k <= REC_I64) || k == REC_TIME || k == REC_DUR || k == REC_ENUM;
}

/* May a field that the stream declares as `theirs` be read as ours? Numbers of all widths may:
 * each value is checked when it is read. */
static bool kind_fits(enum rec_kind theirs, enum rec_kind ours)
{
	if (theirs == ours || ours == REC_RAW)
		return true;
	if (is_number(ours))
		return is_number(theirs);
	if (ours == REC_F64)
		return is_number(theirs);
	return (ours == REC_STR && theirs == REC_BYTES) || (ours == REC_BYTES && theirs == REC_STR);
}

static bool field_fits(const struct schema_field *theirs, const struct rec_field *ours)
{
	if (ours->kind == REC_RAW && ours->shape != REC_LIST)
		return true;
	return theirs->list == (ours->shape == REC_LIST) && kind_fits(theirs->kind, ours->kind);
}

/* The largest number that a field of this kind holds. */
static uint64_t number_max(enum rec_kind k)
{
	switch (k) {
	case REC_U8:
		return UINT8_MAX;
	case REC_U16:
		return UINT16_MAX;
	case REC_U32:
	case REC_ENUM:
		return UINT32_MAX;
	default:
		return UINT64_MAX;
	}
}

static void step_init(struct step *step, const struct rec_field *f)
{
	step->kind = f->kind;
	step->offset = f->offset;
	step->size = rec_item_size(f);
	step->may_lack = f->shape != REC_ONE;
	step->in_opt = f->shape == REC_OPT && rec_kind_in_opt(f->kind);
	step->max = number_max(f->kind);
	step->width = step->in_opt ? sizeof(((struct rec_opt *)0)->v) : (uint8_t)step->size;
	if (f->shape == REC_LIST)
		step->take = TAKE_LIST;
	else if (is_number(f->kind) && f->kind != REC_I64)
		step->take = TAKE_NUMBER;
	else if (f->kind == REC_STR || f->kind == REC_BYTES)
		step->take = TAKE_BLOB;
	else if (f->kind == REC_BOOL)
		step->take = TAKE_BOOL;
	else if (f->kind == REC_IP)
		step->take = TAKE_IP;
	else
		step->take = TAKE_VALUE;
}

/* Recurses along our description only. */
static struct rec_binding *bind_fields(const struct schema *s, const struct rec_desc *desc,
				       const char **missing)
{
	struct rec_binding *b = xcalloc(1, sizeof(*b));
	size_t count;
	const struct schema_field *theirs = schema_fields(s, &count);

	b->desc = desc;
	b->steps = xcalloc(count + 1, sizeof(*b->steps));
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];
		int at = schema_find(s, f->name);

		if (at < 0 || !field_fits(&theirs[at], f)) {
			if (f->shape != REC_ONE)
				continue;
			*missing = f->name;
			rec_binding_free(b);
			return NULL;
		}
		step_init(&b->steps[at], f);
		if (b->count <= (size_t)at)
			b->count = (size_t)at + 1;
		b->nlists += f->shape == REC_LIST;
		if (f->shape == REC_ONE && b->required <= (size_t)at)
			b->required = (size_t)at + 1;
		if (f->kind != REC_SUB)
			continue;
		b->steps[at].sub = bind_fields(theirs[at].sub, f->sub, missing);
		if (!b->steps[at].sub) {
			rec_binding_free(b);
			return NULL;
		}
	}
	return b;
}

struct rec_binding *rec_bind(const struct schema *s, const struct rec_desc *desc,
			     const char **missing)
{
	const char *unused;

	if (!missing)
		missing = &unused;
	if (schema_major(s) != desc->major) {
		*missing = "version";
		return NULL;
	}
	return bind_fields(s, desc, missing);
}

void rec_binding_free(struct rec_binding *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		rec_binding_free((struct rec_binding *)b->steps[i].sub);
	free(b->steps);
	free(b);
}

/* A number into its C type. */
static inline bool put_number(uint64_t v, uint64_t max, size_t width, void *to)
{
	if (width == 8)
		*(uint64_t *)to = v;
	else if (width == 4)
		*(uint32_t *)to = (uint32_t)v;
	else if (width == 2)
		*(uint16_t *)to = (uint16_t)v;
	else
		*(uint8_t *)to = (uint8_t)v;
	return v <= max;
}

static bool take_number(struct cursor *c, const struct step *step, void *to)
{
	struct mp_value v = mp_next(c);

	return v.type == MP_UINT && put_number(v.u, step->max, step->width, to);
}

static bool take_i64(struct cursor *c, int64_t *to)
{
	struct mp_value v = mp_next(c);

	*to = v.i; /* the same bits as v.u */
	return v.type == MP_INT || (v.type == MP_UINT && v.u <= INT64_MAX);
}

static bool take_f64(struct cursor *c, double *to)
{
	struct mp_value v = mp_next(c);

	if (v.type == MP_FLOAT)
		*to = v.f;
	else if (v.type == MP_UINT)
		*to = (double)v.u;
	else if (v.type == MP_INT)
		*to = (double)v.i;
	else
		return false;
	return true;
}

static bool take_bool(struct cursor *c, bool *to)
{
	struct mp_value v = mp_next(c);

	*to = v.type == MP_BOOL && v.b;
	return v.type == MP_BOOL;
}

static inline bool take_blob(struct cursor *c, struct bytes *to)
{
	struct mp_value v = mp_next(c);

	*to = v.bytes;
	return v.type == MP_STR || v.type == MP_BIN;
}

static inline bool put_ip(struct bytes b, struct ip *to)
{
	to->len = (uint8_t)b.len;
	if (b.len == 4)
		memcpy(to->b, b.ptr, 4);
	else if (b.len == 16)
		memcpy(to->b, b.ptr, 16);
	else
		return false;
	return true;
}

static bool take_ip(struct cursor *c, struct ip *to)
{
	struct mp_value v = mp_next(c);

	return v.type == MP_NIL || (v.type == MP_BIN && put_ip(v.bytes, to));
}

static bool take_fixed(struct cursor *c, size_t size, uint8_t *to)
{
	struct mp_value v = mp_next(c);

	if (v.type != MP_BIN || v.bytes.len != size)
		return false;
	memcpy(to, v.bytes.ptr, size);
	return true;
}

static bool next_is_nil(struct cursor *c)
{
	if (cursor_left(c) == 0 || *c->pos != 0xc0)
		return false;
	c->pos++;
	return true;
}

static bool take_mac(struct cursor *c, struct mac *to)
{
	if (next_is_nil(c))
		return true;
	to->set = true;
	return take_fixed(c, sizeof(to->b), to->b);
}

static bool take_raw(struct cursor *c, struct bytes *to)
{
	const uint8_t *from = c->pos;

	if (!mp_skip(c))
		return false;
	if (*from != 0xc0)
		*to = BYTES(from, c->pos - from);
	return true;
}

/* One value into its C type at `to`, which is zero before. What a value that does not fit leaves
 * there is of no account. */
static bool take_value(const struct step *step, struct cursor *c, void *to)
{
	switch (step->kind) {
	case REC_BOOL:
		return take_bool(c, to);
	case REC_I64:
		return take_i64(c, to);
	case REC_F64:
		return take_f64(c, to);
	case REC_STR:
	case REC_BYTES:
		return take_blob(c, to);
	case REC_RAW:
		return take_raw(c, to);
	case REC_IP:
		return take_ip(c, to);
	case REC_IP16:
		return take_fixed(c, 16, to);
	case REC_MAC:
		return take_mac(c, to);
	case REC_SUB:
		return false;
	default:
		return take_number(c, step, to);
	}
}

static bool take_fields(const struct rec_binding *b, struct cursor *c, uint32_t count,
			struct buf *arena, void *base, size_t offset);

/* Where a struct is: in the caller's memory, or (base NULL) in the arena, which moves when it
 * grows. */
static uint8_t *place(struct buf *arena, void *base, size_t offset)
{
	return (base ? (uint8_t *)base : arena->ptr) + offset;
}

static bool take_items(const struct step *step, struct cursor *c, uint32_t count, struct buf *arena,
		       size_t first)
{
	for (uint32_t i = 0; i < count; i++) {
		size_t at = first + i * step->size;

		if (step->sub) {
			struct mp_value v = mp_next(c);

			if (v.type != MP_ARRAY ||
			    !take_fields(step->sub, c, v.count, arena, NULL, at))
				return false;
		} else if (!take_value(step, c, arena->ptr + at)) {
			return false;
		}
	}
	return true;
}

/* The items go behind what the arena has; until all is read the list holds their offset. */
static bool take_list(const struct step *step, struct cursor *c, struct buf *arena, void *base,
		      size_t offset)
{
	struct mp_value v;
	struct rec_list *list;
	size_t first, bytes;

	if (!arena)
		return mp_skip(c);
	v = mp_next(c);
	if (v.type != MP_ARRAY || v.count > cursor_left(c) || v.count > REC_MAX_ITEMS)
		return false;
	if (v.count == 0)
		return true;
	bytes = v.count * step->size;
	bytes = (bytes + 7) & ~(size_t)7;
	memset(buf_reserve(arena, bytes), 0, bytes);
	first = arena->len;
	arena->len += bytes;
	list = (struct rec_list *)place(arena, base, offset);
	*list = (struct rec_list){ (const void *)(uintptr_t)first, v.count };
	return take_items(step, c, v.count, arena, first);
}

/* What most fields are, from the bytes at p, where left > 0 are: how many it takes, 0 where
 * take_other() must look. */
static inline size_t take_plain(const struct step *step, const uint8_t *p, size_t left, void *to)
{
	struct bytes b;
	size_t size;
	uint64_t v;

	switch (step->take) {
	case TAKE_NUMBER:
		size = mp_uint_at(p, left, &v);
		return size && put_number(v, step->max, step->width, to) ? size : 0;
	case TAKE_BLOB:
		return mp_blob_at(p, left, to);
	case TAKE_BOOL:
		return (*p | 1) == 0xc3 && put_number(*p & 1, 1, step->width, to);
	case TAKE_IP:
		size = *p == 0xc4 ? mp_blob_at(p, left, &b) : 0;
		return size && put_ip(b, to) ? size : 0;
	default:
		return 0;
	}
}

static bool take_other(const struct step *step, struct cursor *c, struct buf *arena, void *base,
		       size_t offset)
{
	if (step->take == TAKE_SKIP)
		return mp_skip(c);
	if (step->take == TAKE_LIST)
		return take_list(step, c, arena, base, offset);
	return take_value(step, c, place(arena, base, offset));
}

static bool take_fields(const struct rec_binding *b, struct cursor *c, uint32_t count,
			struct buf *arena, void *base, size_t offset)
{
	const struct step *step = b->steps, *last = step + (count < b->count ? count : b->count);
	const uint8_t *p = c->pos, *const end = c->end;

	if (count < b->required)
		return false;
	for (; step < last; step++) {
		uint8_t *to = place(arena, base, offset + step->offset);
		size_t size;

		if (p == end)
			return false;
		if (*p == 0xc0 && step->may_lack) {
			p++;
			continue;
		}
		if (step->in_opt)
			((struct rec_opt *)to)->set = true;
		size = take_plain(step, p, (size_t)(end - p), to);
		if (size) {
			p += size;
			continue;
		}
		c->pos = p;
		if (!take_other(step, c, arena, base, offset + step->offset))
			return false;
		p = c->pos;
	}
	c->pos = p;
	return count <= b->count || mp_skip_many(c, count - b->count);
}

/* The arena moves no more: offsets become pointers. */
static void settle_lists(const struct rec_binding *b, void *rec, const uint8_t *arena)
{
	const struct step *step = b->steps;

	for (size_t left = b->nlists; left; step++) {
		struct rec_list *list;
		uint8_t *item;

		if (step->take != TAKE_LIST)
			continue;
		left--;
		list = (struct rec_list *)((uint8_t *)rec + step->offset);
		if (list->count == 0)
			continue;
		item = (uint8_t *)arena + (uintptr_t)list->items;
		list->items = item;
		if (step->sub && step->sub->nlists)
			for (size_t j = 0; j < list->count; j++, item += step->size)
				settle_lists(step->sub, item, arena);
	}
}

bool rec_decode(const struct rec_binding *b, struct bytes raw, struct rec_head *h, void *rec,
		struct buf *arena)
{
	uint32_t nfields;
	struct cursor c;
	size_t at;

	memset(rec, 0, b->desc->size);
	if (arena)
		buf_clear(arena);
	if (!rec_head_get(raw, h, &nfields, &at))
		return false;
	c = cursor_of(BYTES(raw.ptr + at, raw.len - at));
	if (!take_fields(b, &c, nfields, arena, rec, 0) || cursor_left(&c)) {
		memset(rec, 0, b->desc->size);
		return false;
	}
	if (arena && arena->len)
		settle_lists(b, rec, arena->ptr);
	return true;
}

bool rec_decode_own(const struct rec_desc *desc, struct bytes raw, struct rec_head *h, void *rec,
		    struct buf *arena)
{
	struct schema *s = schema_of(desc);
	const char *missing;
	struct rec_binding *b = rec_bind(s, desc, &missing);
	bool done = b && rec_decode(b, raw, h, rec, arena);

	rec_binding_free(b);
	schema_free(s);
	return done;
}
