/* sctp_streams_order: each stream in its order, for sctp_streams.c: what is next, what was skipped,
 * what follows. */
#include "libcommon/net/sctp_streams_private.h"

static void put_piece(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d,
		      uint32_t ppid)
{
	struct sctp_piece p = {
		.tsn = d->tsn,
		.ssn = d->mid,
		.ppid = ppid,
		.sid = d->sid,
		.unordered = d->flags & UNORDERED,
		.begin = d->flags & BEGIN,
		.end = d->flags & END,
		.missing = d->missing,
		.offset = s->delivered_bytes,
		.n = d->n,
		.ts = d->ts,
		.bytes = d->bytes,
	};

	s->delivered++;
	s->delivered_bytes += d->bytes.len;
	s->missing_bytes += d->missing;
	s->messages += p.end;
	g->sink.piece(g->sink.ctx, s, &p);
}

void streams_tell_gap(struct sctp_group *g, struct sctp_streams *s, const struct hold_stream *t,
		      uint32_t ssn, uint32_t messages, enum sctp_gap_reason why)
{
	struct sctp_gap gap = {
		.why = why,
		.of_stream = true,
		.sid = t->sid,
		.ssn = ssn,
		.messages = messages,
		.offset = s->delivered_bytes,
	};

	g->sink.gap(g->sink.ctx, s, &gap);
}

/* SSNs are 16 bits wide, MIDs 32. */
static int32_t ahead(const struct sctp_data *d, uint32_t mid, uint32_t next)
{
	return d->interleaved ? (int32_t)(mid - next) : (int16_t)(uint16_t)(mid - next);
}

static uint32_t sequence(const struct sctp_data *d)
{
	return d->interleaved ? d->fsn : d->tsn;
}

static uint32_t after(const struct sctp_data *d, uint32_t mid)
{
	return d->interleaved ? mid + 1 : (uint16_t)(mid + 1);
}

bool streams_is_next(const struct hold_stream *t, const struct sctp_data *d)
{
	if (!t->known || t->next != d->mid)
		return false;
	return t->open ? !(d->flags & BEGIN) && t->open_at == sequence(d) : d->flags & BEGIN;
}

struct hold_stream *streams_find(struct sctp_group *g, struct sctp_streams *s, uint16_t sid)
{
	struct hold_stream *t = hold_stream_find(&g->hold, s->id, sid);

	if (t || s->nstreams >= g->limits.streams)
		return t;
	t = hold_stream_add(&g->hold, s->id, sid, &s->streams_list);
	if (!t)
		return NULL;
	s->nstreams++;
	t->known = s->from_start;
	t->last_tsn = s->base;
	streams_born(s, t);
	return t;
}

/* Brings the stream to where the chunk is, and says what lies between. */
static void move_to(struct sctp_group *g, struct sctp_streams *s, struct hold_stream *t,
		    const struct sctp_data *d)
{
	/* A TSN that was lost since the stream's last chunk may have been its. */
	enum sctp_gap_reason why =
		s->lost && before(t->last_tsn, s->last_lost) ? s->last_reason : SCTP_GAP_SKIPPED;
	bool told = false;
	int32_t by;

	if (t->open) { /* the rest of a message is missing */
		streams_tell_gap(g, s, t, t->next, 0, why);
		told = t->next == d->mid;
		t->open = false;
		if (!told)
			t->next = after(d, t->next);
	}
	by = t->known ? ahead(d, d->mid, t->next) : 0;
	if (by > 0)
		streams_tell_gap(g, s, t, t->next, (uint32_t)by, why);
	if (!(d->flags & BEGIN) && !told)
		streams_tell_gap(g, s, t, d->mid, 0, why);
	t->known = true;
	t->next = d->mid;
}

static void deliver_ordered(struct sctp_group *g, struct sctp_streams *s, struct hold_stream *t,
			    const struct sctp_data *d)
{
	if (t->known && ahead(d, d->mid, t->next) < 0) { /* its turn is over: as it comes */
		s->disorder++;
		put_piece(g, s, d, d->ppid);
		return;
	}
	if (!streams_is_next(t, d))
		move_to(g, s, t, d);
	if (d->flags & BEGIN || !d->interleaved)
		t->ppid = d->ppid;
	put_piece(g, s, d, t->ppid);
	t->last_tsn = d->tsn;
	t->open = !(d->flags & END);
	t->open_at = sequence(d) + 1;
	if (!t->open)
		t->next = after(d, d->mid);
}

struct sctp_data streams_take(struct sctp_group *g, struct sctp_streams *s, uint32_t at)
{
	struct sctp_data d = hold_take(&g->hold, at, g->buffer);

	s->held--;
	s->held_bytes -= (uint32_t)d.bytes.len;
	streams_rank(g, s);
	return d;
}

/* The held chunk that the stream waits for, or HOLD_NIL. */
static uint32_t find_next(struct sctp_group *g, struct sctp_streams *s, const struct hold_stream *t,
			  bool interleaved)
{
	struct hold_place place = { s->id, t->next, 0, t->sid };
	uint32_t at;

	if (t->open && !interleaved)
		at = hold_find(&g->hold, s->id, t->open_at);
	else {
		place.fsn = t->open ? t->open_at : 0;
		at = hold_find_place(&g->hold, &place);
	}
	if (at != HOLD_NIL) {
		struct sctp_data d = hold_look(&g->hold, at, g->compare);

		if (d.sid != t->sid || d.flags & UNORDERED || d.interleaved != interleaved ||
		    !streams_is_next(t, &d))
			return HOLD_NIL;
	}
	return at;
}

/* What a delivered chunk lets go. */
static void follow(struct sctp_group *g, struct sctp_streams *s, struct hold_stream *t,
		   bool interleaved)
{
	while (s->held) {
		uint32_t at = find_next(g, s, t, interleaved);
		struct sctp_data d;

		if (at == HOLD_NIL)
			return;
		d = streams_take(g, s, at);
		deliver_ordered(g, s, t, &d);
	}
}

/* Delivers a chunk whatever may lack before it. */
void streams_force(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	struct hold_stream *t = d->flags & UNORDERED ? NULL : streams_find(g, s, d->sid);
	bool interleaved = d->interleaved;

	if (!t) {
		s->untracked += !(d->flags & UNORDERED);
		put_piece(g, s, d, d->ppid);
		return;
	}
	deliver_ordered(g, s, t, d);
	follow(g, s, t, interleaved);
}

bool sctp_streams_abandon(struct sctp_group *g, struct sctp_streams *s, uint16_t sid, uint32_t last,
			  bool interleaved)
{
	struct sctp_data d = { .mid = last, .interleaved = interleaved };
	struct hold_stream *t = s->id && !s->dropped ? streams_find(g, s, sid) : NULL;
	int32_t by;

	if (!t)
		return false;
	by = t->known ? ahead(&d, last, t->next) : 0;
	if (by < 0)
		return false;
	if (t->open) {
		streams_tell_gap(g, s, t, t->next, 0, SCTP_GAP_ABANDONED);
		t->next = after(&d, t->next);
		t->open = false;
		by--;
	}
	if (t->known && by >= 0)
		streams_tell_gap(g, s, t, t->next, (uint32_t)by + 1, SCTP_GAP_ABANDONED);
	t->known = true;
	t->next = after(&d, last);
	follow(g, s, t, interleaved);
	return true;
}
