/* tcp: the one TCP state machine. */
#include "libcommon/net/tcp.h"

enum half_bits {
	SYN_KNOWN = 1, /* its initial sequence number is known */
	ANCHORED = 2,  /* base is fixed */
	SYN_ACKED = 4, /* the other side acknowledged its SYN */
	FIN_SENT = 8,
	SUSPECT = 16,  /* sent a reset that was in the window but not exact */
	HAS_TS = 32,   /* its SYN had timestamps */
	TS_VALID = 64, /* ts_recent is set */
	SENT = 128,    /* at least one segment was seen */
	SYN_SEEN = 256,
	ACK_SENT = 512,   /* last_ack is set */
	HAS_SCALE = 1024, /* its SYN offered window scaling */
	HAS_AUTH = 2048,  /* its SYN was signed */
};

enum {
	WINDOW_LEAST = 1 << 20,    /* a smaller window is taken for this one */
	WINDOW_UNKNOWN = 16 << 20, /* where the scale is not known */
	STRAYS = 8, /* in-order segments outside the window, then they are believed */
};

static const uint64_t reuse_idle = 5000000000ull;

/* ---- options ---------------------------------------------------------------------------- */

struct tcp_options {
	uint32_t tsval;
	uint16_t mss;
	uint8_t scale;
	bool has_ts, has_scale, has_auth;
};

static void parse_options(struct bytes raw, struct tcp_options *o)
{
	struct cursor c;

	*o = (struct tcp_options){ 0 };
	if (!raw.len) /* its pointer may be NULL */
		return;
	c = cursor_of(raw);
	while (cursor_left(&c)) {
		uint8_t kind = cursor_u8(&c), len;
		const uint8_t *v;

		if (kind == 0)
			return;
		if (kind == 1)
			continue;
		len = cursor_u8(&c);
		v = len < 2 ? NULL : cursor_take(&c, len - 2u);
		if (!v)
			return;
		if (kind == 2 && len == 4) {
			o->mss = be16_get(v);
		} else if (kind == 19 || kind == 29) { /* RFC 2385, RFC 5925 */
			o->has_auth = true;
		} else if (kind == 3 && len == 3) {
			o->has_scale = true;
			o->scale = v[0] > 14 ? 14 : v[0]; /* RFC 7323 2.3 */
		} else if (kind == 8 && len == 10) {
			o->has_ts = true;
			o->tsval = be32_get(v);
		}
	}
}

/* The timestamp of a segment that is no SYN: nearly always two NOPs and the option. */
static bool segment_timestamp(struct bytes raw, uint32_t *tsval)
{
	struct tcp_options o;

	if (raw.len == 12 && be32_get(raw.ptr) == 0x0101080a) {
		*tsval = be32_get(raw.ptr + 4);
		return true;
	}
	parse_options(raw, &o);
	*tsval = o.tsval;
	return o.has_ts;
}

/* ---- sequence space --------------------------------------------------------------------- */

static uint64_t frontier(const struct tcp_half *h)
{
	return h->next > h->acked ? h->next : h->acked;
}

/* The offset that a sequence number stands for: the one nearest to the frontier. Negative: it is
 * from before offset 0. */
static int64_t offset_of(const struct tcp_half *h, uint32_t seq)
{
	uint64_t ref = frontier(h);

	return (int64_t)ref + (int32_t)(seq - (h->base + (uint32_t)ref));
}

/* How far beyond the frontier a side may send: what the other one advertises. */
static int64_t window_of(const struct tcp_half *receiver)
{
	if (receiver->scale == TCP_NO_SCALE)
		return WINDOW_UNKNOWN;
	return receiver->window > WINDOW_LEAST ? receiver->window : WINDOW_LEAST;
}

static void note_window(struct tcp_half *me, const struct tcp_segment *s)
{
	unsigned scale = me->scale == TCP_NO_SCALE || (s->flags & TCP_SYN) ? 0 : me->scale;
	uint32_t window = (uint32_t)s->window << scale;

	if (window > me->window)
		me->window = window;
}

static void anomaly(struct tcp_result *r, enum tcp_anomaly a)
{
	r->anomalies |= 1u << a;
}

