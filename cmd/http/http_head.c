/* http_head: request and status lines, field lines, and the values that decide the framing. */
#include "cmd/http/http_head.h"

/* RFC 9110 5.6.2: tchar. */
static bool is_tchar(uint8_t c)
{
	static const bool set[256] = {
		['!'] = true,         ['#' ... '\''] = true, ['*'] = true,
		['+'] = true,         ['-'] = true,          ['.'] = true,
		['0' ... '9'] = true, ['A' ... 'Z'] = true,  ['^' ... 'z'] = true,
		['|'] = true,         ['~'] = true,
	};

	return set[c];
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static struct bytes from(struct bytes b, size_t at)
{
	return BYTES(b.ptr + at, b.len - at);
}

static bool starts(struct bytes b, const char *s)
{
	size_t n = strlen(s);

	return b.len >= n && memcmp(b.ptr, s, n) == 0;
}

struct bytes http_trim(struct bytes b)
{
	while (b.len && is_blank(b.ptr[0])) {
		b.ptr++;
		b.len--;
	}
	while (b.len && is_blank(b.ptr[b.len - 1]))
		b.len--;
	return b;
}

bool http_name_is(struct bytes name, const char *want)
{
	size_t i;

	for (i = 0; i < name.len; i++)
		if (!want[i] || lower(name.ptr[i]) != (uint8_t)want[i])
			return false;
	return !want[i];
}

size_t http_line_take(struct bytes data, size_t scanned, struct http_line *line)
{
	size_t window = data.len < HTTP_LINE_MAX + 1 ? data.len : HTTP_LINE_MAX + 1;
	const uint8_t *lf = NULL;

	if (scanned < window)
		lf = memchr(data.ptr + scanned, '\n', window - scanned);
	if (lf) {
		size_t len = (size_t)(lf - data.ptr);
		bool cr = len && data.ptr[len - 1] == '\r';

		*line = (struct http_line){ BYTES(data.ptr, len - cr), !cr, false };
		return len + 1;
	}
	if (window <= HTTP_LINE_MAX)
		return 0;
	*line = (struct http_line){ BYTES(data.ptr, HTTP_LINE_MAX), false, true };
	return HTTP_LINE_MAX;
}

/* ---- request and status lines -------------------------------------------------------------- */

/* "HTTP/1.1" -> "1.1"; anything that begins with HTTP/ and a digit is a version. */
static struct bytes version_of(struct bytes token)
{
	if (!starts(token, "HTTP/") || token.len < 6 || !is_digit(token.ptr[5]))
		return BYTES(NULL, 0);
	return from(token, 5);
}

static bool version_is_odd(struct bytes v)
{
	return !bytes_is(v, "1.1") && !bytes_is(v, "1.0");
}

static struct bytes last_token(struct bytes line)
{
	size_t at;

	line = http_trim(line);
	for (at = line.len; at && !is_blank(line.ptr[at - 1]); at--)
		;
	return from(line, at);
}

struct bytes http_version_at_end(struct bytes line)
{
	return version_of(last_token(line));
}

static size_t token_len(struct bytes b)
{
	size_t n = 0;

	while (n < b.len && is_tchar(b.ptr[n]))
		n++;
	return n;
}

static const char *const methods[] = {
	"GET ",      "POST ",     "HEAD ",      "PUT ",    "DELETE ",    "OPTIONS ",
	"CONNECT ",  "PATCH ",    "TRACE ",     "NOTIFY ", "SUBSCRIBE ", "UNSUBSCRIBE ",
	"PROPFIND ", "M-SEARCH ", "PROPPATCH ", "REPORT ", "SEARCH ",    "MKCOL ",
	"COPY ",     "MOVE ",     "LOCK ",      "UNLOCK ",
};

static bool method_is_known(struct bytes line)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (starts(line, methods[i]))
			return true;
	return false;
}

/* A target in one of the four forms of RFC 9112 3.2, by its first byte. */
static bool target_is_plausible(struct bytes uri)
{
	return uri.len && (uri.ptr[0] == '/' || uri.ptr[0] == '*' || is_tchar(uri.ptr[0]) ||
			   uri.ptr[0] == '[');
}

enum http_line_kind http_request_line(struct bytes line, bool cut, struct http_request_line *r)
{
	size_t n = token_len(line);
	struct bytes rest, last;

