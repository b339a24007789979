/* sctp_streams_reset: counts that begin anew (RE-CONFIG, RFC 6525): the SSNs of a side's streams,
 * or all SSNs and TSNs of both sides.
 *
 * A request alone changes nothing: its answer does, or, where that is not seen, the first chunk
 * that can't be of the old count. What was followed once is not followed again when it is repeated.
 *
 * Whether a stream is to begin anew is told by its mark beside that of the side's last request, the
 * same where the request lists streams, another where it means all. So a request, which is cheap to
 * send, costs no walk over the streams; only one that is done does. */
#include "libcommon/net/sctp_streams_private.h"

static bool is_named(const struct sctp_streams *s, const struct hold_stream *t)
{
	return (t->reset_mark == s->reset_mark) != s->reset_all;
}

void streams_born(const struct sctp_streams *s, struct hold_stream *t)
{
	t->reset_mark = s->reset_all ? s->reset_mark : s->reset_mark - 1;
}

static void await(struct sctp_streams *s, enum sctp_reset what, bool all)
{
	s->resetting = what;
	s->reset_all = all;
	s->reset_mark++;
}

/* Is the request to be waited for? Not a repeated one. */
static bool is_new(const struct sctp_streams *s, uint32_t request)
{
	if (!s->id || s->dropped || (s->resetting && s->reset_request == request))
		return false;
	return !s->has_reset || before(s->last_reset, request);
}

static void done(struct sctp_streams *s)
{
	s->resetting = SCTP_RESET_NONE;
	s->has_reset = true;
	s->last_reset = s->reset_request;
}

static void begin_anew(struct sctp_group *g, struct sctp_streams *s, struct hold_stream *t,
		       uint32_t last_tsn, enum sctp_gap_reason why)
{
	if (t->open)
		streams_tell_gap(g, s, t, t->next, 0, why);
	t->open = false;
	t->known = true;
	t->next = 0;
	t->last_tsn = last_tsn;
}

/* ---- the streams of one side ------------------------------------------------------------ */

void sctp_streams_reset_request(struct sctp_group *g, struct sctp_streams *s, uint32_t request,
				uint32_t last, struct bytes sids)
{
	struct hold_stream *t;

	if (before(s->cum, last) && last - s->cum > STREAMS_WINDOW) {
		s->out_of_window += s->id && !s->dropped;
		return;
	}
	if (!is_new(s, request))
		return;
	await(s, SCTP_RESET_STREAMS, !sids.len);
	s->reset_request = request;
	s->reset_tsn = last;
	for (size_t i = 0; i + 2 <= sids.len; i += 2) {
		/* One that has not been seen begins with 0 anyway. */
		t = hold_stream_find(&g->hold, s->id, be16_get(sids.ptr + i));
		if (t)
			t->reset_mark = s->reset_mark;
	}
}

/* Its receiver has all up to the TSN: 5.2.2, E4. */
static void reset(struct sctp_group *g, struct sctp_streams *s)
{
	struct hold_stream *t = NULL;

	done(s);
	if (before(s->cum, s->reset_tsn))
		streams_give_up(g, s, s->reset_tsn, SCTP_GAP_ACKED);
	while ((t = hold_stream_next(&g->hold, s->streams_list, t))) {
		if (is_named(s, t))
			begin_anew(g, s, t, s->reset_tsn, SCTP_GAP_ACKED);
	}
}

static bool begins_message_0(const struct sctp_data *d)
{
	return !d->mid && (d->flags & (BEGIN | UNORDERED)) == BEGIN;
}

/* A sender waits for the answer before it goes on in a stream: 5.1.2. */
void streams_look_for_reset(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d)
{
	const struct hold_stream *t;

	if (s->resetting != SCTP_RESET_STREAMS || s->no_reconfig || !before(s->reset_tsn, d->tsn) ||
	    !begins_message_0(d))
		return;
	t = hold_stream_find(&g->hold, s->id, d->sid);
	if (t && is_named(s, t) && t->known && t->next)
		reset(g, s);
}

/* ---- all of both sides ------------------------------------------------------------------ */

void sctp_streams_restart_request(struct sctp_streams *s, uint32_t request)
{
	if (!is_new(s, request))
		return;
	await(s, SCTP_RESET_TSNS, true);
	s->reset_request = request;
}

