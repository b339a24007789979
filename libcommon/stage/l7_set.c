/* l7_set: several parsers over the same records. */
#include "libcommon/stage/l7_set.h"

#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/l7_others.h"
#include "libcommon/stage/l7_private.h"

/* Of most flows most engines want nothing. Which ones want something is remembered here, a bit
 * each; an engine without its bit knows nothing of the flow, not even that it is somebody else's.
 */
enum { NAMES_MOST = 4 * L7_SET_MOST };

struct l7_set {
	size_t n;
	/* What guesses call what the parsers follow, and whose that is, a bit each. */
	struct bytes names[NAMES_MOST];
	uint64_t named[NAMES_MOST];
	size_t nnames;
	struct l7 *engines[L7_SET_MOST];
	const struct l7_parser *parsers[L7_SET_MOST];
	struct l7_others known; /* flows, */
	uint64_t *wants;        /* and in the same place who wants them */
	uint64_t evicted;       /* flows of which this is no longer remembered */
	bool datagrams;
};

static void names_add(struct l7_set *s, size_t engine)
{
	const char *const *names = s->parsers[engine]->protocols;

	for (size_t i = 0; names && names[i]; i++) {
		if (s->nnames == NAMES_MOST)
			die("the parsers follow more than %d protocols", NAMES_MOST);
		s->names[s->nnames] = bytes_str(names[i]);
		s->named[s->nnames++] = 1ull << engine;
	}
}

/* Who follows guesses of that protocol. */
static uint64_t followers(const struct l7_set *s, struct bytes protocol)
{
	uint64_t who = 0;

	for (size_t i = 0; i < s->nnames; i++)
		if (s->names[i].len == protocol.len &&
		    memcmp(s->names[i].ptr, protocol.ptr, protocol.len) == 0)
			who |= s->named[i];
	return who;
}

struct l7_set *l7_set_new(const struct l7_parser *const *parsers, size_t n,
			  const struct l7_host *host, const struct l7_limits *limits)
{
	struct l7_set *s = xcalloc(1, sizeof(*s));

	for (; s->n < n; s->n++) {
		s->parsers[s->n] = parsers[s->n];
		s->engines[s->n] = l7_new(parsers[s->n], host, limits);
		names_add(s, s->n);
		s->datagrams |= parsers[s->n]->datagram != NULL;
	}
	if (n > 1) {
		l7_others_init(&s->known);
		s->wants = xcalloc((size_t)L7_OTHER_SETS * L7_OTHER_WAYS, sizeof(*s->wants));
	}
	return s;
}

void l7_set_free(struct l7_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		l7_free(s->engines[i]);
	if (s->n > 1)
		l7_others_release(&s->known);
	free(s->wants);
	free(s);
}

bool l7_set_takes_datagrams(const struct l7_set *s)
{
	return s->datagrams;
}

bool l7_set_follow(struct l7_set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->parsers[i]->protocols != NULL;
	for (size_t i = 0; i < s->n; i++)
		if (s->parsers[i]->protocols)
			l7_follow_within(s->engines[i], L7_FIRST_MEMORY / n);
	return n > 0;
}

/* ---- who wants a flow ----------------------------------------------------------------------- */

/* NULL where it is not remembered. */
static uint64_t *wants_find(const struct l7_set *s, uint64_t flow)
{
	uint64_t *at = l7_others_find(&s->known, flow);

	return at ? &s->wants[at - s->known.ids] : NULL;
}

static uint64_t *wants_make(struct l7_set *s, const struct rec_head *h)
{
	struct rec_head other = *h;
	uint64_t *wants;
	bool full = l7_others_add(&s->known, h->flow, &other.flow);

	wants = wants_find(s, h->flow);
	if (full) { /* of the flow that made room each engine has to know by itself again */
		s->evicted++;
		for (size_t i = 0; i < s->n; i++)
			if (!(*wants >> i & 1))
				l7_other_add(s->engines[i], &other);
	}
	*wants = 0;
	return wants;
}

/* The engine has found that the flow is somebody else's: it may forget that. */
static bool engine_left(struct l7_set *s, size_t i, uint64_t flow)
{
	return l7_others_remove(&s->engines[i]->others, flow);
}

static bool engine_is_new(const struct l7_set *s, size_t i, uint64_t flow)
{
	return !s->evicted || !l7_knows(s->engines[i], flow);
}

void l7_set_ahead(struct l7_set *s, uint64_t flow, enum l7_ahead how)
{
	const uint64_t *wants;

	if (s->n == 1) {
		l7_ahead(s->engines[0], flow, how);
		return;
	}
	if (how == L7_AHEAD_TABLE) {
		uint64_t *set = l7_others_set(&s->known, flow);

		__builtin_prefetch(set);
		__builtin_prefetch(&s->wants[set - s->known.ids]);
		return;
	}
	wants = wants_find(s, flow);
	if (wants && *wants)
		l7_ahead(s->engines[__builtin_ctzll(*wants)], flow, how);
}

bool l7_set_is_other(struct l7_set *s, uint64_t flow)
{
	const uint64_t *wants;

	if (s->n == 1)
		return l7_is_other(s->engines[0], flow);
	wants = wants_find(s, flow);
	return wants && !*wants;
}

bool l7_set_knows(struct l7_set *s, uint64_t flow)
{
	if (s->n > 1 && wants_find(s, flow))
		return true;
	for (size_t i = 0; i < s->n && (s->n == 1 || s->evicted); i++)
		if (l7_knows(s->engines[i], flow))
			return true;
	return false;
}

/* ---- records in ----------------------------------------------------------------------------- */

