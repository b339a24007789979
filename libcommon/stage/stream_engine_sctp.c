/* stream_engine_sctp: what packet records mean for each direction of an SCTP association. */
#include <netinet/in.h>
#include <stdio.h>

#include "libcommon/stage/stream_engine_private.h"

_Static_assert(sizeof(((struct sctp_streams *)0)->lost_by) == SCTP_GAP_REASONS * sizeof(uint64_t),
	       "one count a reason");

/* ---- what leaves ---- */

static enum rec_gap_reason reason_of(enum sctp_gap_reason why)
{
	static const uint8_t reasons[SCTP_GAP_REASONS] = {
		[SCTP_GAP_NONE] = REC_gap_reason_NONE,
		[SCTP_GAP_ACKED] = REC_gap_reason_ACKED,
		[SCTP_GAP_ABANDONED] = REC_gap_reason_ABANDONED,
		[SCTP_GAP_WINDOW] = REC_gap_reason_WINDOW,
		[SCTP_GAP_MEMORY] = REC_gap_reason_MEMCAP,
		[SCTP_GAP_TIMER] = REC_gap_reason_TIMER,
		[SCTP_GAP_CLOSE] = REC_gap_reason_CLOSE,
		[SCTP_GAP_EVICT] = REC_gap_reason_EVICT,
		[SCTP_GAP_RESYNC] = REC_gap_reason_RESYNC,
		[SCTP_GAP_SKIPPED] = REC_gap_reason_SKIPPED,
	};

	return reasons[why];
}

static struct rec_stream record_of(const struct sctp_flow *f, uint8_t dir, uint64_t offset)
{
	struct rec_stream r = f->f.about;

	r.dir = dir;
	r.offset = offset + f->missed[dir];
	r.payload = BYTES("", 0);
	return r;
}

static void put(struct stream_engine *e, struct sctp_flow *f, const struct rec_stream *r)
{
	struct rec_head h = { REC_stream, e->now.ts, f->f.id, e->now.n };

	f->gaps[r->dir] += r->gap != 0;
	e->host.stream(e->host.ctx, &h, r);
}

/* What the capture lacks of a chunk comes behind what it has, as a gap of known size. */
static void on_piece(void *ctx, struct sctp_streams *s, const struct sctp_piece *p)
{
	struct sctp_flow *f = s->owner;
	struct rec_stream r = record_of(f, s->which, p->offset);
	uint32_t end = p->end ? STREAM_MSG_END : 0;

	r.flags |= p->unordered ? STREAM_UNORDERED : 0;
	r.flags |= p->begin ? STREAM_MSG_BEGIN : 0;
	r.sid = p->sid;
	r.ssn = p->ssn;
	r.tsn = p->tsn;
	r.ppid = p->ppid;
	r.first_n = p->n;
	r.first_ts = p->ts;
	if (p->bytes.len) {
		r.flags |= p->missing ? 0 : end;
		r.payload = p->bytes;
		put(ctx, f, &r);
		r.flags &= ~(uint32_t)STREAM_MSG_BEGIN;
	}
	if (p->missing) {
		r.flags |= end;
		r.offset += p->bytes.len;
		r.gap = p->missing;
		r.gap_reason = REC_gap_reason_SNAPPED;
		r.payload = BYTES("", 0);
		put(ctx, f, &r);
		f->missed[s->which] += p->missing;
	}
}

static void on_gap(void *ctx, struct sctp_streams *s, const struct sctp_gap *g)
{
	struct stream_engine *e = ctx;
	struct sctp_flow *f = s->owner;
	struct rec_stream r = record_of(f, s->which, g->offset);

	r.gap_reason = (uint8_t)reason_of(g->why);
	r.first_n = e->now.n;
	r.first_ts = e->now.ts;
	r.sid = g->sid;
	r.ssn = g->ssn;
	r.tsn = g->tsn;
	r.gap = g->of_stream ? g->messages : g->tsns;
	if (!g->of_stream)
		r.flags |= STREAM_LOST_CHUNKS;
	else if (g->messages)
		r.flags |= STREAM_LOST_MESSAGES;
	else
		r.flags |= STREAM_LOST_PART;
	r.gap += !r.gap;
	put(e, f, &r);
}

