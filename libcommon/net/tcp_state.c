/* tcp_state: what is said of a TCP connection as a whole. */
#include "libcommon/net/tcp_private.h"

bool tcp_is_merged(const struct tcp *t, unsigned dir, uint32_t len)
{
	enum { USUAL_MSS = 1460 }; /* a sender may exceed what it was told, in one frame */
	uint32_t mss = t->half[!dir].mss;

	return len > (mss < USUAL_MSS ? USUAL_MSS : mss);
}

bool tcp_goes_on(const struct tcp *t, unsigned dir, const struct tcp_segment *s)
{
	const struct tcp_half *me = &t->half[dir], *peer = &t->half[!dir];
	int64_t off;

	if (!((me->bits | peer->bits) & REFUTED) || !s->len || s->flags & (TCP_SYN | TCP_RST) ||
	    s->bad_checksum)
		return false;
	/* Whatever a side acknowledges behind the other one's FIN, its own stream goes on. */
	if (!(me->bits & REFUTED) && !is_reset(t))
		return false;
	/* What is acknowledged lies within a window of the end, and what comes in one of that. */
	off = offset_of(me, peer, s->seq);
	return off + (int64_t)s->len > (int64_t)me->acked &&
	       off <= (int64_t)frontier(me) + 2 * window_of(peer);
}

struct tcp tcp_rest(const struct tcp *t)
{
	struct tcp rest = { 0 };

	/* As by an empty segment: what comes ahead of others there leaves a hole for them. */
	for (unsigned i = 0; i < 2; i++) {
		if (!(t->half[!i].bits & ACK_SENT))
			continue;
		rest.half[i].base = t->half[!i].last_ack;
		rest.half[i].state = TCP_END_PARTIAL;
	}
	return rest;
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
