/* Fuzz target: stream_engine. The input is a script of packet records of a few TCP connections and
 * SCTP associations, flow ends and ends of input, under small caps; what leaves is checked against
 * the laws. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/stage/stream_engine.h"
#include "tests/fuzz/parts.h"
#include "tests/unit/sctp_build.h"

enum { HEAD = 2, STEP = 8, FLOWS = 8, MEMORY = 3 << 20, FRONT = 600 << 10 };

/* One direction of a flow, from its first record to its end. */
struct side {
	uint64_t at, data, gaps;
	bool seen;
};

static struct side sides[FLOWS][2];
static uint64_t memory[MEMORY / 8] __attribute__((aligned(64)));
static uint8_t text[70000];

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void on_stream(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	struct side *side;
	bool counted = s->flags & (STREAM_LOST_CHUNKS | STREAM_LOST_MESSAGES | STREAM_LOST_PART);

	(void)ctx;
	MUST(h->type == REC_stream && h->flow >= 1 && h->flow <= FLOWS && s->dir < 2);
	side = &sides[h->flow - 1][s->dir];
	MUST(!s->gap == !s->gap_reason && !s->gap == !!s->payload.len);
	MUST(s->gap_reason <= REC_gap_reason_SKIPPED);
	MUST(!side->seen || s->offset >= side->at);
	MUST(!counted || s->proto == IPPROTO_SCTP);
	side->seen = true;
	side->at = s->offset + s->payload.len + (counted ? 0 : s->gap);
	side->data += s->payload.len;
	side->gaps += counted ? 0 : s->gap;
	for (size_t i = 0; i < s->payload.len; i++) /* all of it may be read */
		side->seen |= s->payload.ptr[i];
}

static void on_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	const struct rec_stream_end *e = rec;
	const struct rec_anomaly *a = rec;
	struct side *side;

	(void)ctx;
	MUST(h->flow >= 1 && h->flow <= FLOWS);
	if (desc == &rec_anomaly_desc) {
		MUST(a->name.len && a->had.len <= 32 && a->got.len <= 32);
		return;
	}
	MUST(desc == &rec_stream_end_desc && e->dir < 2);
	side = &sides[h->flow - 1][e->dir];
	MUST(e->highest == e->delivered + e->gap_bytes + e->urgent + e->skipped + e->undelivered);
	MUST(e->delivered == side->data && e->gap_bytes == side->gaps);
	*side = (struct side){ 0 };
}

static void chunks_of(struct sctp_build *b, uint8_t what, uint16_t at, uint16_t len, uint8_t extra)
{
	uint8_t v[12] = { 0 };
	uint32_t tsn = 1000u + at % 512;

	b->len = 0;
	switch (what % 8) {
	case 0:
		be32_put(v, tsn);
		build_chunk(b, SCTP_SACK, 0, v, sizeof(v));
		return;
	case 1:
		be32_put(v, tsn);
		be16_put(v + 4, len & 3);
		be16_put(v + 6, extra);
		build_chunk(b, SCTP_FORWARD_TSN, 0, v, 8);
		return;
	case 2:
		build_chunk(b, extra & 1 ? SCTP_SHUTDOWN_COMPLETE : SCTP_ABORT, 0, "", 0);
		return;
	case 3: /* anything */
		memcpy(b->at, text + at % 1024, 64);
		b->len = 64;
		return;
	default:
		for (unsigned i = 0; i <= extra % 3u; i++)
			build_data(b, (uint8_t)(what >> 3 & 7), tsn + i, len & 3,
				   (uint16_t)((len >> 2 & 15) + i), 46, text + at % 500,
				   1 + len % 700);
	}
}

static void tcp_step(struct rec_packet *p, uint8_t what, uint16_t at, uint16_t len, uint8_t extra)
{
	p->proto = IPPROTO_TCP;
	p->offset = at;
	p->seq = 0xfffff000 + at;
	p->tcp_flags = 16;
	p->payload = BYTES(text + at % 3000, len % 2000);
	p->verdict = what & 8 ? (uint8_t)(what >> 4) : 0;
	if (!(what & 7))
		p->verdict = REC_verdict_NO_DATA;
	p->ack = 0xfffff000 + len;
	p->flags |= what & 1 ? PACKET_ACK_VALID : 0;
	p->flags |= extra == 200 ? PACKET_RST : extra == 201 ? PACKET_FIN : 0;
	p->urgent = extra < 20 ? extra : 0;
	p->missing = extra > 230 ? extra : 0;
}

