/* l7_records: what the records of a flow mean for its parser: bytes offered, kept, skipped, gaps,
 * claims, ends. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/l7_private.h"

enum {
	DEFAULT_BUFFER = 64 * 1024,
	CLAIM_BYTES = 1024, /* kept per direction while undecided */
};

/* ---- calling the parser -------------------------------------------------------------------- */

void l7_flow_tick(struct l7_flow *f)
{
	if (f->l7->parser->tick && !f->stop_over && !f->stop_done) {
		f->l7->parser->tick(f, f->now);
		l7_scratch_reset(f->l7);
	}
}

static void side_offer_again(struct l7_flow *f, unsigned sides);

/* After a callback: carries out what l7_poison(), l7_done() or l7_again() asked for in it, and
 * l7_hold(). */
void l7_flow_settle(struct l7_flow *f)
{
	unsigned again = f->again;

	f->again = 0;
	l7_scratch_reset(f->l7);
	if (f->stop_over) {
		f->l7->stats.poisoned++;
		l7_session_close(f, L7_END_ERROR);
	} else if (f->stop_done) {
		l7_session_close(f, L7_END_DONE);
	} else if (again) {
		side_offer_again(f, again);
	}
	l7_held_within(f);
}

size_t l7_parser_cap(const struct l7 *l7)
{
	return l7->parser->max_buffer ? l7->parser->max_buffer : DEFAULT_BUFFER;
}

/* Keeps `rest` as this side's unread bytes; the last `rest.len` bytes of what was offered. */
static void side_keep(struct l7_flow *f, struct l7_side *s, struct bytes rest)
{
	if (rest.len == 0) {
		if (s->kept.size > 16 * 1024) /* a big buffer is rarely needed twice */
			buf_release(&s->kept);
		s->kept.len = 0;
	} else if (s->kept.len && rest.ptr >= s->kept.ptr && rest.ptr < s->kept.ptr + s->kept.len) {
		if (rest.ptr != s->kept.ptr) /* else every small segment would move all of it */
			memmove(s->kept.ptr, rest.ptr, rest.len);
		s->kept.len = rest.len;
	} else {
		s->kept.len = 0;
		buf_add(&s->kept, rest.ptr, rest.len);
	}
	l7_unread(f);
}

static size_t side_skip(struct l7_side *s, size_t have)
{
	size_t n = s->skip < have ? (size_t)s->skip : have;

	s->skip -= n;
	s->offset += n;
	return n;
}

/* Offers the unread bytes (data) until the parser stops making progress. `fresh` = how many of
 * them, at the end, came with the record at hand. */
static void side_offer(struct l7_flow *f, enum l7_dir dir, struct bytes data, size_t fresh)
{
	struct l7_side *s = &f->side[dir];

	f->dir = dir;
	for (;;) {
		size_t done;

		if (data.len == 0)
			break;
		if (s->skip) {
			done = side_skip(s, data.len);
		} else {
			if (data.len < s->want)
				break;
			s->want = 0;
			s->offering = true;
			done = f->l7->parser->feed(f, dir, data);
			l7_flow_settle(f);
			s->offering = false;
			if (f->mode != MODE_OURS)
				return;
			if (done > data.len)
				done = data.len;
			s->offset += done;
			if (done == 0 && !s->skip) {
				s->scanned = data.len;
				break;
			}
		}
		data.ptr += done;
		data.len -= done;
		if (done) {
			s->scanned = 0;
			if (data.len <= fresh) {
				s->start_ts = f->now;
				s->start_n = f->n;
				s->segments = data.len ? 1 : 0;
			}
		}
	}
	side_keep(f, s, data);
	if (s->kept.len > l7_parser_cap(f->l7)) {
		l7_poison(f, "too many unread bytes");
		l7_flow_settle(f);
	} else {
		l7_unread_within(f);
	}
}

static void side_data(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct l7_side *s = &f->side[dir];
	size_t skipped;

	s->fed += data.len;
	if (s->kept.len == 0) {
		skipped = side_skip(s, data.len);
		data.ptr += skipped;
		data.len -= skipped;
		if (data.len == 0)
			return;
		s->start_ts = f->now;
		s->start_n = f->n;
		s->segments = 1;
		side_offer(f, dir, data, data.len);
		return;
	}
	buf_add(&s->kept, data.ptr, data.len);
	s->segments++;
	side_offer(f, dir, buf_bytes(&s->kept), data.len);
}

