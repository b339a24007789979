/* words: takes words, numbers and the like off the front of a line of text. Pure; letters compare
 * in either case. */
#ifndef WEIR_WORDS_H
#define WEIR_WORDS_H

#include "libcommon/base/bytes.h"

/* `word`, in small letters: taken off where it stands there. */
bool words_take(struct bytes *b, const char *word);
/* What stands behind the first `word` of the line; false where it is not in it. */
bool words_find(struct bytes line, const char *word, struct bytes *behind);
/* Decimal digits, taken off; false where there are none, or their value is beyond max, which is
 * below 2^60. */
bool words_number(struct bytes *b, uint64_t max, uint64_t *v);
/* The text up to that sign, or all of it, taken off with the sign. */
struct bytes words_upto(struct bytes *b, uint8_t sign);
/* Without blanks on both sides. */
struct bytes words_trimmed(struct bytes b);

#endif
