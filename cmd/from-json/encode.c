/* encode: values as weir-json writes them, checked against the kind of their field. */
#include "cmd/from-json/encode.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/record/make.h"

enum { MAX_COLUMNS = 512, SUB_DEPTH = 3, NS = 1000000000, NUMBER_TEXT = 64 };

static __attribute__((format(printf, 2, 3))) bool fail(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, LINE_WHY, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- lines ---------------------------------------------------------------------------------- */

bool line_split(struct line *l, struct bytes text, char why[LINE_WHY])
{
	struct cursor c = cursor_of(text);
	struct json_value whole = json_next(&c);
	struct line_member *m = l->member;

	l->n = 0;
	if (whole.type != JSON_OBJECT || cursor_left(&c))
		return fail(why, whole.type == JSON_BAD || cursor_left(&c) ? "this is no JSON"
									   : "this is no object");
	c = cursor_of(whole.text);
	while (l->n < LINE_MEMBERS && json_member(&c, &m[l->n].key, &m[l->n].value)) {
		for (size_t i = 0; i < l->n; i++)
			if (bytes_equal(m[i].key, m[l->n].key))
				return fail(why, "the key '%.*s' comes twice",
					    (int)(m[i].key.len < 64 ? m[i].key.len : 64),
					    (const char *)m[i].key.ptr);
		l->n++;
	}
	if (cursor_left(&c))
		return fail(why, "more than %d members", LINE_MEMBERS);
	return true;
}

static const struct json_value *line_find(const struct line *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (bytes_is(l->member[i].key, key))
			return &l->member[i].value;
	return NULL;
}

struct bytes line_type(const struct line *l)
{
	const struct json_value *v = line_find(l, "type");

	return v && v->type == JSON_STRING ? v->text : BYTES(NULL, 0);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool read_decimal(struct bytes t, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.ptr[i];

		if (c < '0' || c > '9' || __builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, c - '0', v))
			return false;
	}
	return t.len > 0;
}

/* Seconds in any form that a number has, to the nearest nanosecond: other programs hold them as
 * doubles, and write 8e-05. */
static bool read_seconds(struct bytes t, uint64_t *ns)
{
	char digit[NUMBER_TEXT];
	int n = 0, whole = -1, exponent = 0;
	size_t i = 0;

	for (; i < t.len && t.ptr[i] != 'e' && t.ptr[i] != 'E'; i++) {
		if (t.ptr[i] == '.' && whole < 0)
			whole = n;
		else if (t.ptr[i] >= '0' && t.ptr[i] <= '9' && n < NUMBER_TEXT)
			digit[n++] = (char)t.ptr[i];
		else
			return false;
	}
	if (i < t.len) {
		bool minus = ++i < t.len && t.ptr[i] == '-';
		uint64_t e;

		i += i < t.len && (t.ptr[i] == '-' || t.ptr[i] == '+');
		if (!read_decimal(BYTES(t.ptr + i, t.len - i), &e) || e > 99)
			return false;
		exponent = minus ? -(int)e : (int)e;
	}
	/* the digits down to nanoseconds, then the one that decides on rounding */
	whole = (whole < 0 ? n : whole) + exponent + 9;
	*ns = 0;
	for (int k = 0; k < whole; k++)
		if (__builtin_mul_overflow(*ns, 10, ns) ||
		    __builtin_add_overflow(*ns, k < n ? digit[k] - '0' : 0, ns))
			return false;
	if (whole >= 0 && whole < n && digit[whole] >= '5' && ++*ns == 0)
		return false;
	return n > 0;
}