static void ignore(struct tcp_result *r, enum tcp_verdict v)
{
	r->verdict = (uint8_t)v;
	r->keep = 0;
}

static bool is_reset(const struct tcp *t)
{
	return t->half[0].state == TCP_END_RESET || t->half[1].state == TCP_END_RESET;
}

static bool is_over(const struct tcp *t)
{
	return is_reset(t) || (t->half[0].bits & t->half[1].bits & FIN_SENT);
}

/* ---- handshake -------------------------------------------------------------------------- */

/* Takes the SYN (or SYN/ACK) of this side as its start, and remembers the one it replaces. */
static void adopt_syn(struct tcp_half *me, const struct tcp_segment *s)
{
	struct tcp_options o;

	if ((me->bits & SYN_SEEN) && me->base != s->seq + 1) {
		unsigned at = me->ncandidates++ % TCP_CANDIDATES;

		me->candidates[at] = me->base;
		me->next = me->acked = 0;
	}
	parse_options(s->options, &o);
	me->base = s->seq + 1;
	me->bits |= SYN_KNOWN | ANCHORED | SYN_SEEN;
	me->bits &= (uint16_t) ~(HAS_TS | TS_VALID | HAS_SCALE | HAS_AUTH);
	me->scale = o.scale;
	me->mss = o.mss;
	if (o.has_auth)
		me->bits |= HAS_AUTH;
	if (o.has_scale)
		me->bits |= HAS_SCALE;
	if (o.has_ts) {
		me->bits |= HAS_TS | TS_VALID;
		me->ts_recent = o.tsval;
	}
}

/* The base among all SYNs of this side that `ack` acknowledges becomes the base. */
static bool choose_syn(struct tcp_half *me, uint32_t ack)
{
	unsigned n = me->ncandidates < TCP_CANDIDATES ? me->ncandidates : TCP_CANDIDATES;

	if (ack - me->base <= me->next)
		return true;
	for (unsigned i = 0; i < n; i++) {
		uint32_t other = me->candidates[i];

		if (ack == other) {
			me->candidates[i] = me->base;
			me->base = other;
			me->next = me->acked = 0;
			return true;
		}
	}
	return false;
}

/* Scaling is on only where both sides asked for it: RFC 7323 1.3. */
static void settle_scale(struct tcp *t)
{
	struct tcp_half *a = &t->half[0], *b = &t->half[1];

	if ((a->bits & b->bits & SYN_SEEN) && !(a->bits & b->bits & HAS_SCALE))
		a->scale = b->scale = 0;
}

/* Both SYNs are acknowledged: the connection is open, whatever the order (3-, 4- and 5-way). */
static void check_established(struct tcp *t, struct tcp_result *r)
{
	if (t->half[0].state >= TCP_END_ESTABLISHED && t->half[1].state >= TCP_END_ESTABLISHED)
		return;
	if (!(t->half[0].bits & t->half[1].bits & SYN_ACKED))
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_half *h = &t->half[i];

		if (!(h->bits & SENT) || h->state >= TCP_END_ESTABLISHED)
			continue;
		h->state = TCP_END_ESTABLISHED;
		if (h->bits & t->half[!i].bits & SENT)
			r->flags |= TCP_R_ESTABLISHED;
	}
}

/* Payload in a SYN: RFC 9293 3.10.7.4, RFC 7413. */
static void syn_payload(struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	if (!s->len)
		return;
	anomaly(r, TCP_A_SYN_WITH_DATA);
	r->verdict = TCP_DELIVER;
	r->offset = 0;
	if (me->next < s->len)
		me->next = s->len;
}

bool tcp_is_reuse(const struct tcp *t, unsigned dir, const struct tcp_segment *s)
{
	const struct tcp_half *me = &t->half[dir];

	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN || s->bad_checksum)
		return false;
	if ((me->bits & SYN_SEEN) && s->seq + 1 == me->base)
		return false;
	if (is_over(t))
		return true;
	if (s->idle <= reuse_idle || !(me->bits & SENT))
		return false;
	return !(me->bits & ANCHORED) ||
	       (int32_t)(s->seq - (me->base + (uint32_t)frontier(me))) > 0;
}

