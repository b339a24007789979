/* pattern: regular expressions whose cost is bounded: a search takes one step per byte of the text,
 * whatever the expression and the text are. No back-references, no allocation while searching.
 *
 * Syntax: POSIX extended (. [] [^] [:alpha:] * + ? {m,n} | () ^ $), and \d \w \s \D \W \S \n \r \t
 * \xHH. A backslash takes the meaning from any other sign, also in brackets. (?i) at the very
 * front: letters of either case. Works on bytes: . is any byte. */
#ifndef WEIR_PATTERN_H
#define WEIR_PATTERN_H

#include "libcommon/base/bytes.h"

enum { PATTERN_PLACES = 256 }; /* characters and classes of an expression, repeats written out */

struct pattern;

/* NULL where the text is no expression or too large a one; then *why says what is wrong with it
 * and *at (bytes from its start) where. */
struct pattern *pattern_new(struct bytes text, const char **why, size_t *at);
void pattern_free(struct pattern *p);

/* Is there a match anywhere in the text? What was learnt of the text is kept in the pattern: at
 * most some 100 KiB. */
bool pattern_found(struct pattern *p, struct bytes text);

#endif
