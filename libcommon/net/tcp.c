/* tcp: the one TCP state machine: data, acknowledgements and FINs of a connection that is open. */
#include "libcommon/net/tcp_private.h"

enum { STRAYS = 8 }; /* in-order segments outside the window, then they are believed */

/* The timestamp of a segment that is no SYN: nearly always two NOPs and the option. */
static bool segment_timestamp(struct bytes raw, uint32_t *tsval)
{
	struct tcp_options o;

	if (raw.len == 12 && be32_get(raw.ptr) == 0x0101080a) {
		*tsval = be32_get(raw.ptr + 4);
		return true;
	}
	tcp_options_parse(raw, &o);
	*tsval = o.tsval;
	return o.has_ts;
}

static void note_window(struct tcp_half *me, const struct tcp_segment *s)
{
	unsigned scale = me->scale == TCP_NO_SCALE ? 0 : me->scale;
	uint32_t window = (uint32_t)s->window << scale;

	if (window > me->window)
		me->window = window;
}

static void close_at(struct tcp_half *h, uint64_t end)
{
	h->fin = (uint32_t)end;
	h->bits |= FIN_SENT;
	h->bits &= (uint16_t)~SUSPECT;
	h->doubtful_fin = false;
	if (h->state != TCP_END_RESET)
		h->state = TCP_END_CLOSED;
}

/* ---- acknowledgements -------------------------------------------------------------------- */

/* The other side's first number is not known: this is all that is known of it. */
static void input_first_ack(struct tcp_half *me, struct tcp_half *peer, const struct tcp_segment *s,
			    struct tcp_result *r)
{
	/* The first ACK behind a SYN whose answer was not seen tells the answer's number. */
	if (me->state == TCP_END_SYN_SENT && !(peer->bits & SENT)) {
		peer->base = s->ack;
		peer->bits |= SYN_KNOWN | ANCHORED;
		peer->scale = TCP_NO_SCALE;
		anomaly(r, TCP_A_SPLIT_ROUTING);
	}
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
}

/* How far below what the other side has sent for sure does it still take an acknowledgement? By the
 * largest window that it was ever told: RFC 5961 5.2. Where claims are far ahead a number near what
 * is sure may be one near them. */
static int64_t oldest_ack(const struct tcp_half *me, const struct tcp_half *peer)
{
	uint64_t sure = undisputed(peer, me);

	return (int64_t)sure -
	       (frontier(peer) - sure > CLAIM_FAR ? WINDOW_UNKNOWN : window_told(me));
}

/* Can the other side have been sent as far as this? */
static bool ack_is_possible(const struct tcp_half *me, const struct tcp_half *peer, int64_t off)
{
	return off <= (int64_t)frontier(peer) + window_of(me) && off >= oldest_ack(me, peer);
}

static bool is_dup_ack(const struct tcp *t, unsigned dir, const struct tcp_segment *s, int64_t off)
{
	const struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	return !s->len && s->ack == me->last_ack && !(s->flags & TCP_FIN) &&
	       s->window == t->last_window[dir] && (me->bits & ACK_SENT) && off >= 0 &&
	       peer->next > (uint64_t)off && tcp_figures_live(me);
}

/* Where all before the last hole's end is acknowledged there is none any more. */
static void note_filled(struct tcp_half *h)
{
	int64_t end = (int64_t)h->next;

	if (!(h->bits & FIN_SENT))
		end += (int32_t)(h->fin - (uint32_t)h->next);
	if ((int64_t)h->acked >= end)
		h->hole_at = 0;
}

/* Does an acknowledgement as far as this show that the end of a side was none to the other? */
static bool is_refuted(const struct tcp_half *h, int64_t off)
{
	return h->state >= TCP_END_CLOSED &&
	       off > (int64_t)(h->bits & FIN_SENT ? sent_to(h) : frontier(h));
}