void l7_side_offer_kept(struct l7_flow *f, enum l7_dir dir)
{
	struct l7_side *s = &f->side[dir];

	s->fed += s->kept.len;
	if (s->kept.len)
		side_offer(f, dir, buf_bytes(&s->kept), 0);
}

/* What was not offered yet, or is just being offered, comes by itself. */
static void side_offer_again(struct l7_flow *f, unsigned sides)
{
	uint8_t at_hand = f->dir;

	for (unsigned dir = 0; dir < 2 && f->mode == MODE_OURS; dir++) {
		struct l7_side *s = &f->side[dir];

		if (!(sides >> dir & 1) || s->offering || !s->scanned || !s->kept.len)
			continue;
		s->scanned = 0;
		side_offer(f, (enum l7_dir)dir, buf_bytes(&s->kept), 0);
	}
	f->dir = at_hand;
}

static void side_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct l7_side *s = &f->side[dir];
	uint64_t by_skip = s->skip < missing ? s->skip : missing;

	s->missing += missing;
	s->offset += s->kept.len;
	side_keep(f, s, BYTES(NULL, 0));
	s->scanned = s->want = 0;
	s->segments = 0;
	if (!f->l7->parser->gap) {
		f->why = "bytes are missing";
		l7_session_close(f, L7_END_GAP);
		return;
	}
	s->skip -= by_skip;
	f->l7->parser->gap(f, dir, missing, why);
	s->offset += missing;
	l7_flow_settle(f);
}

void l7_flow_claim(struct l7_flow *f)
{
	const struct l7_parser *p = f->l7->parser;

	f->mode = MODE_OURS;
	f->state = p->state_size ? l7_pool_take(&f->l7->states) : NULL;
	f->l7->stats.claimed++;
	l7_flow_tick(f);
	l7_flow_settle(f);
}

/* ---- records in ---------------------------------------------------------------------------- */

static void key_set(struct rec_key *k, uint8_t ip_version, uint8_t proto, const uint8_t *orig_h,
		    const uint8_t *resp_h, uint16_t orig_p, uint16_t resp_p)
{
	uint8_t len = ip_version == 6 ? 16 : ip_version == 4 ? 4 : 0;

	*k = (struct rec_key){ .orig_p = orig_p, .resp_p = resp_p, .proto = proto };
	k->orig_h.len = k->resp_h.len = len;
	memcpy(k->orig_h.b, orig_h, len);
	memcpy(k->resp_h.b, resp_h, len);
}

/* Asks the parser whether the flow is its own, with all bytes that this side has so far. */
static void stream_ask(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct l7_side *s = &f->side[dir], *peer = &f->side[!dir];
	struct l7_first first = l7_first_of(f, dir, data);

	if (s->kept.len) { /* copied only where the first bytes did not tell */
		buf_add(&s->kept, data.ptr, data.len);
		first.data = buf_bytes(&s->kept);
	}
	s->segments++;
	if (s->segments == 1) {
		s->start_ts = f->now;
		s->start_n = f->n;
	}
	switch (f->l7->parser->claims ? f->l7->parser->claims(&first) : L7_YES) {
	case L7_YES:
		l7_flow_claim(f);
		for (int i = 0; i < 2 && f->mode == MODE_OURS; i++) {
			enum l7_dir d = i ? dir : (enum l7_dir) !dir;
			struct l7_side *one = &f->side[d];
			struct bytes all = d == dir ? first.data : buf_bytes(&one->kept);

			one->fed += all.len;
			if (all.len)
				side_offer(f, d, all, d == dir ? data.len : 0);
		}
		return;
	case L7_MAYBE:
		if (s->kept.len == 0)
			buf_add(&s->kept, data.ptr, data.len);
		l7_unread(f);
		if (s->kept.len > CLAIM_BYTES)
			break;
		l7_unread_within(f);
		return;
	case L7_NO:
		break;
	}
	/* One side's refusal is enough unless the other side has not spoken yet: a client that
	 * sends nothing recognisable while the server does is not ours either. */
	f->mode = MODE_OTHER;
	buf_release(&s->kept);
	buf_release(&peer->kept);
	l7_unread(f);
}

bool l7_reads(const struct l7_parser *p, uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		return p->feed;
	return proto == IPPROTO_SCTP ? p->message != NULL : p->datagram != NULL;
}

static bool refuses(const struct l7 *l7, const struct l7_first *first)
{
	return l7->parser->claims && l7->parser->claims(first) == L7_NO;
}

