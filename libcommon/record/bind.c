/* bind: a stream's fields matched to ours by name, and records decoded through that. */
#include "libcommon/record/record.h"

#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/record/shape.h"

/* One field of the stream. */
struct step {
	const struct rec_field *field; /* ours, or NULL: skipped */
	const struct rec_binding *sub; /* REC_SUB */
};

struct rec_binding {
	const struct rec_desc *desc;
	struct step *steps;
	size_t count;
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

/* Recurses along our description only. */
static struct rec_binding *bind_fields(const struct schema *s, const struct rec_desc *desc,
				       const char **missing)
{
	struct rec_binding *b = xcalloc(1, sizeof(*b));
	size_t count;
	const struct schema_field *theirs = schema_fields(s, &count);

	b->desc = desc;
	b->steps = xcalloc(count + 1, sizeof(*b->steps));
	b->count = count;
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
		b->steps[at].field = f;
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

static bool number_fits(enum rec_kind k, uint64_t v)
{
	switch (k) {
	case REC_U8:
		return v <= UINT8_MAX;
	case REC_U16:
		return v <= UINT16_MAX;
	case REC_U32:
	case REC_ENUM:
		return v <= UINT32_MAX;
	case REC_I64:
		return v <= INT64_MAX;
	default:
		return true;
	}
}

static bool take_number(enum rec_kind k, struct mp_value v, void *to)
{
	if (k == REC_I64 && v.type == MP_INT) {
		*(int64_t *)to = v.i;
		return true;
	}
	if (v.type != MP_UINT || !number_fits(k, v.u))
		return false;
	switch (k) {
	case REC_U8:
		*(uint8_t *)to = (uint8_t)v.u;
		break;
	case REC_U16:
		*(uint16_t *)to = (uint16_t)v.u;
		break;
	case REC_U32:
	case REC_ENUM:
		*(uint32_t *)to = (uint32_t)v.u;
		break;
	default:
		*(uint64_t *)to = v.u;
		break;
	}
	return true;
}

static bool take_f64(struct mp_value v, double *to)
{
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

static bool take_ip(struct mp_value v, struct ip *to)
{
	if (v.type == MP_NIL)
		return true;
	if (v.type != MP_BIN || (v.bytes.len != 4 && v.bytes.len != 16))
		return false;
	to->len = (uint8_t)v.bytes.len;
	memcpy(to->b, v.bytes.ptr, v.bytes.len);
	return true;
}

static bool take_mac(struct mp_value v, struct mac *to)
{
	if (v.type == MP_NIL)
		return true;
	if (v.type != MP_BIN || v.bytes.len != sizeof(to->b))
		return false;
	memcpy(to->b, v.bytes.ptr, sizeof(to->b));
	to->set = true;
	return true;
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

/* One value into its C type at `to`, which is zero before. Lists and sub-records are not here. */
static bool take_value(enum rec_kind k, struct cursor *c, void *to)
{
	struct mp_value v;

	if (k == REC_RAW)
		return take_raw(c, to);
	v = mp_next(c);
	switch (k) {
	case REC_BOOL:
		*(bool *)to = v.type == MP_BOOL && v.b;
		return v.type == MP_BOOL;
	case REC_F64:
		return take_f64(v, to);
	case REC_STR:
	case REC_BYTES:
		*(struct bytes *)to = v.bytes;
		return v.type == MP_STR || v.type == MP_BIN;
	case REC_IP:
		return take_ip(v, to);
	case REC_IP16:
		if (v.type != MP_BIN || v.bytes.len != 16)
			return false;
		memcpy(to, v.bytes.ptr, 16);
		return true;
	case REC_MAC:
		return take_mac(v, to);
	default:
		return take_number(k, v, to);
	}
}

static bool next_is_nil(struct cursor *c)
{
	if (cursor_left(c) == 0 || *c->pos != 0xc0)
		return false;
	c->pos++;
	return true;
}

static bool take_opt(enum rec_kind k, struct cursor *c, void *to)
{
	struct rec_opt *opt = to;
	struct mp_value v;

	if (next_is_nil(c))
		return true;
	if (!rec_kind_in_opt(k))
		return take_value(k, c, to);
	v = mp_next(c);
	opt->set = true;
	if (k == REC_BOOL) {
		opt->v = v.type == MP_BOOL && v.b;
		return v.type == MP_BOOL;
	}
	opt->v = v.u;
	return v.type == MP_UINT && number_fits(k, v.u);
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
	size_t size = rec_item_size(step->field);

	for (uint32_t i = 0; i < count; i++) {
		size_t at = first + i * size;

		if (step->sub) {
			struct mp_value v = mp_next(c);

			if (v.type != MP_ARRAY ||
			    !take_fields(step->sub, c, v.count, arena, NULL, at))
				return false;
		} else if (!take_value(step->field->kind, c, arena->ptr + at)) {
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

	if (next_is_nil(c))
		return true;
	if (!arena)
		return mp_skip(c);
	v = mp_next(c);
	if (v.type != MP_ARRAY || v.count > cursor_left(c) || v.count > REC_MAX_ITEMS)
		return false;
	if (v.count == 0)
		return true;
	bytes = v.count * rec_item_size(step->field);
	bytes = (bytes + 7) & ~(size_t)7;
	memset(buf_reserve(arena, bytes), 0, bytes);
	first = arena->len;
	arena->len += bytes;
	list = (struct rec_list *)place(arena, base, offset);
	*list = (struct rec_list){ (const void *)(uintptr_t)first, v.count };
	return take_items(step, c, v.count, arena, first);
}

static bool take_fields(const struct rec_binding *b, struct cursor *c, uint32_t count,
			struct buf *arena, void *base, size_t offset)
{
	if (count < b->required)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct rec_field *f = i < b->count ? b->steps[i].field : NULL;
		bool ok;

		if (!f)
			ok = mp_skip(c);
		else if (f->shape == REC_LIST)
			ok = take_list(&b->steps[i], c, arena, base, offset + f->offset);
		else if (f->shape == REC_OPT)
			ok = take_opt(f->kind, c, place(arena, base, offset + f->offset));
		else
			ok = take_value(f->kind, c, place(arena, base, offset + f->offset));
		if (!ok)
			return false;
	}
	return true;
}

/* The arena moves no more: offsets become pointers. */
static void settle_lists(const struct rec_desc *desc, void *rec, const uint8_t *arena)
{
	for (size_t i = 0; i < desc->nfields; i++) {
		const struct rec_field *f = &desc->fields[i];
		struct rec_list *list;
		uint8_t *item;

		if (f->shape != REC_LIST)
			continue;
		list = (struct rec_list *)((uint8_t *)rec + f->offset);
		if (list->count == 0)
			continue;
		item = (uint8_t *)arena + (uintptr_t)list->items;
		list->items = item;
		if (f->kind == REC_SUB)
			for (size_t j = 0; j < list->count; j++, item += f->sub->size)
				settle_lists(f->sub, item, arena);
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
	settle_lists(b->desc, rec, arena ? arena->ptr : NULL);
	return true;
}
