/* info: a stream's summary as text for people and as JSON for programs. */
#include "cmd/info/info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

void info_init(struct info *x)
{
	*x = (struct info){ .types = xcalloc(65536, sizeof(struct info_type)) };
}

void info_clear(struct info *x)
{
	struct info_type *types = x->types;

	for (size_t i = 0; i < x->nsources; i++)
		free(x->sources[i].name);
	buf_release(&x->program);
	buf_release(&x->version);
	buf_release(&x->command);
	books_release(&x->books);
	memset(types, 0, 65536 * sizeof(*types));
	*x = (struct info){ .types = types };
}

void info_release(struct info *x)
{
	info_clear(x);
	free(x->types);
	x->types = NULL;
}

void info_add(struct info *x, const struct schema *s, const struct stage_rec *r)
{
	struct info_type *t = &x->types[r->head.type];

	t->schema = s;
	if (!t->records || r->head.ts < t->first)
		t->first = r->head.ts;
	if (r->head.ts > t->last)
		t->last = r->head.ts;
	if (!t->records || r->head.n < t->first_n)
		t->first_n = r->head.n;
	if (r->head.n > t->last_n)
		t->last_n = r->head.n;
	t->records++;
	t->bytes += r->raw.len;
}

static const char *cause_name(const struct info *x)
{
	const char *name = rec_enum_text(&rec_enum_end_cause, x->cause);

	if (!x->ended)
		return "cut: no end record";
	return name ? name : "unknown";
}

static struct info_type total(const struct info *x)
{
	struct info_type sum = { 0 };

	for (unsigned id = 0; id < 65536; id++) {
		const struct info_type *t = &x->types[id];

		if (!t->records)
			continue;
		if (!sum.records || t->first < sum.first)
			sum.first = t->first;
		if (!sum.records || t->first_n < sum.first_n)
			sum.first_n = t->first_n;
		if (t->last > sum.last)
			sum.last = t->last;
		if (t->last_n > sum.last_n)
			sum.last_n = t->last_n;
		sum.records += t->records;
		sum.bytes += t->bytes;
	}
	return sum;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Text from elsewhere goes to a terminal: only printable ASCII does. */
static void put_safe(struct buf *out, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		buf_add_byte(out, b.ptr[i] >= 0x20 && b.ptr[i] < 0x7f ? b.ptr[i] : '?');
}

static void put_time(struct buf *out, uint64_t ns)
{
	time_t sec = (time_t)(ns / 1000000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ns % 1000000000));
}

static void put_fields(struct buf *out, const struct schema *s)
{
	size_t n;
	const struct schema_field *f = schema_fields(s, &n);

	for (size_t i = 0; i < n; i++) {
		const char *kind = f[i].sub ? schema_name(f[i].sub) : rec_kind_name(f[i].kind);

		buf_printf(out, "            %-24s ", f[i].name);
		buf_printf(out, f[i].list ? "list<%s>\n" : "%s\n", kind);
	}
}

static void put_types(const struct info *x, bool schemas, struct buf *out)
{
	buf_printf(out, "%-20s %5s %12s %14s  %s\n", "type", "id", "records", "bytes", "first");
	for (unsigned id = 0; id < 65536; id++) {
		const struct info_type *t = &x->types[id];

		if (!t->records)
			continue;
		buf_printf(out, "%-20s %5u %12" PRIu64 " %14" PRIu64 "  ",
			   t->schema ? schema_name(t->schema) : "(undeclared)", id, t->records,
			   t->bytes);
		put_time(out, t->first);
		buf_add_byte(out, '\n');
		if (schemas && t->schema)
			put_fields(out, t->schema);
	}
}

static void line(struct buf *out, const char *name, struct bytes text)
{
	buf_printf(out, "%-9s ", name);
	put_safe(out, text);
	buf_add_byte(out, '\n');
}