static void on_differs(void *ctx, struct sctp_streams *s, uint32_t tsn, uint16_t sid)
{
	char event[64];
	struct rec_anomaly a = {
		.name = BYTES_LIT("overlap_diff"),
		.dir = SOME(s->which),
		.expected = BYTES_LIT("the same chunk under the same TSN"),
	};

	snprintf(event, sizeof(event), "TSN %u of stream %u came again and differs", tsn, sid);
	a.event = bytes_str(event);
	engine_anomaly(ctx, &((struct sctp_flow *)s->owner)->f, &a);
}

/* ---- ends ---- */

static void end_dir(struct stream_engine *e, struct sctp_flow *f, unsigned d,
		    enum rec_stream_reason why)
{
	struct sctp_streams *s = &f->dir[d];
	uint64_t sids = s->nstreams, reasons[REC_gap_reason_SKIPPED + 1] = { 0 };
	uint64_t missed[ASSEMBLY_GAPS] = { 0 };
	struct rec_head h = { REC_stream_end, e->now.ts, f->f.id, e->now.n };
	struct rec_stream_end end;

	f->f.ended[d] = true;
	sctp_streams_flush(e->sctp, s,
			   why == REC_stream_reason_EVICTED ? SCTP_GAP_EVICT : SCTP_GAP_CLOSE);
	if (!s->chunks && !s->lost)
		return;
	for (unsigned i = 0; i < SCTP_GAP_REASONS; i++)
		reasons[reason_of(i)] += s->lost_by[i];
	end = (struct rec_stream_end){
		.key = engine_key(&f->f),
		.dir = d,
		.reason = why,
		.highest = s->bytes + s->missing_bytes,
		.delivered = s->delivered_bytes,
		.gap_bytes = f->missed[d],
		.gaps = f->gaps[d],
		.undelivered = s->held_bytes + s->refused_bytes,
		.overlaps = s->differing,
		.ignored = f->f.ignored[d] + s->out_of_window,
		.high_watermark = s->high_watermark,
		.segments = s->chunks,
		.chunks = SOME(s->chunks),
		.lost_chunks = SOME(s->lost),
		.messages = SOME(s->messages),
		.sids = SOME(sids),
		.repeated_chunks = SOME(s->duplicates),
	};
	if (f->f.about.flags & STREAM_MIDSTREAM)
		end.midstream = SOME(1);
	if (s->lost)
		end.gap_reasons = LIST_OF(reasons, REC_gap_reason_SKIPPED + 1);
	if (s->disorder)
		end.disordered_chunks = SOME(s->disorder);
	if (s->malformed)
		end.malformed_chunks = SOME(s->malformed);
	e->stats.chunks += s->chunks;
	e->stats.lost_chunks += s->lost;
	e->stats.messages += s->messages;
	missed[ASSEMBLY_GAP_SNAPPED] = f->missed[d];
	engine_account(e, &end, missed, sctp_streams_lawful(s) && !s->held);
	e->host.emit(e->host.ctx, &rec_stream_end_desc, &h, &end);
}

static void on_dropped(void *ctx, struct sctp_streams *s)
{
	end_dir(ctx, s->owner, s->which, REC_stream_reason_OVERFLOW);
}

void engine_sctp_end(struct stream_engine *e, struct stream_flow *f, enum rec_stream_reason why)
{
	for (unsigned d = 0; d < 2; d++) {
		if (!f->ended[d])
			end_dir(e, (struct sctp_flow *)f, d, why);
	}
}

/* ---- packets ---- */

static bool has_data(const struct rec_packet *p)
{
	struct sctp_walk w = sctp_walk_of(p->payload, p->missing);
	struct sctp_chunk c;

	while (sctp_walk_next(&w, &c)) {
		if (c.type == SCTP_DATA || c.type == SCTP_I_DATA)
			return true;
	}
	return false;
}

static void note_lacks(struct sctp_flow *f, unsigned d, uint8_t lacks)
{
	f->dir[d].lacks = lacks;
	f->dir[!d].no_reconfig = lacks & SCTP_NO_RECONFIG;
}

