/* sctp: the state of an SCTP association, as one who looks on sees it. */
#include "libcommon/net/sctp_private.h"

_Static_assert(sizeof(struct sctp_assoc) <= 64, "an association is a cache line at most");

/* ---- one chunk -------------------------------------------------------------------------- */

struct input {
	struct sctp_assoc *t;
	struct sctp_side *me, *peer;
	const struct sctp_packet *p;
	struct sctp_result *r;
	unsigned dir;
	bool first, alone; /* chunk of the packet */
	bool stop;         /* the rest of the packet does not count */
	bool echoed;       /* a COOKIE ECHO is in it */
	struct sctp_chunk chunk;
};

static void raise_anomaly(struct input *in, enum sctp_anomaly a)
{
	if (in->r->anomalies >> a & 1)
		return;
	in->r->anomalies |= 1u << a;
	in->r->event[a] = in->chunk.type;
	in->r->state[a] = in->t->state;
}

/* The sender told its tag, TSN and streams: in use at once where it had none, else kept aside. */
static void tell_tag(struct input *in, bool now)
{
	const uint8_t *v = in->chunk.value.ptr;
	struct sctp_side *s = in->me;
	uint8_t bit = (uint8_t)(1u << in->dir);

	if (!now) {
		in->t->pairs &= (uint8_t)~bit;
		in->t->pairs |= next_tag_is(in->peer, in->p->tag) ? bit : 0;
		s->next_tag = be32_get(v);
		s->next_tsn = be32_get(v + 12);
		s->bits |= HAS_NEXT;
		return;
	}
	if (in->chunk.type == SCTP_INIT)
		in->t->asked |= bit;
	else
		in->t->answered |= bit;
	learn_tag(s, be32_get(v));
	s->bits &= (uint8_t)~FORMER;
	s->out = be16_get(v + 8);
	s->in = be16_get(v + 10);
	s->tsn = be32_get(v + 12);
	s->bits |= SURE_TAG | TOLD;
	s->lacks = sctp_lacks(in->p->chunks, in->p->snapped);
	in->r->initial_tsn = s->tsn;
	in->r->flags |= SCTP_R_TSN;
}

/* The fixed part of an INIT or INIT ACK. */
static bool init_is_sound(struct input *in)
{
	const uint8_t *v = in->chunk.value.ptr;

	if (!in->alone || !in->first)
		raise_anomaly(in, SCTP_A_INIT_BUNDLED);
	else if (in->chunk.len < 20)
		raise_anomaly(in, SCTP_A_CHUNK_LENGTH);
	else if (in->chunk.value.len < 16)
		;
	else if (!be32_get(v))
		raise_anomaly(in, SCTP_A_INIT_ZERO_TAG);
	else if (!be16_get(v + 8) || !be16_get(v + 10))
		raise_anomaly(in, SCTP_A_INIT_NO_STREAMS);
	else
		return true;
	in->r->verdict = SCTP_BAD_INIT;
	in->stop = true;
	return false;
}

/* Does the INIT say what the last one of its sender did? One with the same tag may tell another TSN
 * until a cookie is sent. */
static bool is_told_again(const struct input *in)
{
	const uint8_t *v = in->chunk.value.ptr;
	uint32_t tag = be32_get(v), tsn = be32_get(v + 12);

	if (!tag_is(in->me, tag))
		return false;
	if (in->t->state > SCTP_S_INIT_ACK || !(in->me->bits & SURE_TAG))
		return true;
	return next_tag_is(in->me, tag) ? in->me->next_tsn == tsn : in->me->tsn == tsn;
}

static void on_init(struct input *in)
{
	struct sctp_assoc *t = in->t;
	const uint8_t *v = in->chunk.value.ptr;

	if (!init_is_sound(in))
		return;
	if (t->state == SCTP_S_NONE) {
		tell_tag(in, true);
		t->state = SCTP_S_INIT;
		t->midstream = false;
	} else if (is_told_again(in)) {
		;
	} else if (t->state <= SCTP_S_INIT_ACK && !(in->me->bits & HAS_TAG)) {
		raise_anomaly(in, SCTP_A_SIMULTANEOUS_OPEN);
		tell_tag(in, true);
	} else {
		raise_anomaly(in, t->state <= SCTP_S_INIT_ACK ? SCTP_A_INIT_CHANGED
							      : SCTP_A_INIT_UNEXPECTED);
		if (!next_tag_is(in->me, be32_get(v)) || in->me->next_tsn != be32_get(v + 12))
			in->peer->bits &= (uint8_t)~HAS_NEXT; /* it answered another */
		tell_tag(in, false);
	}
}

