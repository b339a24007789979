/* http_body: length, chunked and until-close framing. */
#include "cmd/http/http_body.h"

#include "cmd/http/http_head.h"

enum { CHUNK_DIGITS = 16 };

void http_body_start(struct http_body *b, enum http_body_kind kind, uint64_t length)
{
	*b = (struct http_body){ .kind = kind, .left = length };
	if (kind == HTTP_BODY_CHUNKED)
		b->at = HTTP_AT_SIZE;
	else if (kind == HTTP_BODY_CLOSE)
		b->left = UINT64_MAX;
}

static void count(struct http_body *b, uint64_t n)
{
	if (__builtin_add_overflow(b->len, n, &b->len))
		b->len = UINT64_MAX;
	if (b->kind != HTTP_BODY_CLOSE)
		b->left -= n;
}

/* What follows when `left` has come down to 0. */
static enum http_body_status data_done(struct http_body *b)
{
	if (b->kind != HTTP_BODY_CHUNKED)
		return HTTP_BODY_DONE;
	b->at = HTTP_AT_DATA_END;
	return HTTP_BODY_MORE;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a chunk-size line. Junk behind the digits is odd but does not change the size. */
static bool chunk_size(struct http_body *b, struct bytes line)
{
	uint64_t size = 0;
	size_t n = 0;

	while (n < line.len && hex(line.ptr[n]) >= 0) {
		if (n == CHUNK_DIGITS) {
			b->odd |= HTTP_BODY_OVERFLOW;
			return false;
		}
		size = size << 4 | (uint64_t)hex(line.ptr[n++]);
	}
	if (n == 0) {
		b->odd |= HTTP_BODY_BAD_CHUNK;
		return false;
	}
	line = http_trim(BYTES(line.ptr + n, line.len - n));
	if (line.len && line.ptr[0] != ';')
		b->odd |= HTTP_BODY_BAD_CHUNK;
	b->left = size;
	return true;
}

/* The rest of a line that was cut, with its LF. */
static size_t take_rest(struct http_body *b, struct bytes data, enum http_body_at next)
{
	const uint8_t *lf = memchr(data.ptr, '\n', data.len);

	if (!lf)
		return data.len;
	b->at = next;
	return (size_t)(lf - data.ptr) + 1;
}

/* What stands out in a line between the pieces of a body. */
static void line_oddities(struct http_body *b, const struct http_line *line)
{
	if (line->bare_lf)
		b->odd |= HTTP_BODY_BARE_LF;
	if (line->cut)
		b->odd |= HTTP_BODY_LONG_LINE;
	if (memchr(line->text.ptr, '\r',
		   line->text.len - line->cut)) /* of a cut one the LF may follow */
		b->odd |= HTTP_BODY_BARE_CR;
}

static size_t take_size(struct http_body *b, struct bytes data, size_t scanned,
			enum http_body_status *status)
{
	struct http_line line;
	size_t used = http_line_take(data, scanned, &line);

	if (!used)
		return 0;
	if (!chunk_size(b, line.text)) {
		*status = HTTP_BODY_BAD;
		return 0;
	}
	line_oddities(b, &line);
	b->at = line.cut ? HTTP_AT_SIZE_REST : b->left ? HTTP_AT_DATA : HTTP_AT_TRAILER;
	return used;
}

static size_t take_data_end(struct http_body *b, struct bytes data, enum http_body_status *status)
{
	size_t cr = data.ptr[0] == '\r';

	if (data.len == cr)
		return 0;
	if (data.ptr[cr] != '\n') {
		b->odd |= HTTP_BODY_BAD_CHUNK;
		*status = HTTP_BODY_BAD;
		return 0;
	}
	if (!cr)
		b->odd |= HTTP_BODY_BARE_LF;
	b->at = HTTP_AT_SIZE;
	return cr + 1;
}

static size_t take_trailer(struct http_body *b, struct bytes data, size_t scanned,
			   enum http_body_status *status)
{
	struct http_line line;
	size_t used = http_line_take(data, scanned, &line);

	if (!used)
		return 0;
	line_oddities(b, &line);
	if (line.cut)
		b->at = HTTP_AT_TRAILER_REST;
	else if (line.text.len == 0)
		*status = HTTP_BODY_DONE;
	return used;
}

size_t http_body_take(struct http_body *b, struct bytes data, size_t scanned, struct bytes *piece,
		      enum http_body_status *status)
{
	*piece = BYTES(NULL, 0);
	*status = HTTP_BODY_MORE;
	if (b->kind == HTTP_BODY_NONE || (b->kind == HTTP_BODY_LENGTH && !b->left)) {
		*status = HTTP_BODY_DONE;
		return 0;
	}
	if (data.len == 0)
		return 0;
	switch (b->at) {
	case HTTP_AT_DATA: {
		size_t n = b->left < data.len ? (size_t)b->left : data.len;

		*piece = BYTES(data.ptr, n);
		count(b, n);
		if (!b->left)
			*status = data_done(b);
		return n;
	}
	case HTTP_AT_SIZE:
		return take_size(b, data, scanned, status);
	case HTTP_AT_SIZE_REST:
		return take_rest(b, data, b->left ? HTTP_AT_DATA : HTTP_AT_TRAILER);
	case HTTP_AT_DATA_END:
		return take_data_end(b, data, status);
	case HTTP_AT_TRAILER:
		return take_trailer(b, data, scanned, status);
	case HTTP_AT_TRAILER_REST:
		return take_rest(b, data, HTTP_AT_TRAILER);
	}
	return 0;
}

uint64_t http_body_gap(struct http_body *b, uint64_t n, enum http_body_status *status)
{
	uint64_t inside;

	*status = HTTP_BODY_MORE;
	if (b->kind == HTTP_BODY_NONE || b->at != HTTP_AT_DATA)
		return 0;
	inside = b->left < n ? b->left : n;
	count(b, inside);
	if (!b->left)
		*status = data_done(b);
	return inside;
}