/* 2026-01-02T03:04:05.000000006Z */
static bool read_iso(struct bytes t, uint64_t *ns)
{
	char text[40], *end;
	struct tm tm = { 0 };
	uint64_t fraction = 0;
	size_t len;
	time_t sec;

	if (t.len < 20 || t.len >= sizeof(text) || t.ptr[t.len - 1] != 'Z')
		return false;
	memcpy(text, t.ptr, t.len);
	text[t.len] = '\0';
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return false;
	sec = timegm(&tm);
	len = strcspn(end, "Z");
	if (sec < 0 || end + len + 1 != text + t.len)
		return false;
	if (*end == '.') {
		if (len > 10 || !read_decimal(BYTES(end + 1, len - 1), &fraction))
			return false;
		for (size_t i = len - 1; i < 9; i++)
			fraction *= 10;
	} else if (len) {
		return false;
	}
	return !__builtin_mul_overflow((uint64_t)sec, NS, ns) &&
	       !__builtin_add_overflow(*ns, fraction, ns);
}

static bool is_number(const struct json_value *v)
{
	return v->type == JSON_NUMBER || v->type == JSON_STRING;
}

static bool put_unsigned(struct buf *out, const struct json_value *v, uint64_t max)
{
	uint64_t u;

	if (!is_number(v) || !read_decimal(v->text, &u) || u > max)
		return false;
	mp_put_uint(out, u);
	return true;
}

static bool put_signed(struct buf *out, const struct json_value *v)
{
	bool minus = v->text.len && v->text.ptr[0] == '-';
	struct bytes digits = { v->text.ptr + minus, v->text.len - minus };
	uint64_t u;

	if (!is_number(v) || !read_decimal(digits, &u) || u > (uint64_t)INT64_MAX + minus)
		return false;
	mp_put_int(out, minus ? (int64_t)(0 - u) : (int64_t)u);
	return true;
}

static bool put_double(struct buf *out, const struct json_value *v)
{
	char text[NUMBER_TEXT];

	if (v->type != JSON_NUMBER || v->text.len >= sizeof(text))
		return false;
	memcpy(text, v->text.ptr, v->text.len);
	text[v->text.len] = '\0';
	mp_put_float(out, strtod(text, NULL));
	return true;
}

static bool read_time(const struct json_value *v, uint64_t *ns)
{
	return is_number(v) &&
	       (read_seconds(v->text, ns) || (v->type == JSON_STRING && read_iso(v->text, ns)));
}

static bool put_time(struct buf *out, const struct json_value *v)
{
	uint64_t ns;

	if (!read_time(v, &ns))
		return false;
	mp_put_uint(out, ns);
	return true;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Hex digits in pairs, with `gap` between the pairs unless it is 0. */
static bool read_hex(struct bytes t, uint8_t gap, struct buf *out)
{
	size_t step = gap ? 3 : 2;

	if ((t.len + (gap != 0)) % step && t.len)
		return false;
	for (size_t i = 0; i < t.len; i += step) {
		int hi = hex_digit(t.ptr[i]), lo = hex_digit(t.ptr[i + 1]);

		if (hi < 0 || lo < 0 || (gap && i + 2 < t.len && t.ptr[i + 2] != gap))
			return false;
		buf_add_byte(out, (uint8_t)(hi << 4 | lo));
	}
	return true;
}

static bool put_text(struct buf *out, const struct json_value *v)
{
	struct buf text = { 0 };
	bool good = v->type == JSON_STRING && json_unescape(v->text, &text);

	if (good)
		mp_put_text(out, BYTES(text.ptr ? text.ptr : (const uint8_t *)"", text.len));
	buf_release(&text);
	return good;
}

static bool put_hex(struct buf *out, const struct json_value *v, uint8_t gap, size_t len)
{
	struct buf bytes = { 0 };
	bool good = v->type == JSON_STRING && read_hex(v->text, gap, &bytes) &&
		    (!len || bytes.len == len);

	if (good)
		mp_put_bin(out, BYTES(bytes.ptr ? bytes.ptr : (const uint8_t *)"", bytes.len));
	buf_release(&bytes);
	return good;
}

/* A value of unknown form: the bytes it has on the wire. */
static bool put_raw(struct buf *out, const struct json_value *v)
{
	size_t from = out->len;
	struct cursor c;

	if (v->type != JSON_STRING || !v->text.len || !read_hex(v->text, 0, out))
		return false;
	c = cursor_of(BYTES(out->ptr + from, out->len - from));
	return mp_skip(&c) && !cursor_left(&c);
}

static bool put_address(struct buf *out, const struct json_value *v, bool wide)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t a[16] = { 0 };
	bool six;

	if (v->type != JSON_STRING || v->text.len >= sizeof(text))
		return false;
	memcpy(text, v->text.ptr, v->text.len);
	text[v->text.len] = '\0';
	six = strchr(text, ':') != NULL;
	if (!*text)
		return false;
	if (inet_pton(six ? AF_INET6 : AF_INET, text, a) != 1)
		return false;
	mp_put_bin(out, BYTES(a, six || wide ? 16 : 4));
	return true;
}