/* Has the side's tag only been learnt, from packets of one who may have made it up? Not where that
 * was a COOKIE ECHO, which may be for an INIT ACK that was missed, nor once the side went on. */
static bool tag_is_open(const struct input *in)
{
	if (in->me->bits & (SURE_TAG | FORMER) || in->t->state == SCTP_S_COOKIE)
		return false;
	return in->t->state <= SCTP_S_INIT ||
	       (!in->t->midstream && !(in->t->goes_on >> in->dir & 1));
}

/* Where both sides sent an INIT the first answer to one is what counts of its sender. */
static bool is_first_answer(const struct input *in)
{
	return in->t->state <= SCTP_S_INIT_ACK && in->t->asked == 3 &&
	       !(in->t->answered >> in->dir & 1) && tag_is(in->me, be32_get(in->chunk.value.ptr));
}

static void on_init_ack(struct input *in)
{
	struct sctp_assoc *t = in->t;
	/* The other side told its tag by answering an INIT, with none of its own. */
	bool awaits_none = (t->answered & ~t->asked) >> !in->dir & 1;

	if (!init_is_sound(in))
		return;
	if (next_tag_is(in->peer, in->p->tag) && !tag_is(in->peer, in->p->tag)) {
		tell_tag(in, false); /* the answer to an INIT that is kept aside */
		if (t->state == SCTP_S_INIT)
			t->state = SCTP_S_INIT_ACK;
	} else if (tag_is_open(in) || is_first_answer(in)) {
		tell_tag(in, true);
		if (t->state < SCTP_S_INIT_ACK)
			t->state = SCTP_S_INIT_ACK;
	} else if (tag_is(in->me, be32_get(in->chunk.value.ptr))) {
		if (t->state == SCTP_S_INIT) /* of the INIT that it answers nothing was seen */
			t->state = SCTP_S_INIT_ACK;
	} else {
		if (awaits_none || (t->state != SCTP_S_INIT_ACK && t->state != SCTP_S_INIT))
			raise_anomaly(in, SCTP_A_INIT_ACK_UNEXPECTED);
		if (!awaits_none)
			tell_tag(in, false);
	}
}

static void establish(struct input *in)
{
	if (in->t->state < SCTP_S_ESTABLISHED) {
		in->t->state = SCTP_S_ESTABLISHED;
		in->r->flags |= SCTP_R_ESTABLISHED;
	}
}

static void on_cookie_echo(struct input *in)
{
	struct sctp_assoc *t = in->t;

	in->echoed = true;
	if (!in->first)
		raise_anomaly(in, SCTP_A_COOKIE_ECHO_NOT_FIRST);
	if (t->state < SCTP_S_INIT_ACK && (in->peer->bits & SEEN))
		raise_anomaly(in, SCTP_A_COOKIE_ECHO_UNEXPECTED);
	if (t->state < SCTP_S_COOKIE)
		t->state = SCTP_S_COOKIE;
}

static void on_cookie_ack(struct input *in)
{
	if (in->t->state < SCTP_S_COOKIE && (in->peer->bits & SEEN))
		raise_anomaly(in, SCTP_A_COOKIE_ACK_UNEXPECTED);
	establish(in);
}

static void on_shutdown(struct input *in)
{
	struct sctp_assoc *t = in->t;

	if (in->chunk.len != 8)
		raise_anomaly(in, SCTP_A_CHUNK_LENGTH);
	if (t->state < SCTP_S_COOKIE) {
		raise_anomaly(in, SCTP_A_SHUTDOWN_ORDER);
		return;
	}
	if (t->state == SCTP_S_SHUTDOWN_ACK && !(t->shutdown_by >> in->dir & 1)) {
		raise_anomaly(in, SCTP_A_SHUTDOWN_ORDER);
		return;
	}
	if (t->state < SCTP_S_SHUTDOWN) {
		t->state = SCTP_S_SHUTDOWN;
		in->r->flags |= SCTP_R_CLOSING;
	}
	t->shutdown_by |= (uint8_t)(1u << in->dir);
}

static void on_shutdown_ack(struct input *in)
{
	struct sctp_assoc *t = in->t;

	if (!(t->shutdown_by >> !in->dir & 1)) {
		/* Of the other side nothing need have been seen. */
		if (t->state < SCTP_S_COOKIE || (in->peer->bits & SEEN)) {
			raise_anomaly(in, SCTP_A_SHUTDOWN_ORDER);
			return;
		}
		in->r->flags |= SCTP_R_CLOSING;
		t->shutdown_by |= (uint8_t)(1u << !in->dir);
	}
	t->state = SCTP_S_SHUTDOWN_ACK;
}

