/* endpoint_scan: what the grammars of endpoints share. Internal to endpoint. */
#ifndef WEIR_ENDPOINT_SCAN_H
#define WEIR_ENDPOINT_SCAN_H

#include "libcommon/port/endpoint.h"

struct endpoint_scan {
	const char *pos;
	char word[ENDPOINT_PATH];
	unsigned key; /* of the option before */
	char *why;
	size_t why_size;
};

/* Says what is wrong; always false. */
bool endpoint_wrong(struct endpoint_scan *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Puts the text up to the next lone comma into word, with ",," made one; false where it is too
 * long. *more says whether a comma ended it. */
bool endpoint_word(struct endpoint_scan *s, bool *more);
/* Letters, digits, dot, dash and underscore, not starting with a dot: safe as part of a path.
 * `what` it is, for the message; ENDPOINT_NAME bytes. */
bool endpoint_name(struct endpoint_scan *s, const char *text, const char *what, char *name);
bool endpoint_size(struct endpoint_scan *s, const char *text, uint64_t *size);
/* What stands behind ipc:, tcp: and tls+tcp:. The scheme is in the endpoint already. */
bool endpoint_link(struct endpoint_scan *s, struct endpoint *ep, bool output);

#endif
