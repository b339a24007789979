/* signature_private: what the files of the signatures share. */
#ifndef WEIR_INFER_SIGNATURE_PRIVATE_H
#define WEIR_INFER_SIGNATURE_PRIVATE_H

#include "cmd/infer/signature.h"
#include "libcommon/base/buf.h"

struct signature_text {
	uint8_t bytes[SIGNATURE_PLACES]; /* letters made small: the automaton folds */
	uint8_t len;
};

/* The automaton of the floating texts of a transport: rows of one number for each class of bytes.
 */
struct text_automaton {
	uint8_t class_of[256];
	uint8_t pairs[65536 / 8]; /* bits: a text may begin with these two bytes */
	unsigned classes, states;
	uint16_t *next;     /* [state][class] */
	uint16_t *fail;     /* while it is built */
	uint16_t *text_end; /* per state: 1 + the text that ends here, 0 for none.. */
	uint16_t *shorter;  /* ..and the state of the next shorter text that ends here, too */
	uint16_t *ends;     /* per state: itself where a text ends here, else the shorter one */
};

/* What tells most signatures of a list apart, side by side. */
struct signature_key {
	struct signature_front front;
	uint16_t number;
	uint8_t from;
};

struct signature_list {
	struct signature_key *keys;
	size_t n;
};

/* The byte among the first 16 that leaves the fewest of the floating ones, and for each of its
 * values which ones: bits by their place in the list. */
enum { SIGNATURE_PIVOTS = 4 };

struct signature_pivot {
	size_t at;
	uint64_t may[256][SIGNATURE_BUCKET / 64];
};

/* The `change` lines of a protocol, and how those of the client and of the server may begin: most
 * lines of a text are told by their first byte to announce nothing. */
struct signature_changes {
	uint16_t *numbers;
	size_t n;
	uint8_t within;
	struct signature_starts starts[2];
};

struct signatures {
	struct protocols *names;
	struct signature lines[SIGNATURES_MAX];
	size_t count;
	struct buf conditions, places;
	struct signature_text texts[SIGNATURE_TEXTS];
	size_t ntexts;
	struct text_automaton automaton[SIGNATURE_L4S]; /* TCP's has those of `change` lines, too */
	/* By first byte, and those that any first byte may have. */
	struct signature_list bucket[SIGNATURE_L4S][256], floating[SIGNATURE_L4S];
	struct signature_pivot pivots[SIGNATURE_L4S][SIGNATURE_PIVOTS]; /* of `floating` */
	struct signature_changes *changes;
	size_t nchanges;
	uint16_t *variants; /* numbers of `variant` lines */
	size_t nvariants;
	uint16_t *changes_of; /* per protocol: 1 + its place in `changes`, or 0 */
};

static inline const struct signature_condition *conditions_of(const struct signatures *s,
							      const struct signature *g)
{
	return (const struct signature_condition *)(const void *)s->conditions.ptr + g->condition;
}

static inline const struct signature_place *places_of(const struct signatures *s,
						      const struct signature_condition *c)
{
	return (const struct signature_place *)(const void *)s->places.ptr + c->place;
}

static inline uint8_t folded(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool place_fits(const struct signature_place *p, uint8_t c)
{
	if (p->fold)
		c = folded(c);
	c &= p->mask;
	return p->low <= c && c <= p->high;
}

/* ---- signature_text.c ---- */

void text_automatons_build(struct signatures *s);
void text_automatons_free(struct signatures *s);
/* Reads the bytes behind scan->looked, and notes the texts that end in them. */
void text_automaton_read(const struct text_automaton *a, struct signature_scan *scan,
			 struct bytes bytes);

#endif