	*r = (struct http_request_line){ .version = BYTES(NULL, 0) };
	if (n == 0 || n > 32 || n == line.len || !is_blank(line.ptr[n]))
		return HTTP_LINE_BAD;
	r->method = BYTES(line.ptr, n);
	rest = from(line, n + 1);
	r->odd = line.ptr[n] != ' ' || (rest.len && is_blank(rest.ptr[0])) ||
		 (rest.len && is_blank(rest.ptr[rest.len - 1]));
	rest = http_trim(rest);
	if (rest.len == 0)
		return HTTP_LINE_BAD;
	last = last_token(rest);
	if (!cut)
		r->version = version_of(last);
	if (r->version.ptr) {
		r->odd_version = version_is_odd(r->version);
		rest.len -= last.len;
		r->odd |= rest.len < 2 || rest.ptr[rest.len - 1] != ' ' ||
			  is_blank(rest.ptr[rest.len - 2]);
		rest = http_trim(rest);
	}
	r->uri = rest;
	r->odd |= rest.len && (memchr(rest.ptr, ' ', rest.len) || memchr(rest.ptr, '\t', rest.len));
	if (r->version.ptr)
		return HTTP_LINE_GOOD;
	/* Without a version only a method and a target that we know tell it from noise. */
	if (!method_is_known(line) || !target_is_plausible(r->uri))
		return HTTP_LINE_BAD;
	return cut ? HTTP_LINE_GOOD : HTTP_LINE_SIMPLE;
}

enum http_line_kind http_status_line(struct bytes line, struct http_status_line *s)
{
	size_t n = 0;
	struct bytes rest;

	*s = (struct http_status_line){ .version = BYTES(NULL, 0) };
	while (n < line.len && !is_blank(line.ptr[n]))
		n++;
	s->version = version_of(BYTES(line.ptr, n));
	if (!s->version.ptr)
		return HTTP_LINE_BAD;
	s->odd_version = version_is_odd(s->version);
	rest = http_trim(from(line, n));
	s->odd = n >= line.len || line.ptr[n] != ' ' || rest.ptr != line.ptr + n + 1;
	if (rest.len < 3 || !is_digit(rest.ptr[0]) || !is_digit(rest.ptr[1]) ||
	    !is_digit(rest.ptr[2]) || rest.ptr[0] == '0' ||
	    (rest.len > 3 && !is_blank(rest.ptr[3])))
		return HTTP_LINE_BAD;
	s->code = (uint16_t)((rest.ptr[0] - '0') * 100 + (rest.ptr[1] - '0') * 10 + rest.ptr[2] -
			     '0');
	s->reason = http_trim(from(rest, 3));
	return HTTP_LINE_GOOD;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* How many bytes in front, in steps of eight, have no control character among them. */
static size_t plain_len(struct bytes b)
{
	const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
	size_t n = 0;

	for (; b.len - n >= 8; n += 8) {
		uint64_t w, del;

		memcpy(&w, b.ptr + n, sizeof(w));
		del = w ^ ones * 0x7f;
		/* A byte below 0x20, or one that is 0x7f: 0 in del. A borrow out of such a byte may
		 * accuse its neighbour too, but never clears one. */
		if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & high)
			break;
	}
	return n;
}

void http_controls(struct bytes line, bool *bare_cr, bool *control)
{
	*bare_cr = *control = false;
	for (size_t i = plain_len(line); i < line.len; i++) {
		uint8_t c = line.ptr[i];

		if (c < 0x20 || c == 0x7f) {
			*bare_cr |= c == '\r';
			*control |= c != '\r' && c != '\t';
		}
	}
}

bool http_field_parse(struct bytes line, struct http_field *f)
{
	const uint8_t *colon = memchr(line.ptr, ':', line.len);
	size_t n;

	memset(f, 0, sizeof(*f));
	http_controls(line, &f->bare_cr, &f->control);
	if (!colon)
		return false;
	n = (size_t)(colon - line.ptr);
	f->value = http_trim(from(line, n + 1));
	while (n && is_blank(line.ptr[n - 1])) {
		n--;
		f->ws_before_colon = true;
	}
	f->name = BYTES(line.ptr, n);
	f->bad_name = n == 0 || token_len(f->name) != n;
	return true;
}