static bool put_enum(struct buf *out, const struct schema_field *f, const struct json_value *v)
{
	for (size_t i = 0; v->type == JSON_STRING && i < f->enum_count; i++)
		if (f->enum_values[i] && bytes_is(v->text, f->enum_values[i])) {
			mp_put_uint(out, i);
			return true;
		}
	return put_unsigned(out, v, UINT64_MAX);
}

/* ---- fields --------------------------------------------------------------------------------- */

static bool put_scalar(struct buf *out, const struct schema_field *f, const struct json_value *v)
{
	switch (f->kind) {
	case REC_BOOL:
		if (v->type == JSON_TRUE || v->type == JSON_FALSE)
			mp_put_bool(out, v->type == JSON_TRUE);
		return v->type == JSON_TRUE || v->type == JSON_FALSE;
	case REC_U8:
		return put_unsigned(out, v, UINT8_MAX);
	case REC_U16:
		return put_unsigned(out, v, UINT16_MAX);
	case REC_U32:
		return put_unsigned(out, v, UINT32_MAX);
	case REC_U64:
		return put_unsigned(out, v, UINT64_MAX);
	case REC_I64:
		return put_signed(out, v);
	case REC_F64:
		return put_double(out, v);
	case REC_STR:
		return put_text(out, v);
	case REC_BYTES:
		return put_hex(out, v, 0, 0);
	case REC_IP:
		return put_address(out, v, false);
	case REC_IP16:
		return put_address(out, v, true);
	case REC_MAC:
		return put_hex(out, v, ':', 6);
	case REC_TIME:
	case REC_DUR:
		return put_time(out, v);
	case REC_ENUM:
		return put_enum(out, f, v);
	default:
		return put_raw(out, v);
	}
}

static bool put_columns(struct buf *out, const struct encoder *e, const struct line *l,
			const struct schema *s, const struct rec_desc *desc, bool top, char *why);

/* The object of a sub-record: an array on the wire. */
static bool put_sub(struct buf *out, const struct encoder *e, const struct schema_field *f,
		    const struct json_value *v, char *why)
{
	struct line *l = malloc(sizeof(*l));
	struct bytes whole = BYTES(v->text.ptr - 1, v->text.len + 2);
	size_t n;
	bool good = l && v->type == JSON_OBJECT && line_split(l, whole, why);

	if (good) {
		schema_fields(f->sub, &n);
		mp_put_array(out, (uint32_t)n);
		good = put_columns(out, e, l, f->sub, NULL, false, why);
	} else if (v->type != JSON_OBJECT) {
		fail(why, "field '%s': not an object", f->name);
	}
	free(l);
	return good;
}

static bool put_value(struct buf *out, const struct encoder *e, const struct schema_field *f,
		      const struct json_value *v, char *why)
{
	if (v->type == JSON_NULL) {
		mp_put_nil(out);
		return true;
	}
	if (f->kind == REC_SUB && f->sub)
		return put_sub(out, e, f, v, why);
	if (put_scalar(out, f, v))
		return true;
	return fail(why, "field '%s': not a value of type %s", f->name, rec_kind_name(f->kind));
}

