/* signature_text: finds all floating texts in one pass, one step a byte (Aho and Corasick, CACM
 * 18(6), 1975, with the failures written into the table). */
#include <stdlib.h>

#include "cmd/infer/signature_private.h"
#include "libcommon/base/die.h"

static void text_insert(struct text_automaton *a, const struct signature_text *t, uint16_t number)
{
	unsigned state = 0;

	for (size_t i = 0; i < t->len; i++) {
		uint16_t *to = &a->next[state * a->classes + a->class_of[t->bytes[i]]];

		if (!*to)
			*to = (uint16_t)a->states++;
		state = *to;
	}
	a->text_end[state] = (uint16_t)(number + 1);
}

/* The texts that lines of that transport look for. */
static void texts_of(const struct signatures *s, enum signature_l4 l4, bool wanted[SIGNATURE_TEXTS])
{
	for (size_t i = 0; i < s->count; i++) {
		const struct signature *g = &s->lines[i];
		const struct signature_condition *c = conditions_of(s, g);

		if (g->weight ? !(g->l4s & 1u << l4) : l4 != SIGNATURE_TCP)
			continue;
		for (size_t k = 0; k < g->conditions; k++)
			if (c[k].kind == CONDITION_FIND)
				wanted[c[k].text] = true;
	}
}

static void classes_find(struct text_automaton *a, const struct signature_text *t)
{
	for (size_t i = 0; i < t->len; i++)
		if (!a->class_of[t->bytes[i]])
			a->class_of[t->bytes[i]] = (uint8_t)a->classes++;
}

static void case_fold(struct text_automaton *a)
{
	for (int c = 'A'; c <= 'Z'; c++)
		a->class_of[c] = a->class_of[c | 0x20];
}

/* Level by level: a state's failure is known before those below it are looked at. */
static void failures_set(struct text_automaton *a)
{
	uint16_t *queue = xcalloc(a->states, sizeof(*queue));
	size_t head = 0, tail = 0;

	for (unsigned c = 0; c < a->classes; c++)
		if (a->next[c])
			queue[tail++] = a->next[c];
	while (head < tail) {
		unsigned state = queue[head++], fail = a->fail[state];

		a->shorter[state] = a->text_end[fail] ? (uint16_t)fail : a->shorter[fail];
		for (unsigned c = 0; c < a->classes; c++) {
			uint16_t *to = &a->next[state * a->classes + c];
			uint16_t other = a->next[fail * a->classes + c];

			if (!*to) {
				*to = other;
				continue;
			}
			a->fail[*to] = other;
			queue[tail++] = *to;
		}
	}
	free(queue);
}

/* A state of the first level goes where the root's does, but for branches of its own. */
static void pairs_set(struct text_automaton *a)
{
	for (unsigned pair = 0; pair < 65536; pair++) {
		unsigned first = a->next[a->class_of[pair >> 8]], c = a->class_of[pair & 255];

		if (first && (a->text_end[first] || a->next[first * a->classes + c] != a->next[c]))
			a->pairs[pair / 8] |= (uint8_t)(1u << pair % 8);
	}
}

static inline bool pair_begins(const struct text_automaton *a, const uint8_t *b)
{
	unsigned pair = (unsigned)b[0] << 8 | b[1];

	return a->pairs[pair / 8] >> pair % 8 & 1;
}

static void automaton_build(const struct signatures *s, enum signature_l4 l4,
			    struct text_automaton *a)
{
	bool wanted[SIGNATURE_TEXTS] = { false };
	size_t states = 1;

	texts_of(s, l4, wanted);
	a->classes = 1; /* 0: bytes of no text */
	for (size_t t = 0; t < s->ntexts; t++) {
		if (!wanted[t])
			continue;
		classes_find(a, &s->texts[t]);
		states += s->texts[t].len;
	}
	case_fold(a);
	a->next = xcalloc(states * a->classes, sizeof(*a->next));
	a->fail = xcalloc(states, sizeof(*a->fail));
	a->text_end = xcalloc(states, sizeof(*a->text_end));
	a->shorter = xcalloc(states, sizeof(*a->shorter));
	a->ends = xcalloc(states, sizeof(*a->ends));
	a->states = 1;
	for (size_t t = 0; t < s->ntexts; t++)
		if (wanted[t])
			text_insert(a, &s->texts[t], (uint16_t)t);
	failures_set(a);
	for (unsigned state = 0; state < a->states; state++)
		a->ends[state] = a->text_end[state] ? (uint16_t)state : a->shorter[state];
	pairs_set(a);
}

void text_automatons_build(struct signatures *s)
{
	text_automatons_free(s);
	for (enum signature_l4 l4 = 0; l4 < SIGNATURE_L4S; l4++)
		automaton_build(s, l4, &s->automaton[l4]);
}

void text_automatons_free(struct signatures *s)
{
	for (enum signature_l4 l4 = 0; l4 < SIGNATURE_L4S; l4++) {
		struct text_automaton *a = &s->automaton[l4];

		free(a->next);
		free(a->fail);
		free(a->text_end);
		free(a->shorter);
		free(a->ends);
		*a = (struct text_automaton){ 0 };
	}
}

void text_automaton_read(const struct text_automaton *a, struct signature_scan *scan,
			 struct bytes bytes)
{
	unsigned state = scan->state;

	for (size_t i = scan->looked; i < bytes.len; i++) {
		while (!state && i + 1 < bytes.len && !pair_begins(a, bytes.ptr + i))
			i++;
		state = a->next[state * a->classes + a->class_of[bytes.ptr[i]]];
		for (unsigned at = a->ends[state]; at; at = a->shorter[at])
			scan->texts[(a->text_end[at] - 1) / 64] |= 1ull
								   << (a->text_end[at] - 1) % 64;
	}
	scan->state = (uint16_t)state;
	scan->looked = (uint16_t)bytes.len;
}