/* The next element of a comma-separated list, trimmed; false at the end. */
static bool list_next(struct bytes *list, struct bytes *item)
{
	const uint8_t *comma;

	if (!list->ptr)
		return false;
	comma = list->len ? memchr(list->ptr, ',', list->len) : NULL;
	if (comma) {
		size_t n = (size_t)(comma - list->ptr);

		*item = http_trim(BYTES(list->ptr, n));
		*list = from(*list, n + 1);
	} else {
		*item = http_trim(*list);
		*list = BYTES(NULL, 0);
	}
	return true;
}

static bool decimal(struct bytes b, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < b.len; i++) {
		if (!is_digit(b.ptr[i]) || __builtin_mul_overflow(*n, 10u, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(b.ptr[i] - '0'), n))
			return false;
	}
	return b.len > 0;
}

enum http_number http_content_length(struct bytes value, uint64_t *n)
{
	struct bytes item;
	bool first = true, differs = false;
	uint64_t v;

	*n = 0;
	if (!value.ptr)
		return HTTP_NUMBER_BAD;
	while (list_next(&value, &item)) {
		if (!decimal(item, &v))
			return HTTP_NUMBER_BAD;
		if (first)
			*n = v;
		differs |= v != *n;
		first = false;
	}
	return differs ? HTTP_NUMBER_DIFFERS : HTTP_NUMBER_GOOD;
}

void http_codings_add(struct http_codings *c, struct bytes value)
{
	static const char *const known[] = { "gzip", "x-gzip", "deflate", "compress",
					     "x-compress" };
	struct bytes item;
	bool any = false;

	c->present = true;
	c->lines++;
	while (list_next(&value, &item)) {
		const uint8_t *semicolon = item.len ? memchr(item.ptr, ';', item.len) : NULL;
		bool found = false;

		if (semicolon)
			item = http_trim(BYTES(item.ptr, (size_t)(semicolon - item.ptr)));
		if (item.len == 0)
			continue;
		any = true;
		c->chunked_early |= c->chunked;
		c->chunked_last = http_name_is(item, "chunked");
		c->chunked_params |= c->chunked_last && semicolon;
		c->chunked |= c->chunked_last;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= http_name_is(item, known[i]);
		if (http_name_is(item, "identity"))
			c->identity = true;
		else if (!found && !c->chunked_last)
			c->unknown = true;
	}
	c->unknown |= !any;
}

/* ---- recognising and finding messages ------------------------------------------------------ */

static enum http_look look_response(struct bytes b)
{
	if (b.len < 7)
		return memcmp(b.ptr, "HTTP/1.", b.len) == 0 ? HTTP_LOOK_SHORT : HTTP_LOOK_NO;
	return memcmp(b.ptr, "HTTP/1.", 7) == 0 ? HTTP_LOOK_RESPONSE : HTTP_LOOK_NO;
}

static bool is_upper(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i] < 'A' || b.ptr[i] > 'Z')
			return false;
	return b.len;
}

/* The end of a long line is not looked for: a method that is known, or looks like one before a
 * path, will do. */
static bool long_line_is_request(struct bytes b, size_t method)
{
	struct bytes target = from(b, method + 1);

	return (method_is_known(b) && target_is_plausible(target)) ||
	       (is_upper(BYTES(b.ptr, method)) && starts(target, "/"));
}

/* more: what follows these bytes is not looked at. */
static enum http_look look_request(struct bytes b, bool more)
{
	struct http_request_line r;
	struct http_line line;
	size_t n = token_len(b);

	if (n > 32)
		return HTTP_LOOK_NO;
	if (n == b.len) /* servers skip any number of empty lines: there may be one behind them */
		return more ? HTTP_LOOK_SIMPLE : HTTP_LOOK_SHORT;
	if (n == 0 || !is_blank(b.ptr[n]))
		return HTTP_LOOK_NO;
	if (http_line_take(b, 0, &line)) {
		enum http_line_kind kind = http_request_line(line.text, false, &r);

		if (kind == HTTP_LINE_GOOD)
			return r.version.ptr[0] == '1' || method_is_known(b) ? HTTP_LOOK_REQUEST
									     : HTTP_LOOK_NO;
		return kind == HTTP_LINE_SIMPLE ? HTTP_LOOK_SIMPLE : HTTP_LOOK_NO;
	}
	if (!more)
		return HTTP_LOOK_SHORT;
	return long_line_is_request(b, n) ? HTTP_LOOK_REQUEST : HTTP_LOOK_NO;
}

