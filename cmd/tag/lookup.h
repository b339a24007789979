/* lookup: values by key, from a file: addresses by their longest prefix, all else exactly. Pure but
 * for lookup_load(). */
#ifndef WEIR_TAG_LOOKUP_H
#define WEIR_TAG_LOOKUP_H

#include "libcommon/record/literal.h"

enum { LOOKUP_LINE = 4096 };

struct lookup;
struct lookup *lookup_new(uint64_t memory); /* most bytes that entries may take */
void lookup_free(struct lookup *l);

/* A key as text: an address, a prefix, a number, a MAC address, or any text; and its value, which
 * may be empty. Of a key that comes twice the last value counts. False: no memory for it. */
bool lookup_add(struct lookup *l, struct bytes key, struct bytes value);
/* After the last was added. */
void lookup_sort(struct lookup *l);
size_t lookup_count(const struct lookup *l);
/* The value; ptr NULL where there is none. Borrowed. */
struct bytes lookup_find(const struct lookup *l, const struct value *v);

enum lookup_form { LOOKUP_PREFIXES, LOOKUP_LIST, LOOKUP_CSV };
enum { LOOKUP_WHY = 4352 };
/* Reads a file: lines "key value", lines "key", or comma-separated values (RFC 4180, without line
 * breaks in quotes) with the names `key` and `value` in the first line. False: why says what is
 * wrong, FILE:LINE: .. */
bool lookup_load(struct lookup *l, const char *file, enum lookup_form form, struct bytes key,
		 struct bytes value, char why[LOOKUP_WHY]);

#endif