/* Takes the acknowledgement of the other side's bytes. False: it can't be. */
static bool input_ack(struct tcp *t, struct history *h, unsigned dir, const struct tcp_segment *s,
		      struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	int64_t off;

	if (!(peer->bits & ANCHORED)) {
		input_first_ack(me, peer, s, r);
		return true;
	}
	if ((peer->bits & (SYN_SEEN | SYN_ACKED)) == SYN_SEEN)
		tcp_choose_syn(peer, s->ack);
	off = offset_of(peer, me, s->ack);
	if (!ack_is_possible(me, peer, off))
		return false;
	if (is_dup_ack(t, dir, s, off))
		me->dup_acks++;
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
	if (off < 0)
		return true;
	if (peer->doubtful_fin && off == (int64_t)peer->next + 1)
		close_at(peer, peer->next);
	if (peer->bits & SYN_KNOWN)
		peer->bits |= SYN_ACKED;
	r->flags |= TCP_R_ACK_VALID;
	if (is_refuted(peer, off))
		peer->bits |= REFUTED;
	if ((peer->bits & FIN_SENT) && off > (int64_t)fin_of(peer))
		off = (int64_t)fin_of(peer); /* the FIN itself takes one number */
	if (peer->bits & (TIMED | SYN_TIMED))
		tcp_time_ack(peer, (uint64_t)off, s->now);
	if ((uint64_t)off <= peer->acked)
		return true;
	if (me->state == TCP_END_RESET)
		me->bits |= REFUTED;
	/* One byte more may be a FIN that was not seen. */
	if ((peer->bits & SENT) && (uint64_t)off > peer->next + 1)
		history_count(h, !dir, 'g');
	peer->acked = (uint64_t)off;
	if (peer->hole_at)
		note_filled(peer);
	return true;
}

/* ---- where a segment lies ------------------------------------------------------------------ */

/* ns: so long a silence that a timestamp may have gone round, RFC 7323 5.5. */
static const uint64_t paws_idle = 24ull * 86400 * 1000000000;

/* Is its timestamp older than the last one? Where that is 0 there was none: some send 0 in their
 * SYNs alone. */
static bool fails_paws(const struct tcp *t, const struct tcp_half *me, int64_t off,
		       const struct tcp_segment *s, uint32_t tsval)
{
	int64_t end = off + (int64_t)s->len + !!(s->flags & TCP_FIN), next = (int64_t)me->next;

	/* A segment that only fills a hole may rightly be older than what came after it. */
	return me->ts_recent && (int32_t)(tsval - me->ts_recent) < -1 &&
	       (t->half[0].bits & t->half[1].bits & HAS_TS) && (off >= next || end > next) &&
	       s->idle < paws_idle;
}

/* RFC 7323 4.3, 5.3: of a segment that its receiver takes and that has the next byte. */
static void note_timestamp(struct tcp_half *me, int64_t off, const struct tcp_segment *s,
			   uint32_t tsval)
{
	int64_t next = (int64_t)me->next;

	if (off > next || off + (int64_t)s->len < next)
		return;
	if (!me->ts_recent || (int32_t)(tsval - me->ts_recent) > 0 || s->idle >= paws_idle)
		me->ts_recent = tsval;
}

/* Does what this segment acknowledges fit what the other side sends now, be that outside the
 * window, too? */
static bool ack_fits(const struct tcp_half *me, const struct tcp_half *peer,
		     const struct tcp_segment *s)
{
	int32_t behind = (int32_t)(s->ack - peer->stray_seq);

	if (!(s->flags & TCP_ACK) || !(peer->bits & ANCHORED))
		return true;
	return ack_is_possible(me, peer, offset_of(peer, me, s->ack)) ||
	       (peer->strays && behind <= 0 && behind >= -window_of(me));
}

/* The number of segments in order, this one included, none of which fitted. */
static bool is_believed(struct tcp_half *me, const struct tcp_segment *s)
{
	if (!s->len)
		return false;
	me->strays = s->seq == me->stray_seq && me->strays ? me->strays + 1 : 1;
	me->stray_seq = s->seq + s->len;
	if (me->strays < STRAYS)
		return false;
	me->strays = STRAYS - 1; /* the next may be it */
	return true;
}