bool l7_set_stream(struct l7_set *s, const struct rec_head *h, const struct rec_stream *r)
{
	uint64_t *wants;
	bool taken = false;

	if (s->n == 1)
		return l7_stream(s->engines[0], h, r);
	wants = wants_find(s, h->flow);
	if (!wants) {
		wants = wants_make(s, h);
		for (size_t i = 0; i < s->n; i++)
			if (!engine_is_new(s, i, h->flow) || !l7_refuses_stream(s->engines[i], r))
				*wants |= 1ull << i;
	}
	for (uint64_t left = *wants; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);

		if (l7_stream(s->engines[i], h, r))
			taken = true;
		else if (engine_left(s, i, h->flow))
			*wants &= ~(1ull << i);
	}
	return taken;
}

bool l7_set_packet(struct l7_set *s, const struct rec_head *h, const struct rec_packet *p)
{
	uint64_t *wants;
	bool taken = false;

	if (s->n == 1)
		return l7_packet(s->engines[0], h, p);
	wants = wants_find(s, h->flow);
	if (!wants) {
		wants = wants_make(s, h);
		for (size_t i = 0; i < s->n; i++)
			if (!engine_is_new(s, i, h->flow) || !l7_refuses_packet(s->engines[i], p))
				*wants |= 1ull << i;
	}
	for (uint64_t left = *wants; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);

		if (l7_packet(s->engines[i], h, p))
			taken = true;
		else if (engine_left(s, i, h->flow))
			*wants &= ~(1ull << i);
	}
	return taken;
}

/* Engines that a guess is new to, and that it is not for, need not hear of it: they know nothing of
 * the flow, and where it settles the matter they are to know nothing. */
void l7_set_guess(struct l7_set *s, const struct rec_head *h, const struct rec_guess *g)
{
	uint64_t *wants, named, asked;

	if (s->n == 1) {
		l7_guess(s->engines[0], h, g);
		return;
	}
	named = followers(s, g->protocol);
	wants = wants_find(s, h->flow);
	if (!wants) {
		wants = wants_make(s, h);
		for (size_t i = 0; i < s->n; i++)
			if (!l7_guess_settles(g) || !s->engines[i]->follows ||
			    !engine_is_new(s, i, h->flow))
				*wants |= 1ull << i;
		*wants |= named;
	}
	asked = *wants | named;
	for (; asked; asked &= asked - 1) {
		size_t i = (size_t)__builtin_ctzll(asked);

		if (!(*wants >> i & 1))
			l7_other_add(s->engines[i], h);
		l7_guess(s->engines[i], h, g);
		if (engine_left(s, i, h->flow))
			*wants &= ~(1ull << i);
		else
			*wants |= 1ull << i;
	}
}

void l7_set_stream_end(struct l7_set *s, const struct rec_head *h, const struct rec_stream_end *e)
{
	const uint64_t *wants = s->n > 1 ? wants_find(s, h->flow) : NULL;

	if (s->n > 1 && !wants && !s->evicted)
		return;
	for (size_t i = 0; i < s->n; i++)
		if (!wants || *wants >> i & 1)
			l7_stream_end(s->engines[i], h, e);
}

void l7_set_flow_end(struct l7_set *s, const struct rec_head *h, const struct rec_flow *fl)
{
	const uint64_t *wants = s->n > 1 ? wants_find(s, h->flow) : NULL;

	for (size_t i = 0; i < s->n; i++)
		if (!wants || *wants >> i & 1)
			l7_flow_end(s->engines[i], h, fl);
	if (wants && fl->event == REC_flow_event_END)
		l7_others_remove(&s->known, h->flow);
}

/* ---- all flows ------------------------------------------------------------------------------ */

void l7_set_each(const struct l7_set *s,
		 void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
			      const uint64_t held[2]),
		 void *ctx)
{
	for (size_t i = 0; i < s->n; i++)
		l7_each(s->engines[i], each, ctx);
}

void l7_set_finish(struct l7_set *s, uint64_t last_n)
{
	struct l7_flow **all = NULL;
	size_t flows = l7_set_stats(s).flows, at = 0;

	if (s->n > 1) {
		/* By ascending id over all engines: what they emit has the numbers of that. */
		all = xcalloc(flows + 1, sizeof(struct l7_flow *));
		for (size_t i = 0; i < s->n; i++)
			for (struct l7_flow *f = s->engines[i]->newest; f; f = f->older)
				all[at++] = f;
		qsort(all, at, sizeof(struct l7_flow *), l7_flow_by_id);
		for (size_t i = 0; i < at; i++)
			l7_flow_finish(all[i], last_n);
		free(all);
		l7_others_clear(&s->known);
	}
	for (size_t i = 0; i < s->n; i++)
		l7_finish(s->engines[i], last_n);
}

void l7_set_leave(struct l7_set *s, uint64_t n, uint64_t ts)
{
	for (size_t i = 0; i < s->n; i++)
		l7_leave(s->engines[i], n, ts);
	if (s->n > 1)
		l7_others_clear(&s->known);
}

struct l7_stats l7_set_stats(const struct l7_set *s)
{
	struct l7_stats sum = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct l7_stats *one = l7_stats(s->engines[i]);

		sum.flows += one->flows;
		sum.claimed += one->claimed;
		sum.evicted += one->evicted;
		sum.poisoned += one->poisoned;
		sum.swapped += one->swapped;
		sum.anomalies_suppressed += one->anomalies_suppressed;
		sum.memory += one->memory;
		sum.memory_peak += one->memory_peak;
		sum.held += one->held;
		sum.first_bytes += one->first_bytes;
		sum.first_bytes_evicted += one->first_bytes_evicted;
	}
	return sum;
}
