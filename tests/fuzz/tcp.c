/* tcp: any sequence of segments between two ends; the offsets stay sane.
 *
 * The input is a row of steps of eight bytes: who sends, what kind of segment, where it lies
 * against what that side sent last, how long it is, which options and flags it has, how much later
 * it comes. Mutation works on whole steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/net/tcp.h"
#include "tests/fuzz/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP = 8, STEPS_MAX = 4096 };

/* What the checks know of a side. */
struct side {
	uint32_t mapping; /* the sequence number of offset 0, by what was delivered */
	bool mapped, fin, reset;
	uint64_t next, segments, fin_at;
	uint64_t changed; /* number of the last segment that may change the mapping */
};

struct run {
	struct tcp t;
	struct history h;
	struct side side[2];
	uint64_t now, n;
};

#define MUST(holds)                                                                                \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "tcp: %s:%d: %s\n", __FILE__, __LINE__, #holds);           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- what must be true -------------------------------------------------------------------- */

static void check_figures(const struct run *run, unsigned dir)
{
	struct tcp_figures f;

	tcp_figures_get(&run->t, &run->h, dir, &f);
	MUST(f.retransmitted <= run->side[dir].segments);
	MUST(f.out_of_order <= run->side[dir].segments);
	MUST(f.dup_acks <= run->side[dir].segments && f.ce <= run->side[dir].segments);
	MUST(f.rtt_min <= f.rtt_max && f.rtt_count <= run->side[!dir].segments);
	MUST(f.rtt_sum >= f.rtt_min * f.rtt_count && f.rtt_sum <= f.rtt_max * f.rtt_count);
	MUST(f.rtt_max <= run->now && f.handshake_rtt <= run->now);
	MUST(f.scale == TCP_NO_SCALE || f.scale <= 14);
}

static void check_delivered(struct run *run, unsigned dir, const struct tcp_segment *s,
			    const struct tcp_result *r)
{
	struct side *side = &run->side[dir];
	uint32_t mapping = s->seq + r->skip - (uint32_t)r->offset;

	MUST(r->offset + r->keep <= run->t.half[dir].next);
	MUST(!side->reset);
	MUST(!side->fin || r->offset + r->keep <= side->fin_at);
	/* A byte has one offset, until the start is chosen anew or a jump is believed. */
	MUST(!side->mapped || mapping == side->mapping || side->changed);
	side->mapping = mapping;
	side->mapped = true;
	side->changed = 0;
}

static bool is_ignored(unsigned verdict)
{
	return verdict == TCP_OUT_OF_WINDOW || verdict == TCP_BAD_SYN ||
	       verdict == TCP_BAD_SYN_ACK || verdict == TCP_PAWS || verdict == TCP_MALFORMED;
}

/* A segment that is ignored moves nothing, once the handshake is over. */
static void check_ignored(const struct tcp *before, const struct tcp *after)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct tcp_half *a = &before->half[i], *b = &after->half[i];

		MUST(a->base == b->base && a->next == b->next && a->acked == b->acked);
		MUST(a->state == b->state && a->fin == b->fin);
	}
}

static void check(struct run *run, unsigned dir, const struct tcp *before,
		  const struct tcp_segment *s, const struct tcp_result *r)
{
	const struct tcp *t = &run->t;
	const struct tcp_half *me = &t->half[dir];
	struct side *side = &run->side[dir];
	bool open = before->half[0].state >= TCP_END_ESTABLISHED &&
		    before->half[1].state >= TCP_END_ESTABLISHED;

	MUST(r->verdict <= TCP_MALFORMED && r->skip + (uint64_t)r->keep <= s->len);
	MUST(!(r->anomalies >> TCP_ANOMALIES));
	if (s->bad_checksum) {
		MUST(r->verdict == TCP_BAD_CHECKSUM && !memcmp(before, t, sizeof(*t)));
		return;
	}
	if (r->flags & TCP_R_ANCHOR || r->anomalies >> TCP_A_RESYNC & 1 || !open)
		run->side[0].changed = run->side[1].changed = run->n;
	if (r->verdict == TCP_DELIVER)
		check_delivered(run, dir, s, r);
	/* The data from before offset 0 is ignored, too, but not what comes with it. */
	if (is_ignored(r->verdict) && open && !(r->flags & (TCP_R_ACK_VALID | TCP_R_FIN)))
		check_ignored(before, t);
	MUST(!open ||
	     (me->next >= before->half[dir].next && t->half[!dir].next == before->half[!dir].next));
	if (r->flags & TCP_R_FIN) {
		MUST(!side->fin && r->offset + r->keep >= me->next);
		side->fin = true;
		side->fin_at = r->offset + r->keep;
	}
	side->reset |= r->flags & TCP_R_RST;
	MUST(!(r->flags & TCP_R_RST) || tcp_phase(t) == TCP_OVER);
	MUST(run->h.len <= HISTORY_SIZE && run->h.repeats <= HISTORY_REPEATS);
	MUST(*tcp_conn_state(t) && *tcp_state_name(t) && tcp_phase(t) <= TCP_OVER);
	MUST(!side->reset || tcp_was_reset(t));
}

