/* sctp_model: a plan of messages cut into chunks, a script that sends them in any order, with loss
 * and repeats, and the check of all that comes out. For the unit test and the fuzz target. */
#ifndef WEIR_SCTP_MODEL_H
#define WEIR_SCTP_MODEL_H

#include "libcommon/net/sctp_streams.h"
#include "tests/unit/sctp_build.h"

enum { PLAN_CHUNKS = 1024, PLAN_SIDS = 4 };

struct plan_chunk {
	uint16_t sid;
	uint8_t flags;
	uint32_t mid, fsn, len;
	bool sent, delivered, lost;
};

struct plan {
	struct plan_chunk chunks[PLAN_CHUNKS];
	unsigned n;
	uint32_t base; /* TSN of the first */
	bool interleaved;
};

/* Per stream: what has to come next unless a gap is told. */
struct plan_stream {
	uint32_t mid, fsn;
	bool told;
};

struct talk {
	struct plan plan;
	unsigned first[PLAN_SIDS]; /* chunk of the stream that was not delivered */
	struct plan_stream streams[PLAN_SIDS];
	uint64_t offset, pieces, gaps, stream_gaps, lost, differs;
	bool few_streams; /* some go by TSN alone: of these no gap is told */
	const char *wrong;
};

static inline uint8_t plan_byte(uint32_t index, uint32_t at)
{
	return (uint8_t)(index * 31 + at * 7 + (at >> 3));
}

static inline void plan_add(struct plan *p, uint16_t sid, uint8_t flags, uint32_t mid, uint32_t fsn,
			    uint32_t len)
{
	if (p->n < PLAN_CHUNKS)
		p->chunks[p->n++] = (struct plan_chunk){
			.sid = sid, .flags = flags, .mid = mid, .fsn = fsn, .len = len
		};
}

/* Two messages at a time; the fragments of I-DATA messages are mixed. */
static inline void plan_make(struct plan *p, struct cursor *c, unsigned messages)
{
	uint32_t next[2][PLAN_SIDS] = { 0 };

	for (unsigned m = 0; m < messages; m += 2) {
		uint8_t what[2] = { cursor_u8(c), cursor_u8(c) };
		unsigned n[2], at[2] = { 0 };
		uint32_t mid[2];
		bool mixed;

		for (unsigned i = 0; i < 2; i++) {
			unsigned sid = what[i] % PLAN_SIDS, u = what[i] >> 7;

			n[i] = 1 + (what[i] >> 2) % 5;
			/* A DATA chunk's SSN means nothing where it is unordered. */
			mid[i] = next[u][sid]++;
			if (!p->interleaved)
				mid[i] = u ? 0 : (uint16_t)mid[i];
		}
		/* In one stream, the next ordered message waits for the end of this one. */
		mixed = p->interleaved &&
			(what[0] % PLAN_SIDS != what[1] % PLAN_SIDS || (what[0] | what[1]) >> 7);
		while (at[0] < n[0] || at[1] < n[1]) {
			unsigned i = at[0] >= n[0] || (mixed && at[1] < n[1] && at[0] > at[1]);
			uint8_t flags = what[i] >> 7 ? BUILD_U : 0;

			flags |= at[i] == 0 ? BUILD_B : 0;
			flags |= at[i] == n[i] - 1 ? BUILD_E : 0;
			plan_add(p, what[i] % PLAN_SIDS, flags, mid[i], at[i],
				 1 + what[i] % 60 * (at[i] + 1));
			at[i]++;
		}
	}
}

static inline void talk_wrong(struct talk *t, const char *what)
{
	if (!t->wrong)
		t->wrong = what;
}