bool l7_refuses_stream(const struct l7 *l7, const struct rec_stream *s)
{
	struct l7_first first = { .proto = s->proto,
				  .orig_p = s->orig_p,
				  .resp_p = s->resp_p,
				  .midstream = s->flags & STREAM_MIDSTREAM,
				  .dir = s->dir ? L7_RESP : L7_ORIG,
				  .data = s->payload,
				  .config = l7->parser->config };

	if (s->offset != 0 || !l7_reads(l7->parser, s->proto))
		return true;
	return !l7->follows && s->proto != IPPROTO_SCTP && !s->gap && s->payload.len &&
	       refuses(l7, &first);
}

bool l7_refuses_packet(const struct l7 *l7, const struct rec_packet *p)
{
	struct l7_first first = { .proto = p->proto,
				  .orig_p = p->orig_p,
				  .resp_p = p->resp_p,
				  .midstream = p->flags & PACKET_MIDSTREAM,
				  .dir = p->dir ? L7_RESP : L7_ORIG,
				  .data = p->payload,
				  .config = l7->parser->config };

	return !l7->parser->datagram || (!l7->follows && refuses(l7, &first));
}

/* NULL: the flow is somebody else's. */
static struct l7_flow *stream_flow(struct l7 *l7, const struct rec_head *h,
				   const struct rec_stream *s)
{
	struct l7_flow *f = l7_flow_find(l7, h->flow);

	if (f && !l7_reads(l7->parser, s->proto)) /* a guess said otherwise */
		return NULL;
	if (!f) {
		if (l7_is_other(l7, h->flow))
			return NULL;
		/* A flow whose beginning went elsewhere is not ours to guess at. */
		if (s->offset != 0 || !l7_reads(l7->parser, s->proto)) {
			l7_flow_other(l7, h);
			return NULL;
		}
		f = l7_flow_make(l7, h, h->flow);
		key_set(&f->key, s->ip_version, s->proto, s->orig_h, s->resp_h, s->orig_p,
			s->resp_p);
		f->midstream = s->flags & STREAM_MIDSTREAM;
	}
	f->now = h->ts;
	f->n = h->n;
	f->midstream |= s->flags & STREAM_MIDSTREAM;
	return f->mode == MODE_OTHER ? NULL : f;
}

static void stream_data(struct l7_flow *f, enum l7_dir dir, const struct rec_stream *s)
{
	struct bytes data = s->payload;

	if (f->begins[dir] > s->offset) { /* the front belongs to the protocol before this one */
		uint64_t over = f->begins[dir] - s->offset;

		if (over >= data.len)
			return;
		data = BYTES(data.ptr + over, data.len - over);
	}
	/* What came before a guess gave the flow to the parser went elsewhere. */
	if (f->asks && !f->side[dir].fed && f->side[dir].offset < s->offset)
		f->side[dir].offset = s->offset;
	if (data.len)
		side_data(f, dir, data);
}

static void stream_take(struct l7_flow *f, const struct rec_head *h, const struct rec_stream *s)
{
	enum l7_dir dir = s->dir ? L7_RESP : L7_ORIG;

	f->dir = dir;
	if (f->key.proto == IPPROTO_SCTP) {
		l7_messages_take(f, h, s);
		return;
	}
	if (f->mode == MODE_UNDECIDED && s->gap) {
		/* Nothing can be claimed across a hole but a fresh start behind it. */
		buf_release(&f->side[dir].kept);
		l7_unread(f);
		f->side[dir].segments = 0;
		f->side[dir].missing += s->gap;
		f->side[dir].offset = s->offset + s->gap;
		f->midstream = true;
		return;
	}
	if (f->mode == MODE_UNDECIDED) {
		if (l7_flow_waits(f))
			l7_first_keep(f, dir, s->payload);
		else
			stream_ask(f, dir, s->payload);
		return;
	}
	if (f->mode == MODE_OURS) {
		l7_flow_tick(f);
		l7_flow_settle(f);
	}
	if (f->mode != MODE_OURS)
		return;
	if (s->gap)
		side_gap(f, dir, s->gap, (enum rec_gap_reason)s->gap_reason);
	else
		stream_data(f, dir, s);
}

bool l7_stream(struct l7 *l7, const struct rec_head *h, const struct rec_stream *s)
{
	struct l7_flow *f = stream_flow(l7, h, s);

	if (!f)
		return false;
	stream_take(f, h, s);
	return !l7_flow_left(f, h) && f->mode != MODE_UNDECIDED;
}