/* A segment outside the window. A run of them in order is believed in the end: the capture, or
 * the two ends, left us behind. */
static bool resync(struct tcp_half *me, const struct tcp_half *peer, const struct tcp_segment *s,
		   int64_t *off, struct tcp_result *r)
{
	uint32_t ahead = s->seq - (me->base + (uint32_t)me->next);

	if (!is_believed(me, s) || !ack_fits(me, peer, s))
		return false;
	me->strays = 0;
	/* A jump of up to 1 GiB forward leaves a hole of its size; any other has no known size, and
	 * the offsets go on without one. */
	if (ahead > 1u << 30) {
		me->base += ahead;
		me->acked = me->next;
		ahead = 0;
	}
	*off = (int64_t)(me->next + ahead);
	me->ts_recent = 0; /* it may be another connection's */
	anomaly(r, TCP_A_RESYNC);
	r->flags |= TCP_R_ANCHOR;
	return true;
}

/* A run of new bytes in the window whose acknowledgements can't be: the capture has lost bytes of
 * the other side. What is acknowledged is believed then, as above. */
static bool resync_ack(struct tcp_half *me, struct tcp_half *peer, const struct tcp_segment *s,
		       int64_t off, struct tcp_result *r)
{
	uint32_t ahead = s->ack - (peer->base + (uint32_t)peer->next);

	if (peer->bits & FIN_SENT || off < (int64_t)me->next || !is_believed(me, s))
		return false;
	me->strays = 0;
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
	if (ahead > 1u << 30) {
		peer->base += ahead;
		ahead = 0;
	}
	peer->acked = peer->next + ahead;
	peer->bits &= (uint16_t)~TIMED;
	anomaly(r, TCP_A_RESYNC);
	return true;
}

/* A segment whose timestamp is too old: a run of them in order is believed as well, as its receiver
 * may not have kept the last one. */
static bool trust_timestamp(struct tcp_half *me, const struct tcp_half *peer,
			    const struct tcp_segment *s, struct tcp_result *r)
{
	if (s->len || s->flags & TCP_FIN) /* acknowledgements may overtake each other */
		anomaly(r, TCP_A_PAWS);
	if (!is_believed(me, s) || !ack_fits(me, peer, s)) {
		ignore(r, TCP_PAWS);
		return false;
	}
	me->strays = 0;
	me->ts_recent = 0;
	return true;
}

/* A side whose start was not seen: offset 0 is here, if this segment is accepted; or where an empty
 * one before it stood, as what lies between was sent since. One byte is a keep-alive's. */
static void suppose_start(struct tcp_half *me, const struct tcp_segment *s, bool seen)
{
	uint32_t ahead = s->seq - me->base;

	if (!seen || !(s->len || s->flags & TCP_FIN) || ahead <= 1 || ahead > WINDOW_LEAST)
		me->base = s->seq;
	me->next = me->acked = 0;
	me->scale = TCP_NO_SCALE;
	tcp_figures_start(me);
}

/* Is it outside of what this side may send now? */
static bool is_stray(const struct tcp_half *me, const struct tcp_half *peer, int64_t off,
		     uint32_t len)
{
	int64_t window = window_of(peer);
	uint64_t low = undisputed(me, peer);

	return off + (int64_t)len < (int64_t)low - window || off > (int64_t)frontier(me) + window;
}

static void ignore_stray(const struct tcp_segment *s, struct tcp_result *r)
{
	if (s->len || s->flags & TCP_FIN)
		anomaly(r, TCP_A_OUT_OF_WINDOW);
	ignore(r, TCP_OUT_OF_WINDOW);
}

/* ---- data, FIN ----------------------------------------------------------------------------- */