static struct stream_limits limits_of(uint8_t mode, uint8_t more)
{
	struct stream_limits l = stream_limits_default();

	l.assembly.memory = 16 * BLOCK_SIZE;
	l.assembly.queue_bytes = more & 1 ? 3000 : 100000;
	l.assembly.queue_blocks = more & 2 ? 3 : 256;
	l.assembly.depth = more & 4 ? 5000 : UINT64_MAX;
	l.assembly.history = more & 8 ? 0 : 5000;
	l.assembly.history_log = 65536;
	l.assembly.urgent = more & 16 ? 2 : 65536;
	l.assembly.overflow = (enum assembly_overflow)(mode % 3);
	l.assembly.last_wins = more & 32;
	l.assembly.urgent_inline = more & 64;
	l.sctp.memory = 1 << 20;
	l.sctp.all_streams = 64;
	l.sctp.held_bytes = more & 1 ? 2000 : 100000;
	l.max_flows = mode & 64 ? 2 : 8;
	l.max_associations = mode & 128 ? 2 : 8;
	return l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- mutation ----------------------------------------------------------------------------- */

/* What follows it in its flow. */
static void step_tweak(uint8_t *step, size_t len, unsigned *seed)
{
	if (len >= STEP)
		be16_put(step + 3, (uint16_t)(be16_get(step + 3) + 1 + draw(seed, 3) * 500));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts parts = { .head = HEAD, .step = STEP, .tweak = step_tweak };

	return parts_mutate(&parts, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sctp_build b;
	struct cursor c = cursor_of(BYTES(data, size));
	uint8_t mode = cursor_u8(&c), more = cursor_u8(&c);
	struct stream_limits l = limits_of(mode, more);
	struct stream_engine *e;
	const struct stream_stats *st;
	struct rec_head h = { 0 };

	if (size > 8192)
		return 0;
	if (!text[1])
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)(i * 2654435761u >> 13 | 1);
	MUST(stream_engine_size(&l) <= MEMORY);
	/* The rest is not read before it is written. */
	memset(memory, 0, FRONT);
	memset(sides, 0, sizeof(sides));
	e = stream_engine_init(memory, &l, &(struct stream_host){ NULL, on_stream, on_emit });
	st = stream_engine_stats(e);
	while (cursor_left(&c) >= STEP) {
		uint8_t op = cursor_u8(&c), what = cursor_u8(&c), flags = cursor_u8(&c);
		uint16_t at = cursor_be16(&c), len = cursor_be16(&c);
		uint8_t extra = cursor_u8(&c);
		struct rec_packet p = { .ip_version = 4, .dir = op >> 3 & 1 };

		h.n++;
		h.ts += (uint64_t)(flags >> 4) * 100000000;
		h.flow = 1 + (op & 7);
		p.first_n = h.n;
		p.flags = flags & (PACKET_NEW | PACKET_MIDSTREAM);
		p.flags |= flags & 4 ? PACKET_ONESIDED : 0;
		if (op >> 4 == 15) {
			stream_engine_flow_end(e, &h, (enum rec_flow_reason)(1 + what % 7));
			memset(sides[h.flow - 1], 0, sizeof(sides[0]));
			continue;
		}
		if (h.flow > FLOWS / 2) {
			p.proto = IPPROTO_SCTP;
			p.flags |= flags & 8 ? PACKET_ANCHOR : 0;
			p.offset = 1000;
			p.verdict = op >> 4 == 14 ? what & 15 : 0;
			chunks_of(&b, what, at, len, extra);
			if (what % 8 == 2 && !(extra & 2)) /* the end of it was accepted */
				p.flags |= extra & 1 ? PACKET_FIN : PACKET_RST;
			p.payload = BYTES(b.at, b.len);
			if (extra > 250) {
				p.payload.len -= b.len < 5 ? 0 : 5;
				p.missing = b.len < 5 ? 0 : 5;
			}
		} else {
			tcp_step(&p, what, at, len, extra);
		}
		stream_engine_packet(e, &h, &p);
		MUST(st->law_broken == 0);
	}
	stream_engine_finish(e, h.n);
	MUST(st->law_broken == 0 && st->flows_now == 0);
	MUST(st->in == st->delivered + st->gap + st->urgent + st->skipped + st->undelivered);
	MUST(stream_engine_group(e)->pool.used == 0);
	return 0;
}
