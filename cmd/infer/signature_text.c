/* signature_text: finds all floating texts in one pass, one step a byte (Aho and Corasick, CACM
 * 18(6), 1975, with the failures written into the table). */
#include <stdlib.h>

#include "cmd/infer/signature_private.h"
#include "libcommon/base/die.h"

static void classes_find(struct signatures *s)
{
	struct text_automaton *a = &s->automaton;

	a->classes = 1; /* 0: bytes of no text */
	for (size_t t = 0; t < s->ntexts; t++)
		for (size_t i = 0; i < s->texts[t].len; i++)
			if (!a->class_of[s->texts[t].bytes[i]])
				a->class_of[s->texts[t].bytes[i]] = (uint8_t)a->classes++;
	for (int c = 'A'; c <= 'Z'; c++)
		a->class_of[c] = a->class_of[c | 0x20];
}

static void texts_insert(struct signatures *s)
{
	struct text_automaton *a = &s->automaton;

	a->states = 1;
	for (size_t t = 0; t < s->ntexts; t++) {
		unsigned state = 0;

		for (size_t i = 0; i < s->texts[t].len; i++) {
			uint16_t *to =
				&a->next[state * a->classes + a->class_of[s->texts[t].bytes[i]]];

			if (!*to)
				*to = (uint16_t)a->states++;
			state = *to;
		}
		a->text_end[state] = (uint16_t)(t + 1);
	}
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

void text_automaton_build(struct signatures *s)
{
	struct text_automaton *a = &s->automaton;
	size_t states = 1;

	text_automaton_free(a);
	*a = (struct text_automaton){ 0 };
	classes_find(s);
	for (size_t t = 0; t < s->ntexts; t++)
		states += s->texts[t].len;
	a->next = xcalloc(states * a->classes, sizeof(*a->next));
	a->fail = xcalloc(states, sizeof(*a->fail));
	a->text_end = xcalloc(states, sizeof(*a->text_end));
	a->shorter = xcalloc(states, sizeof(*a->shorter));
	texts_insert(s);
	failures_set(a);
}

void text_automaton_free(struct text_automaton *a)
{
	free(a->next);
	free(a->fail);
	free(a->text_end);
	free(a->shorter);
}

void text_automaton_read(const struct signatures *s, struct signature_scan *scan,
			 struct bytes bytes)
{
	const struct text_automaton *a = &s->automaton;
	unsigned state = scan->state;

	for (size_t i = scan->looked; i < bytes.len; i++) {
		state = a->next[state * a->classes + a->class_of[bytes.ptr[i]]];
		for (unsigned at = state; at; at = a->shorter[at]) {
			unsigned text = a->text_end[at];

			if (text)
				scan->texts[(text - 1) / 64] |= 1ull << (text - 1) % 64;
		}
	}
	scan->state = (uint16_t)state;
	scan->looked = (uint16_t)bytes.len;
}