/* NULL: the flow is somebody else's. */
static struct l7_flow *packet_flow(struct l7 *l7, const struct rec_head *h,
				   const struct rec_packet *p)
{
	struct l7_flow *f = l7_flow_find(l7, h->flow);

	if (!f) {
		if (l7_is_other(l7, h->flow))
			return NULL;
		f = l7_flow_make(l7, h, h->flow);
		key_set(&f->key, p->ip_version, p->proto, p->orig_h, p->resp_h, p->orig_p,
			p->resp_p);
		f->midstream = p->flags & PACKET_MIDSTREAM;
	}
	f->now = h->ts;
	f->n = h->n;
	return f->mode == MODE_OTHER ? NULL : f;
}

/* True where the parser got it. */
static bool packet_take(struct l7_flow *f, const struct rec_packet *p)
{
	const struct l7_parser *parser = f->l7->parser;
	enum l7_dir dir = p->dir ? L7_RESP : L7_ORIG;

	f->dir = dir;
	if (l7_flow_waits(f))
		return false;
	if (f->mode == MODE_UNDECIDED) {
		struct l7_first first = l7_first_of(f, dir, p->payload);
		enum l7_claim c = parser->claims ? parser->claims(&first) : L7_YES;

		if (c == L7_YES)
			l7_flow_claim(f);
		else if (c == L7_NO)
			f->mode = MODE_OTHER;
	} else if (f->mode == MODE_OURS) {
		l7_flow_tick(f);
		l7_flow_settle(f);
	}
	if (f->mode != MODE_OURS)
		return f->mode == MODE_OVER;
	f->side[dir].fed += p->payload.len;
	f->side[dir].start_ts = f->now;
	f->side[dir].start_n = f->n;
	f->side[dir].segments = 1;
	f->snapped = p->flags & PACKET_SNAPPED;
	f->lacking = p->missing;
	parser->datagram(f, dir, p->payload);
	l7_flow_settle(f);
	return true;
}

bool l7_packet(struct l7 *l7, const struct rec_head *h, const struct rec_packet *p)
{
	struct l7_flow *f = l7->parser->datagram ? packet_flow(l7, h, p) : NULL;
	bool ours;

	if (!f)
		return false;
	ours = packet_take(f, p);
	l7_flow_left(f, h);
	return ours;
}

void l7_stream_end(struct l7 *l7, const struct rec_head *h, const struct rec_stream_end *e)
{
	struct l7_flow *f = l7_flow_find(l7, h->flow);
	enum l7_dir dir = e->dir ? L7_RESP : L7_ORIG;

	if (!f || f->mode != MODE_OURS || f->side[dir].ended)
		return;
	f->now = h->ts;
	f->n = h->n;
	f->dir = dir;
	l7_flow_tick(f);
	l7_flow_settle(f);
	f->side[dir].ended = true;
	l7_messages_end(f, dir);
	if (f->mode == MODE_OURS && f->side[dir].want && f->side[dir].kept.len) {
		/* The end is the end of waiting for more as well. */
		f->side[dir].want = 0;
		side_offer(f, dir, buf_bytes(&f->side[dir].kept), 0);
	}
	if (e->reason == REC_stream_reason_SWAPPED) {
		/* What comes next is not what would have come. */
		l7_session_close(f, L7_END_SWAPPED);
	} else if (f->mode == MODE_OURS && l7->parser->eof) {
		l7->parser->eof(f, dir, (enum rec_stream_reason)e->reason);
		l7_flow_settle(f);
	}
	l7_flow_left(f, h);
}

static enum l7_end end_of(uint32_t flow_reason)
{
	return flow_reason == REC_flow_reason_EVICTED   ? L7_END_EVICTED
	       : flow_reason == REC_flow_reason_SWAPPED ? L7_END_SWAPPED
							: L7_END_EOF;
}

void l7_flow_end(struct l7 *l7, const struct rec_head *h, const struct rec_flow *fl)
{
	struct l7_flow *f;

	if (fl->event != REC_flow_event_END || l7_others_remove(&l7->others, h->flow))
		return;
	f = l7_flow_find(l7, h->flow);
	if (!f)
		return;
	f->now = h->ts;
	f->n = h->n;
	if (f->mode == MODE_OURS) {
		l7_flow_tick(f);
		l7_flow_settle(f);
	}
	l7_session_close(f, end_of(fl->reason));
	l7_flow_forget(l7, f);
}

int l7_flow_by_id(const void *a, const void *b)
{
	const struct l7_flow *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}
