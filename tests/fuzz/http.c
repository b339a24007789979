/* Fuzz target: the HTTP parser under the engine, both directions, any cuts, gaps and ends.
 *
 * Input: steps of [control, length, bytes]: control 0-1 bytes of the client, 2-3 of the server
 * (odd: byte by byte), 4 and 5 a gap of length*length, 6 and 7 the end of a direction. The first
 * byte chooses options. */
#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long seen;

static void emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h, const void *rec)
{
	const struct rec_http *r = rec;
	const struct bytes *tags;

	(void)ctx;
	(void)h;
	seen++;
	if (desc != &rec_http_desc)
		return;
	/* What goes out must be readable, and within its limits. */
	tags = r->tags.items;
	for (size_t i = 0; i < r->tags.count; i++)
		seen += tags[i].ptr[0];
	if (r->uri.len > 4096 || r->method.len > 32 || r->req_headers.count > 256 ||
	    r->set_cookie_names.count > 100 || r->req_body.len > 48 * 1024)
		abort();
	for (size_t i = 0; i < r->uri.len; i++)
		seen += r->uri.ptr[i];
	if (r->outcome == REC_http_outcome_NO_REQUEST && r->method.ptr)
		abort();
}

struct feed {
	struct l7 *l7;
	uint64_t offset[2], n;
	unsigned flags;
};

static void record(struct feed *f, unsigned dir, struct bytes b, uint64_t gap)
{
	struct rec_head h = { REC_stream, 1000 + f->n, 1, f->n };
	struct rec_stream s = { .flags = f->flags,
				.ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.orig_p = 40000,
				.resp_p = 80,
				.offset = f->offset[dir],
				.gap = gap,
				.payload = b };

	f->n++;
	f->offset[dir] += gap ? gap : b.len;
	l7_stream(f->l7, &h, &s);
}

static void say(struct feed *f, unsigned dir, struct bytes b, bool bytewise)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);
	size_t step = bytewise ? 1 : b.len;

	memcpy(copy, b.ptr, b.len);
	for (size_t at = 0; at < b.len; at += step)
		record(f, dir, BYTES(copy + at, step), 0);
	free(copy);
}

static void stop(struct feed *f, unsigned dir, unsigned why)
{
	struct rec_head h = { REC_stream_end, 1000 + f->n, 1, f->n };
	struct rec_stream_end e = { .dir = dir, .reason = why };

	l7_stream_end(f->l7, &h, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l7_host host = { .emit = emit };
	struct feed f = { .n = 1 };
	struct cursor c = cursor_of(BYTES(data, size));
	uint8_t options = cursor_u8(&c);

	http_config.headers = options & 1;
	http_config.body_max = options & 2 ? 100 : 0;
	f.flags = options & 4 ? STREAM_MIDSTREAM : 0;
	f.l7 = l7_new(&http_parser, &host, NULL);
	while (cursor_left(&c) >= 2) {
		unsigned what = cursor_u8(&c) & 7;
		size_t n = cursor_u8(&c);

		if (what < 4) {
			if (n > cursor_left(&c))
				n = cursor_left(&c);
			say(&f, what >> 1, cursor_bytes(&c, n), what & 1);
		} else if (what < 6) {
			record(&f, what & 1, BYTES(NULL, 0), n * n + 1);
		} else {
			stop(&f, what & 1, (unsigned)n % 8);
		}
	}
	l7_finish(f.l7, f.n);
	if (l7_stats(f.l7)->held)
		abort();
	l7_free(f.l7);
	return 0;
}