static void on_shutdown_complete(struct input *in)
{
	struct sctp_assoc *t = in->t;

	if (!in->first || !in->alone || t->state < SCTP_S_SHUTDOWN)
		raise_anomaly(in, SCTP_A_SHUTDOWN_ORDER);
	if (t->state < SCTP_S_SHUTDOWN)
		return;
	/* 9.2: who has not sent a SHUTDOWN ACK discards it, and may still have data to send. */
	if (t->state != SCTP_S_SHUTDOWN_ACK && (in->peer->bits & SEEN)) {
		raise_anomaly(in, SCTP_A_SHUTDOWN_ORDER);
		return;
	}
	t->state = SCTP_S_CLOSED;
	in->r->flags |= SCTP_R_CLOSED;
}

static void on_data(struct input *in)
{
	struct sctp_assoc *t = in->t;
	uint32_t head = in->chunk.type == SCTP_I_DATA ? 20 : 16;

	if (in->chunk.len <= head) {
		raise_anomaly(in, in->chunk.len < head ? SCTP_A_CHUNK_LENGTH : SCTP_A_DATA_EMPTY);
		return;
	}
	if (t->state < SCTP_S_COOKIE && t->state != SCTP_S_NONE && (in->peer->bits & SEEN))
		raise_anomaly(in, SCTP_A_DATA_BEFORE_ESTABLISHED);
	/* Before the COOKIE ACK, DATA may only go with the COOKIE ECHO itself. */
	if (t->state == SCTP_S_COOKIE && !in->echoed)
		establish(in);
	if (t->shutdown_by >> in->dir & 1)
		raise_anomaly(in, SCTP_A_DATA_AFTER_SHUTDOWN);
	if ((in->me->bits & in->peer->bits & TOLD) && in->chunk.value.len >= 6) {
		uint16_t sid = be16_get(in->chunk.value.ptr + 4);

		if (sid >= in->me->out || sid >= in->peer->in)
			raise_anomaly(in, SCTP_A_DATA_BAD_STREAM);
	}
	in->r->data_chunks++;
	in->r->data_bytes += in->chunk.len - head;
}

/* Once granted, it may use more streams. What is repeated is granted once. RFC 6525 5.1.5, 5.2.5.
 */
static void ask_for_streams(struct input *in, const uint8_t *value)
{
	uint32_t request = be32_get(value);

	if (!(in->me->bits & TOLD) || (in->me->bits & ASKED && in->me->add_request == request))
		return;
	in->me->bits |= ASKED;
	in->me->add_request = request;
	in->me->adds = be16_get(value + 4);
}

static uint16_t grown(uint16_t streams, uint16_t by)
{
	return streams > UINT16_MAX - by ? UINT16_MAX : (uint16_t)(streams + by);
}

static void answer_for_streams(struct input *in, const uint8_t *value)
{
	uint32_t result = be32_get(value + 4);

	if (!(in->peer->bits & ASKED) || in->peer->add_request != be32_get(value) ||
	    result == SCTP_IN_PROGRESS)
		return;
	if (result == SCTP_PERFORMED) {
		in->peer->out = grown(in->peer->out, in->peer->adds);
		in->me->in = grown(in->me->in, in->peer->adds);
	}
	in->peer->adds = 0;
}

static void on_reconfig(struct input *in)
{
	struct sctp_params w = sctp_params_of(in->chunk.value);
	struct sctp_param param;

	for (unsigned n = 0; n < SCTP_RECONFIG_PARAMS && sctp_param_next(&w, &param); n++) {
		if (param.type == SCTP_ADD_OUTGOING && param.value.len >= 8)
			ask_for_streams(in, param.value.ptr);
		else if (param.type == SCTP_RESPONSE && param.value.len >= 8)
			answer_for_streams(in, param.value.ptr);
	}
	if (w.bad_length && in->chunk.len == in->chunk.value.len + 4)
		raise_anomaly(in, SCTP_A_CHUNK_LENGTH);
}

/* Its receiver discards one with a format error, or with a tag that its T bit belies behind other
 * chunks, and what follows either. 3.3.7, 8.5.1. */
static void on_abort(struct input *in)
{
	struct sctp_params causes = sctp_params_of(in->chunk.value);
	struct sctp_param cause;

	in->stop = true;
	while (sctp_param_next(&causes, &cause))
		;
	if (!in->first && sctp_is_reflected(&in->chunk)) {
		raise_anomaly(in, SCTP_A_ABORT_BAD_TAG);
	} else if (causes.bad_length && in->chunk.len == in->chunk.value.len + 4) {
		raise_anomaly(in, SCTP_A_CHUNK_LENGTH);
	} else {
		in->t->state = SCTP_S_ABORTED;
		in->r->flags |= SCTP_R_ABORT;
	}
}