static void input_syn(struct tcp *t, unsigned dir, const struct tcp_segment *s,
		      struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	switch (me->state) {
	case TCP_END_INACTIVE:
		if ((me->bits & SYN_KNOWN) && me->base != s->seq + 1) {
			anomaly(r, TCP_A_SYN_SEQ_JUMP); /* the SYN/ACK that came first says so */
			ignore(r, TCP_BAD_SYN);
			return;
		}
		if (peer->state == TCP_END_SYN_SENT)
			anomaly(r, TCP_A_SIMULTANEOUS_OPEN);
		break;
	case TCP_END_SYN_SENT:
		if (me->base != s->seq + 1)
			anomaly(r, TCP_A_SYN_SEQ_JUMP);
		if (me->bits & SYN_ACKED && me->base != s->seq + 1) {
			ignore(r, TCP_BAD_SYN);
			return;
		}
		break;
	case TCP_END_PARTIAL:
		if (me->base != s->seq + 1 || (me->bits & SYN_SEEN)) {
			anomaly(r, TCP_A_SYN_AFTER_PARTIAL);
			ignore(r, TCP_BAD_SYN);
			return;
		}
		break;
	default:
		if (me->base != s->seq + 1) {
			anomaly(r, TCP_A_SYN_INSIDE);
			ignore(r, TCP_BAD_SYN);
		}
		return; /* a retransmission */
	}
	adopt_syn(me, s);
	me->state = TCP_END_SYN_SENT;
	r->flags |= TCP_R_ANCHOR;
	settle_scale(t);
	syn_payload(me, s, r);
	check_established(t, r);
}

static void input_syn_ack(struct tcp *t, unsigned dir, const struct tcp_segment *s,
			  struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	if (me->state >= TCP_END_ESTABLISHED) {
		if (me->base != s->seq + 1) {
			anomaly(r, TCP_A_SYN_INSIDE);
			ignore(r, TCP_BAD_SYN);
		}
		return;
	}
	if (me->state == TCP_END_PARTIAL && (me->bits & ANCHORED) && me->base != s->seq + 1) {
		anomaly(r, TCP_A_SYN_AFTER_PARTIAL);
		ignore(r, TCP_BAD_SYN);
		return;
	}
	if (peer->bits & ANCHORED) {
		if (!choose_syn(peer, s->ack)) {
			anomaly(r, TCP_A_BAD_SYN_ACK);
			ignore(r, TCP_BAD_SYN_ACK);
			return;
		}
		if (s->ack - peer->base > peer->acked)
			peer->acked = s->ack - peer->base;
	} else { /* the SYN was not seen, but this says what it was */
		peer->base = s->ack;
		peer->bits |= SYN_KNOWN | ANCHORED;
		peer->scale = TCP_NO_SCALE;
	}
	peer->bits |= SYN_ACKED;
	adopt_syn(me, s);
	me->state = TCP_END_SYN_ACK_SENT;
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
	r->flags |= TCP_R_ANCHOR | TCP_R_ACK_VALID;
	settle_scale(t);
	syn_payload(me, s, r);
	check_established(t, r);
}

/* ---- reset ------------------------------------------------------------------------------ */

/* RFC 9293 3.5.3, RFC 5961 3: a reset has to know the sequence number. */
static bool rst_is_exact(const struct tcp_half *me, const struct tcp_half *peer,
			 const struct tcp_segment *s)
{
	int64_t off;

	/* The answer to a SYN has no sequence number of its own; its ACK must be right. */
	if (!(me->bits & ANCHORED) && (s->flags & TCP_ACK) && (peer->bits & ANCHORED))
		return s->ack - peer->base <= peer->next + 1;
	if (peer->bits & ACK_SENT && s->seq == peer->last_ack)
		return true;
	if (!(me->bits & ANCHORED))
		return me->state == TCP_END_PARTIAL ? s->seq == me->base
						    : !(peer->bits & (ACK_SENT | ANCHORED));
	off = offset_of(me, s->seq);
	if (off == (int64_t)me->next || off == (int64_t)frontier(me))
		return true;
	return (me->bits & FIN_SENT) && off == (int64_t)me->fin + 1;
}

