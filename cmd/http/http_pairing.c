/* http_pairing: the open exchanges of a flow, and which of them a message belongs to. */
#include "cmd/http/http_session.h"

enum l7_dir http_dir(const struct http_session *s, enum http_who who)
{
	return ((who == HTTP_SERVER) != s->swapped) ? L7_RESP : L7_ORIG;
}

void http_raise(struct l7_flow *f, enum http_who who, enum http_tag tag)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	uint32_t *raised = side->ex ? &side->ex->raised[who] : &side->early;

	if (*raised & 1u << tag)
		return;
	*raised |= 1u << tag;
	if (side->ex)
		side->ex->tags |= 1u << tag;
	http_tag_report(f, http_dir(s, who), tag);
}

/* ---- the exchanges of a flow --------------------------------------------------------------- */

void http_account(struct l7_flow *f, struct http_exchange *ex)
{
	struct http_session *s = l7_state(f);
	size_t size = http_exchange_size(ex);

	s->held += size - ex->held;
	ex->held = size;
	l7_hold(f, s->held, HTTP_HELD_ALL);
}

void http_exchange_out(struct l7_flow *f, struct http_exchange *ex)
{
	struct http_session *s = l7_state(f);

	http_exchange_emit(f, ex);
	s->held -= ex->held;
	l7_hold(f, s->held, HTTP_HELD_ALL);
	s->count--;
	http_exchange_release(l7_shared(f), ex);
}

/* Emits what is complete, in order of requests. */
void http_exchanges_flush(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);

	while (s->head && s->head->done[HTTP_CLIENT] && s->head->done[HTTP_SERVER]) {
		struct http_exchange *ex = s->head;

		s->head = ex->next;
		if (!s->head)
			s->last = NULL;
		if (s->unanswered == ex)
			s->unanswered = ex->next;
		http_exchange_out(f, ex);
	}
}

/* Gives up the oldest request without a response; where all have one, the oldest exchange. */
static void exchange_evict(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);
	struct http_exchange *ex = s->unanswered ? s->unanswered : s->head, *before = s->head;

	if (ex != s->head)
		while (before->next != ex)
			before = before->next;
	ex->tags |= 1u << HTTP_TAG_TX_EVICTED;
	http_tag_report(f, http_dir(s, HTTP_CLIENT), HTTP_TAG_TX_EVICTED);
	if (ex == s->unanswered) {
		s->unanswered = ex->next;
		s->ghosts++;
	}
	for (int who = 0; who < 2; who++) {
		if (s->side[who].ex == ex) {
			s->side[who].ex = NULL;
			ex->flaws |= HTTP_FLAW_PARTIAL;
		}
	}
	*(ex == s->head ? &s->head : &before->next) = ex->next;
	if (s->last == ex)
		s->last = ex == before ? NULL : before;
	http_exchange_out(f, ex);
}

/* front: before all others, for a response whose request was given up. */
struct http_exchange *http_exchange_new(struct l7_flow *f, enum http_who who, bool front)
{
	struct http_session *s = l7_state(f);
	struct http_exchange *ex;

	while (!front &&
	       (s->count >= HTTP_OUTSTANDING_MAX || (s->count && s->held > HTTP_HELD_FLOW)))
		exchange_evict(f);
	ex = http_exchange_make(l7_shared(f));
	ex->tx_id = s->next_id++;
	ex->start_ts = l7_start_ts(f, http_dir(s, who));
	ex->first_n = l7_start_n(f, http_dir(s, who));
	if (front || !s->last) {
		ex->next = s->head;
		s->head = ex;
	} else {
		s->last->next = ex;
	}
	if (!ex->next)
		s->last = ex;
	s->count++;
	return ex;
}

/* The message at hand belongs to ex. */
void http_side_attach(struct l7_flow *f, enum http_who who, struct http_exchange *ex)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];

	if (side->by_gap)
		http_raise(f, who, HTTP_TAG_GAP_RESYNC);
	side->by_gap = false;
	side->ex = ex;
	side->messages++;
	ex->raised[who] |= side->early;
	ex->tags |= side->early;
	side->early = 0;
}

/* The message at hand has ended, whole or with flaws. */
void http_message_end(struct l7_flow *f, enum http_who who, unsigned flaws)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[who];
	struct http_exchange *ex = side->ex;

	side->phase = HTTP_START;
	side->ex = NULL;
	if (!ex)
		return;
	ex->flaws |= (uint8_t)flaws;
	ex->done[who] = true;
	ex->body_len[who] = side->body.len;
	if (!(flaws & HTTP_FLAW_PARTIAL))
		*(who == HTTP_CLIENT ? &ex->req_end_ts : &ex->resp_end_ts) = l7_now(f);
	http_account(f, ex);
	http_exchanges_flush(f);
}

/* The exchange that the response which begins now belongs to. */
struct http_exchange *http_response_pair(struct l7_flow *f)
{
	struct http_session *s = l7_state(f);
	struct http_side *side = &s->side[HTTP_SERVER];
	struct http_exchange *ex = s->unanswered;

	if (s->ghosts) {
		s->ghosts--;
		ex = http_exchange_new(f, HTTP_SERVER, true);
		ex->done[HTTP_CLIENT] = true;
		return ex;
	}
	if (!ex) {
		ex = http_exchange_new(f, HTTP_SERVER, false);
		ex->done[HTTP_CLIENT] = true;
		http_raise(f, HTTP_SERVER, HTTP_TAG_RESP_WITHOUT_REQ);
		return ex;
	}
	if (side->lost && !s->pipelined) {
		/* One request at a time: the client went on, so the older ones were answered. */
		while (ex->next) {
			ex->gap += side->gap_before;
			side->gap_before = 0;
			ex->flaws |= HTTP_FLAW_PARTIAL;
			ex->tags |= 1u << HTTP_TAG_GAP_RESYNC;
			ex->done[HTTP_SERVER] = true;
			ex = ex->next;
		}
	} else if (ex->next) {
		s->pipelined = true;
	}
	side->lost = false;
	s->unanswered = ex->next;
	return ex;
}