static inline void talk_on_piece(void *ctx, struct sctp_streams *s, const struct sctp_piece *p)
{
	struct talk *t = ctx;
	uint32_t i = p->tsn - t->plan.base;
	struct plan_chunk *c = &t->plan.chunks[i];
	struct plan_stream *stream;

	(void)s;
	t->pieces++;
	if (i >= t->plan.n || c->delivered || c->lost || !c->sent) {
		talk_wrong(t, "a TSN that was not sent, is lost, or came before");
		return;
	}
	c->delivered = true;
	if (p->offset != t->offset)
		talk_wrong(t, "offset");
	t->offset += p->bytes.len;
	if (p->sid != c->sid || p->ssn != c->mid || p->begin != !!(c->flags & BUILD_B) ||
	    p->end != !!(c->flags & BUILD_E) || p->unordered != !!(c->flags & BUILD_U) ||
	    p->bytes.len != c->len || p->missing || p->n != i)
		talk_wrong(t, "attributes");
	for (uint32_t k = 0; k < p->bytes.len && !t->wrong; k++) {
		if (p->bytes.ptr[k] != plan_byte(i, k))
			talk_wrong(t, "bytes");
	}
	if (p->unordered)
		return;
	if (p->ppid != p->sid + 1u && (p->begin || !t->plan.interleaved))
		talk_wrong(t, "ppid");
	stream = &t->streams[p->sid];
	if ((stream->mid != c->mid || stream->fsn != c->fsn) && !stream->told && !t->few_streams)
		talk_wrong(t, "a stream goes on elsewhere, and no gap was told");
	if (stream->mid == c->mid && stream->fsn == c->fsn && stream->told)
		talk_wrong(t, "a gap was told where nothing lacks");
	if ((int32_t)(c->mid - stream->mid) < 0 || (c->mid == stream->mid && c->fsn < stream->fsn))
		talk_wrong(t, "a stream goes back");
	stream->told = false;
	stream->mid = p->end ? c->mid + 1 : c->mid;
	stream->fsn = p->end ? 0 : c->fsn + 1;
}

static inline void talk_on_gap(void *ctx, struct sctp_streams *s, const struct sctp_gap *g)
{
	struct talk *t = ctx;

	(void)s;
	if (g->offset != t->offset || g->why == SCTP_GAP_NONE || g->why >= SCTP_GAP_REASONS)
		talk_wrong(t, "gap");
	if (g->of_stream) {
		t->stream_gaps++;
		if (g->sid >= PLAN_SIDS || g->why == SCTP_GAP_SKIPPED)
			talk_wrong(t, "a gap in a stream that lost nothing");
		else
			t->streams[g->sid].told = true;
		return;
	}
	t->gaps++;
	for (uint32_t k = 0; k < g->tsns; k++) {
		uint32_t i = g->tsn - t->plan.base + k;

		t->lost++;
		if (i >= t->plan.n)
			continue; /* what an acknowledgement was made up of */
		if (t->plan.chunks[i].delivered || t->plan.chunks[i].lost)
			talk_wrong(t, "lost, but it was delivered or lost before");
		t->plan.chunks[i].lost = true;
	}
}

static inline void talk_on_differs(void *ctx, struct sctp_streams *s, uint32_t tsn, uint16_t sid)
{
	struct talk *t = ctx;

	(void)s;
	(void)tsn;
	(void)sid;
	t->differs++;
}

static inline void talk_build(struct talk *t, struct sctp_build *b, unsigned i)
{
	struct plan_chunk *c = &t->plan.chunks[i];
	uint32_t tsn = t->plan.base + i;
	uint8_t data[1024];

	for (uint32_t k = 0; k < c->len; k++)
		data[k] = plan_byte(i, k);
	c->sent = true;
	if (t->plan.interleaved)
		build_i_data(b, c->flags, tsn, c->sid, c->mid,
			     c->flags & BUILD_B ? c->sid + 1u : c->fsn, data, c->len);
	else
		build_data(b, c->flags, tsn, c->sid, (uint16_t)c->mid, c->sid + 1u, data, c->len);
}

/* As long as nothing is lost, the next chunk of a stream may not wait once it was sent. */
static inline void talk_check_prompt(struct talk *t)
{
	for (unsigned sid = 0; sid < PLAN_SIDS && !t->lost && !t->few_streams; sid++) {
		unsigned *i = &t->first[sid];

		while (*i < t->plan.n &&
		       (t->plan.chunks[*i].sid != sid || t->plan.chunks[*i].flags & BUILD_U ||
			t->plan.chunks[*i].delivered))
			++*i;
		if (*i < t->plan.n && t->plan.chunks[*i].sent)
			talk_wrong(t, "it waits for nothing");
	}
}

