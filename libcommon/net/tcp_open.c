/* tcp_open: how a TCP connection begins, and what its SYNs agree on. */
#include "libcommon/net/tcp_private.h"

static const uint64_t reuse_idle = 5000000000ull;

/* ---- options ---------------------------------------------------------------------------- */

static void take_option(struct tcp_options *o, uint8_t kind, const uint8_t *v, unsigned len)
{
	switch (kind) {
	case 2:
		if (len == 2)
			o->mss = be16_get(v);
		break;
	case 3:
		if (len != 1)
			break;
		o->has_scale = true;
		o->bad_scale = v[0] > 14; /* RFC 7323 2.3 */
		o->scale = o->bad_scale ? 14 : v[0];
		break;
	case 4:
		o->has_sack = !len;
		break;
	case 8:
		if (len != 8)
			break;
		o->has_ts = true;
		o->tsval = be32_get(v);
		break;
	case 19: /* RFC 2385 */
	case 29: /* RFC 5925 */
		o->has_auth = true;
		break;
	default:
		break;
	}
}

void tcp_options_parse(struct bytes raw, struct tcp_options *o)
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
		take_option(o, kind, v, len - 2u);
	}
}

/* ---- which SYN it was -------------------------------------------------------------------- */

/* What only the chosen SYN's options could tell. */
static void forget_options(struct tcp_half *me)
{
	me->bits &= (uint16_t) ~(HAS_TS | HAS_SCALE | HAS_AUTH | HAS_SACK | ECN_SETUP | SYN_TIMED);
	me->ts_recent = 0;
	me->scale = TCP_NO_SCALE;
	me->mss = 0;
}

static void remember_base(struct tcp_half *me)
{
	for (unsigned i = 0; i < me->ncandidates && i < TCP_CANDIDATES; i++) {
		if (me->candidates[i] == me->base)
			return;
	}
	if (me->ncandidates < TCP_CANDIDATES) {
		me->candidates[me->ncandidates++] = me->base;
		return;
	}
	/* The first stays: no flood behind it takes its place. */
	memmove(me->candidates + 1, me->candidates + 2,
		sizeof(me->candidates[0]) * (TCP_CANDIDATES - 2));
	me->candidates[TCP_CANDIDATES - 1] = me->base;
	me->ncandidates = TCP_CROWDED;
}

/* Which of several SYNs with one number its receiver got nobody knows: what any of them offered may
 * hold, and the oldest timestamp counts. */
static void adopt_options(struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	const unsigned agrees =
		s->flags & TCP_ACK ? TCP_ECE : TCP_ECE | TCP_CWR; /* RFC 3168 6.1.1 */
	struct tcp_options o;

	tcp_options_parse(s->options, &o);
	if (me->scale == TCP_NO_SCALE || o.scale > me->scale)
		me->scale = o.scale;
	if (o.mss > me->mss)
		me->mss = o.mss;
	if (o.bad_scale)
		anomaly(r, TCP_A_SCALE_RANGE);
	if (o.has_auth)
		me->bits |= HAS_AUTH;
	if (o.has_scale)
		me->bits |= HAS_SCALE;
	if (o.has_sack)
		me->bits |= HAS_SACK;
	if ((s->flags & (TCP_ECE | TCP_CWR)) == agrees)
		me->bits |= ECN_SETUP;
	if (!o.has_ts)
		return;
	if (!(me->bits & HAS_TS) || (int32_t)(o.tsval - me->ts_recent) < 0)
		me->ts_recent = o.tsval;
	me->bits |= HAS_TS;
}

/* Takes the SYN (or SYN/ACK) of this side as its start, and remembers the one it replaces. */
static void adopt_syn(struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	bool again = me->bits & SYN_SEEN;

	if (me->base != s->seq + 1) {
		if (again)
			remember_base(me);
		else if (!(me->bits & ANCHORED))
			me->ncandidates = 0; /* no figure counts yet */
		me->next = me->acked = 0;
	}
	if (!again || me->base != s->seq + 1)
		forget_options(me);
	me->base = s->seq + 1;
	me->bits |= SYN_KNOWN | ANCHORED | SYN_SEEN;
	if (s->window > me->window) /* never scaled: RFC 7323 2.2 */
		me->window = s->window;
	adopt_options(me, s, r);
	me->bits &= (uint16_t)~SYN_TIMED;
	if (!again)
		tcp_time_syn(me, s->now);
}

bool tcp_choose_syn(struct tcp_half *me, uint32_t seq)
{
	if (seq - me->base <= me->next)
		return true;
	/* Where it has closed or was reset, its offsets are settled as well. */
	if (tcp_figures_live(me) || me->state >= TCP_END_ESTABLISHED)
		return false;
	for (unsigned i = 0; i < me->ncandidates && i < TCP_CANDIDATES; i++) {
		if (seq == me->candidates[i]) {
			me->candidates[i] = me->base;
			me->base = seq;
			me->next = me->acked = 0;
			forget_options(me); /* they were the last SYN's */
			return true;
		}
	}
	return false;
}

/* Of a crowd of SYNs some were forgotten: who answers one that is not known may have got one of
 * those. The base so far stays among the others, should this be made up. */
static bool choose_forgotten(struct tcp_half *me, uint32_t seq)
{
	if (me->ncandidates != TCP_CROWDED || me->state >= TCP_END_ESTABLISHED)
		return false;
	remember_base(me);
	me->base = seq;
	me->next = me->acked = 0;
	forget_options(me);
	return true;
}