/* ---- what is sent ------------------------------------------------------------------------- */

static struct bytes options_of(unsigned kind, uint32_t tsval, uint8_t *buf)
{
	static const uint8_t syn[] = {
		2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7
	};
	static const uint8_t md5[] = {
		19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	};
	static const uint8_t odd[] = { 3, 3, 99, 2, 3, 1, 8, 4, 0, 0, 30 };

	switch (kind & 7) {
	case 1:
		memcpy(buf, syn, sizeof(syn));
		be32_put(buf + 8, tsval);
		return BYTES(buf, sizeof(syn));
	case 2:
	case 3:
		memcpy(buf, "\1\1\x8\xa", 4);
		be32_put(buf + 4, tsval);
		be32_put(buf + 8, 0);
		return BYTES(buf, 12);
	case 4:
		return BYTES(md5, sizeof(md5));
	case 5:
		return BYTES(odd, tsval % (sizeof(odd) + 1));
	default:
		return (struct bytes){ 0 };
	}
}

static const uint8_t kinds[16] = {
	TCP_SYN,           TCP_SYN | TCP_ACK, TCP_ACK,           TCP_ACK,
	TCP_ACK,           TCP_ACK,           TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN,
	TCP_RST,           TCP_RST | TCP_ACK, TCP_FIN,           0,
	TCP_SYN | TCP_FIN, TCP_FIN | TCP_RST, TCP_SYN | TCP_ACK, TCP_SYN,
};

/* Distances from where the side is: in order, again, near, at the edge of a window, anywhere. */
static uint32_t distance(unsigned how, uint8_t by)
{
	switch (how & 7) {
	case 0:
	case 1:
		return 0;
	case 2:
		return by;
	case 3:
		return -(uint32_t)by;
	case 4:
		return by * 1460u;
	case 5:
		return (1u << 20) + by - 128u;
	case 6:
		return (16u << 20) + by - 128u;
	default:
		return (uint32_t)by << 24;
	}
}

static void take_step(struct run *run, const uint8_t *b)
{
	unsigned dir = b[0] & 1;
	const struct tcp_half *me = &run->t.half[dir], *peer = &run->t.half[!dir];
	struct tcp before = run->t;
	struct tcp_result r;
	struct tcp_segment s = { .flags = kinds[b[0] >> 1 & 15] };
	uint8_t buf[40];

	if (b[0] & 32)
		s.flags |= b[6] & 0xc0;
	s.bad_checksum = b[0] >> 6 == 3;
	s.seq = me->base + (uint32_t)me->next - !!(s.flags & TCP_SYN) + distance(b[1], b[2]);
	s.ack = peer->base + (uint32_t)peer->next + distance(b[1] >> 3, b[3]);
	if (b[1] & 64) /* a stray run goes on */
		s.seq = me->stray_seq;
	s.len = b[4] & 128 ? (b[4] & 127u) * 997u : b[4] & 15u;
	s.window = b[5] & 1 ? 0 : (uint16_t)(b[5] << 8 | b[6]);
	s.ecn = b[6] & 3;
	s.idle = 1ull << (b[7] & 63);
	run->now += s.idle;
	s.now = run->now;
	s.options = options_of(b[5] >> 5, me->ts_recent + (uint32_t)(int8_t)b[6], buf);
	if (tcp_is_reuse(&run->t, dir, &s)) {
		MUST((s.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN);
		*run = (struct run){ .now = run->now };
		before = run->t;
	}
	run->n++;
	run->side[dir].segments++;
	tcp_input(&run->t, &run->h, dir, &s, &r);
	check(run, dir, &before, &s, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .now = 1792000000000000000 };

	for (size_t n = 0; n < STEPS_MAX && size - n * STEP >= STEP && n * STEP < size; n++)
		take_step(&run, data + n * STEP);
	check_figures(&run, 0);
	check_figures(&run, 1);
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

/* The rest of a step is cut off. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts parts = { .step = STEP };

	size = parts_mutate(&parts, data, size, max, seed);
	return size < STEP ? size : size - size % STEP;
}