/* Sends a chunk with its own number as that of the frame. */
static inline void talk_send(struct talk *t, struct sctp_group *g, struct sctp_streams *s,
			     unsigned i, uint64_t ts)
{
	static struct sctp_build b;
	struct sctp_streams nobody = { 0 };

	b.len = 0;
	talk_build(t, &b, i);
	sctp_streams_packet(g, s, &nobody, BYTES(b.at, b.len), false, i, ts);
	talk_check_prompt(t);
	if (!sctp_streams_lawful(s))
		talk_wrong(t, "law");
}

/* Everything is over: each TSN has one fate. */
static inline void talk_end(struct talk *t, const struct sctp_group *g,
			    const struct sctp_streams *s)
{
	uint64_t delivered = 0;

	for (unsigned i = 0; i < t->plan.n; i++) {
		const struct plan_chunk *c = &t->plan.chunks[i];

		delivered += c->delivered;
		if (c->delivered && c->lost)
			talk_wrong(t, "two fates");
	}
	if (delivered != s->delivered || s->held || s->held_bytes || s->lost != t->lost)
		talk_wrong(t, "sums");
	if (sctp_group_bytes(g))
		talk_wrong(t, "memory");
}

/* head, messages, then steps. Returns what is wrong, or NULL. */
static inline const char *talk_run(const uint8_t *script, size_t size, void *memory,
				   size_t memory_size, struct talk *t)
{
	struct cursor c = cursor_of(BYTES(script, size));
	uint8_t head = cursor_u8(&c), messages = cursor_u8(&c);
	struct sctp_sink sink = { t, talk_on_piece, talk_on_gap, talk_on_differs, NULL };
	struct sctp_limits limits = { .memory = memory_size,
				      .all_streams = head & 1 ? 2 : 64,
				      .held_chunks = head & 2 ? 3 : 500,
				      .held_bytes = head & 4 ? 300 : 100000,
				      .streams = head & 8 ? 2 : 64,
				      .acked_packets = 2 };
	struct sctp_streams s = { 0 };
	struct sctp_group *g = sctp_group_init(memory, &limits, &sink);
	unsigned next = 0, packets = 0;
	uint64_t ts = 1;

	memset(t, 0, sizeof(*t));
	t->few_streams = head & 9;
	t->plan.interleaved = head & 16;
	t->plan.base = head & 32 ? 0xfffffff8 : 1000;
	plan_make(&t->plan, &c, messages);
	sctp_streams_start(g, &s, t->plan.base);
	while (cursor_left(&c) && t->plan.n && !t->wrong) {
		uint8_t step = cursor_u8(&c);
		unsigned at = next + (step & 31);

		packets++;
		switch (step >> 5) {
		case 0:
		case 1:
		case 2: /* the next one not sent */
			while (next < t->plan.n && t->plan.chunks[next].sent)
				next++;
			if (next < t->plan.n)
				talk_send(t, g, &s, next, ts);
			break;
		case 3:
		case 4: /* one ahead */
			if (at < t->plan.n)
				talk_send(t, g, &s, at, ts);
			break;
		case 5: /* an old one again */
			if (next > (step & 31u) && next - 1 - (step & 31u) < t->plan.n)
				talk_send(t, g, &s, next - 1 - (step & 31u), ts);
			break;
		case 6:
			if (step & 16)
				sctp_streams_ack(&s, t->plan.base + next + (step & 7) - 4);
			else
				ts += (step & 15) * 500000000ull;
			break;
		default:
			if (step & 16)
				next += step & 3; /* lost, or late */
			else if (step & 8)
				sctp_streams_forward(g, &s, t->plan.base + next - 1 + (step & 7));
		}
		sctp_streams_tick(g, &s, ts, packets, head & 64);
		if (!sctp_streams_lawful(&s))
			talk_wrong(t, "law");
	}
	sctp_streams_flush(g, &s, SCTP_GAP_CLOSE);
	if (!sctp_streams_lawful(&s))
		talk_wrong(t, "law");
	talk_end(t, g, &s);
	return t->wrong;
}

#endif
