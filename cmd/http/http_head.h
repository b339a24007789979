/* http_head: the lines of an HTTP/1 message head (RFC 9112 2 to 5), as pure functions over bytes.
 *
 * Nothing here keeps state, allocates or reads beyond what it is given. A head is read line by
 * line so that no head, however long, has to be kept whole. */
#ifndef WEIR_HTTP_HEAD_H
#define WEIR_HTTP_HEAD_H

#include "libcommon/base/bytes.h"

enum {
	HTTP_LINE_MAX = 8192, /* bytes of a line that are looked at */
	HTTP_LOOK_MAX = 1000,
};

struct http_line {
	struct bytes text; /* without its CRLF or LF */
	bool bare_lf;      /* ended by LF alone */
	bool cut;          /* longer than HTTP_LINE_MAX: the rest, with its LF, is still to come */
};

/* Takes the first line. Returns the bytes used, 0 where more are needed. The first `scanned`
 * bytes are known to hold no LF. Where a line is cut does not depend on how much is there. */
size_t http_line_take(struct bytes data, size_t scanned, struct http_line *line);

enum http_line_kind {
	HTTP_LINE_BAD, /* no such line */
	HTTP_LINE_GOOD,
	HTTP_LINE_SIMPLE, /* "GET /x": no version, as in HTTP/0.9 */
};

struct http_request_line {
	struct bytes method, uri, version; /* version: "1.1", absent where there is none */
	bool odd_version;                  /* other than 1.0 and 1.1 */
	bool odd;                          /* not METHOD SP target SP version to the letter */
};

/* cut: the end of the line is not there, so a version is not to be expected. */
enum http_line_kind http_request_line(struct bytes line, bool cut, struct http_request_line *r);

struct http_status_line {
	uint16_t code; /* 100..999 */
	struct bytes reason, version;
	bool odd_version, odd;
};

enum http_line_kind http_status_line(struct bytes line, struct http_status_line *s);

/* The version at the end of a line that ends in HTTP/d.d: "1.1"; absent where it does not. */
struct bytes http_version_at_end(struct bytes line);

struct http_field {
	struct bytes name, value; /* value without white space at its ends */
	bool ws_before_colon;
	bool bad_name; /* empty, or holds bytes that no name may hold */
	bool bare_cr;
	bool control; /* NUL or another control character */
};

/* Is a CR in these bytes, or NUL or another control character? Some readers end a line there. */
void http_controls(struct bytes line, bool *bare_cr, bool *control);

/* False where there is no colon. The flags bare_cr and control are set in any case. */
bool http_field_parse(struct bytes line, struct http_field *f);

/* Content-Length as RFC 9110 8.6 has it; equal values in a list count as one. */
enum http_number {
	HTTP_NUMBER_BAD,
	HTTP_NUMBER_GOOD,
	HTTP_NUMBER_DIFFERS, /* a list of valid values that differ; *n is the first */
};
enum http_number http_content_length(struct bytes value, uint64_t *n);

/* What the Transfer-Encoding lines of a message say so far (RFC 9112 6.1). */
struct http_codings {
	bool present, chunked, chunked_last, unknown, identity;
	bool chunked_early;  /* something follows it, if only itself */
	bool chunked_params; /* RFC 9112 7.1: it has none */
	bool cut;            /* not all of it was looked at */
	unsigned lines;
};
void http_codings_add(struct http_codings *c, struct bytes value);

/* Is the start of a connection's bytes a message of ours? The first HTTP_LOOK_MAX bytes tell. */
enum http_look {
	HTTP_LOOK_NO,
	HTTP_LOOK_SHORT, /* could become one */
	HTTP_LOOK_REQUEST,
	HTTP_LOOK_SIMPLE, /* a request line without a version, or empty lines alone */
	HTTP_LOOK_RESPONSE,
};
enum http_look http_look(struct bytes data);

/* The line that opens HTTP/2 (RFC 9113 3.4). */
bool http_is_preface(struct bytes line);

/* Looks for the next message start behind lost or meaningless bytes. A request is looked for in
 * one line (line.text): returns where it starts, or line.len where there is none. */
size_t http_find_request(struct bytes line);
/* A status line in any bytes: returns where the first one starts; where there is none, how many
 * bytes cannot be the start of one. *found says which. */
size_t http_find_response(struct bytes data, bool *found);

bool http_name_is(struct bytes name, const char *lower); /* without regard to case */
struct bytes http_trim(struct bytes b);                  /* SP and HT at both ends */
/* The host of an authority: without user and port. */
struct bytes http_authority_host(struct bytes authority);
/* The authority of an absolute-form target ("http://a:80/x"); absent for other forms. */
struct bytes http_target_authority(struct bytes uri);
/* The user of "Basic base64(user:password)": decodes up to the colon, at most n bytes into out.
 * Returns its length; -1 where the value is something else. */
long http_basic_user(struct bytes value, uint8_t *out, size_t n, bool *cut);

#endif