bool info_text(const struct info *x, bool schemas, struct buf *out)
{
	struct info_type sum = total(x);
	struct buf why = { 0 };
	size_t off = books_check(&x->books, &why);

	buf_add_str(out, "producer  ");
	put_safe(out, buf_bytes(&x->program));
	buf_add_byte(out, ' ');
	put_safe(out, buf_bytes(&x->version));
	buf_printf(out, ", stream %016" PRIx64 "%s%s\n", x->stream, x->live ? ", live" : "",
		   x->continues ? ", goes on from another" : "");
	if (x->command.len)
		line(out, "command", buf_bytes(&x->command));
	for (size_t i = 0; i < x->nsources; i++) {
		buf_printf(out, "source    %" PRIu64 " from n %" PRIu64 ": ", x->sources[i].source,
			   x->sources[i].first_n);
		put_safe(out, bytes_str(x->sources[i].name));
		buf_add_byte(out, '\n');
	}
	if (x->more_sources)
		buf_printf(out, "source    and %zu more\n", x->more_sources);
	buf_printf(out, "records   %" PRIu64 ", %" PRIu64 " bytes", sum.records, sum.bytes);
	if (sum.records) {
		buf_printf(out, ", n %" PRIu64 " to %" PRIu64 "\ntime      ", sum.first_n,
			   sum.last_n);
		put_time(out, sum.first);
		buf_add_str(out, " to ");
		put_time(out, sum.last);
	}
	buf_printf(out, "\nend       %s\nbooks     ", cause_name(x));
	if (!x->books.n)
		buf_add_str(out, "none\n");
	else if (off)
		buf_printf(out, "off: %.*s", (int)why.len, (const char *)why.ptr);
	else
		buf_add_str(out, "balance\n");
	if (sum.records) {
		buf_add_byte(out, '\n');
		put_types(x, schemas, out);
	}
	buf_release(&why);
	return !off;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_string(struct buf *out, struct bytes b)
{
	bool utf8 = rec_is_utf8(b);

	buf_add_byte(out, '"');
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.ptr[i];

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else if (c >= 0x80 && !utf8)
			buf_printf(out, "\\\\x%02x", c);
		else
			buf_add_byte(out, c);
	}
	buf_add_byte(out, '"');
}

static void put_seconds(struct buf *out, const char *name, uint64_t ns)
{
	buf_printf(out, ",\"%s\":%" PRIu64 ".%09" PRIu64, name, ns / 1000000000, ns % 1000000000);
}

static void put_json_fields(struct buf *out, const struct schema *s)
{
	size_t n;
	const struct schema_field *f = schema_fields(s, &n);

	buf_printf(out, ",\"version\":%u,\"fields\":{", schema_major(s));
	for (size_t i = 0; i < n; i++)
		buf_printf(out, f[i].list ? "%s\"%s\":\"list<%s>\"" : "%s\"%s\":\"%s\"",
			   i ? "," : "", f[i].name,
			   f[i].sub ? schema_name(f[i].sub) : rec_kind_name(f[i].kind));
	buf_add_byte(out, '}');
}

static void put_json_types(const struct info *x, struct buf *out)
{
	bool first = true;

	buf_add_str(out, ",\"types\":[");
	for (unsigned id = 0; id < 65536; id++) {
		const struct info_type *t = &x->types[id];

		if (!t->records)
			continue;
		buf_printf(out, "%s{\"type\":", first ? "" : ",");
		put_string(out, bytes_str(t->schema ? schema_name(t->schema) : ""));
		buf_printf(out, ",\"id\":%u,\"records\":%" PRIu64 ",\"bytes\":%" PRIu64, id,
			   t->records, t->bytes);
		put_seconds(out, "first", t->first);
		put_seconds(out, "last", t->last);
		if (t->schema)
			put_json_fields(out, t->schema);
		buf_add_byte(out, '}');
		first = false;
	}
	buf_add_byte(out, ']');
}

bool info_json(const struct info *x, struct buf *out)
{
	struct info_type sum = total(x);
	size_t off = books_check(&x->books, NULL);

	buf_add_str(out, "{\"program\":");
	put_string(out, buf_bytes(&x->program));
	buf_add_str(out, ",\"version\":");
	put_string(out, buf_bytes(&x->version));
	buf_printf(out, ",\"stream\":\"%016" PRIx64 "\",\"live\":%s,\"command\":", x->stream,
		   x->live ? "true" : "false");
	put_string(out, buf_bytes(&x->command));
	buf_add_str(out, ",\"sources\":[");
	for (size_t i = 0; i < x->nsources; i++) {
		buf_printf(out, "%s{\"source\":%" PRIu64 ",\"first_n\":%" PRIu64 ",\"name\":",
			   i ? "," : "", x->sources[i].source, x->sources[i].first_n);
		put_string(out, bytes_str(x->sources[i].name));
		buf_add_byte(out, '}');
	}
	buf_printf(out, "],\"records\":%" PRIu64 ",\"bytes\":%" PRIu64, sum.records, sum.bytes);
	if (sum.records) {
		put_seconds(out, "first", sum.first);
		put_seconds(out, "last", sum.last);
		buf_printf(out, ",\"first_n\":%" PRIu64 ",\"last_n\":%" PRIu64, sum.first_n,
			   sum.last_n);
	}
	buf_printf(out, ",\"end\":\"%s\",\"books\":\"%s\"", x->ended ? cause_name(x) : "cut",
		   !x->books.n ? "none"
		   : off       ? "off"
			       : "balance");
	put_json_types(x, out);
	buf_add_str(out, "}\n");
	return !off;
}
