/* schema: a record type as a stream declares it. */
#include "libcommon/record/record.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

/* What bounds a schema beside its 256 KiB: the memory for it stays a small multiple of it. */
enum {
	MAX_FIELDS = 512,
	MAX_NAME = 64,
	MAX_SUBS = 2,           /* sub-records within sub-records */
	MAX_ENUM_VALUE = 4095,  /* values above keep their number as their name */
	MAX_ENUM_SLOTS = 65536, /* of all enumerations of a schema */
};

struct schema {
	uint16_t id, major;
	const char *name;
	struct schema_field *fields;
	size_t count;
	char *text; /* all names; NULL in a sub-record's, which uses its parent's */
};

struct reader {
	struct cursor c;
	char *text; /* where the next name goes */
	size_t enum_slots;
	const char *why;
};

static bool fail(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return false;
}

static bool is_name_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static const char *keep(struct reader *r, struct bytes b)
{
	char *at = r->text;

	memcpy(at, b.ptr, b.len);
	at[b.len] = '\0';
	r->text += b.len + 1;
	return at;
}

/* A name is at least a marker byte and its characters on the wire: its copy with the final NUL
 * takes no more. */
static const char *read_name(struct reader *r)
{
	struct mp_value v = mp_next(&r->c);

	if ((v.type != MP_STR && v.type != MP_BIN) || v.bytes.len == 0 || v.bytes.len > MAX_NAME)
		return NULL;
	for (size_t i = 0; i < v.bytes.len; i++)
		if (!is_name_char(v.bytes.ptr[i]))
			return NULL;
	return keep(r, v.bytes);
}

/* [[number, "text"], ...]; a text that is not plain ASCII counts as unnamed. */
static bool read_enum(struct reader *r, struct schema_field *f)
{
	struct mp_value outer = mp_next(&r->c), pair, number, text;
	struct cursor ahead = r->c;
	const char **values;
	size_t slots = 0;

	if (outer.type != MP_ARRAY || outer.count > cursor_left(&r->c))
		return fail(r, "an enumeration's values are no list");
	for (uint32_t i = 0; i < outer.count; i++) {
		pair = mp_next(&ahead);
		number = mp_next(&ahead);
		text = mp_next(&ahead);
		if (pair.type != MP_ARRAY || pair.count != 2 || number.type != MP_UINT ||
		    (text.type != MP_STR && text.type != MP_BIN))
			return fail(r, "an enumeration's value is not [number, text]");
		if (number.u <= MAX_ENUM_VALUE && number.u >= slots)
			slots = (size_t)number.u + 1;
	}
	r->enum_slots += slots;
	if (r->enum_slots > MAX_ENUM_SLOTS)
		return fail(r, "too many enumeration values");
	if (slots == 0) {
		r->c = ahead;
		return true;
	}
	values = xcalloc(slots, sizeof(*values));
	f->enum_values = values;
	f->enum_count = slots;
	for (uint32_t i = 0; i < outer.count; i++) {
		mp_next(&r->c);
		number = mp_next(&r->c);
		text = mp_next(&r->c);
		if (number.u >= slots || text.bytes.len > MAX_NAME)
			continue;
		for (size_t j = 0; j < text.bytes.len; j++)
			if (text.bytes.ptr[j] < 0x20 || text.bytes.ptr[j] > 0x7e)
				text.bytes.len = 0;
		if (text.bytes.len)
			values[number.u] = keep(r, text.bytes);
	}
	return true;
}

static bool read_rows(struct reader *r, struct schema *s, int depth);

/* A kind's name, or a sub-record's, which has its rows as detail. A kind we have never heard of
 * is read as one value of whatever form. */
static bool read_type(struct reader *r, struct schema_field *f, const char **subname)
{
	struct mp_value v = mp_next(&r->c);
	struct bytes t = v.bytes;

	if ((v.type != MP_STR && v.type != MP_BIN) || t.len == 0 || t.len > MAX_NAME + 6)
		return fail(r, "a field's type is not a name");
	if (t.len > 6 && memcmp(t.ptr, "list<", 5) == 0 && t.ptr[t.len - 1] == '>') {
		f->list = true;
		t = BYTES(t.ptr + 5, t.len - 6);
	}
	for (size_t i = 0; i < t.len; i++)
		if (!is_name_char(t.ptr[i]))
			return fail(r, "a field's type is not a name");
	f->kind = REC_SUB;
	for (int k = 0; k < REC_SUB; k++)
		if (bytes_is(t, rec_kind_name((enum rec_kind)k)))
			f->kind = (enum rec_kind)k;
	if (f->kind == REC_SUB)
		*subname = keep(r, t);
	return true;
}

