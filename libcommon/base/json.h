/* json: reads JSON (RFC 8259) where it lies: pure, no allocation, no recursion.
 *
 * A value is found and checked as a whole and handed out as the bytes it is written in; what is in
 * an object or array is then walked by another cursor. Numbers stay text, so none loses a digit. */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include "libcommon/base/buf.h"

enum { JSON_DEPTH = 32 };

enum json_type {
	JSON_BAD, /* the cursor has failed, too */
	JSON_NULL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	/* NUMBER: as written. STRING: between the quotes, as written. ARRAY, OBJECT: between the
	 * brackets. */
	struct bytes text;
};

/* The next value and the blanks around it. Containers are checked to their end: brackets, commas,
 * strings, numbers, and a depth of at most JSON_DEPTH. */
struct json_value json_next(struct cursor *c);

/* Walks what is in an array or object that json_next() gave: cursor_of(value.text) at first. False
 * at the end. */
bool json_item(struct cursor *c, struct json_value *item);
bool json_member(struct cursor *c, struct bytes *key, struct json_value *value);

/* Appends what a STRING means, in UTF-8. False (something may have been appended): it is no UTF-8,
 * or a surrogate stands alone. */
bool json_unescape(struct bytes text, struct buf *out);

#endif
