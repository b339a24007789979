/* lines: text tables of one row a line: words split at blanks, # begins a comment. */
#ifndef WEIR_INFER_LINES_H
#define WEIR_INFER_LINES_H

#include "libcommon/base/bytes.h"

enum { LINE_WORDS = 32 };

struct line_reader {
	struct bytes rest;
	unsigned number; /* of the line at hand, from 1 */
	struct bytes words[LINE_WORDS];
	size_t count;
};

/* The next line that holds words; blanks within quotes are part of a word, and a # in them begins
 * no comment. False at the end. A line of too many words has LINE_WORDS + 1. */
bool line_next(struct line_reader *r);

/* The value of a digit, or -1. */
int digit_value(uint8_t c, unsigned base);
/* "12", "0x0c"; false where it is no number up to max. */
bool word_number(struct bytes word, uint64_t max, uint64_t *v);
/* "3", "3..9", "3..": up to max. */
bool word_range(struct bytes word, uint64_t max, uint64_t *low, uint64_t *high);

#endif
