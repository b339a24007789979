/* Fuzz target: assembly. The input is a script of segments, acknowledgements, time and caps over
 * two directions that share one small pool; every output is checked against the rules, and where
 * all segments come from one text and no cap is hit, against that text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/net/assembly.h"
#include "tests/fuzz/parts.h"

enum { TEXT = 70000, SIDES = 2, HEAD = 2, STEP = 6 /* bytes of a script */ };

struct side {
	struct assembly a;
	uint64_t at;         /* where the output ended */
	uint64_t data, gaps; /* bytes seen by the sink */
	bool truthful;       /* all its segments are parts of the text */
	bool told_urgent, dropped;
};

static struct side sides[SIDES];
static uint8_t text[TEXT * 2];
static uint64_t memory[(1 << 21) / 8];

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static struct side *side_of(struct assembly *a)
{
	return a == &sides[0].a ? &sides[0] : &sides[1];
}

static void on_data(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		    uint64_t first_n, uint64_t first_ts)
{
	struct side *s = side_of(a);

	(void)ctx;
	(void)first_n;
	(void)first_ts;
	MUST(!s->dropped && data.len > 0 && offset >= s->at);
	/* Only an urgent byte may lack between two calls. */
	MUST(offset - s->at <= a->urgent);
	s->at = offset + data.len;
	s->data += data.len;
	if (s->truthful)
		MUST(memcmp(text + offset, data.ptr, data.len) == 0);
}

static void on_gap(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		   enum assembly_gap why)
{
	struct side *s = side_of(a);

	(void)ctx;
	MUST(!s->dropped && len > 0 && offset >= s->at && why != ASSEMBLY_GAP_NONE);
	s->at = offset + len;
	s->gaps += len;
}

static void on_overlap(void *ctx, struct assembly *a, const struct assembly_overlap *o)
{
	(void)ctx;
	MUST(o->len > 0 && o->offset + o->len <= a->highest);
	MUST(o->had.len && o->had.len == o->got.len && o->had.len <= o->len);
	MUST(!side_of(a)->truthful);
}

static void on_urgent_limit(void *ctx, struct assembly *a, uint64_t offset)
{
	(void)ctx;
	MUST(a->urgent_full && !side_of(a)->told_urgent);
	MUST(offset < a->highest + 256);
	side_of(a)->told_urgent = true;
}

static void on_dropped(void *ctx, struct assembly *a)
{
	(void)ctx;
	MUST(!a->head && a->dropped && !side_of(a)->dropped);
	side_of(a)->dropped = true;
}

static void check(struct assembly_group *g)
{
	size_t blocks = 0;

	for (int i = 0; i < SIDES; i++) {
		struct side *s = &sides[i];
		uint64_t queued = 0, last = s->a.next;
		uint32_t n = 0;

		MUST(assembly_lawful(&s->a));
		MUST(s->data == s->a.delivered && s->gaps == s->a.gap_bytes);
		for (struct block *b = s->a.head; b; b = b->next) {
			MUST(b->offset >= last && b->len > 0);
			MUST(b->missing || b->len <= BLOCK_SIZE);
			last = block_end(b);
			queued += b->missing ? 0 : b->len;
			n++;
		}
		MUST(queued == s->a.queued && n == s->a.blocks && last <= s->a.highest);
		MUST(queued <= g->limits.queue_bytes && n <= g->limits.queue_blocks);
		blocks += n;
	}
	MUST(blocks == g->pool.used && blocks <= g->pool.max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- mutation ----------------------------------------------------------------------------- */

/* Next to where it was, or over its end. */
static void step_tweak(uint8_t *step, size_t len, unsigned *seed)
{
	static const int16_t by[] = { 0, 1, -1, -100, 4096, 1460 };

	if (len < STEP)
		return;
	be16_put(step + 1, (uint16_t)(be16_get(step + 1) + be16_get(step + 3) + by[draw(seed, 6)]));
	be16_put(step + 3, (uint16_t)(1 + draw(seed, 5000)));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts parts = { .head = HEAD, .step = STEP, .tweak = step_tweak };

	return parts_mutate(&parts, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));
	struct assembly_group g;
	struct assembly_limits l = { .depth = UINT64_MAX,
				     .queue_bytes = 1024 * 1024,
				     .queue_blocks = 256,
				     .memory = 1024 * 1024,
				     .acked_ns = 1000,
				     .acked_packets = 3,
				     .timer_ns = 2000 };
	uint8_t mode = cursor_u8(&c), more = cursor_u8(&c);
	uint64_t now = 0;
	uint32_t packets = 0;

	if (!text[1])
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)(i * 2654435761u >> 13 | 1);
	memset(sides, 0, sizeof(sides));
	l.last_wins = mode & 1;
	l.urgent_inline = mode & 2;
	l.history = mode & 4 ? 5000 : 0;
	l.urgent = more & 4 ? 2 : 65536;
	l.overflow = (enum assembly_overflow)(more % 3);
	if (mode & 8)
		l.depth = 1000;
	if (mode & 16)
		l.queue_bytes = 3000;
	if (mode & 32)
		l.queue_blocks = 2;
	if (mode & 64)
		l.memory = 16 * BLOCK_SIZE;
	sides[0].truthful = sides[1].truthful = !(mode & 128);
	MUST(assembly_group_size(&l) <= sizeof(memory));
	assembly_group_init(&g, memory, &l,
			    &(struct assembly_sink){ NULL, on_data, on_gap, on_overlap,
						     on_urgent_limit, on_dropped });
	while (cursor_left(&c) >= STEP) {
		uint8_t op = cursor_u8(&c);
		uint32_t at = cursor_be16(&c), len = cursor_be16(&c);
		uint8_t extra = cursor_u8(&c);
		struct side *s = &sides[op & 1];
		struct assembly_segment seg = {
			.offset = at, .data = BYTES(text + at, len), .n = ++packets, .ts = now
		};

		now += extra;
		if (!s->truthful && extra & 1)
			seg.data.ptr = text + extra;
		switch (op >> 1 & 15) {
		case 0:
			assembly_ack(&g, &s->a, at + len);
			break;
		case 1:
			if (extra > 250) {
				assembly_fin(&s->a, at);
				break;
			}
			/* fall through */
		case 2:
			seg.missing = extra;
			assembly_push(&g, &s->a, &seg);
			break;
		case 3:
			seg.urgent = extra;
			assembly_push(&g, &s->a, &seg);
			break;
		case 4:
			seg.held = extra > 128;
			assembly_push(&g, &s->a, &seg);
			break;
		case 5:
			if (!s->a.segments)
				assembly_start_at(&g, &s->a, at);
			break;
		case 6:
			seg.offset <<= extra & 63;
			s->truthful = false;
			assembly_push(&g, &s->a, &seg);
			break;
		default: /* mostly small ones */
			seg.data.len = len & 1023;
			assembly_push(&g, &s->a, &seg);
		}
		assembly_tick(&g, &sides[0].a, now, packets, mode & 8);
		assembly_tick(&g, &sides[1].a, now, packets, mode & 8);
		check(&g);
	}
	for (int i = 0; i < SIDES; i++) {
		assembly_flush(&g, &sides[i].a, ASSEMBLY_GAP_CLOSE);
		check(&g);
		MUST(!sides[i].a.head);
	}
	MUST(g.pool.used == 0);
	return 0;
}