static void input_rst(struct tcp *t, unsigned dir, const struct tcp_segment *s,
		      struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	int64_t off = me->bits & ANCHORED ? offset_of(me, s->seq) : 0;
	struct tcp_options o;

	if (s->len) {
		anomaly(r, TCP_A_RST_WITH_DATA);
		ignore(r, TCP_RST_DATA);
	}
	if (!t->started)
		anomaly(r, TCP_A_SPONTANEOUS_RST);
	parse_options(s->options, &o);
	if (o.has_auth && !(me->bits & HAS_AUTH)) { /* signed, where no signatures were agreed on */
		anomaly(r, TCP_A_RST_SUSPECT);
		ignore(r, TCP_RST_SUSPECT);
		return;
	}
	/* Behind both FINs it only hurries the sender along. */
	if (me->state == TCP_END_RESET || (me->bits & peer->bits & FIN_SENT))
		return;
	if (rst_is_exact(me, peer, s)) {
		me->state = TCP_END_RESET;
		me->bits &= (uint16_t)~SUSPECT;
		r->flags |= TCP_R_RST;
		if (me->bits & ANCHORED)
			r->offset = frontier(me);
		return;
	}
	anomaly(r, TCP_A_RST_SUSPECT);
	ignore(r, TCP_RST_SUSPECT);
	/* One from far outside the window can't have been believed by anyone. */
	if ((me->bits & ANCHORED) && off >= (int64_t)frontier(me) - window_of(peer) &&
	    off <= (int64_t)frontier(me) + window_of(peer))
		me->bits |= SUSPECT;
}

/* ---- data, acknowledgements, FIN ----------------------------------------------------------- */

/* Takes the acknowledgement of the other side's bytes. False: it can't be. */
static bool input_ack(struct tcp *t, struct history *h, unsigned dir, const struct tcp_segment *s,
		      struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	int64_t off, ref, window;

	if (!(peer->bits & ANCHORED)) {
		/* The first ACK behind a SYN whose answer was not seen tells the answer's number.
		 */
		if (me->state == TCP_END_SYN_SENT && !(peer->bits & SENT)) {
			peer->base = s->ack;
			peer->bits |= SYN_KNOWN | ANCHORED;
			peer->scale = TCP_NO_SCALE;
		}
		me->last_ack = s->ack;
		me->bits |= ACK_SENT;
		return true;
	}
	if ((peer->bits & (SYN_SEEN | SYN_ACKED)) == SYN_SEEN)
		choose_syn(peer, s->ack);
	off = offset_of(peer, s->ack);
	ref = (int64_t)frontier(peer);
	window = window_of(me);
	if (off > ref + window || off < (int64_t)peer->acked - window)
		return false;
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
	if (off < 0)
		return true;
	if (peer->bits & SYN_KNOWN)
		peer->bits |= SYN_ACKED;
	r->flags |= TCP_R_ACK_VALID;
	if ((peer->bits & FIN_SENT) && off > (int64_t)peer->fin)
		off = (int64_t)peer->fin; /* the FIN itself takes one number */
	if ((uint64_t)off <= peer->acked)
		return true;
	/* One byte more may be a FIN that was not seen. */
	if ((peer->bits & SENT) && (uint64_t)off > peer->next + 1)
		history_count(h, !dir, 'g');
	peer->acked = (uint64_t)off;
	return true;
}

static bool fails_paws(const struct tcp *t, const struct tcp_half *me, int64_t off,
		       const struct tcp_segment *s, uint32_t tsval)
{
	const uint64_t days_24 = 24ull * 86400 * 1000000000;

	/* A segment that fills a hole may rightly be older than what came after it. */
	return (int32_t)(tsval - me->ts_recent) < -1 && tsval && (me->bits & TS_VALID) &&
	       (t->half[0].bits & t->half[1].bits & HAS_TS) && off >= (int64_t)me->next &&
	       s->idle < days_24;
}

/* A segment outside the window. A run of them in order is believed in the end: the capture, or
 * the two ends, left us behind. */
