/* table: values as text, quoted as RFC 4180 says, or escaped between tabs. */
#include "cmd/csv/table.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/base/die.h"

struct column {
	char *name;
	struct field field;
};

struct table {
	struct table_options options;
	struct rec_view view;
	struct column *columns;
	size_t n;
	bool full;
	struct buf cell; /* the value at hand, not yet quoted */
};

static void column_add(struct table *t, const char *name, size_t len)
{
	struct column *c = &t->columns[t->n];

	if (t->n == TABLE_COLUMNS) {
		t->full = true;
		return;
	}
	c->name = strndup(name, len);
	if (!c->name)
		die("out of memory");
	field_bind(&c->field, &t->view, c->name);
	t->n++;
}

/* A field, or in its place the members of a sub-record. */
static void add_field(struct table *t, const char *before, const struct schema_field *f, int depth)
{
	char name[FIELD_NAME];
	int len = snprintf(name, sizeof(name), "%s%s", before, f->name);
	size_t n;
	const struct schema_field *members;

	if (len < 0 || (size_t)len >= sizeof(name))
		return;
	if (f->kind != REC_SUB || !f->sub || depth + 1 == FIELD_DEPTH) {
		column_add(t, name, (size_t)len);
		return;
	}
	members = schema_fields(f->sub, &n);
	if ((size_t)len + 1 >= sizeof(name))
		return;
	memcpy(name + len, ".", 2);
	for (size_t i = 0; i < n; i++)
		add_field(t, name, &members[i], depth + 1);
}

static void add_all(struct table *t)
{
	column_add(t, "ts", 2);
	column_add(t, "flow", 4);
	column_add(t, "n", 1);
	if (t->view.has_key)
		column_add(t, "community_id", 12);
	for (size_t i = 0; i < t->view.nfields; i++)
		add_field(t, "", &t->view.fields[i], 0);
}

struct table *table_new(const struct schema *s, const char *fields, const struct table_options *o)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->options = *o;
	t->columns = xcalloc(TABLE_COLUMNS, sizeof(*t->columns));
	rec_view_init(&t->view, s);
	if (!fields)
		add_all(t);
	while (fields && *fields) {
		size_t len = strcspn(fields, ",");

		if (len)
			column_add(t, fields, len);
		fields += len + (fields[len] == ',');
	}
	if (!t->full)
		return t;
	table_free(t);
	return NULL;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->columns[i].name);
	free(t->columns);
	rec_view_release(&t->view);
	buf_release(&t->cell);
	free(t);
}

/* ---- text ---------------------------------------------------------------------------------- */

static void put_csv(struct buf *out, struct bytes b)
{
	bool quote = false;

	for (size_t i = 0; i < b.len && !quote; i++)
		quote = b.ptr[i] == ',' || b.ptr[i] == '"' || b.ptr[i] == '\r' || b.ptr[i] == '\n';
	if (!quote) {
		buf_add(out, b.ptr, b.len);
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] == '"')
			buf_add_byte(out, '"');
		buf_add_byte(out, b.ptr[i]);
	}
	buf_add_byte(out, '"');
}

static void put_tsv(struct buf *out, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		switch (b.ptr[i]) {
		case '\t':
			buf_add_str(out, "\\t");
			break;
		case '\n':
			buf_add_str(out, "\\n");
			break;
		case '\r':
			buf_add_str(out, "\\r");
			break;
		case '\\':
			buf_add_str(out, "\\\\");
			break;
		default:
			buf_add_byte(out, b.ptr[i]);
		}
	}
}

static void put_cell(const struct table *t, struct buf *out, struct bytes b)
{
	if (t->options.tsv)
		put_tsv(out, b);
	else
		put_csv(out, b);
}

static void put_end(const struct table *t, struct buf *out)
{
	buf_add_str(out, t->options.tsv ? "\n" : "\r\n");
}

void table_header(const struct table *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (i)
			buf_add_byte(out, t->options.tsv ? '\t' : ',');
		put_cell(t, out, bytes_str(t->columns[i].name));
	}
	put_end(t, out);
}

/* ---- values --------------------------------------------------------------------------------- */

static void put_seconds(struct buf *out, uint64_t ns)
{
	buf_printf(out, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

static void put_iso(struct buf *out, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ns % 1000000000));
}

static void put_hex(struct buf *out, struct bytes b, const char *between)
{
	for (size_t i = 0; i < b.len; i++)
		buf_printf(out, "%s%02x", i ? between : "", b.ptr[i]);
}

static void put_ip(struct buf *out, struct bytes b)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (b.len == 4 || b.len == 16)
		inet_ntop(b.len == 4 ? AF_INET : AF_INET6, b.ptr, text, sizeof(text));
	buf_add_str(out, text);
}

/* Text as it is; what is no UTF-8 as the printer of JSON shows it. */
static void put_text(struct buf *out, struct bytes b)
{
	if (rec_is_utf8(b)) {
		buf_add(out, b.ptr, b.len);
		return;
	}
	for (size_t i = 0; i < b.len; i++) {
		if (b.ptr[i] < 0x80)
			buf_add_byte(out, b.ptr[i]);
		else
			buf_printf(out, "\\x%02x", b.ptr[i]);
	}
}

static void put_value(const struct table *t, struct buf *out, const struct value *v)
{
	switch (v->type) {
	case VALUE_ABSENT:
		break;
	case VALUE_BOOL:
		buf_add_str(out, v->b ? "true" : "false");
		break;
	case VALUE_UINT:
		buf_printf(out, "%" PRIu64, v->u);
		break;
	case VALUE_INT:
		buf_printf(out, "%" PRId64, v->i);
		break;
	case VALUE_FLOAT:
		buf_printf(out, "%.17g", v->f);
		break;
	case VALUE_TIME:
		if (t->options.iso_time)
			put_iso(out, v->u);
		else
			put_seconds(out, v->u);
		break;
	case VALUE_DUR:
		put_seconds(out, v->u);
		break;
	case VALUE_ENUM:
		if (v->bytes.ptr)
			put_text(out, v->bytes);
		else
			buf_printf(out, "%" PRIu64, v->u);
		break;
	case VALUE_TEXT:
		put_text(out, v->bytes);
		break;
	case VALUE_BYTES:
		put_hex(out, v->bytes, "");
		break;
	case VALUE_IP:
		put_ip(out, v->bytes);
		break;
	case VALUE_MAC:
		put_hex(out, v->bytes, ":");
		break;
	}
}

bool table_row(struct table *t, struct bytes raw, struct buf *out)
{
	size_t from = out->len;
	struct field_walk w;
	struct value v;

	if (!rec_view_start(&t->view, raw))
		return false;
	for (size_t i = 0; i < t->n; i++) {
		bool first = true;

		if (i)
			buf_add_byte(out, t->options.tsv ? '\t' : ',');
		t->cell.len = 0;
		field_walk(&w, &t->columns[i].field, &t->view);
		while (field_next(&w, &v)) {
			if (!first)
				buf_add_byte(&t->cell, ';');
			put_value(t, &t->cell, &v);
			first = false;
		}
		put_cell(t, out, buf_bytes(&t->cell));
	}
	put_end(t, out);
	if (!rec_view_damaged(&t->view))
		return true;
	out->len = from;
	return false;
}
