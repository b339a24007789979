/* Fuzz target: sctp. The input's first byte says what the rest is: a script of messages that are
 * sent in some order (checked against what was sent), or raw packets for the association and both
 * directions' streams (checked against the laws). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/sctp_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 18 };

static uint64_t memory[MEMORY / 8];
static uint64_t bytes_out;

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void on_piece(void *ctx, struct sctp_streams *s, const struct sctp_piece *p)
{
	(void)ctx;
	MUST(p->offset + p->bytes.len == s->delivered_bytes);
	bytes_out += p->bytes.len;
	for (size_t i = 0; i < p->bytes.len; i++) /* all of it may be read */
		bytes_out += p->bytes.ptr[i] == 0xff ? 0 : 0;
}

static void on_gap(void *ctx, struct sctp_streams *s, const struct sctp_gap *g)
{
	(void)ctx;
	MUST(g->why > SCTP_GAP_NONE && g->why < SCTP_GAP_REASONS);
	MUST(g->of_stream || g->tsns > 0);
	MUST(g->offset == s->delivered_bytes);
}

static void on_differs(void *ctx, struct sctp_streams *s, uint32_t tsn, uint16_t sid)
{
	(void)ctx;
	(void)tsn;
	(void)sid;
	MUST(s->differing <= s->duplicates);
}

static void on_dropped(void *ctx, struct sctp_streams *s)
{
	(void)ctx;
	MUST(s->dropped && !s->held && sctp_streams_lawful(s));
}

/* Each packet: control, tag choice, length, then its chunks. */
static void packets(struct cursor c, bool drop)
{
	struct sctp_sink sink = { NULL, on_piece, on_gap, on_differs, on_dropped };
	struct sctp_limits limits = { .memory = MEMORY,
				      .all_streams = 16,
				      .streams = 8,
				      .held_chunks = 32,
				      .held_bytes = 2000,
				      .drop = drop };
	struct sctp_group *g = sctp_group_init(memory, &limits, &sink);
	struct sctp_streams s[2] = { { .which = 0 }, { .which = 1 } };
	struct sctp_assoc t = { 0 };
	unsigned n = 0;
	uint64_t ts = 1;

	MUST(g);
	for (; cursor_left(&c) >= 3; n++) {
		uint8_t control = cursor_u8(&c), tag = cursor_u8(&c);
		size_t len = cursor_u8(&c);
		unsigned dir = control & 1;
		struct sctp_packet p = { .snapped = control & 2,
					 .bad_checksum = (control & 0xc) == 0xc };
		struct sctp_result r;

		p.chunks = cursor_bytes(&c, len < cursor_left(&c) ? len : cursor_left(&c));
		p.tag = tag & 1 ? t.side[!dir].tag : tag & 2 ? t.side[dir].tag : tag;
		if (tag & 4)
			p.tag = t.side[!dir].next_tag;
		if (sctp_is_reuse(&t, dir, &p)) {
			t = sctp_successor(&t, dir, &p);
			for (unsigned i = 0; i < 2; i++) {
				sctp_streams_flush(g, &s[i], SCTP_GAP_RESYNC);
				MUST(!s[i].held);
				s[i] = (struct sctp_streams){ .which = (uint8_t)i };
			}
		}
		sctp_assoc_input(&t, dir, &p, &r);
		MUST(r.verdict <= SCTP_MALFORMED && t.state < SCTP_STATES);
		MUST(r.chunks <= SCTP_CHUNK_LIMIT && r.data_chunks <= r.chunks);
		if (r.flags & SCTP_R_TSN)
			sctp_streams_start(g, &s[dir], r.initial_tsn);
		if (r.flags & SCTP_R_TSN_PEER)
			sctp_streams_start(g, &s[!dir], r.initial_tsn_peer);
		ts += (control >> 4) * 300000000ull;
		if (r.verdict == SCTP_DELIVER || r.verdict == SCTP_NO_DATA)
			sctp_streams_packet(g, &s[dir], &s[!dir], p.chunks, p.snapped, n, ts);
		for (unsigned i = 0; i < 2; i++) {
			sctp_streams_tick(g, &s[i], ts, n, control & 16);
			MUST(sctp_streams_lawful(&s[i]));
			MUST(s[i].held <= 32 && s[i].held_bytes <= 2000 && s[i].nstreams <= 8);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		sctp_streams_flush(g, &s[i], SCTP_GAP_CLOSE);
		MUST(sctp_streams_lawful(&s[i]) && !s[i].held);
		MUST(s[i].dropped || s[i].cum == s[i].highest);
	}
	MUST(sctp_group_bytes(g) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk talk;

	if (!size || size > 8192)
		return 0;
	if (data[0] & 1)
		packets(cursor_of(BYTES(data + 1, size - 1)), data[0] & 2);
	else if (talk_run(data + 1, size - 1, memory, MEMORY, &talk)) {
		fprintf(stderr, "%s\n", talk.wrong);
		abort();
	}
	return 0;
}