static bool resync(struct tcp_half *me, const struct tcp_segment *s, int64_t *off,
		   struct tcp_result *r)
{
	uint32_t ahead = s->seq - (me->base + (uint32_t)me->next);

	if (!s->len)
		return false;
	me->strays = s->seq == me->stray_seq && me->strays ? me->strays + 1 : 1;
	me->stray_seq = s->seq + s->len;
	if (me->strays < STRAYS)
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
	anomaly(r, TCP_A_RESYNC);
	r->flags |= TCP_R_ANCHOR;
	return true;
}

/* Fixes offset 0 at the first byte of a side whose start was not seen. */
static void anchor(struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	if (me->bits & ANCHORED)
		return;
	me->base = s->seq;
	me->next = me->acked = 0;
	me->scale = TCP_NO_SCALE;
	if (s->len || (s->flags & TCP_FIN)) {
		me->bits |= ANCHORED;
		r->flags |= TCP_R_ANCHOR;
	}
}

static void input_fin(struct tcp_half *me, uint64_t end, struct tcp_result *r)
{
	if (me->bits & FIN_SENT) {
		if (end > me->fin + 1)
			anomaly(r, TCP_A_FIN_ADVANCED);
		return;
	}
	if (end < me->next) {
		anomaly(r, TCP_A_INAPPROPRIATE_FIN);
		return;
	}
	me->fin = end;
	me->bits |= FIN_SENT;
	me->bits &= (uint16_t)~SUSPECT;
	if (me->state != TCP_END_RESET)
		me->state = TCP_END_CLOSED;
	r->flags |= TCP_R_FIN;
	r->offset = end - r->keep;
}

static void input_data(struct history *h, unsigned dir, struct tcp_half *me, int64_t off,
		       const struct tcp_segment *s, struct tcp_result *r)
{
	uint64_t end;

	if (off < 0) {
		if (off + s->len <= 0) {
			ignore(r, TCP_OUT_OF_WINDOW);
			return;
		}
		r->skip = (uint32_t)-off;
		r->keep -= r->skip;
		off = 0;
	}
	end = (uint64_t)off + r->keep;
	if (me->bits & FIN_SENT && end > me->fin) {
		anomaly(r, TCP_A_DATA_AFTER_FIN);
		if ((uint64_t)off >= me->fin) {
			ignore(r, TCP_AFTER_FIN);
			return;
		}
		r->keep = (uint32_t)(me->fin - (uint64_t)off);
		end = me->fin;
	}
	r->verdict = TCP_DELIVER;
	r->offset = (uint64_t)off;
	if ((uint64_t)off < me->next)
		history_count(h, dir, 't');
	if (me->bits & SUSPECT && (uint64_t)off == me->next) {
		me->bits &= (uint16_t)~SUSPECT;
		anomaly(r, TCP_A_DATA_AFTER_RESET);
	}
	if (end > me->next)
		me->next = end;
}

/* Is it outside of what this side may send now? */
static bool is_stray(const struct tcp_half *me, const struct tcp_half *peer, int64_t off,
		     uint32_t len)
{
	int64_t ref = (int64_t)frontier(me), window = window_of(peer);

	return off + (int64_t)len < ref - window || off > ref + window;
}

