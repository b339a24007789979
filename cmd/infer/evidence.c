/* evidence: weighs the signs that speak for protocols. */
#include "cmd/infer/evidence.h"

static const uint8_t caps[EVIDENCE_CLASSES] = {
	[REC_evidence_class_CERTAIN] = 100,   [REC_evidence_class_USER] = 100,
	[REC_evidence_class_PARSER] = 99,     [REC_evidence_class_BOTH] = 97,
	[REC_evidence_class_ONE] = 90,        [REC_evidence_class_EXPECTED] = 85,
	[REC_evidence_class_SERVICE] = 70,    [REC_evidence_class_NAME] = 50,
	[REC_evidence_class_PORT] = 40,       [REC_evidence_class_SIZE] = 30,
	[REC_evidence_class_STATISTICS] = 20,
};

bool evidence_add(struct evidence_list *l, const struct evidence *e)
{
	struct evidence *weakest = NULL;

	for (unsigned i = 0; i < l->count; i++) {
		struct evidence *at = &l->items[i];

		if (at->protocol == e->protocol && at->class == e->class && at->dirs == e->dirs &&
		    at->both == e->both) {
			if (at->weight >= e->weight)
				return false;
			*at = *e;
			return l->news = true;
		}
		if (!weakest || at->weight < weakest->weight)
			weakest = at;
	}
	if (l->count < EVIDENCE_MAX) {
		l->items[l->count++] = *e;
		return l->news = true;
	}
	if (weakest->weight >= e->weight)
		return false;
	*weakest = *e;
	return l->news = true;
}

void evidence_drop(struct evidence_list *l, unsigned class)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->count; i++)
		if (l->items[i].class != class)
			l->items[kept++] = l->items[i];
	l->news |= kept < l->count;
	l->count = kept;
}

/* The directions in which signatures of a protocol were seen: of those that stand for themselves,
 * or, with `also`, of all. */
static unsigned dirs_of(const struct evidence_list *l, uint16_t protocol, bool also)
{
	unsigned dirs = 0;

	for (unsigned i = 0; i < l->count; i++) {
		const struct evidence *e = &l->items[i];

		if (e->protocol == protocol && (also || !e->both) &&
		    (e->class == REC_evidence_class_ONE || e->class == REC_evidence_class_SIZE))
			dirs |= e->dirs;
	}
	return dirs;
}

bool evidence_class(const struct evidence *e, unsigned dirs, unsigned *class)
{
	*class = e->class;
	if (e->both && dirs != 3)
		return false;
	if (e->class == REC_evidence_class_ONE && dirs == 3)
		*class = REC_evidence_class_BOTH;
	return true;
}

unsigned evidence_dirs(const struct evidence_list *l, uint16_t protocol)
{
	return dirs_of(l, protocol, true);
}

struct candidate {
	uint16_t protocol;
	uint8_t own; /* dirs_of() those that stand for themselves */
	unsigned class;
	double p;
};

static struct candidate candidate_of(const struct evidence_list *l, uint16_t protocol)
{
	struct candidate c = { .protocol = protocol, .class = EVIDENCE_CLASSES };
	double against[EVIDENCE_CLASSES], all = 1;
	unsigned dirs = dirs_of(l, protocol, true);
	unsigned there = 0; /* bits 1 << class */

	for (unsigned i = 0; i < l->count; i++) {
		const struct evidence *e = &l->items[i];
		unsigned class;

		if (e->protocol != protocol || !evidence_class(e, dirs, &class))
			continue;
		against[class] =
			(there >> class & 1 ? against[class] : 1) * (1 - e->weight / 100.0);
		there |= 1u << class;
	}
	for (unsigned left = there; left; left &= left - 1) {
		unsigned class = (unsigned)__builtin_ctz(left);
		double p = 1 - against[class];

		all *= 1 - (p > caps[class] / 100.0 ? caps[class] / 100.0 : p);
	}
	if (there)
		c.class = (unsigned)__builtin_ctz(there);
	c.p = 1 - all;
	if (dirs)
		c.own = (uint8_t)dirs_of(l, protocol, false);
	return c;
}

static size_t candidates_of(const struct evidence_list *l, struct candidate *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < l->count; i++) {
		struct candidate one;
		size_t k = 0;

		while (k < n && c[k].protocol != l->items[i].protocol)
			k++;
		if (k < n)
			continue;
		one = candidate_of(l, l->items[i].protocol);
		if (one.class < EVIDENCE_CLASSES)
			c[n++] = one;
	}
	return n;
}

/* Certain things first, then what is likelier; of two that are equally so the server's word counts,
 * as it is what is spoken there. */
static bool before(const struct candidate *a, const struct candidate *b)
{
	bool sa = a->class <= REC_evidence_class_USER, sb = b->class <= REC_evidence_class_USER;

	if (sa || sb)
		return sa && (!sb || a->class < b->class);
	if (a->p != b->p)
		return a->p > b->p;
	return (a->own & 2) > (b->own & 2);
}

static uint8_t confidence_of(const struct candidate *c, double share)
{
	double most = caps[c->class];

	if (c->class <= REC_evidence_class_USER)
		return 100;
	share *= 100;
	return (uint8_t)((share > most ? most : share) + 0.5);
}

struct verdict evidence_judge(const struct evidence_list *l)
{
	struct candidate c[EVIDENCE_MAX];
	struct verdict v = { 0 };
	size_t n = candidates_of(l, c);
	double sum = 1;

	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k && before(&c[k], &c[k - 1]); k--) {
			struct candidate swap = c[k];

			c[k] = c[k - 1];
			c[k - 1] = swap;
		}
	for (size_t i = 0; i < n; i++) {
		double p = c[i].p > 0.9999 ? 0.9999 : c[i].p;

		c[i].p = p / (1 - p);
		sum += c[i].p;
	}
	if (!n)
		return v;
	v.protocol = c[0].protocol;
	v.class = (uint8_t)c[0].class;
	v.confidence = confidence_of(&c[0], c[0].p / sum);
	for (size_t i = 1; i < n; i++) {
		if (c[i].class == REC_evidence_class_ONE && v.class == REC_evidence_class_ONE &&
		    c[0].own != 3 && c[i].own != 3 && (c[0].own | c[i].own) == 3)
			v.conflict = true;
		if (v.nothers < VERDICT_OTHERS) {
			v.others[v.nothers].protocol = c[i].protocol;
			v.others[v.nothers++].confidence = confidence_of(&c[i], c[i].p / sum);
		}
	}
	return v;
}