static void count_from(struct sctp_streams *s, uint32_t next, bool from_start)
{
	s->base = s->cum = s->highest = next - 1;
	s->from_start = from_start;
	s->from_midst = false;
	s->has_ack = s->has_forward = false;
	s->strays = 0;
	s->hole_ts = s->covered_ts = 0;
}

/* What is not there by now the receiver takes as given up: 5.2.4, D3 and D4. */
static void restart(struct sctp_group *g, struct sctp_streams *s, uint32_t next)
{
	struct hold_stream *t = NULL;

	if (s->dropped)
		return;
	if (!s->id) {
		sctp_streams_start(g, s, next);
		return;
	}
	s->resetting = SCTP_RESET_NONE;
	s->shown = false;
	if (s->has_ack && before(s->cum, s->acked))
		streams_give_up(g, s, s->acked, SCTP_GAP_ACKED);
	streams_give_up(g, s, s->highest, SCTP_GAP_ABANDONED);
	if (!is_far(s, next) && before(s->cum, next - 1))
		streams_give_up(g, s, next - 1, SCTP_GAP_ABANDONED);
	while ((t = hold_stream_next(&g->hold, s->streams_list, t)))
		begin_anew(g, s, t, next - 1, SCTP_GAP_ABANDONED);
	count_from(s, next, true);
}

void sctp_streams_look_for_restart(struct sctp_group *g, struct sctp_streams *s,
				   struct sctp_streams *peer, const struct sctp_data *d)
{
	if (s->resetting != SCTP_RESET_TSNS || s->no_reconfig || !is_far(s, d->tsn) ||
	    !begins_message_0(d))
		return;
	done(s);
	s->shown_behind = s->has_ack && before(s->highest, s->acked) ? s->acked : s->highest;
	restart(g, s, d->tsn);
	s->shown = true;
	s->shown_next = d->tsn;
	/* The peer's TSNs go on, so it takes its own first message to tell where. */
	if (!peer->id || peer->dropped || peer->resetting)
		return;
	await(peer, SCTP_RESET_STREAMS, true);
	peer->reset_tsn = peer->highest;
}

/* ---- the answer ------------------------------------------------------------------------- */

/* There was no restart: the old TSNs go on, with SSNs that are not known. */
static void take_back(struct sctp_group *g, struct sctp_streams *s)
{
	struct hold_stream *t = NULL;

	streams_give_up(g, s, s->highest, SCTP_GAP_RESYNC);
	while ((t = hold_stream_next(&g->hold, s->streams_list, t))) {
		begin_anew(g, s, t, s->shown_behind, SCTP_GAP_RESYNC);
		t->known = false;
	}
	count_from(s, s->shown_behind + 1, false);
}

/* An answer behind the message that was to show one. Who sent that knew neither the answer nor the
 * TSN to go on with, as 5.1.4 makes it wait; so what it sends proves nothing from then on. */
static void answer_late(struct sctp_group *g, struct sctp_streams *s,
			const struct sctp_answer *answer)
{
	bool performed = answer->result == SCTP_PERFORMED;

	s->shown = false;
	if (performed && (!answer->has_tsns || answer->receiver_next == s->shown_next))
		return;
	s->no_reconfig = true;
	if (performed)
		restart(g, s, answer->receiver_next);
	else
		take_back(g, s);
}

void sctp_streams_reset_answer(struct sctp_group *g, struct sctp_streams *s,
			       struct sctp_streams *peer, const struct sctp_answer *answer)
{
	bool performed = answer->result == SCTP_PERFORMED;

	if (s->dropped || answer->result == SCTP_IN_PROGRESS)
		return;
	if (s->shown && s->last_reset == answer->request)
		answer_late(g, s, answer);
	if (!s->resetting || s->reset_request != answer->request)
		return;
	if (!performed) {
		s->resetting = SCTP_RESET_NONE;
	} else if (s->resetting == SCTP_RESET_STREAMS) {
		reset(g, s);
	} else if (answer->has_tsns) {
		done(s);
		restart(g, s, answer->receiver_next);
		restart(g, peer, answer->sender_next);
	} else { /* the first chunk has to tell them */
		s->no_reconfig = false;
	}
}
