/* expr_values: the values of a template's fields, one packet after the other. */
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/packet/expr_private.h"
#include "libcommon/packet/stamp.h"

enum { STAMP_AFTER = 16 };

/* splitmix64: the same seed gives the same packets. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void pkt_template_seed(struct pkt_template *t, uint64_t seed)
{
	t->random ^= seed; /* that of rand(seed) is there already */
}

static bool has_end(const struct pkt_gen *g)
{
	return g->kind == PKT_GEN_RANGE || g->kind == PKT_GEN_SET;
}

static void apply(struct pkt_template *t, const struct pkt_expr *e, struct pkt_gen *g)
{
	struct pkt_set *s = &t->model.set[g->set];
	uint64_t v = g->first + g->at * g->step;

	if (g->kind == PKT_GEN_SET) {
		const struct pkt_alternative *a =
			(const struct pkt_alternative *)(const void *)e->alternatives.ptr +
			g->alternatives + g->at;

		s->how = a->how;
		s->number = a->number;
		s->at = a->at;
		s->len = a->len;
		return;
	}
	if (g->kind == PKT_GEN_RAND)
		v = random_next(&t->random);
	if (g->wide)
		be64_put(t->model.bytes.ptr + s->at + 8, v);
	else
		s->number = v & g->mask;
}

/* The next combination, the last field fastest. False: that was the last. */
static bool step_product(struct pkt_template *t)
{
	for (size_t i = t->ngens; i-- > 0;) {
		struct pkt_gen *g = &t->gen[i];

		if (!has_end(g))
			continue;
		if (++g->at < g->count)
			return true;
		g->at = 0;
	}
	return false;
}

/* All go on by one; the shortest ends them. */
static bool step_zip(struct pkt_template *t)
{
	bool more = false, over = false;

	for (size_t i = 0; i < t->ngens; i++) {
		struct pkt_gen *g = &t->gen[i];

		if (!has_end(g))
			continue;
		more = true;
		over |= ++g->at >= g->count;
	}
	for (size_t i = 0; i < t->ngens && over; i++)
		if (has_end(&t->gen[i]))
			t->gen[i].at = 0;
	return more && !over;
}

bool pkt_template_next(struct pkt_template *t, const struct pkt_expr *e, bool zip)
{
	if (t->started && !(zip ? step_zip(t) : step_product(t))) {
		t->started = false;
		return false;
	}
	t->started = true;
	for (size_t i = 0; i < t->ngens; i++) {
		apply(t, e, &t->gen[i]);
		if (t->gen[i].kind == PKT_GEN_INC)
			t->gen[i].at++;
	}
	return true;
}

static struct pkt_stamp *stamp_of(struct pkt_template *t)
{
	size_t *sets = xcalloc(t->ngens + 1, sizeof(*sets));
	struct pkt_stamp *stamp;

	for (size_t i = 0; i < t->ngens; i++)
		sets[i] = t->gen[i].set;
	stamp = pkt_stamp_new(&t->model, sets, t->ngens);
	free(sets);
	return stamp;
}

const struct packet *pkt_template_make(struct pkt_template *t, uint8_t *to, size_t room,
				       struct packet *own, const char **why)
{
	const struct packet *p = t->stamp ? pkt_stamp_next(t->stamp, &t->model) : NULL;

	if (p)
		return p;
	if (t->made < STAMP_AFTER && ++t->made == STAMP_AFTER)
		t->stamp = stamp_of(t);
	return pkt_build(&t->model, to, room, own, why) ? own : NULL;
}

void pkt_expr_release(struct pkt_expr *e)
{
	for (size_t i = 0; i < e->n; i++) {
		pkt_model_release(&e->v[i].model);
		free(e->v[i].gen);
		pkt_stamp_free(e->v[i].stamp);
	}
	free(e->v);
	buf_release(&e->alternatives);
	memset(e, 0, sizeof(*e));
}
