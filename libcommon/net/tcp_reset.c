/* tcp_reset: which resets end a TCP connection. */
#include "libcommon/net/tcp_private.h"

/* Can its receiver wait for this number? Not behind another acknowledgement of more. One that it
 * acknowledged without having seen the SYN is answered by just such a reset, which ends nothing:
 * RFC 9293 3.10.7.4. */
static bool may_be_awaited(const struct tcp_half *me, const struct tcp_half *peer, uint32_t seq)
{
	int64_t off = offset_of(me, peer, seq);

	return !(me->bits & ANCHORED) || !(me->bits & SYN_SEEN) ||
	       (off >= (int64_t)undisputed(me, peer) && off <= (int64_t)frontier(me) + 1);
}

/* RFC 9293 3.5.3, RFC 5961 3: a reset has to know the sequence number. */
static bool rst_is_exact(const struct tcp_half *me, const struct tcp_half *peer,
			 const struct tcp_segment *s)
{
	int64_t off;

	/* The answer to a SYN has no sequence number of its own; its ACK must be right. */
	if (!(me->bits & ANCHORED) && (s->flags & TCP_ACK) && (peer->bits & ANCHORED))
		return s->ack - peer->base <= sent_to(peer); /* RFC 9293 3.10.7.3 */
	if (peer->bits & ACK_SENT && s->seq == peer->last_ack && may_be_awaited(me, peer, s->seq))
		return true;
	if (!(me->bits & ANCHORED))
		return me->state == TCP_END_PARTIAL ? s->seq == me->base
						    : !(peer->bits & (ACK_SENT | ANCHORED));
	off = offset_of(me, peer, s->seq);
	if (me->acked >= me->next && off == (int64_t)me->acked)
		return true;
	/* Behind a hole that it left itself its receiver awaits no reset. */
	if (peer->bits & SENT && (me->hole_at || (me->bits & FIN_SENT && fin_of(me) > me->next)))
		return false;
	return off == (int64_t)me->next || (me->bits & FIN_SENT && off == (int64_t)fin_of(me) + 1);
}

/* Did both sides agree on signatures, as far as their SYNs were seen? The other one may not have
 * got a SYN that offers them, and drops what is signed then. */
static bool is_signed(const struct tcp_half *me, const struct tcp_half *peer)
{
	return me->bits & HAS_AUTH && (peer->bits & HAS_AUTH || !(peer->bits & SYN_SEEN));
}

/* Behind its reset a side may still acknowledge what is under way, as it did so before: bytes that
 * its window allows, and no claims ahead of them. */
static void cover_sent(struct tcp_half *peer, const struct tcp_half *me)
{
	uint64_t window = (uint64_t)window_told(me);

	if (frontier(peer) > peer->acked + window)
		peer->acked += window;
	else
		peer->acked = frontier(peer);
}

void tcp_input_rst(struct tcp *t, unsigned dir, const struct tcp_segment *s, struct tcp_result *r)
{
	struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	int64_t off = me->bits & ANCHORED ? offset_of(me, peer, s->seq) : 0;
	struct tcp_options o;

	if (s->len) {
		anomaly(r, TCP_A_RST_WITH_DATA);
		ignore(r, TCP_RST_DATA);
	}
	if (!t->started)
		anomaly(r, TCP_A_SPONTANEOUS_RST);
	tcp_options_parse(s->options, &o);
	if (o.has_auth && !is_signed(me, peer)) {
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
		cover_sent(peer, me);
		return;
	}
	anomaly(r, TCP_A_RST_SUSPECT);
	ignore(r, TCP_RST_SUSPECT);
	/* One from far outside the window can't have been believed by anyone. */
	if ((me->bits & ANCHORED) && off >= (int64_t)frontier(me) - window_of(peer) &&
	    off <= (int64_t)frontier(me) + window_of(peer))
		me->bits |= SUSPECT;
}