static void on_chunk(struct input *in)
{
	switch (in->chunk.type) {
	case SCTP_INIT:
		on_init(in);
		break;
	case SCTP_INIT_ACK:
		on_init_ack(in);
		break;
	case SCTP_COOKIE_ECHO:
		on_cookie_echo(in);
		break;
	case SCTP_COOKIE_ACK:
		on_cookie_ack(in);
		break;
	case SCTP_SHUTDOWN:
		on_shutdown(in);
		break;
	case SCTP_SHUTDOWN_ACK:
		on_shutdown_ack(in);
		break;
	case SCTP_SHUTDOWN_COMPLETE:
		on_shutdown_complete(in);
		break;
	case SCTP_DATA:
	case SCTP_I_DATA:
		on_data(in);
		break;
	case SCTP_RE_CONFIG:
		on_reconfig(in);
		break;
	case SCTP_ABORT:
		on_abort(in);
		break;
	case SCTP_SACK:
	case SCTP_NR_SACK:
		establish(in); /* who acknowledges data got, or sent, a COOKIE ECHO that was good */
		break;
	default:
		break;
	}
}

/* ---- one packet ------------------------------------------------------------------------- */

static bool take_cookie_tag(struct input *in)
{
	if (in->chunk.type != SCTP_COOKIE_ECHO || !next_tag_is(in->peer, in->p->tag) ||
	    in->t->state > SCTP_S_INIT_ACK)
		return false;
	adopt_next(in->peer);
	in->me->lacks = in->peer->lacks = 0;
	in->r->initial_tsn_peer = in->peer->tsn;
	in->r->flags |= SCTP_R_TSN_PEER;
	if (in->me->bits & HAS_NEXT && in->t->pairs >> !in->dir & 1) {
		adopt_next(in->me);
		in->r->initial_tsn = in->me->tsn;
		in->r->flags |= SCTP_R_TSN;
	}
	return true;
}

/* Several packets in a row with one other tag: what was learnt from the middle was wrong. */
static bool adopt_stray(struct input *in)
{
	struct sctp_side *peer = in->peer;

	if (!in->p->tag || (peer->bits & SURE_TAG) || in->chunk.type == SCTP_ABORT)
		return false;
	if (peer->stray_tag != in->p->tag)
		peer->strays = 0;
	peer->stray_tag = in->p->tag;
	if (++peer->strays < RESYNC_AFTER)
		return false;
	raise_anomaly(in, SCTP_A_RESYNC);
	in->r->flags |= SCTP_R_RESYNC;
	peer->strays = 0;
	learn_tag(peer, in->p->tag);
	return true;
}

/* The tag is not the one that is known: may it be one all the same? */
static bool adopt_tag(struct input *in)
{
	if (is_former(in->t, in->dir, in->p->tag, in->chunk.type)) {
		in->t->former += in->t->former < RESYNC_AFTER;
		return false;
	}
	if (!(in->peer->bits & HAS_TAG) && in->p->tag && in->chunk.type != SCTP_ABORT &&
	    !sctp_is_reflected(&in->chunk)) {
		learn_tag(in->peer, in->p->tag);
		return true;
	}
	return adopt_stray(in);
}

/* May this packet, by its tag and its first chunk, have come from where it says? */
static bool tag_is_right(struct input *in)
{
	uint32_t tag = in->p->tag;

	if (in->chunk.type == SCTP_INIT) {
		if (!tag)
			return true;
		raise_anomaly(in, SCTP_A_INIT_TAG);
		in->r->verdict = SCTP_BAD_INIT;
		return false;
	}
	if (sctp_is_reflected(&in->chunk) ? tag_is(in->me, tag) : tag_is(in->peer, tag)) {
		in->peer->strays = 0;
		if (is_behind_cookie(in->chunk.type) && !was_tag(in->peer, tag))
			in->t->goes_on |= (uint8_t)(1u << in->dir);
		return true;
	}
	if (in->chunk.type == SCTP_INIT_ACK && next_tag_is(in->peer, tag))
		return true;
	if (take_cookie_tag(in) || adopt_tag(in))
		return true;
	if (in->chunk.type == SCTP_COOKIE_ECHO) {
		in->t->echo_tag = tag;
		in->t->echoed = (uint8_t)(1u << in->dir);
	}
	/* With none known it may be right. */
	if (!tag || (sctp_is_reflected(&in->chunk) ? in->me : in->peer)->bits & HAS_TAG)
		raise_anomaly(in,
			      in->chunk.type == SCTP_ABORT ? SCTP_A_ABORT_BAD_TAG : SCTP_A_BAD_TAG);
	in->r->verdict = SCTP_BAD_TAG;
	return false;
}