/* doubtful: its receiver may have dropped it, and the end is for an acknowledgement to tell. */
static void input_fin(struct tcp_half *me, uint64_t end, bool doubtful, struct tcp_result *r)
{
	if (me->bits & FIN_SENT) {
		if (end > fin_of(me) + 1)
			anomaly(r, TCP_A_FIN_ADVANCED);
		return;
	}
	if (end < me->next) {
		anomaly(r, TCP_A_INAPPROPRIATE_FIN);
		return;
	}
	if (doubtful) {
		me->doubtful_fin = end == me->next;
		return;
	}
	close_at(me, end);
	r->flags |= TCP_R_FIN;
	r->offset = end - r->keep;
}

/* Times a segment that goes on where the last one ended, where none is under way. */
static void time_segment(struct tcp_half *me, uint64_t end, uint64_t now)
{
	if (me->bits & TIMED || !tcp_figures_live(me))
		return;
	me->timed_at = tcp_us(now);
	me->timed_end = (uint32_t)end;
	me->bits |= TIMED;
}

/* Bytes in order are no mere claim: what is sure keeps up, though no more of the other side be
 * seen; twice as fast where it lags, as the capture may have left holes. */
static void take_along(struct tcp_half *me, uint64_t bytes)
{
	uint64_t lag = me->next - me->acked - CLAIM_FAR;

	me->acked += bytes + (lag < bytes ? lag : bytes);
}

static void input_data(struct tcp *t, struct history *h, unsigned dir, int64_t off,
		       const struct tcp_segment *s, struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir];
	uint64_t end;

	if (off < 0) {
		if (off + s->len <= 0) {
			if (me->bits & SYN_KNOWN)
				anomaly(r, TCP_A_OUT_OF_WINDOW);
			ignore(r, TCP_OUT_OF_WINDOW); /* from before the SYN, or the capture */
			return;
		}
		r->skip = (uint32_t)-off;
		r->keep -= r->skip;
		off = 0;
	}
	end = (uint64_t)off + r->keep;
	if (me->bits & FIN_SENT && end > fin_of(me)) {
		anomaly(r, TCP_A_DATA_AFTER_FIN);
		if ((uint64_t)off >= fin_of(me)) {
			ignore(r, TCP_AFTER_FIN);
			return;
		}
		r->keep = (uint32_t)(fin_of(me) - (uint64_t)off);
		end = fin_of(me);
	}
	r->verdict = TCP_DELIVER;
	r->offset = (uint64_t)off;
	if ((uint64_t)off == me->next) {
		if (me->bits & SUSPECT) {
			me->bits &= (uint16_t)~SUSPECT;
			anomaly(r, TCP_A_DATA_AFTER_RESET);
		}
		time_segment(me, end, s->now);
	} else {
		tcp_count_repeat(t, h, dir, (uint64_t)off, end, s->now);
	}
	if (end > me->next) {
		if ((uint64_t)off <= me->next && me->next > me->acked + CLAIM_FAR)
			take_along(me, end - me->next);
		me->next = end;
		me->doubtful_fin = false;
	}
}

/* The side's first segment that is no SYN, and those up to the end of the handshake. */
static void input_before_open(struct tcp *t, unsigned dir, const struct tcp_segment *s,
			      struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	bool seen = me->state != TCP_END_INACTIVE;

	if (!seen)
		me->state = (me->bits & SYN_KNOWN) && (peer->bits & SYN_SEEN) ? TCP_END_SYN_SENT
									      : TCP_END_PARTIAL;
	if (!t->started && (s->flags & TCP_FIN))
		anomaly(r, TCP_A_SPONTANEOUS_FIN);
	if (me->bits & SYN_SEEN)
		tcp_choose_syn(me, s->seq);
	if (!(me->bits & ANCHORED))
		suppose_start(me, s, seen);
}

/* Does it acknowledge bytes that were not seen? Were they not sent either, its receiver drops it:
 * RFC 9293 3.10.7.4, fifth. One may be a FIN. */
static bool acks_unseen(const struct tcp_half *peer, const struct tcp_segment *s)
{
	uint64_t end = peer->bits & FIN_SENT ? sent_to(peer) : peer->next + 1;

	return s->flags & TCP_ACK && offset_near(peer, end, s->ack) > (int64_t)end &&
	       (peer->bits & (ANCHORED | SENT)) == (ANCHORED | SENT);
}

