/* text: a record as one aligned line for people. */
#include "cmd/json/text.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <time.h>

#include "libcommon/base/die.h"

enum {
	TYPE_WIDTH = 8,
	KEY_WIDTH = 37,      /* two IPv4 endpoints of usual length */
	KEY_WIDTH_WIDE = 46, /* two of the greatest, where there is room */
	WIDE_LINE = 120,
	MAX_ITEMS = 4,
	MAX_DEPTH = 4,
};

void text_plan(struct render_plan *p)
{
	const struct text_style *s = text_style_of(schema_name(p->schema));

	p->color = s ? s->color : "\033[34m";
	if (!s || p->options.fields)
		return;
	p->style = s;
	p->brief = xcalloc(TEXT_STYLE_FIELDS, sizeof(int));
	for (size_t i = 0; i < TEXT_STYLE_FIELDS; i++) {
		p->brief[i] = s->fields[i] ? schema_find(p->schema, s->fields[i]) : -1;
		if (p->brief[i] >= 0 && !p->show[p->brief[i]])
			p->brief[i] = -1;
	}
}

/* ---- values -------------------------------------------------------------------------------- */

/* Length of the UTF-8 character at p where it may stand on a terminal, else 0. */
static size_t printable(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (n > left || !rec_is_utf8(BYTES(p, n)))
		return 0;
	if (n == 1)
		return p[0] >= 0x20 && p[0] < 0x7f;
	if (p[0] == 0xc2 && p[1] < 0xa0) /* C1 controls */
		return 0;
	/* U+200E, U+200F, U+2028..U+202E and U+2066..U+2069 turn or break the line. */
	if (p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
		return 0;
	return n;
}

void text_bytes(struct buf *out, struct bytes b)
{
	for (size_t i = 0, n; i < b.len; i += n ? n : 1) {
		n = printable(b.ptr + i, b.len - i);
		if (n)
			buf_add(out, b.ptr + i, n);
		else
			buf_printf(out, "\\x%02x", b.ptr[i]);
	}
}

void text_duration(struct buf *out, uint64_t ns)
{
	uint64_t sec = ns / 1000000000;

	if (ns < 1000000)
		buf_printf(out, "%" PRIu64 "us", ns / 1000);
	else if (ns < 100000000)
		buf_printf(out, "%.1fms", (double)ns / 1e6);
	else if (sec < 100)
		buf_printf(out, "%.2fs", (double)ns / 1e9);
	else if (sec < 6000)
		buf_printf(out, "%" PRIu64 "m%02" PRIu64 "s", sec / 60, sec % 60);
	else
		buf_printf(out, "%" PRIu64 "h%02" PRIu64 "m", sec / 3600, sec / 60 % 60);
}

void text_size(struct buf *out, uint64_t bytes)
{
	static const char units[] = " kMGTPE";
	double v = (double)bytes;
	int unit = 0;

	while (v >= 999.5) {
		v /= 1000;
		unit++;
	}
	if (!unit)
		buf_printf(out, "%" PRIu64, bytes);
	else
		buf_printf(out, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
}

/* Of a sub-record the last text field says most (DNS answers: rdata). */
static void text_sub(const struct schema *sub, uint32_t count, struct cursor *c, struct buf *out,
		     int depth)
{
	size_t n, before;
	const struct schema_field *f = schema_fields(sub, &n);
	struct cursor last = { 0 };
	size_t which = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct cursor at = *c;

		if (!mp_skip(c))
			return;
		if (i < n && f[i].kind == REC_STR && *at.pos != 0xc0) {
			last = at;
			which = i;
		}
	}
	before = out->len;
	if (last.pos)
		text_value(&f[which], &last, out, depth + 1);
	if (out->len == before)
		buf_add_byte(out, '-');
}

static void text_list(const struct schema_field *f, uint32_t count, struct cursor *c,
		      struct buf *out, int depth)
{
	struct schema_field item = *f;

	item.list = false;
	for (uint32_t i = 0; i < count; i++) {
		if (i >= MAX_ITEMS) {
			buf_printf(out, ", +%u", count - i);
			return;
		}
		if (i)
			buf_add_str(out, ", ");
		text_value(&item, c, out, depth + 1);
	}
}

static void text_uint(const struct schema_field *f, uint64_t v, struct buf *out)
{
	if (f->kind == REC_ENUM && v < f->enum_count && f->enum_values[v])
		buf_add_str(out, f->enum_values[v]);
	else if (f->kind == REC_DUR)
		text_duration(out, v);
	else if (f->kind == REC_TIME)
		iso_time(out, v);
	else
		buf_printf(out, "%" PRIu64, v);
}

void text_value(const struct schema_field *f, struct cursor *c, struct buf *out, int depth)
{
	struct cursor start = *c;
	struct mp_value v = mp_next(c);

	if (v.type == MP_ARRAY && f->list && depth < MAX_DEPTH) {
		text_list(f, v.count, c, out, depth);
		return;
	}
	switch (v.type) {
	case MP_BOOL:
		buf_add_str(out, v.b ? "yes" : "no");
		break;
	case MP_UINT:
		text_uint(f, v.u, out);
		break;
	case MP_INT:
		buf_printf(out, "%" PRId64, v.i);
		break;
	case MP_FLOAT:
		buf_printf(out, "%g", v.f);
		break;
	case MP_STR:
	case MP_BIN:
		if (f->kind == REC_IP && (v.bytes.len == 4 || v.bytes.len == 16))
			ip_text(out, v.bytes);
		else if (f->kind == REC_MAC || (f->kind == REC_BYTES && !rec_is_utf8(v.bytes)))
			for (size_t i = 0; i < v.bytes.len; i++)
				buf_printf(out, "%02x", v.bytes.ptr[i]);
		else
			text_bytes(out, v.bytes);
		break;
	case MP_ARRAY:
		if (f->sub && depth < MAX_DEPTH) {
			text_sub(f->sub, v.count, c, out, depth);
			break;
		}
		/* fall through */
	default:
		*c = start;
		mp_skip(c);
		buf_add_byte(out, '-');
	}
}

/* ---- the line ------------------------------------------------------------------------------ */

static void text_endpoint(struct buf *out, const struct ip *ip, uint16_t port, bool with_port)
{
	if (ip->len == 16 && with_port)
		buf_add_byte(out, '[');
	ip_text(out, BYTES(ip->b, ip->len));
	if (ip->len == 16 && with_port)
		buf_add_byte(out, ']');
	if (with_port)
		buf_printf(out, ":%u", port);
}

static void text_key(const struct render_plan *p, struct buf *out)
{
	struct rec_key key;
	bool ports, icmp;

	if (!rec_view_key(p->view, &key))
		return;
	ports = key.proto == IPPROTO_TCP || key.proto == IPPROTO_UDP || key.proto == IPPROTO_SCTP;
	icmp = key.proto == IPPROTO_ICMP || key.proto == IPPROTO_ICMPV6;
	text_endpoint(out, &key.orig_h, key.orig_p, ports);
	buf_add_str(out, " > ");
	text_endpoint(out, &key.resp_h, key.resp_p, ports);
	if (!ports)
		buf_printf(out, icmp ? " icmp %u" : " proto %u", icmp ? key.orig_p : key.proto);
}

static void pad(struct buf *out, size_t from, size_t width)
{
	while (out->len - from < width)
		buf_add_byte(out, ' ');
}

/* " name=value", where the field is there. */
static void text_field(const struct render_plan *p, int field, struct buf *out)
{
	struct cursor c = cursor_of(p->view->values[field]);

	if (p->view->values[field].len == 0 || p->view->values[field].ptr[0] == 0xc0)
		return;
	buf_printf(out, " %s=", p->fields[field].name);
	if (p->fields[field].kind == REC_IP16)
		ip_text(out, rec_view_address(p->view, field));
	else
		text_value(&p->fields[field], &c, out, 0);
}

static void text_all_fields(const struct render_plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->nfields; i++) {
		int at = (int)i;
		bool in_key = p->view->has_key && (at == p->view->proto || at == p->view->orig_h ||
						   at == p->view->orig_p || at == p->view->resp_h ||
						   at == p->view->resp_p);

		if (p->show[i] && !in_key)
			text_field(p, at, out);
	}
}

