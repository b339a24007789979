/* history: Zeek's one-line story of a connection, bounded.
 *
 * Upper case letters are the originator's. a d i q appear once per direction; s h f r again only
 * where the sequence number differs; c g t w at the 1st, 10th, 100th .. time. A repeat is left
 * out where it would take the room that first appearances need, so the last ones stay. */
#ifndef WEIR_HISTORY_H
#define WEIR_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_SIZE = 40, HISTORY_REPEATS = 15 };

/* What each packet looks at comes last. */
struct history {
	char text[HISTORY_SIZE]; /* not ended by a zero */
	uint32_t seq[2][4];      /* last number of s h f r */
	uint32_t counts[2][4];   /* c g t w */
	uint16_t seen[2];        /* letters per direction, history_bit() */
	uint8_t len, repeats;
};

/* Each letter is given in lower case; dir 0 is the originator. */
void history_add(struct history *h, unsigned dir, char letter);
void history_seq(struct history *h, unsigned dir, char letter, uint32_t seq);
void history_count(struct history *h, unsigned dir, char letter);
/* How often history_count() was called for it. */
uint32_t history_counted(const struct history *h, unsigned dir, char letter);
/* '^': the direction was turned round. */
void history_mark(struct history *h, char mark);

/* The letters there are (a c d f g h i q r s t w), one bit each. */
static inline uint16_t history_bit(char letter)
{
	const uint32_t letters = 0x4f01ed;

	return (uint16_t)(1u << __builtin_popcount(letters & ((1u << (letter - 'a')) - 1)));
}

/* Does this side have the letter from now on only? */
static inline bool history_is_first(struct history *h, unsigned dir, char letter)
{
	uint16_t bit = history_bit(letter);

	if (h->seen[dir] & bit)
		return false;
	h->seen[dir] |= bit;
	return true;
}

static inline void history_once(struct history *h, unsigned dir, char letter)
{
	if (history_is_first(h, dir, letter))
		history_add(h, dir, letter);
}

#endif