/* Likewise, or bytes from before the SYN, which some drop as well? */
static bool ack_is_doubtful(const struct tcp_half *peer, const struct tcp_segment *s)
{
	return acks_unseen(peer, s) || (s->flags & TCP_ACK && peer->bits & SYN_SEEN &&
					offset_near(peer, peer->next, s->ack) < 0);
}

/* Is it where it may be: window, timestamp, acknowledgement? Else it has its verdict. */
static bool accept_segment(struct tcp *t, struct history *h, unsigned dir,
			   const struct tcp_segment *s, struct tcp_result *r, int64_t *off)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	bool jumped = is_stray(me, peer, *off, s->len);
	uint32_t tsval;
	bool timed;

	if (jumped && !resync(me, peer, s, off, r)) {
		ignore_stray(s, r);
		return false;
	}
	/* Beside a doubtful acknowledgement a timestamp is not the last one, as its receiver may
	 * not take it; nor held against its side where the capture may lack bytes. */
	timed = segment_timestamp(s->options, &tsval);
	if (timed && !jumped && fails_paws(t, me, *off, s, tsval) && !acks_unseen(peer, s) &&
	    !trust_timestamp(me, peer, s, r))
		return false;
	timed = timed && !ack_is_doubtful(peer, s);
	if ((s->flags & TCP_ACK) && !input_ack(t, h, dir, s, r)) {
		if (!jumped && !resync_ack(me, peer, s, *off, r)) {
			ignore_stray(s, r);
			return false;
		}
	} else {
		me->strays = 0;
	}
	if (timed && tsval)
		note_timestamp(me, *off, s, tsval);
	return true;
}

/* Is this what keeps a connection alive: nothing, or the last byte again? RFC 9293 3.8.4. A byte
 * that its receiver may lack is none: it may be another one. */
static bool is_keepalive(const struct tcp_half *me, const struct tcp_half *peer,
			 const struct tcp_segment *s, int64_t off)
{
	return s->len <= 1 && off == (int64_t)me->next - 1 && !(s->flags & TCP_FIN) &&
	       (me->bits & (ANCHORED | FIN_SENT)) == ANCHORED &&
	       (!s->len || me->acked >= me->next || !(peer->bits & SENT));
}

/* Does this side, in the handshake, send data before its end? Where the other side is not seen,
 * that this one acknowledges it has to do. */
static bool is_early(const struct tcp_half *me, const struct tcp_half *peer)
{
	return peer->bits & SENT || !(me->bits & ACK_SENT);
}

static void input_ordinary(struct tcp *t, struct history *h, unsigned dir,
			   const struct tcp_segment *s, struct tcp_result *r)
{
	enum { ONE_SIDED = 16384 }; /* so much without an answer: there will be none */
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	uint32_t base = me->base;
	uint8_t state = me->state;
	int64_t off;

	/* Nor is it taken behind the other side's SYN: RFC 9293 3.10.7.3, 3.10.7.4, fifth. */
	if (!(s->flags & TCP_ACK) && (me->bits & ACK_SENT || peer->bits & SYN_SEEN)) {
		if (s->len || s->flags & TCP_FIN)
			anomaly(r, TCP_A_NO_ACK);
		ignore(r, TCP_MALFORMED);
		return;
	}
	if (!(me->bits & ANCHORED) || me->state < TCP_END_ESTABLISHED)
		input_before_open(t, dir, s, r);
	off = offset_of(me, peer, s->seq);
	if (!accept_segment(t, h, dir, s, r, &off)) {
		if (!(me->bits & ANCHORED)) {
			me->base = base;
			me->state = state;
		}
		return;
	}
	if (!(me->bits & ANCHORED) && (s->len || s->flags & TCP_FIN)) {
		me->bits |= ANCHORED;
		r->flags |= TCP_R_ANCHOR;
	}
	tcp_check_open(t, r);
	note_window(me, s);
	t->last_window[dir] = s->window;
	if (s->ecn == ECN_CE || (s->flags & (TCP_ECE | TCP_CWR)))
		tcp_count_congestion(me, s);
	r->offset = off > 0 ? (uint64_t)off : 0;
	if (is_keepalive(me, peer, s, off)) {
		ignore(r, TCP_KEEPALIVE);
		return;
	}
	if (me->state == TCP_END_RESET && (s->len || (s->flags & TCP_FIN))) {
		anomaly(r, s->len ? TCP_A_DATA_AFTER_RESET : TCP_A_FIN_AFTER_RESET);
		if (s->len) {
			ignore(r, TCP_AFTER_RESET);
			return;
		}
	}
	if (s->len) {
		if (me->state < TCP_END_PARTIAL && is_early(me, peer))
			anomaly(r, TCP_A_DATA_BEFORE_ESTABLISHED);
		input_data(t, h, dir, off, s, r);
		if (me->next > ONE_SIDED && !(peer->bits & SENT))
			tcp_figures_start(me);
	}
	if ((s->flags & TCP_FIN) && off + (int64_t)s->len >= 0)
		input_fin(me, (uint64_t)(off + s->len), ack_is_doubtful(peer, s), r);
}