/* Scaling is on only where both sides asked for it: RFC 7323 1.3. */
static void settle_scale(struct tcp *t)
{
	struct tcp_half *a = &t->half[0], *b = &t->half[1];

	if ((a->bits & b->bits & SYN_SEEN) && !(a->bits & b->bits & HAS_SCALE)) {
		a->scale = a->scale == TCP_NO_SCALE ? TCP_NO_SCALE : 0;
		b->scale = b->scale == TCP_NO_SCALE ? TCP_NO_SCALE : 0;
	}
}

void tcp_open_if_acked(struct tcp *t, struct tcp_result *r)
{
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
	tcp_figures_start(&t->half[0]);
	tcp_figures_start(&t->half[1]);
}

/* Payload in a SYN: RFC 9293 3.10.7.4, RFC 7413. */
static void hold_payload(struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	if (!s->len)
		return;
	anomaly(r, TCP_A_SYN_WITH_DATA);
	r->verdict = TCP_SYN_DATA_HELD;
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

/* ---- SYN, SYN/ACK ----------------------------------------------------------------------- */

/* A SYN of a side that is past that: its own again, or one to be ignored. */
static void late_syn(const struct tcp_half *me, const struct tcp_segment *s, struct tcp_result *r)
{
	if (me->base == s->seq + 1)
		return;
	anomaly(r, me->state == TCP_END_RESET    ? TCP_A_SYN_AFTER_RESET
		   : me->state == TCP_END_CLOSED ? TCP_A_SYN_AFTER_CLOSE
						 : TCP_A_SYN_INSIDE);
	ignore(r, TCP_BAD_SYN);
}

/* May this SYN (or SYN/ACK) still say where its side starts? */
static bool may_adopt(const struct tcp_half *me, const struct tcp_half *peer,
		      const struct tcp_segment *s, struct tcp_result *r)
{
	bool answer = s->flags & TCP_ACK, data = !(me->bits & SYN_SEEN) && me->next;

	if (me->base == s->seq + 1)
		return true;
	if (me->state == TCP_END_PARTIAL) {
		/* Some acknowledge a SYN before they send their own. */
		if (!(me->bits & ANCHORED) && (answer || peer->state == TCP_END_SYN_SENT))
			return true;
		anomaly(r, TCP_A_SYN_AFTER_PARTIAL);
		if (!(me->bits & ANCHORED) && peer->state == TCP_END_INACTIVE)
			return true;
		ignore(r, TCP_BAD_SYN);
		return false;
	}
	if (!(me->bits & SYN_KNOWN))
		return true;
	anomaly(r, TCP_A_SYN_SEQ_JUMP);
	/* The other side's SYN/ACK has told already, or there are bytes at offsets. */
	if (tcp_figures_live(me) || data ||
	    (!answer && (me->bits & SYN_ACKED || me->state == TCP_END_INACTIVE))) {
		ignore(r, TCP_BAD_SYN);
		return false;
	}
	return true;
}

void tcp_input_syn(struct tcp *t, unsigned dir, const struct tcp_segment *s, struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	if (me->state >= TCP_END_ESTABLISHED || me->state == TCP_END_SYN_ACK_SENT) {
		late_syn(me, s, r);
		return;
	}
	if (!may_adopt(me, peer, s, r))
		return;
	if (me->state == TCP_END_INACTIVE && peer->state == TCP_END_SYN_SENT)
		anomaly(r, TCP_A_SIMULTANEOUS_OPEN);
	adopt_syn(me, s, r);
	me->state = TCP_END_SYN_SENT;
	r->flags |= TCP_R_ANCHOR;
	settle_scale(t);
	hold_payload(me, s, r);
	tcp_check_open(t, r);
}

/* What a SYN/ACK says of the other side's SYN. False: it can't be. */
static bool take_syn_ack(struct tcp_half *peer, const struct tcp_segment *s, struct tcp_result *r)
{
	if (!(peer->bits & ANCHORED)) { /* the SYN was not seen, but this says what it was */
		peer->base = s->ack;
		peer->bits |= SYN_KNOWN | ANCHORED;
		peer->scale = TCP_NO_SCALE;
	} else if (!tcp_choose_syn(peer, s->ack) && !choose_forgotten(peer, s->ack)) {
		anomaly(r, TCP_A_BAD_SYN_ACK);
		ignore(r, TCP_BAD_SYN_ACK);
		return false;
	} else {
		uint32_t off = s->ack - peer->base;

		if (off > peer->acked)
			peer->acked = off;
		if (peer->state == TCP_END_SYN_SENT && peer->next > off)
			peer->next = off; /* of what came with the SYN, it takes so much */
	}
	peer->bits |= SYN_ACKED;
	tcp_time_ack(peer, peer->acked, s->now);
	return true;
}

void tcp_input_syn_ack(struct tcp *t, unsigned dir, const struct tcp_segment *s,
		       struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];

	if (me->state >= TCP_END_ESTABLISHED) {
		late_syn(me, s, r);
		return;
	}
	if (!may_adopt(me, peer, s, r) || !take_syn_ack(peer, s, r))
		return;
	adopt_syn(me, s, r);
	me->state = TCP_END_SYN_ACK_SENT;
	me->last_ack = s->ack;
	me->bits |= ACK_SENT;
	r->flags |= TCP_R_ANCHOR | TCP_R_ACK_VALID;
	settle_scale(t);
	hold_payload(me, s, r);
	tcp_check_open(t, r);
}