static void input_ordinary(struct tcp *t, struct history *h, unsigned dir,
			   const struct tcp_segment *s, struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	bool jumped = false;
	uint32_t tsval = 0;
	int64_t off;

	if (me->state == TCP_END_INACTIVE)
		me->state = (me->bits & SYN_KNOWN) && (peer->bits & SYN_SEEN) ? TCP_END_SYN_SENT
									      : TCP_END_PARTIAL;
	if (!t->started && (s->flags & TCP_FIN))
		anomaly(r, TCP_A_SPONTANEOUS_FIN);
	anchor(me, s, r);
	off = offset_of(me, s->seq);
	if (is_stray(me, peer, off, s->len)) {
		jumped = resync(me, s, &off, r);
		if (!jumped) {
			ignore(r, TCP_OUT_OF_WINDOW);
			return;
		}
	} else {
		me->strays = 0;
	}
	if (segment_timestamp(s->options, &tsval) && !jumped && fails_paws(t, me, off, s, tsval)) {
		anomaly(r, TCP_A_PAWS);
		ignore(r, TCP_PAWS);
		return;
	}
	if ((s->flags & TCP_ACK) && !input_ack(t, h, dir, s, r)) {
		ignore(r, TCP_OUT_OF_WINDOW);
		return;
	}
	check_established(t, r);
	note_window(me, s);
	if (tsval && off <= (int64_t)me->next) {
		me->ts_recent = tsval;
		me->bits |= TS_VALID;
	}
	r->offset = off > 0 ? (uint64_t)off : 0;
	if (s->len <= 1 && off == (int64_t)me->next - 1 && !(s->flags & TCP_FIN) &&
	    (me->bits & ANCHORED) && !(me->bits & FIN_SENT)) {
		ignore(r, TCP_KEEPALIVE);
		return;
	}
	if (me->state == TCP_END_RESET && s->len) {
		anomaly(r, TCP_A_DATA_AFTER_RESET);
		ignore(r, TCP_AFTER_RESET);
		return;
	}
	if (s->len) {
		if (me->state == TCP_END_SYN_SENT || me->state == TCP_END_SYN_ACK_SENT)
			anomaly(r, TCP_A_DATA_BEFORE_ESTABLISHED);
		input_data(h, dir, me, off, s, r);
	}
	if ((s->flags & TCP_FIN) && off + (int64_t)s->len >= 0)
		input_fin(me, (uint64_t)(off + s->len), r);
}

/* ---- the whole -------------------------------------------------------------------------- */

static void note_history(struct history *h, unsigned dir, const struct tcp_segment *s)
{
	bool control = s->flags & (TCP_SYN | TCP_FIN | TCP_RST);

	if (control) {
		if (s->flags & TCP_SYN)
			history_seq(h, dir, s->flags & TCP_ACK ? 'h' : 's', s->seq);
		if ((s->flags & TCP_SYN) && (s->flags & (TCP_FIN | TCP_RST)))
			history_once(h, dir, 'q');
		if ((s->flags & (TCP_FIN | TCP_RST)) == (TCP_FIN | TCP_RST))
			history_once(h, dir, 'i');
	}
	if (s->len)
		history_once(h, dir, 'd');
	else if (!control && (s->flags & TCP_ACK))
		history_once(h, dir, 'a');
	if (control) {
		if (s->flags & TCP_FIN)
			history_seq(h, dir, 'f', s->seq + s->len);
		if (s->flags & TCP_RST)
			history_seq(h, dir, 'r', s->seq);
	}
	if (!s->window && !(s->flags & TCP_RST))
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
	note_history(h, dir, s);
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
		input_rst(t, dir, s, r);
	} else if ((s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		input_syn_ack(t, dir, s, r);
	} else {
		input_syn(t, dir, s, r);
	}
	if (s->flags & TCP_SYN)
		note_window(me, s);
	t->started = true;
	if (t->midstream)
		r->flags |= TCP_R_MIDSTREAM;
	if (!(peer->bits & SENT))
		r->flags |= TCP_R_ONESIDED;
}

bool tcp_is_merged(const struct tcp *t, unsigned dir, uint32_t len)
{
	enum { USUAL_MSS = 1460, LEAST_MSS = 536 };
	uint32_t mss = t->half[!dir].mss;

	if (!mss)
		mss = USUAL_MSS;
	return len > (mss < LEAST_MSS ? LEAST_MSS : mss);
}

enum tcp_phase tcp_phase(const struct tcp *t)
{
	const struct tcp_half *a = &t->half[0], *b = &t->half[1];

	if (is_over(t))
		return TCP_OVER;
	if (a->state >= TCP_END_ESTABLISHED && b->state >= TCP_END_ESTABLISHED)
		return TCP_OPEN;
	if (a->bits & b->bits & SENT)
		return a->next | b->next || t->midstream ? TCP_OPEN : TCP_OPENING;
	return a->next | b->next ? TCP_ONE_WAY : TCP_OPENING;
}