static bool put_list(struct buf *out, const struct encoder *e, const struct schema_field *f,
		     const struct json_value *v, char *why)
{
	struct cursor c = cursor_of(v->text);
	struct json_value item;
	uint32_t n = 0;

	if (v->type != JSON_ARRAY)
		return fail(why, "field '%s': not a list", f->name);
	while (json_item(&c, &item))
		n++;
	if (n > REC_MAX_ITEMS)
		return fail(why, "field '%s': more than %d items", f->name, REC_MAX_ITEMS);
	mp_put_array(out, n);
	c = cursor_of(v->text);
	while (json_item(&c, &item))
		if (!put_value(out, e, f, &item, why))
			return false;
	return true;
}

static bool is_head(struct bytes key)
{
	return bytes_is(key, "type") || bytes_is(key, "ts") || bytes_is(key, "flow") ||
	       bytes_is(key, "n") || bytes_is(key, "community_id");
}

static bool is_needed(const struct rec_desc *desc, size_t i)
{
	return desc && i < desc->nfields && desc->fields[i].shape == REC_ONE;
}

/* The field of that name, looked for from `next` on, as they mostly come in order; n: none. */
static size_t find_column(const struct schema_field *f, size_t n, struct bytes key, size_t next)
{
	for (size_t i = next; i < n; i++)
		if (bytes_is(key, f[i].name))
			return i;
	for (size_t i = 0; i < next; i++)
		if (bytes_is(key, f[i].name))
			return i;
	return n;
}

/* The values of a schema's fields, in its order; nil for what the line lacks. */
static bool put_columns(struct buf *out, const struct encoder *e, const struct line *l,
			const struct schema *s, const struct rec_desc *desc, bool top, char *why)
{
	const struct json_value *column[MAX_COLUMNS] = { 0 };
	size_t n, next = 0;
	const struct schema_field *f = schema_fields(s, &n);

	for (size_t i = 0; i < l->n; i++) {
		struct bytes key = l->member[i].key;
		size_t at = find_column(f, n, key, next);

		if (at < n) {
			column[at] = &l->member[i].value;
			next = at + 1;
		} else if (!(top && is_head(key)) && !e->ignore_unknown) {
			return fail(why, "type '%s' has no field '%.*s'", schema_name(s),
				    (int)(key.len < 64 ? key.len : 64), (const char *)key.ptr);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!column[i] || column[i]->type == JSON_NULL) {
			if (is_needed(desc, i))
				return fail(why, "field '%s' is missing", f[i].name);
			mp_put_nil(out);
		} else if (f[i].list) {
			if (!put_list(out, e, &f[i], column[i], why))
				return false;
		} else if (!put_value(out, e, &f[i], column[i], why)) {
			return false;
		}
	}
	return true;
}

static bool read_head(const struct encoder *e, const struct line *l, struct rec_head *h, char *why)
{
	const struct json_value *ts = line_find(l, "ts"), *flow = line_find(l, "flow"),
				*n = line_find(l, "n");

	*h = (struct rec_head){ .type = e->id, .n = e->n };
	if (ts && !read_time(ts, &h->ts))
		return fail(why, "field 'ts': not a time");
	if (flow && (!is_number(flow) || !read_decimal(flow->text, &h->flow)))
		return fail(why, "field 'flow': not a number");
	if (n && (!is_number(n) || !read_decimal(n->text, &h->n)))
		return fail(why, "field 'n': not a number");
	return true;
}

bool line_encode(const struct encoder *e, const struct line *l, struct buf *out, char why[LINE_WHY])
{
	size_t from = out->len, n;
	struct rec_head h;
	ssize_t len;
	const char *what = "a record";
	bool good = read_head(e, l, &h, why);

	if (good) {
		schema_fields(e->schema, &n);
		make_head(out, &h, (uint32_t)n);
		good = put_columns(out, e, l, e->schema, e->desc, true, why);
	}
	if (good) {
		len = rec_measure(BYTES(out->ptr + from, out->len - from), &what);
		good = len > 0 && (size_t)len == out->len - from;
		if (!good)
			fail(why, "more than a record can hold: %s", what);
	}
	if (!good)
		out->len = from;
	return good;
}
