/* l7_run: one parser over one flow, for the tests; what it emits becomes texts, a line a record. */
#ifndef WEIR_TEST_L7_RUN_H
#define WEIR_TEST_L7_RUN_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/buf.h"
#include "libcommon/stage/l7.h"

struct run {
	struct l7 *l7;
	struct buf log, packed; /* records as texts, and, where a test wants them, as bytes */
	uint16_t orig_p, resp_p;
	bool midstream;
	uint64_t flow, n, offset[2]; /* of the records to come */
};

static inline void log_text(struct buf *log, const char *name, struct bytes b)
{
	if (b.ptr)
		buf_printf(log, " %s=%.*s", name, (int)b.len, (const char *)b.ptr);
}

/* Fields that a limit has cut. */
static inline void log_cut(struct buf *log, const struct rec_list *truncated)
{
	const struct bytes *names = truncated->items;

	for (size_t i = 0; i < truncated->count; i++)
		buf_printf(log, "%s%.*s", i ? "," : " cut=", (int)names[i].len,
			   (const char *)names[i].ptr);
}

/* emit gets the run as its ctx. */
static inline void run_open(struct run *r, const struct l7_parser *parser,
			    void (*emit)(void *ctx, const struct rec_desc *desc,
					 const struct rec_head *h, const void *rec),
			    uint16_t resp_p)
{
	*r = (struct run){ .flow = 1, .n = 1, .orig_p = 40000, .resp_p = resp_p };
	r->l7 = l7_new(parser, &(struct l7_host){ r, emit },
		       &(struct l7_limits){ .max_flows = 64 });
}

/* Bytes in memory of just their size. */
static inline uint8_t *run_copy(struct bytes b)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);

	if (b.len)
		memcpy(copy, b.ptr, b.len);
	return copy;
}

/* From 192.0.2.1 to 192.0.2.2; `gap` bytes that are missing come first. */
static inline bool run_piece(struct run *r, int dir, struct bytes b, uint64_t gap)
{
	struct rec_head h = { REC_stream, 1000000000, r->flow, r->n };
	uint8_t *copy = run_copy(b);
	struct rec_stream s = { .ip_version = 4,
				.proto = IPPROTO_TCP,
				.dir = (uint8_t)dir,
				.flags = r->midstream ? STREAM_MIDSTREAM : 0,
				.orig_h = { 192, 0, 2, 1 },
				.resp_h = { 192, 0, 2, 2 },
				.orig_p = r->orig_p,
				.resp_p = r->resp_p,
				.offset = r->offset[dir],
				.gap = gap,
				.payload = BYTES(copy, b.len) };
	bool taken = l7_stream(r->l7, &h, &s);

	r->offset[dir] += b.len + gap;
	free(copy);
	return taken;
}

static inline bool run_stream(struct run *r, int dir, struct bytes b)
{
	return run_piece(r, dir, b, 0);
}

/* The direction ends with a FIN. */
static inline void run_end(struct run *r, int dir)
{
	struct rec_head h = { REC_stream_end, 1000000000, r->flow, r->n };
	struct rec_stream_end e = { .dir = (uint8_t)dir, .reason = REC_stream_reason_FIN };

	l7_stream_end(r->l7, &h, &e);
}

static inline void run_gap(struct run *r, int dir, uint64_t missing)
{
	run_piece(r, dir, BYTES(NULL, 0), missing);
}

static inline void run_pieces(struct run *r, int dir, struct bytes b, size_t piece)
{
	for (size_t i = 0; i < b.len; i += piece)
		run_stream(r, dir, BYTES(b.ptr + i, b.len - i < piece ? b.len - i : piece));
}

/* A datagram of which `missing` bytes more were sent. */
static inline bool run_cut(struct run *r, int dir, struct bytes b, uint32_t missing)
{
	struct rec_head h = { REC_packet, 1000000000, r->flow, r->n };
	uint8_t *copy = run_copy(b);
	struct rec_packet p = { .ip_version = 4,
				.proto = IPPROTO_UDP,
				.dir = (uint8_t)dir,
				.flags = missing ? PACKET_SNAPPED : 0,
				.missing = missing,
				.orig_p = r->orig_p,
				.resp_p = r->resp_p,
				.payload = BYTES(copy, b.len) };
	bool taken = l7_packet(r->l7, &h, &p);

	free(copy);
	return taken;
}

static inline bool run_packet(struct run *r, int dir, struct bytes b)
{
	return run_cut(r, dir, b, 0);
}

/* Ends the flow; the log, as a string. */
static inline const char *run_finish(struct run *r)
{
	l7_finish(r->l7, 1);
	*buf_reserve(&r->log, 1) = 0;
	return (const char *)r->log.ptr;
}

static inline void run_free(struct run *r)
{
	l7_free(r->l7);
	buf_release(&r->log);
	buf_release(&r->packed);
}

/* Turns of both sides: a byte says whose, and how long it is; 0 is a hole. */
static inline void run_turns(struct run *r, struct bytes b, size_t piece)
{
	while (b.len) {
		size_t n = b.ptr[0] & 0x7f, left = b.len - 1;
		int dir = b.ptr[0] >> 7;

		n = n < left ? n : left;
		if (n)
			run_pieces(r, dir, BYTES(b.ptr + 1, n), piece);
		else
			run_gap(r, dir, 10);
		b = BYTES(b.ptr + 1 + n, left - n);
	}
}

/* What each side says in other pieces gives the same. */
static inline bool run_turns_same(void (*start)(struct run *r), struct bytes b)
{
	static const size_t pieces[] = { 128, 1, 3, 50 };
	struct run runs[4];
	bool same = true;

	for (size_t i = 0; i < 4; i++) {
		start(&runs[i]);
		run_turns(&runs[i], b, pieces[i]);
		run_finish(&runs[i]);
		same = same && bytes_equal(buf_bytes(&runs[i].log), buf_bytes(&runs[0].log));
	}
	for (size_t i = 0; i < 4; i++)
		run_free(&runs[i]);
	return same;
}

struct said {
	int dir;
	const char *text;
};

/* What a session gives, each part of it in pieces of every size up to 30. */
static inline bool run_gives(void (*start)(struct run *r), const struct said *said, size_t n,
			     const char *want)
{
	bool same = true;

	for (size_t piece = 1; same && piece < 30; piece++) {
		struct run r;

		start(&r);
		for (size_t i = 0; i < n; i++)
			run_pieces(&r, said[i].dir, bytes_str(said[i].text), piece);
		same = strcmp(run_finish(&r), want) == 0;
		if (!same)
			printf("# pieces of %zu: %s", piece, (const char *)r.log.ptr);
		run_free(&r);
	}
	return same;
}
#define RUN_GIVES(start, want, ...)                                                                \
	do {                                                                                       \
		static const struct said said[] = { __VA_ARGS__ };                                 \
		CHECK(run_gives(start, said, sizeof(said) / sizeof(said[0]), want));               \
	} while (0)

#endif