/* Cuts the line at `width` columns, counting UTF-8 characters, with an ellipsis. */
static void cut(struct buf *out, size_t from, unsigned width)
{
	unsigned columns = 0;
	size_t last = from;

	for (size_t i = from; width && i < out->len; i++) {
		if ((out->ptr[i] & 0xc0) == 0x80)
			continue;
		if (++columns == width)
			last = i;
		if (columns > width) {
			out->len = last;
			buf_add_str(out, "\xe2\x80\xa6");
			return;
		}
	}
}

static void paint(struct buf *out, size_t from, const char *color)
{
	size_t n = strlen(color);

	buf_reserve(out, n + 8);
	memmove(out->ptr + from + n, out->ptr + from, out->len - from);
	memcpy(out->ptr + from, color, n);
	out->len += n;
	buf_add_str(out, "\033[0m");
}

/* A flow is reported when it has ended; a line tells when it began, as those of its parts do. */
static uint64_t line_time(const struct render_plan *p, const struct rec_head *h)
{
	int start = schema_find(p->schema, "start");
	struct mp_value v = rec_view_value(p->view, start);

	return v.type == MP_UINT && p->fields[start].kind == REC_TIME ? v.u : h->ts;
}

static bool has_gap(const struct render_plan *p)
{
	struct mp_value v = rec_view_value(p->view, schema_find(p->schema, "gap_bytes"));

	return v.type == MP_UINT && v.u > 0;
}

void text_record(struct render_plan *p, const struct rec_head *h, struct buf *out)
{
	const char *type = schema_name(p->schema);
	bool gap = p->options.gaps_only && strcmp(type, "stream_end") == 0;
	uint64_t ts = line_time(p, h);
	time_t sec = (time_t)(ts / 1000000000);
	bool wide = !p->options.width || p->options.width >= WIDE_LINE;
	size_t line = out->len, from;
	struct tm tm;

	if (gap && !has_gap(p))
		return;
	gmtime_r(&sec, &tm);
	buf_printf(out, "%02d:%02d:%02d.%03u ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (unsigned)(ts % 1000000000 / 1000000));
	from = out->len;
	buf_add_str(out, gap ? "gap" : type);
	pad(out, from, TYPE_WIDTH - 1);
	buf_add_byte(out, ' ');
	from = out->len;
	text_key(p, out);
	if (p->view->has_key)
		pad(out, from, wide ? KEY_WIDTH_WIDE : KEY_WIDTH);
	else if (out->len == from)
		out->len--;
	if (p->style)
		p->style->write(p, out);
	else
		text_all_fields(p, out);
	cut(out, line, p->options.width);
	while (out->len > line && out->ptr[out->len - 1] == ' ')
		out->len--;
	if (p->options.color)
		paint(out, line, p->color);
	buf_add_byte(out, '\n');
}
