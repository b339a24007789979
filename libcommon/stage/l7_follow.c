/* l7_follow: parsers that get the flows that guesses give them. */
#include <string.h>

#include "libcommon/stage/l7_private.h"

void l7_follow(struct l7 *l7)
{
	l7_follow_within(l7, L7_FIRST_MEMORY);
}

void l7_follow_within(struct l7 *l7, size_t memory)
{
	l7->follows = l7->parser->protocols != NULL;
	l7->first_memory = memory;
}

/* Its name where the protocol is one of the parser's, else NULL. */
static const char *name_of(const struct l7_parser *p, struct bytes protocol)
{
	for (size_t i = 0; p->protocols[i]; i++)
		if (bytes_is(protocol, p->protocols[i]))
			return p->protocols[i];
	return NULL;
}

bool l7_guess_settles(const struct rec_guess *g)
{
	return g->state >= REC_guess_state_LIKELY && g->state <= REC_guess_state_GAVE_UP;
}

/* ---- first bytes --------------------------------------------------------------------------- */

void l7_first_taken(struct l7_flow *f)
{
	struct l7 *l7 = f->l7;

	if (!f->firsts)
		return;
	l7->stats.first_bytes -= f->firsts;
	f->firsts = 0;
	*(f->prev_holder ? &f->prev_holder->next_holder : &l7->first_holder) = f->next_holder;
	*(f->next_holder ? &f->next_holder->prev_holder : &l7->last_holder) = f->prev_holder;
}

static void holder_add(struct l7_flow *f)
{
	struct l7 *l7 = f->l7;

	f->next_holder = NULL;
	f->prev_holder = l7->last_holder;
	*(l7->last_holder ? &l7->last_holder->next_holder : &l7->first_holder) = f;
	l7->last_holder = f;
}

/* Without its first bytes no parser could begin at their start. */
static void oldest_leave(struct l7 *l7, const struct l7_flow *but)
{
	struct l7_flow *f = l7->first_holder;
	struct rec_head h = { .ts = but->now, .n = but->n };

	if (f == but)
		f = f->next_holder;
	if (!f)
		return;
	l7->stats.first_bytes_evicted++;
	h.flow = f->id;
	l7_flow_leave(f, &h);
}

void l7_first_keep(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct l7_side *s = &f->side[dir];
	struct l7 *l7 = f->l7;

	/* What nobody named within so many bytes nobody will. */
	if (s->kept.len + data.len > L7_FIRST_BYTES && s->kept.len) {
		f->mode = MODE_OTHER;
		return;
	}
	if (!s->kept.len) {
		s->start_ts = f->now;
		s->start_n = f->n;
	}
	if (!f->firsts)
		holder_add(f);
	buf_add(&s->kept, data.ptr, data.len);
	l7_unread(f);
	s->segments++;
	f->firsts += (uint32_t)data.len;
	l7->stats.first_bytes += data.len;
	while (l7->stats.first_bytes > l7->first_memory && l7->first_holder != l7->last_holder)
		oldest_leave(l7, f);
	l7_unread_within(f);
}

/* ---- guesses ------------------------------------------------------------------------------- */

static void flow_take(struct l7_flow *f, const struct rec_guess *g)
{
	bool fresh = !f->side[0].kept.len && !f->side[1].kept.len;

	f->asks = true;
	l7_first_taken(f);
	for (unsigned d = 0; d < 2 && fresh; d++) {
		f->begins[d] = d ? g->resp_offset : g->orig_offset;
		f->side[d].offset = f->begins[d];
	}
	l7_flow_claim(f);
	for (unsigned d = 0; d < 2 && f->mode == MODE_OURS; d++)
		l7_side_offer_kept(f, (enum l7_dir)d);
}

void l7_guess(struct l7 *l7, const struct rec_head *h, const struct rec_guess *g)
{
	struct l7_flow *f = l7_flow_lookup(l7, h->flow);
	bool sure = g->state == REC_guess_state_LIKELY || g->state == REC_guess_state_CONFIRMED ||
		    g->state == REC_guess_state_CONTRADICTED;
	const char *name;

	if (l7->follows && f && f->mode == MODE_OTHER) { /* one too many for l7_others */
		l7_flow_leave(f, h);
		f = NULL;
	}
	if (!l7->follows || (f && f->mode != MODE_UNDECIDED))
		return;
	if (f) {
		f->now = h->ts;
		f->n = h->n;
	}
	name = l7_reads(l7->parser, g->key.proto) ? name_of(l7->parser, g->protocol) : NULL;
	if (!name) {
		if (!l7_guess_settles(g))
			return; /* it may yet be ours */
		if (f)
			l7_flow_leave(f, h);
		else
			l7_other_add(l7, h);
		return;
	}
	if (!f && !sure && l7_is_other(l7, h->flow))
		return;
	if (!f) {
		l7_others_remove(&l7->others, h->flow);
		f = l7_flow_make(l7, h, h->flow);
		f->key = g->key;
		f->now = h->ts;
		f->n = h->n;
	}
	if (sure) {
		f->guessed = (struct l7_guessed){ name, g->expected_by.v, (enum l7_dir)g->client };
		flow_take(f, g);
	} else {
		f->asks = true;
	}
	if (f->mode == MODE_OTHER)
		l7_flow_leave(f, h);
}
