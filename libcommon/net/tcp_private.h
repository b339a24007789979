/* tcp_private: what the parts of the TCP state machine share. */
#ifndef WEIR_TCP_PRIVATE_H
#define WEIR_TCP_PRIVATE_H

#include "libcommon/net/tcp.h"

enum half_bits {
	SYN_KNOWN = 1, /* its initial sequence number is known */
	ANCHORED = 2,  /* base is fixed */
	SYN_ACKED = 4, /* the other side acknowledged its SYN */
	FIN_SENT = 8,
	SUSPECT = 16, /* sent a reset that was in the window but not exact */
	HAS_TS = 32,  /* its SYN had timestamps */
	REFUTED = 64, /* the other side took what it sent behind its FIN or its reset, or it took
			 what came behind its reset */
	SENT = 128,   /* at least one segment was seen */
	SYN_SEEN = 256,
	ACK_SENT = 512,   /* last_ack is set */
	HAS_SCALE = 1024, /* its SYN offered window scaling */
	HAS_AUTH = 2048,  /* its SYN was signed */
	HAS_SACK = 4096,  /* its SYN permitted selective acknowledgements */
	ECN_SETUP = 8192, /* its SYN asked for ECN, or its SYN/ACK agreed */
	SYN_TIMED = 16384,
	TIMED = 32768, /* timed_at and timed_end are set, of a SYN or of data */
};

enum {
	WINDOW_LEAST = 1 << 20,    /* a smaller window is taken for this one */
	WINDOW_UNKNOWN = 16 << 20, /* where the scale is not known */
	CLAIM_FAR = 1 << 30,       /* with a window's 1 GiB on top 31 bits still tell them apart */
	TCP_CHOSEN = 0xff,         /* of ncandidates */
	TCP_CROWDED = 0xfe,        /* likewise: all are in use, and others were forgotten */
	TCP_ECE = 64,
	TCP_CWR = 128,
	ECN_CE = 3,
};

struct tcp_options {
	uint32_t tsval;
	uint16_t mss;
	uint8_t scale;
	bool has_ts, has_scale, has_auth, has_sack, bad_scale;
};
void tcp_options_parse(struct bytes raw, struct tcp_options *o);

static inline uint64_t frontier(const struct tcp_half *h)
{
	return h->next > h->acked ? h->next : h->acked;
}

/* How far a side has come for sure. Bytes ahead of a hole, and acknowledgements of what was not
 * sent, are claims that their receiver may have thrown away: nothing is too old by one alone. Where
 * the other side was never seen there is but one. */
static inline uint64_t undisputed(const struct tcp_half *h, const struct tcp_half *other)
{
	if (!(other->bits & SENT))
		return h->next;
	return h->bits & SENT && h->next < h->acked ? h->next : h->acked;
}

static inline int64_t offset_near(const struct tcp_half *h, uint64_t ref, uint32_t seq)
{
	return (int64_t)ref + (int32_t)(seq - (h->base + (uint32_t)ref));
}

/* The largest window that the side was seen to advertise: how far apart, for its other side, the
 * oldest and the newest of its acknowledgements can be. */
static inline int64_t window_told(const struct tcp_half *receiver)
{
	return receiver->scale == TCP_NO_SCALE ? WINDOW_UNKNOWN : receiver->window;
}

/* How far beyond the frontier a side may send: what the other one advertises. */
static inline int64_t window_of(const struct tcp_half *receiver)
{
	if (receiver->scale == TCP_NO_SCALE)
		return WINDOW_UNKNOWN;
	return receiver->window > WINDOW_LEAST ? receiver->window : WINDOW_LEAST;
}

/* The offset that a sequence number stands for: the one nearest to the frontier; but where a claim
 * lies so far ahead that what is to come for sure could be taken for what lies before or behind the
 * claim, the one nearest to that, if it is near. That is less than a window in all:
 * acknowledgements of a side that is not seen any more, which go on past 4 GiB, get across it.
 * Negative: it is from before offset 0. */