enum http_look http_look(struct bytes data)
{
	enum http_look response, request;
	bool more = data.len > HTTP_LOOK_MAX;

	/* Always the same bytes, however many there are: how they come must not matter. */
	if (more)
		data.len = HTTP_LOOK_MAX;
	while (data.len && (data.ptr[0] == '\r' || data.ptr[0] == '\n'))
		data = from(data, 1);
	response = data.len ? look_response(data) : HTTP_LOOK_NO;
	if (response == HTTP_LOOK_RESPONSE)
		return response;
	request = look_request(data, more);
	return request == HTTP_LOOK_NO ? response : request;
}

bool http_is_preface(struct bytes line)
{
	return starts(line, "PRI * HTTP/2");
}

size_t http_find_request(struct bytes line)
{
	struct http_request_line r;
	size_t best = line.len;
	bool whole;

	if (!http_version_at_end(line).ptr)
		return line.len;
	whole = http_request_line(line, false, &r) == HTTP_LINE_GOOD && r.uri.len;
	if (whole && method_is_known(line))
		return 0;
	/* The end of a body may stand before it in the same line. */
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const uint8_t *at = memmem(line.ptr, best, methods[i], strlen(methods[i]));

		if (at)
			best = (size_t)(at - line.ptr);
	}
	if (best < line.len && http_request_line(from(line, best), false, &r) == HTTP_LINE_GOOD &&
	    r.uri.len)
		return best;
	return whole ? 0 : line.len;
}

size_t http_find_response(struct bytes data, bool *found)
{
	enum { NEED = 12 }; /* HTTP/1.1 200 */
	size_t at = 0;

	*found = false;
	while (at < data.len) {
		const uint8_t *h = memchr(data.ptr + at, 'H', data.len - at);
		struct http_status_line s;
		struct bytes b;

		if (!h)
			return data.len;
		at = (size_t)(h - data.ptr);
		b = from(data, at);
		if (b.len < NEED) {
			if (memcmp(b.ptr, "HTTP/1.", b.len < 7 ? b.len : 7) == 0)
				return at;
		} else if (starts(b, "HTTP/1.") &&
			   http_status_line(BYTES(b.ptr, NEED), &s) == HTTP_LINE_GOOD) {
			*found = true;
			return at;
		}
		at++;
	}
	return data.len;
}

/* ---- parts of values ----------------------------------------------------------------------- */

struct bytes http_authority_host(struct bytes a)
{
	const uint8_t *at = a.len ? memrchr(a.ptr, '@', a.len) : NULL;
	const uint8_t *colon, *bracket;

	if (at)
		a = from(a, (size_t)(at - a.ptr) + 1);
	if (a.len && a.ptr[0] == '[') {
		bracket = memchr(a.ptr, ']', a.len);
		if (bracket)
			a.len = (size_t)(bracket - a.ptr) + 1;
		return a;
	}
	colon = a.len ? memrchr(a.ptr, ':', a.len) : NULL;
	if (colon)
		a.len = (size_t)(colon - a.ptr);
	return a;
}

struct bytes http_target_authority(struct bytes uri)
{
	size_t n = 0, end;

	while (n < uri.len && is_tchar(uri.ptr[n]))
		n++;
	if (n == 0 || uri.len - n < 3 || memcmp(uri.ptr + n, "://", 3) != 0)
		return BYTES(NULL, 0);
	uri = from(uri, n + 3);
	for (end = 0; end < uri.len && !memchr("/?#", uri.ptr[end], 3); end++)
		;
	return BYTES(uri.ptr, end);
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long http_basic_user(struct bytes value, uint8_t *out, size_t n, bool *cut)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t len = 0;

	*cut = false;
	if (value.len < 6 || !http_name_is(BYTES(value.ptr, 5), "basic") || !is_blank(value.ptr[5]))
		return -1;
	value = http_trim(from(value, 6));
	for (size_t i = 0; i < value.len; i++) {
		int v = base64_value(value.ptr[i]);

		if (v < 0)
			break;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if ((uint8_t)(acc >> bits) == ':')
			return (long)len;
		if (len == n) {
			*cut = true;
			return (long)len;
		}
		out[len++] = (uint8_t)(acc >> bits);
	}
	return -1;
}
