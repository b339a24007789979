/* text: a record as one aligned line for people. */
#include "cmd/json/text.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <time.h>

#include "libcommon/base/die.h"

enum { TYPE_WIDTH = 8, MAX_BRIEF = 12, MAX_ITEMS = 4 };

/* What a line shows of the types we know, in this order; any other type shows name=value. */
static const struct brief {
	const char *type, *color;
	const char *fields[MAX_BRIEF];
} briefs[] = {
	{ "flow",
	  "\033[32m",
	  { "conn_state", "event", "reason", "orig_pkts", "resp_pkts", "orig_bytes", "resp_bytes",
	    "duration", "history" } },
	{ "dns", "\033[36m", { "query", "qtype_name", "rcode_name", "state", "answers", "rtt" } },
	{ "http",
	  "\033[33m",
	  { "method", "host", "uri", "status_code", "outcome", "resp_body_len", "resp_content_type",
	    "user_agent" } },
	{ "tls", "\033[35m", { "version_name", "sni", "alpn", "cipher_name", "ja4", "ja3" } },
	{ "anomaly", "\033[31m", { "name", "severity", "state", "event", "expected" } },
	{ "stream_end",
	  "\033[2m",
	  { "dir", "reason", "delivered", "gap_bytes", "retransmitted", "out_of_order" } },
	{ "session_end", "\033[2m", { "parser", "reason", "messages", "detail" } },
};

void text_plan(struct render_plan *p)
{
	const char *type = schema_name(p->schema);

	p->color = "\033[34m";
	for (size_t i = 0; i < sizeof(briefs) / sizeof(briefs[0]); i++) {
		size_t n = 0;

		if (strcmp(briefs[i].type, type) != 0)
			continue;
		p->color = briefs[i].color;
		if (p->options.fields)
			return;
		p->brief = xcalloc(MAX_BRIEF + 1, sizeof(int));
		for (size_t k = 0; k < MAX_BRIEF && briefs[i].fields[k]; k++) {
			int at = schema_find(p->schema, briefs[i].fields[k]);

			if (at >= 0 && p->show[at])
				p->brief[n++] = at;
		}
		p->brief[n] = -1;
	}
}

/* Bytes as they can stand on a terminal: UTF-8 without control characters. */
static void text_bytes(struct buf *out, struct bytes b)
{
	struct buf quoted = { 0 };

	json_string(&quoted, b);
	buf_add(out, quoted.ptr + 1, quoted.len - 2);
	buf_release(&quoted);
}

static void text_count(struct buf *out, uint64_t v)
{
	buf_printf(out, "%" PRIu64, v);
}

static void text_duration(struct buf *out, uint64_t ns)
{
	if (ns < 1000000)
		buf_printf(out, "%.0fus", (double)ns / 1e3);
	else if (ns < 1000000000)
		buf_printf(out, "%.1fms", (double)ns / 1e6);
	else
		buf_printf(out, "%.2fs", (double)ns / 1e9);
}

static void text_value(const struct schema_field *f, struct cursor *c, struct buf *out, int depth);

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

static void text_value(const struct schema_field *f, struct cursor *c, struct buf *out, int depth)
{
	struct cursor start = *c;
	struct mp_value v = mp_next(c);

	if (v.type == MP_ARRAY && f->list && depth < 4) {
		struct schema_field item = *f;

		item.list = false;
		for (uint32_t i = 0; i < v.count; i++) {
			if (i >= MAX_ITEMS) {
				buf_printf(out, "+%u", v.count - i);
				break;
			}
			if (i)
				buf_add_byte(out, ',');
			text_value(&item, c, out, depth + 1);
		}
		return;
	}
	switch (v.type) {
	case MP_BOOL:
		buf_add_str(out, v.b ? "yes" : "no");
		break;
	case MP_UINT:
		if (f->kind == REC_ENUM && v.u < f->enum_count && f->enum_values[v.u])
			buf_add_str(out, f->enum_values[v.u]);
		else if (f->kind == REC_DUR)
			text_duration(out, v.u);
		else if (f->kind == REC_TIME)
			iso_time(out, v.u);
		else
			text_count(out, v.u);
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
		else
			text_bytes(out, v.bytes);
		break;
	case MP_ARRAY:
		if (f->sub && depth < 4) {
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
	bool ports;

	if (!render_key(p, &key))
		return;
	ports = key.proto == IPPROTO_TCP || key.proto == IPPROTO_UDP || key.proto == IPPROTO_SCTP;
	text_endpoint(out, &key.orig_h, key.orig_p, ports);
	buf_add_str(out, " > ");
	text_endpoint(out, &key.resp_h, key.resp_p, ports);
	if (!ports)
		buf_printf(out,
			   key.proto == IPPROTO_ICMP || key.proto == IPPROTO_ICMPV6 ? " icmp %u"
										    : " proto %u",
			   key.proto == IPPROTO_ICMP || key.proto == IPPROTO_ICMPV6 ? key.orig_p
										    : key.proto);
}

static void pad(struct buf *out, size_t from, size_t width)
{
	while (out->len - from < width)
		buf_add_byte(out, ' ');
}

static void text_field(const struct render_plan *p, int field, bool with_name, struct buf *out)
{
	const struct schema_field *f = &p->fields[field];
	struct cursor c = cursor_of(p->values[field]);

	if (p->values[field].len == 0 || p->values[field].ptr[0] == 0xc0)
		return;
	buf_add_byte(out, ' ');
	/* A bare number says nothing: it comes with its name. */
	if (with_name || f->kind == REC_U64 || f->kind == REC_U32 || f->kind == REC_DUR)
		buf_printf(out, "%s=", f->name);
	text_value(f, &c, out, 0);
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

void text_record(struct render_plan *p, const struct rec_head *h, struct buf *out)
{
	time_t sec = (time_t)(h->ts / 1000000000);
	size_t line = out->len, keys;
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_printf(out, "%02d:%02d:%02d.%03u ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (unsigned)(h->ts % 1000000000 / 1000000));
	keys = out->len;
	buf_add_str(out, schema_name(p->schema));
	pad(out, keys, TYPE_WIDTH);
	keys = out->len;
	text_key(p, out);
	pad(out, keys, 36);
	for (int i = 0; p->brief && p->brief[i] >= 0; i++)
		text_field(p, p->brief[i], false, out);
	for (size_t i = 0; !p->brief && i < p->nfields; i++)
		if (p->show[i] && (!p->has_key || ((int)i != p->proto && (int)i != p->orig_h &&
						   (int)i != p->orig_p && (int)i != p->resp_h &&
						   (int)i != p->resp_p)))
			text_field(p, (int)i, true, out);
	cut(out, line, p->options.width);
	while (out->len > line && out->ptr[out->len - 1] == ' ')
		out->len--;
	if (p->options.color) {
		size_t n = strlen(p->color);

		buf_reserve(out, n + 8);
		memmove(out->ptr + line + n, out->ptr + line, out->len - line);
		memcpy(out->ptr + line, p->color, n);
		out->len += n;
		buf_add_str(out, "\033[0m");
	}
	buf_add_byte(out, '\n');
}