static bool read_row(struct reader *r, struct schema_field *f, int depth)
{
	struct mp_value row = mp_next(&r->c);
	const char *subname = NULL;
	uint32_t used = 2;

	if (row.type != MP_ARRAY || row.count < 2 || row.count > cursor_left(&r->c))
		return fail(r, "a field is not [name, type, detail?]");
	f->name = read_name(r);
	if (!f->name)
		return fail(r, "a field's name is not a name");
	if (!read_type(r, f, &subname))
		return false;
	if (f->kind == REC_SUB && row.count == 2) {
		f->kind = REC_RAW;
	} else if (f->kind == REC_SUB) {
		struct schema *sub = xcalloc(1, sizeof(*sub));

		f->sub = sub;
		sub->name = subname;
		if (depth == MAX_SUBS)
			return fail(r, "sub-records nested deeper than 2");
		if (!read_rows(r, sub, depth + 1))
			return false;
		used = 3;
	} else if (f->kind == REC_ENUM && row.count > 2) {
		if (!read_enum(r, f))
			return false;
		used = 3;
	}
	for (; used < row.count; used++)
		if (!mp_skip(&r->c))
			return fail(r, "cut short");
	return true;
}

/* Recurses at most MAX_SUBS deep. */
static bool read_rows(struct reader *r, struct schema *s, int depth)
{
	struct mp_value rows = mp_next(&r->c);

	if (rows.type != MP_ARRAY)
		return fail(r, "the fields are no list");
	if (rows.count > MAX_FIELDS || rows.count > cursor_left(&r->c))
		return fail(r, "more than 512 fields");
	if (rows.count == 0)
		return true;
	s->fields = xcalloc(rows.count, sizeof(*s->fields));
	for (uint32_t i = 0; i < rows.count; i++) {
		s->count++;
		if (!read_row(r, &s->fields[i], depth))
			return false;
	}
	return true;
}

static bool read_schema(struct reader *r, struct schema *s)
{
	struct mp_value id = mp_next(&r->c), major;

	s->name = read_name(r);
	if (!s->name)
		return fail(r, "the record type's name is not a name");
	major = mp_next(&r->c);
	if (id.type != MP_UINT || id.u > UINT16_MAX || major.type != MP_UINT ||
	    major.u > UINT16_MAX)
		return fail(r, "id or version is not a number below 65536");
	s->id = (uint16_t)id.u;
	s->major = (uint16_t)major.u;
	return read_rows(r, s, 0);
}

struct schema *schema_parse(struct bytes raw, const char **why)
{
	struct reader r = { 0 };
	struct rec_head h;
	struct schema *s;
	uint32_t nfields;
	size_t at;

	if (!rec_head_get(raw, &h, &nfields, &at) || h.type != REC_schema || nfields < 4) {
		if (why)
			*why = "not a schema record";
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->text = xcalloc(raw.len, 1);
	r.c = cursor_of(BYTES(raw.ptr + at, raw.len - at));
	r.text = s->text;
	if (read_schema(&r, s))
		return s;
	schema_free(s);
	if (why)
		*why = r.why;
	return NULL;
}

struct schema *schema_of(const struct rec_desc *desc)
{
	struct buf b = { 0 };
	const char *why = NULL;
	struct schema *s;

	rec_pack_schema(&b, desc, desc->id, 0);
	s = schema_parse(buf_bytes(&b), &why);
	if (!s)
		die("record type '%s': %s", desc->name, why);
	buf_release(&b);
	return s;
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		schema_free((struct schema *)s->fields[i].sub);
		free((void *)s->fields[i].enum_values);
	}
	free(s->fields);
	free(s->text);
	free(s);
}

uint16_t schema_id(const struct schema *s)
{
	return s->id;
}

uint16_t schema_major(const struct schema *s)
{
	return s->major;
}

const char *schema_name(const struct schema *s)
{
	return s->name;
}

const struct schema_field *schema_fields(const struct schema *s, size_t *count)
{
	*count = s->count;
	return s->fields;
}

int schema_find(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}
