/* transcript: both sides of streams as text. */
#include "cmd/streams/transcript.h"

#include <netinet/in.h>

#include "cmd/streams/name.h"

enum { LINE_MAX_BYTES = 1024 /* of a stream, on one line of text */ };

static const char *colour_of(const struct transcript *t, unsigned dir)
{
	return !t->colour ? "" : dir ? "\033[32m" : "\033[36m";
}

static const char *colour_off(const struct transcript *t)
{
	return t->colour ? "\033[0m" : "";
}

static void headline(struct transcript *t, struct buf *out, uint64_t flow, const char *orig,
		     const char *resp)
{
	if (t->any && t->flow == flow)
		return;
	buf_printf(out, "%s--- %s -> %s (flow %llu)\n", t->any ? "\n" : "", orig, resp,
		   (unsigned long long)flow);
	t->any = true;
	t->flow = flow;
}

static void escaped(struct buf *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t text[4] = { '\\', 'x', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15] };

	if (c == '\t')
		buf_add(out, "\\t", 2);
	else if (c == '\r')
		buf_add(out, "\\r", 2);
	else if (c == '\\')
		buf_add(out, "\\\\", 2);
	else
		buf_add(out, text, sizeof(text));
}

/* One line of the stream, without its newline. */
static void line(const struct transcript *t, struct buf *out, unsigned dir, struct bytes text)
{
	size_t plain = 0;

	buf_add_str(out, colour_of(t, dir));
	buf_add_str(out, dir ? "< " : "> ");
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			continue;
		buf_add(out, text.ptr + plain, i - plain);
		escaped(out, c);
		plain = i + 1;
	}
	buf_add(out, text.ptr + plain, text.len - plain);
	buf_add_str(out, colour_off(t));
	buf_add_byte(out, '\n');
}

static void payload(const struct transcript *t, struct buf *out, unsigned dir, struct bytes data)
{
	while (data.len) {
		size_t most = data.len < LINE_MAX_BYTES ? data.len : LINE_MAX_BYTES;
		const uint8_t *nl = memchr(data.ptr, '\n', most);
		size_t n = nl ? (size_t)(nl - data.ptr) : most;
		struct bytes text = BYTES(data.ptr, n);

		if (nl && n && text.ptr[n - 1] == '\r')
			text.len--;
		line(t, out, dir, text);
		n += nl != NULL;
		data = BYTES(data.ptr + n, data.len - n);
	}
}

/* What lacks, in brackets on a line of its own. */
static void missing(const struct transcript *t, struct buf *out, unsigned dir,
		    const struct rec_stream *s)
{
	const char *why = rec_enum_text(&rec_enum_gap_reason, s->gap_reason);
	unsigned long long n = s->gap;

	buf_printf(out, "%s%s[", colour_of(t, dir), dir ? "< " : "> ");
	if (s->proto == IPPROTO_SCTP && !(s->flags & STREAM_LOST_CHUNKS))
		buf_printf(out, "stream %u: ", s->sid);
	if (s->flags & STREAM_LOST_PART)
		buf_add_str(out, "part of a message missing");
	else if (s->flags & (STREAM_LOST_CHUNKS | STREAM_LOST_MESSAGES))
		buf_printf(out, "%llu %s%s missing", n,
			   s->flags & STREAM_LOST_CHUNKS ? "chunk" : "message", n == 1 ? "" : "s");
	else
		buf_printf(out, "%llu bytes missing", n);
	buf_printf(out, ": %s]%s\n", why ? why : "unknown", colour_off(t));
}

/* Which stream of SCTP the following is of. */
static void stream_line(const struct transcript *t, struct buf *out, unsigned dir,
			const struct rec_stream *s)
{
	buf_printf(out, "%s%s[stream %u, ppid %u%s]%s\n", colour_of(t, dir), dir ? "< " : "> ",
		   s->sid, s->ppid, s->flags & STREAM_UNORDERED ? ", unordered" : "",
		   colour_off(t));
}

void transcript_stream(struct transcript *t, struct buf *out, const struct rec_head *h,
		       const struct rec_stream *s)
{
	char orig[STREAM_NAME], resp[STREAM_NAME];
	unsigned dir = s->dir & 1;

	stream_place(s->orig_h, s->ip_version, s->orig_p, orig);
	stream_place(s->resp_h, s->ip_version, s->resp_p, resp);
	headline(t, out, h->flow, orig, resp);
	if (s->gap) {
		missing(t, out, dir, s);
		return;
	}
	if (s->proto == IPPROTO_SCTP)
		stream_line(t, out, dir, s);
	payload(t, out, dir, s->payload);
}

void transcript_end(struct transcript *t, struct buf *out, const struct rec_head *h,
		    const struct rec_stream_end *e)
{
	const char *why = rec_enum_text(&rec_enum_stream_reason, e->reason);
	char orig[STREAM_NAME], resp[STREAM_NAME];
	unsigned dir = e->dir & 1;
	const struct rec_key *k = &e->key;

	stream_place(k->orig_h.b, k->orig_h.len == 4 ? 4 : k->orig_h.len ? 6 : 0, k->orig_p, orig);
	stream_place(k->resp_h.b, k->resp_h.len == 4 ? 4 : k->resp_h.len ? 6 : 0, k->resp_p, resp);
	headline(t, out, h->flow, orig, resp);
	buf_printf(out, "%s%s[end: %s, %llu bytes", colour_of(t, dir), dir ? "< " : "> ",
		   why ? why : "unknown", (unsigned long long)e->delivered);
	if (e->gap_bytes)
		buf_printf(out, ", %llu missing", (unsigned long long)e->gap_bytes);
	if (e->lost_chunks.set && e->lost_chunks.v)
		buf_printf(out, ", %llu chunk%s missing", (unsigned long long)e->lost_chunks.v,
			   e->lost_chunks.v == 1 ? "" : "s");
	buf_printf(out, "]%s\n", colour_off(t));
}