static struct sctp_flow *flow_start(struct stream_engine *e, struct stream_flow *open,
				    const struct rec_head *h, const struct rec_packet *p)
{
	struct sctp_open was = { 0 };
	struct sctp_flow *f;

	if (open) {
		was = *(struct sctp_open *)open;
		engine_remove(e, open);
	}
	if (!e->sctp)
		e->sctp = sctp_group_init(
			e->sctp_memory, &e->limits.sctp,
			&(struct sctp_sink){ e, on_piece, on_gap, on_differs, on_dropped });
	f = (struct sctp_flow *)engine_add(e, STREAM_SCTP, h, p);
	if (open && !(was.f.about.flags & STREAM_MIDSTREAM))
		f->f.about.flags = was.f.about.flags;
	for (unsigned d = 0; d < 2; d++) {
		f->dir[d].owner = f;
		f->dir[d].which = (uint8_t)d;
		f->f.ignored[d] = was.f.ignored[d];
		note_lacks(f, d, was.lacks[d]);
		if (was.has_tsn[d])
			sctp_streams_start(e->sctp, &f->dir[d], was.tsn[d]);
	}
	return f;
}

/* A direction's first TSN has become known. Where its INIT or INIT ACK is not at hand, as behind a
 * restart or where a COOKIE ECHO was for another one, both sides may have offered anything. */
static struct stream_flow *note_start(struct stream_engine *e, struct stream_flow *f,
				      const struct rec_head *h, const struct rec_packet *p,
				      unsigned d, uint32_t tsn)
{
	bool own = (p->dir & 1) == d;
	uint8_t lacks = own ? sctp_lacks(p->payload, p->missing) : 0;

	if (!f)
		f = engine_add(e, STREAM_SCTP_OPEN, h, p);
	if (f->kind == STREAM_SCTP) {
		sctp_streams_start(e->sctp, &((struct sctp_flow *)f)->dir[d], tsn);
		note_lacks((struct sctp_flow *)f, d, lacks);
		if (!own)
			note_lacks((struct sctp_flow *)f, !d, 0);
	} else {
		((struct sctp_open *)f)->lacks[d] = lacks;
		if (!own)
			((struct sctp_open *)f)->lacks[!d] = 0;
		((struct sctp_open *)f)->tsn[d] = tsn;
		((struct sctp_open *)f)->has_tsn[d] = true;
	}
	f->last_ts = h->ts;
	return f;
}

void engine_sctp_packet(struct stream_engine *e, const struct rec_head *h,
			const struct rec_packet *p)
{
	struct stream_flow *f = stream_flow_find(&e->flows, h->flow);
	unsigned d = p->dir & 1;
	struct sctp_flow *s;
	bool data;

	if (p->verdict != REC_verdict_DELIVER && p->verdict != REC_verdict_NO_DATA) {
		e->stats.ignored++;
		if (f)
			f->ignored[d]++;
		return;
	}
	if (f && f->kind == STREAM_TCP)
		return;
	data = has_data(p);
	if (f)
		stream_flow_used(&e->flows, f);
	if (p->flags & PACKET_ANCHOR)
		f = note_start(e, f, h, p, d, (uint32_t)p->offset);
	if (p->flags & PACKET_ACK_VALID)
		f = note_start(e, f, h, p, !d, p->ack);
	if (!f || f->kind == STREAM_SCTP_OPEN) {
		if (!data)
			return;
		f = &flow_start(e, f, h, p)->f;
	}
	s = (struct sctp_flow *)f;
	f->packets++;
	f->last_ts = h->ts;
	if (f->ended[d]) {
		e->stats.late += data;
		return;
	}
	sctp_streams_packet(e->sctp, &s->dir[d], &s->dir[!d], p->payload, p->missing, p->first_n,
			    h->ts);
	for (unsigned i = 0; i < 2; i++)
		sctp_streams_tick(e->sctp, &s->dir[i], h->ts, f->packets,
				  p->flags & PACKET_ONESIDED);
	/* An ABORT or SHUTDOWN COMPLETE is in many a packet that its receiver discards: what was
	 * accepted is for the state of the association to say. 8.5.1. */
	if (p->flags & PACKET_RST)
		engine_sctp_end(e, f, REC_stream_reason_ABORT);
	else if (p->flags & PACKET_FIN)
		engine_sctp_end(e, f, REC_stream_reason_FIN);
}