bool tcp_was_reset(const struct tcp *t)
{
	return is_reset(t) || ((t->half[0].bits | t->half[1].bits) & SUSPECT);
}

static enum tcp_endpoint final_state(const struct tcp_half *h)
{
	return h->bits & SUSPECT ? TCP_END_RESET : (enum tcp_endpoint)h->state;
}

const char *tcp_conn_state(const struct tcp *t)
{
	enum tcp_endpoint o = final_state(&t->half[0]), p = final_state(&t->half[1]);
	bool o_unseen = o == TCP_END_INACTIVE || o == TCP_END_PARTIAL;
	bool p_unseen = p == TCP_END_INACTIVE || p == TCP_END_PARTIAL;

	if (p == TCP_END_RESET) {
		if (o == TCP_END_SYN_SENT || o == TCP_END_SYN_ACK_SENT ||
		    (o == TCP_END_RESET && !t->half[0].next && !t->half[1].next))
			return "REJ";
		return o_unseen ? "RSTRH" : "RSTR";
	}
	if (o == TCP_END_RESET)
		return p_unseen ? "RSTOS0" : "RSTO";
	if (o == TCP_END_CLOSED && p == TCP_END_CLOSED)
		return "SF";
	if (o == TCP_END_CLOSED)
		return p_unseen ? "SH" : "S2";
	if (p == TCP_END_CLOSED)
		return o_unseen ? "SHR" : "S3";
	if (o == TCP_END_SYN_SENT && p == TCP_END_INACTIVE)
		return "S0";
	return o == TCP_END_ESTABLISHED && p == TCP_END_ESTABLISHED ? "S1" : "OTH";
}

const char *tcp_state_name(const struct tcp *t)
{
	const struct tcp_half *a = &t->half[0], *b = &t->half[1];

	if (is_reset(t))
		return "reset";
	if (a->bits & b->bits & FIN_SENT)
		return "closed";
	if ((a->bits | b->bits) & FIN_SENT)
		return "closing";
	if (a->state == TCP_END_ESTABLISHED && b->state == TCP_END_ESTABLISHED)
		return "established";
	if (a->state == TCP_END_SYN_ACK_SENT || b->state == TCP_END_SYN_ACK_SENT)
		return "syn_received";
	if (a->state == TCP_END_SYN_SENT || b->state == TCP_END_SYN_SENT)
		return "syn_sent";
	return "partial";
}

const char *tcp_anomaly_name(enum tcp_anomaly a)
{
	static const char *const names[TCP_ANOMALIES] = {
		[TCP_A_DATA_BEFORE_ESTABLISHED] = "data_before_established",
		[TCP_A_SYN_INSIDE] = "SYN_inside_connection",
		[TCP_A_SYN_SEQ_JUMP] = "SYN_seq_jump",
		[TCP_A_SYN_AFTER_PARTIAL] = "SYN_after_partial",
		[TCP_A_SYN_WITH_DATA] = "SYN_with_data",
		[TCP_A_BAD_SYN_ACK] = "bad_SYN_ack",
		[TCP_A_SIMULTANEOUS_OPEN] = "simultaneous_open",
		[TCP_A_RST_WITH_DATA] = "RST_with_data",
		[TCP_A_RST_SUSPECT] = "RST_suspect",
		[TCP_A_SPONTANEOUS_RST] = "spontaneous_RST",
		[TCP_A_SPONTANEOUS_FIN] = "spontaneous_FIN",
		[TCP_A_DATA_AFTER_RESET] = "data_after_reset",
		[TCP_A_DATA_AFTER_FIN] = "data_after_FIN",
		[TCP_A_FIN_ADVANCED] = "FIN_advanced_last_seq",
		[TCP_A_INAPPROPRIATE_FIN] = "inappropriate_FIN",
		[TCP_A_CHRISTMAS] = "TCP_christmas",
		[TCP_A_PAWS] = "timestamp_too_old",
		[TCP_A_RESYNC] = "sequence_resync",
		[TCP_A_REUSE] = "active_connection_reuse",
		[TCP_A_BAD_CHECKSUM] = "bad_TCP_checksum",
	};

	return a < TCP_ANOMALIES ? names[a] : "other";
}