/* ---- the whole -------------------------------------------------------------------------- */

static void note_control(struct history *h, unsigned dir, const struct tcp_segment *s)
{
	switch (s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
	case TCP_SYN:
		history_seq(h, dir, s->flags & TCP_ACK ? 'h' : 's', s->seq);
		break;
	case TCP_FIN:
		history_seq(h, dir, 'f', s->seq + s->len);
		break;
	case TCP_RST:
		history_seq(h, dir, 'r', s->seq);
		break;
	case TCP_SYN | TCP_FIN:
	case TCP_SYN | TCP_RST:
		history_once(h, dir, 'q');
		break;
	default:
		history_once(h, dir, 'i');
	}
}

/* The letters of Zeek: payload beside a flag has none of its own. */
static void note_history(struct history *h, const struct tcp *t, unsigned dir,
			 const struct tcp_segment *s)
{
	if (s->flags & (TCP_SYN | TCP_FIN | TCP_RST))
		note_control(h, dir, s);
	else if (s->len)
		history_once(h, dir, 'd');
	else if (s->flags & TCP_ACK)
		history_once(h, dir, 'a');
	if (!s->window && !(s->flags & TCP_RST) && t->half[!dir].state != TCP_END_CLOSED &&
	    t->half[dir].state != TCP_END_RESET)
		history_count(h, dir, 'w');
}

void tcp_input(struct tcp *t, struct history *h, unsigned dir, const struct tcp_segment *s,
	       struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	*r = (struct tcp_result){ .verdict = TCP_NO_DATA, .keep = s->len };
	if (s->bad_checksum) {
		history_count(h, dir, 'c');
		anomaly(r, TCP_A_BAD_CHECKSUM);
		ignore(r, TCP_BAD_CHECKSUM);
		return;
	}
	note_history(h, t, dir, s);
	me->bits |= SENT;
	if (!t->started) {
		t->midstream = !(s->flags & TCP_SYN);
		me->scale = peer->scale = TCP_NO_SCALE;
	}
	if (!(s->flags & (TCP_SYN | TCP_RST))) {
		input_ordinary(t, h, dir, s, r);
	} else if ((s->flags & TCP_SYN) && (s->flags & (TCP_FIN | TCP_RST))) {
		anomaly(r, TCP_A_CHRISTMAS);
		ignore(r, TCP_MALFORMED);
	} else if (s->flags & TCP_RST) {
		tcp_input_rst(t, dir, s, r);
	} else if ((s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		tcp_input_syn_ack(t, dir, s, r);
	} else {
		tcp_input_syn(t, dir, s, r);
	}
	t->started = true;
	if (t->midstream)
		r->flags |= TCP_R_MIDSTREAM;
	if (!(peer->bits & SENT))
		r->flags |= TCP_R_ONESIDED;
}