/* The first packet of an association that starts in the middle. */
static void start_midstream(struct input *in)
{
	if (in->t->state != SCTP_S_NONE || in->chunk.type == SCTP_INIT)
		return;
	in->t->midstream = true;
	if (in->chunk.type != SCTP_INIT_ACK && in->chunk.type != SCTP_COOKIE_ECHO &&
	    in->chunk.type != SCTP_ABORT)
		in->t->state = SCTP_S_ESTABLISHED;
}

/* Who got an ABORT may have sent more by then. But that both sides go on by turns means that one of
 * them never got it. */
static void note_turn(struct input *in)
{
	if (!in->first || !is_behind_cookie(in->chunk.type) || in->t->spoke == 1u << in->dir)
		return;
	in->t->spoke = (uint8_t)(1u << in->dir);
	in->t->turns += in->t->turns < RESYNC_AFTER;
}

static void input_over(struct input *in)
{
	note_turn(in);
	in->r->verdict = in->t->state == SCTP_S_ABORTED ? SCTP_AFTER_ABORT : SCTP_AFTER_CLOSE;
	if (in->chunk.type == SCTP_DATA || in->chunk.type == SCTP_I_DATA)
		raise_anomaly(in, SCTP_A_DATA_AFTER_CLOSE);
	in->stop = true;
}

static void tell_restart(struct input *in)
{
	in->t->restarted = false;
	raise_anomaly(in, in->t->midstream ? SCTP_A_RESYNC : SCTP_A_RESTART);
	in->r->initial_tsn = in->me->tsn;
	in->r->initial_tsn_peer = in->peer->tsn;
	in->r->flags |= in->me->bits & SURE_TAG ? SCTP_R_TSN : 0;
	in->r->flags |= in->peer->bits & SURE_TAG ? SCTP_R_TSN_PEER : 0;
}

/* Does the packet count? Judged by its first chunk. */
static bool packet_counts(struct input *in)
{
	if (in->p->bad_checksum) {
		raise_anomaly(in, SCTP_A_BAD_CHECKSUM);
		in->r->verdict = SCTP_BAD_CHECKSUM;
		return false;
	}
	if (!tag_is_right(in))
		return false;
	start_midstream(in);
	in->me->bits |= SEEN;
	return true;
}

void sctp_assoc_input(struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
		      struct sctp_result *r)
{
	struct input in = { t, &t->side[dir], &t->side[!dir], p, r, dir, .first = true };
	struct sctp_walk w = sctp_walk_of(p->chunks, p->snapped);
	struct sctp_chunk unused;

	*r = (struct sctp_result){ .verdict = SCTP_NO_DATA };
	if (tag_is(in.peer, p->tag) || !next_tag_is(in.peer, p->tag))
		w.lacks = t->side[0].lacks |
			  t->side[1].lacks; /* else it is for another INIT or INIT ACK */
	while (!in.stop && (in.first ? walk_begin(&w, &in.chunk) : sctp_walk_next(&w, &in.chunk))) {
		in.alone = !cursor_left(&w.c);
		if (t->restarted)
			tell_restart(&in);
		if (in.first && !packet_counts(&in))
			break;
		if (is_over(t))
			input_over(&in);
		else
			on_chunk(&in);
		in.first = false;
	}
	while (r->verdict != SCTP_BAD_CHECKSUM && sctp_walk_next(&w, &unused))
		; /* its form is judged, whoever sent it */
	r->chunks = (uint16_t)w.chunks;
	if (w.bad_length)
		raise_anomaly(&in, SCTP_A_CHUNK_LENGTH);
	if (w.too_many)
		raise_anomaly(&in, SCTP_A_TOO_MANY_CHUNKS);
	if (!w.chunks)
		r->verdict = p->bad_checksum ? SCTP_BAD_CHECKSUM : SCTP_MALFORMED;
	if (t->midstream)
		r->flags |= SCTP_R_MIDSTREAM;
	if (r->data_chunks && r->verdict == SCTP_NO_DATA)
		r->verdict = SCTP_DELIVER;
}

enum sctp_phase sctp_phase(const struct sctp_assoc *t)
{
	return is_over(t) ? SCTP_OVER : t->state < SCTP_S_ESTABLISHED ? SCTP_OPENING : SCTP_OPEN;
}