static inline int64_t offset_of(const struct tcp_half *h, const struct tcp_half *other,
				uint32_t seq)
{
	uint64_t ref = frontier(h), sure = undisputed(h, other);

	if (ref - sure > CLAIM_FAR) {
		int64_t near = offset_near(h, sure, seq) - (int64_t)sure, window = window_of(other);
		int64_t limit = (window < WINDOW_UNKNOWN ? window : WINDOW_UNKNOWN) / 8 * 3;

		if (near >= -limit && near <= limit)
			return (int64_t)sure + near;
	}
	return offset_near(h, ref, seq);
}

/* Where it sent a FIN: no byte behind it was accepted, and none 4 GiB before it is awaited. */
static inline uint64_t fin_of(const struct tcp_half *h)
{
	return h->next + (h->fin - (uint32_t)h->next);
}

/* Where what it sent ends, its FIN's number included. */
static inline uint64_t sent_to(const struct tcp_half *h)
{
	return h->bits & FIN_SENT ? fin_of(h) + 1 : h->next;
}

static inline void anomaly(struct tcp_result *r, enum tcp_anomaly a)
{
	r->anomalies |= 1u << a;
}

static inline void ignore(struct tcp_result *r, enum tcp_verdict v)
{
	r->verdict = (uint8_t)v;
	r->keep = 0;
}

static inline bool is_reset(const struct tcp *t)
{
	return t->half[0].state == TCP_END_RESET || t->half[1].state == TCP_END_RESET;
}

static inline bool is_over(const struct tcp *t)
{
	return is_reset(t) || (t->half[0].bits & t->half[1].bits & FIN_SENT);
}

/* ---- opening: tcp_open.c ------------------------------------------------------------------- */

void tcp_input_syn(struct tcp *t, unsigned dir, const struct tcp_segment *s, struct tcp_result *r);
void tcp_input_syn_ack(struct tcp *t, unsigned dir, const struct tcp_segment *s,
		       struct tcp_result *r);
/* The base among all SYNs of this side whose place is `seq` becomes the base; false: none is. What
 * lies in a SYN has its place, too. */
bool tcp_choose_syn(struct tcp_half *me, uint32_t seq);
/* Both SYNs are acknowledged: the connection is open, whatever the order (3-, 4- and 5-way). */
void tcp_open_if_acked(struct tcp *t, struct tcp_result *r);

static inline void tcp_check_open(struct tcp *t, struct tcp_result *r)
{
	if (t->half[0].state < TCP_END_ESTABLISHED || t->half[1].state < TCP_END_ESTABLISHED)
		tcp_open_if_acked(t, r);
}

/* ---- resets: tcp_reset.c ------------------------------------------------------------------- */

void tcp_input_rst(struct tcp *t, unsigned dir, const struct tcp_segment *s, struct tcp_result *r);

/* ---- figures: tcp_figures.c ---------------------------------------------------------------- */

/* No SYN is chosen any more: the figures take the candidates' place. */
void tcp_figures_start(struct tcp_half *me);
void tcp_time_syn(struct tcp_half *me, uint64_t now);
/* Everything up to `acked` of this side is acknowledged. */
void tcp_time_ack(struct tcp_half *me, uint64_t acked, uint64_t now);
/* Data of this side in order, out of it, or again. Before next is moved. */
void tcp_count_repeat(struct tcp *t, struct history *h, unsigned dir, uint64_t offset, uint64_t end,
		      uint64_t now);
/* Bits that only a marked packet, or the answer to one, has. */
void tcp_count_congestion(struct tcp_half *me, const struct tcp_segment *s);

static inline uint32_t tcp_us(uint64_t ns)
{
	return (uint32_t)(ns / 1000);
}

static inline bool tcp_figures_live(const struct tcp_half *me)
{
	return me->ncandidates == TCP_CHOSEN;
}

#endif
