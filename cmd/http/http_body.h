/* http_body: where the body of an HTTP/1 message ends (RFC 9112 6 and 7), byte by byte.
 *
 * A struct http_body holds a few numbers and never the bytes themselves. */
#ifndef WEIR_HTTP_BODY_H
#define WEIR_HTTP_BODY_H

#include "libcommon/base/bytes.h"

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* until the connection closes */
};

enum http_body_at {
	HTTP_AT_DATA,      /* `left` bytes of data follow; without end for CLOSE */
	HTTP_AT_SIZE,      /* a chunk-size line */
	HTTP_AT_SIZE_REST, /* the rest of an overlong one */
	HTTP_AT_DATA_END,  /* the CRLF behind a chunk */
	HTTP_AT_TRAILER,
	HTTP_AT_TRAILER_REST,
};

/* What stood out; OR of them. */
enum {
	HTTP_BODY_OVERFLOW = 1,  /* chunk size of more than 16 hex digits */
	HTTP_BODY_BAD_CHUNK = 2, /* not as RFC 9112 7.1 has it */
	HTTP_BODY_BARE_LF = 4,
	HTTP_BODY_LONG_LINE = 8,
	HTTP_BODY_BARE_CR = 16,
};

struct http_body {
	enum http_body_kind kind;
	enum http_body_at at;
	uint64_t left; /* of the data at hand */
	uint64_t len;  /* bytes of the body so far, chunking removed */
	unsigned odd;
};

enum http_body_status { HTTP_BODY_MORE, HTTP_BODY_DONE, HTTP_BODY_BAD };

void http_body_start(struct http_body *b, enum http_body_kind kind, uint64_t length);

/* Takes the next piece: returns the bytes used; *piece is what of them belongs to the body.
 * MORE with 0 used: more bytes are needed; with others: call again with the rest. BAD: where the
 * body ends cannot be known; the bytes at fault are not used. */
size_t http_body_take(struct http_body *b, struct bytes data, size_t scanned, struct bytes *piece,
		      enum http_body_status *status);

/* n bytes are missing. Returns how many of them were data of the body: where it is less than n,
 * the end of the body is lost. *status: DONE where the gap ends with the body. */
uint64_t http_body_gap(struct http_body *b, uint64_t n, enum http_body_status *status);

#endif
