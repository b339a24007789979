/* tcp_figures: round trips, repeats and the like of each side of a TCP connection. */
#include "libcommon/net/tcp_private.h"

/* Where the handshake's round trip is not known; tshark takes the same. */
static const uint32_t reordering_us = 3000;
/* A time between a segment and its acknowledgement that a 32-bit clock can't tell from none. */
static const uint32_t rtt_limit_us = 1u << 31;

_Static_assert(offsetof(struct tcp_half, repeated_bytes) + sizeof(uint32_t) ==
		       offsetof(struct tcp_half, candidates) + TCP_CANDIDATES * sizeof(uint32_t),
	       "the figures take the candidates' place, to the byte");

void tcp_figures_start(struct tcp_half *me)
{
	if (tcp_figures_live(me))
		return;
	memset(me->candidates, 0, sizeof(me->candidates));
	me->ncandidates = TCP_CHOSEN;
	me->bits &= (uint16_t)~SYN_TIMED; /* the clock is for data now */
}

void tcp_time_syn(struct tcp_half *me, uint64_t now)
{
	me->timed_at = tcp_us(now);
	me->bits |= SYN_TIMED;
}

void tcp_time_ack(struct tcp_half *me, uint64_t acked, uint64_t now)
{
	uint32_t us = tcp_us(now) - me->timed_at;
	uint64_t sum;

	if ((me->bits & SYN_TIMED) && (me->bits & SYN_ACKED)) {
		me->bits &= (uint16_t)~SYN_TIMED;
		if (us < rtt_limit_us)
			me->handshake = us + 1;
		return;
	}
	if (!(me->bits & TIMED) || (int32_t)((uint32_t)acked - me->timed_end) < 0)
		return;
	me->bits &= (uint16_t)~TIMED;
	if (us >= rtt_limit_us)
		return;
	sum = ((uint64_t)me->rtt_sum[1] << 32 | me->rtt_sum[0]) + us;
	me->rtt_sum[0] = (uint32_t)sum;
	me->rtt_sum[1] = (uint32_t)(sum >> 32);
	if (us < me->rtt_min || !me->rtt_count)
		me->rtt_min = us;
	if (us > me->rtt_max)
		me->rtt_max = us;
	me->rtt_count++;
}

/* Is this soon enough behind the hole to be what belongs there, only late? */
static bool is_late(const struct tcp *t, const struct tcp_half *me, uint64_t end, uint64_t now)
{
	const struct tcp_half *a = &t->half[0], *b = &t->half[1];
	uint32_t limit = reordering_us;

	if (!me->hole_at || end <= me->acked)
		return false;
	if (a->handshake && b->handshake)
		limit = a->handshake - 1 + b->handshake - 1;
	return tcp_us(now) + 1 - me->hole_at <= limit;
}

void tcp_count_repeat(struct tcp *t, struct history *h, unsigned dir, uint64_t offset, uint64_t end,
		      uint64_t now)
{
	struct tcp_half *me = &t->half[dir];
	uint64_t repeated;

	if (offset > me->next) {
		me->hole_at = tcp_us(now) + 1;
		if (!(me->bits & FIN_SENT))
			me->fin = (uint32_t)offset;
		return;
	}
	me->bits &= (uint16_t)~TIMED;
	if (end <= me->next)
		history_count(h, dir, 't');
	if (!tcp_figures_live(me))
		return;
	if (end <= me->next && is_late(t, me, end, now)) {
		me->out_of_order++;
		return;
	}
	repeated = (end < me->next ? end : me->next) - offset + me->repeated_bytes;
	me->repeated_bytes = repeated < UINT32_MAX ? (uint32_t)repeated : UINT32_MAX;
}

void tcp_count_congestion(struct tcp_half *me, const struct tcp_segment *s)
{
	if (s->ecn == ECN_CE && tcp_figures_live(me))
		me->ce++;
	me->ece += (s->flags & TCP_ECE) && me->ece < UINT16_MAX;
	me->cwr += (s->flags & TCP_CWR) && me->cwr < UINT16_MAX;
}

void tcp_figures_get(const struct tcp *t, const struct history *h, unsigned dir,
		     struct tcp_figures *f)
{
	const struct tcp_half *me = &t->half[dir];
	const uint64_t us = 1000;

	*f = (struct tcp_figures){
		.retransmitted = history_counted(h, dir, 't'),
		.zero_windows = history_counted(h, dir, 'w'),
		.ece = me->ece,
		.cwr = me->cwr,
		.mss = me->mss,
		.scale = me->bits & SYN_SEEN ? me->scale : TCP_NO_SCALE,
		.sack = me->bits & HAS_SACK,
		.ecn = t->half[0].bits & t->half[1].bits & ECN_SETUP,
	};
	if (me->handshake) {
		f->has_handshake_rtt = true;
		f->handshake_rtt = (me->handshake - 1) * us;
	}
	if (!tcp_figures_live(me))
		return;
	f->rtt_min = me->rtt_min * us;
	f->rtt_max = me->rtt_max * us;
	f->rtt_sum = ((uint64_t)me->rtt_sum[1] << 32 | me->rtt_sum[0]) * us;
	f->rtt_count = me->rtt_count;
	f->retransmitted -= me->out_of_order;
	f->repeated_bytes = me->repeated_bytes;
	f->out_of_order = me->out_of_order;
	f->dup_acks = me->dup_acks;
	f->ce = me->ce;
}
