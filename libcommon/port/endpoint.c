/* endpoint: the text that names a place where bytes come from or go to, taken apart. */
#include "libcommon/port/endpoint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "libcommon/port/endpoint_scan.h"

enum shm_key {
	KEY_READERS = 1,
	KEY_SIZE = 2,
	KEY_READER = 4,
	KEY_PAGES = 8,
	KEY_PAGE = 16,
	KEY_SHARD = 32,
};

bool endpoint_wrong(struct endpoint_scan *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, s->why_size, fmt, ap);
	va_end(ap);
	return false;
}

/* The text up to the next lone comma, with ",," made one; false where it is too long. *more says
 * whether a comma ended it. */
bool endpoint_word(struct endpoint_scan *s, bool *more)
{
	size_t n = 0;

	*more = false;
	while (*s->pos) {
		if (*s->pos == ',' && *++s->pos != ',') {
			*more = true;
			break;
		}
		if (n + 1 >= ENDPOINT_PATH)
			return endpoint_wrong(s, "too long");
		s->word[n++] = *s->pos++;
	}
	s->word[n] = 0;
	return true;
}

static bool parse_fd(struct endpoint_scan *s, const char *text, const char **end, int *fd)
{
	long n = 0;
	const char *at = text;

	while (isdigit((unsigned char)*at) && n < 1000000)
		n = n * 10 + *at++ - '0';
	if (at == text || n >= 1000000 || (at - text > 1 && *text == '0'))
		return endpoint_wrong(s, "'%.40s' does not start with a descriptor's number", text);
	*fd = (int)n;
	*end = at;
	return true;
}

static bool parse_fd_whole(struct endpoint_scan *s, const char *text, int *fd)
{
	const char *end;

	if (!parse_fd(s, text, &end, fd))
		return false;
	return *end ? endpoint_wrong(s, "'%.40s' is not a descriptor's number", text) : true;
}

/* Letters, digits, dot, dash and underscore, not starting with a dot: safe as part of a path. */
bool endpoint_name(struct endpoint_scan *s, const char *text, const char *what, char *name)
{
	size_t n = strlen(text);

	if (!n)
		return endpoint_wrong(s, "%s is empty", what);
	if (n >= ENDPOINT_NAME)
		return endpoint_wrong(s, "%s is longer than %d characters", what,
				      ENDPOINT_NAME - 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > 126 || !(isalnum(c) || c == '-' || c == '_' || (c == '.' && i)))
			return endpoint_wrong(
				s, "%s '%.40s' may only have letters, digits, '-', '_', '.'", what,
				text);
	}
	memcpy(name, text, n + 1);
	return true;
}

bool endpoint_size(struct endpoint_scan *s, const char *text, uint64_t *size)
{
	uint64_t n = 0;
	unsigned shift = 0;
	const char *at = text;

	while (isdigit((unsigned char)*at) && n < (uint64_t)1 << 40)
		n = n * 10 + (uint64_t)(*at++ - '0');
	if (at == text || n >= (uint64_t)1 << 40)
		return endpoint_wrong(s, "'%.40s' is not a size", text);
	if (*at == 'K' || *at == 'k')
		shift = 10;
	else if (*at == 'M')
		shift = 20;
	else if (*at == 'G')
		shift = 30;
	if (at[shift ? 1 : 0])
		return endpoint_wrong(s, "'%.40s' is not a size", text);
	if (n > (uint64_t)ENDPOINT_SIZE_MAX >> shift || n << shift < ENDPOINT_SIZE_MIN)
		return endpoint_wrong(s, "a ring's size is 1M to 1G, not '%.40s'", text);
	*size = n << shift;
	return true;
}

/* The rings' names are NAME.0 and so on. */
static bool parse_shards(struct endpoint_scan *s, struct endpoint *ep, const char *text)
{
	unsigned n = 0;

	for (const char *at = text; isdigit((unsigned char)*at) && n < 1000; at++)
		n = n * 10 + (unsigned)(*at - '0');
	if (strspn(text, "0123456789") != strlen(text) || n < 2 || n > ENDPOINT_SHARDS)
		return endpoint_wrong(s, "'%.40s' is not a number of shards, 2 to %d", text,
				      ENDPOINT_SHARDS);
	if (strlen(ep->name) + 3 >= ENDPOINT_NAME)
		return endpoint_wrong(
			s, "with shards, the ring's name can't be longer than %d characters",
			ENDPOINT_NAME - 4);
	ep->shards = n;
	return true;
}

static bool add_reader(struct endpoint_scan *s, struct endpoint *ep, const char *text)
{
	char name[ENDPOINT_PATH];
	size_t n = strcspn(text, ":");

	if (ep->nreaders == ENDPOINT_READERS)
		return endpoint_wrong(s, "more than %d readers", ENDPOINT_READERS);
	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	if (text[n] && strcmp(text + n, ":drop"))
		return endpoint_wrong(s, "'%.40s' is no mode of a reader, ':drop' is", text + n);
	if (!endpoint_name(s, name, "the reader's name", ep->readers[ep->nreaders]))
		return false;
	ep->drops[ep->nreaders] = text[n] != 0;
	for (unsigned i = 0; i < ep->nreaders; i++)
		if (!strcmp(ep->readers[i], ep->readers[ep->nreaders]))
			return endpoint_wrong(s, "the reader '%s' is named twice", ep->readers[i]);
	ep->nreaders++;
	return true;
}

static bool parse_pages(struct endpoint_scan *s, struct endpoint *ep, const char *text)
{
	for (;;) {
		if (ep->npages == ENDPOINT_READERS)
			return endpoint_wrong(s, "more than %d pages", ENDPOINT_READERS);
		if (!parse_fd(s, text, &text, &ep->pages[ep->npages]))
			return false;
		ep->npages++;
		if (!*text)
			return true;
		if (*text++ != ':')
			return endpoint_wrong(s, "pages are numbers with ':' between them");
	}
}

static enum shm_key shm_key(const char *word, size_t len)
{
	static const struct {
		const char *name;
		enum shm_key key;
	} keys[] = {
		{ "readers", KEY_READERS }, { "size", KEY_SIZE }, { "reader", KEY_READER },
		{ "pages", KEY_PAGES },     { "page", KEY_PAGE }, { "shard", KEY_SHARD },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (bytes_is(BYTES(word, len), keys[i].name))
			return keys[i].key;
	return 0;
}

static bool shm_option(struct endpoint_scan *s, struct endpoint *ep, unsigned allowed,
		       unsigned *seen)
{
	const char *equals = strchr(s->word, '=');
	const char *value = equals ? equals + 1 : "";
	enum shm_key key;

	if (!equals) {
		/* Only a name list goes on without a key. */
		if (s->key == KEY_READERS)
			return add_reader(s, ep, s->word);
		return endpoint_wrong(s, "'%.40s' is no option of it", s->word);
	}
	key = shm_key(s->word, (size_t)(equals - s->word));
	if (!(key & allowed))
		return endpoint_wrong(s, "'%.40s' is no option of it", s->word);
	if (*seen & key)
		return endpoint_wrong(s, "'%.*s' is there twice", (int)(equals - s->word), s->word);
	*seen |= s->key = key;
	switch (key) {
	case KEY_READERS:
		return add_reader(s, ep, value);
	case KEY_SIZE:
		return endpoint_size(s, value, &ep->size);
	case KEY_READER:
		return endpoint_name(s, value, "the reader's name", ep->reader);
	case KEY_PAGES:
		return parse_pages(s, ep, value);
	case KEY_SHARD:
		return parse_shards(s, ep, value);
	case KEY_PAGE:
		return parse_fd_whole(s, value, &ep->page);
	}
	return false;
}

static bool parse_shm(struct endpoint_scan *s, struct endpoint *ep, bool output)
{
	bool more;
	unsigned allowed, seen = 0;

	if (!endpoint_word(s, &more))
		return false;
	if (!strncmp(s->word, "fd=", 3)) {
		if (!parse_fd_whole(s, s->word + 3, &ep->fd))
			return false;
		allowed = output ? KEY_PAGES : KEY_PAGE;
	} else {
		if (!endpoint_name(s, s->word, "the ring's name", ep->name))
			return false;
		allowed = output ? KEY_READERS | KEY_SIZE | KEY_SHARD : KEY_READER;
	}
	while (more)
		if (!endpoint_word(s, &more) || !shm_option(s, ep, allowed, &seen))
			return false;
	if (allowed & KEY_READERS && !ep->nreaders)
		return endpoint_wrong(s, "readers=NAME,.. is missing");
	if (allowed & KEY_PAGES && !ep->npages)
		return endpoint_wrong(s, "pages=N:.. is missing");
	return true;
}

/* The length of a "word:" in front, without the colon; 0 for none. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || (n && text[n] == '+'))
		n++;
	return text[n] == ':' ? n : 0;
}

static bool parse_plain(struct endpoint_scan *s)
{
	bool more;

	if (!endpoint_word(s, &more))
		return false;
	if (more) {
		endpoint_word(s, &more);
		return endpoint_wrong(
			s, "'%.40s' is no option of it (a comma in a name is written ',,')",
			s->word);
	}
	return true;
}

/* from=NAME is only there to be said in messages, which name an endpoint by its text. */
static bool parse_fd_endpoint(struct endpoint_scan *s, struct endpoint *ep, bool output)
{
	bool more;

	if (!endpoint_word(s, &more) || !parse_fd_whole(s, s->word, &ep->fd))
		return false;
	if (!more)
		return true;
	if (!endpoint_word(s, &more))
		return false;
	if (output || more || strncmp(s->word, "from=", 5) != 0 || !s->word[5])
		return endpoint_wrong(s, "'%.40s' is no option of it", s->word);
	return true;
}

bool endpoint_parse(struct endpoint *ep, const char *text, bool output, char *why, size_t size)
{
	struct endpoint_scan s = { .pos = text, .why = why, .why_size = size };
	size_t scheme = scheme_length(text);
	struct bytes name = BYTES(text, scheme);

	memset(ep, 0, sizeof(*ep));
	ep->fd = ep->page = -1;
	if (scheme)
		s.pos += scheme + 1;
	if (bytes_is(name, "shm")) {
		ep->kind = ENDPOINT_SHM;
		return parse_shm(&s, ep, output);
	}
	if (bytes_is(name, "ipc") || bytes_is(name, "tcp") || bytes_is(name, "tls+tcp")) {
		ep->kind = ENDPOINT_LINK;
		ep->link.scheme = bytes_is(name, "ipc")   ? ENDPOINT_IPC
				  : bytes_is(name, "tcp") ? ENDPOINT_TCP
							  : ENDPOINT_TLS;
		return endpoint_link(&s, ep, output);
	}
	if (bytes_is(name, "fd")) {
		ep->kind = ENDPOINT_FD;
		return parse_fd_endpoint(&s, ep, output);
	}
	if (!parse_plain(&s))
		return false;
	if (bytes_is(name, "null")) {
		ep->kind = ENDPOINT_NULL;
		return s.word[0] ? endpoint_wrong(&s, "null: has nothing behind it") : true;
	}
	if (scheme)
		return endpoint_wrong(
			&s,
			"there is no kind of endpoint '%.*s:' (a file of that name: './%.*s:..')",
			(int)(scheme < 20 ? scheme : 20), text, (int)(scheme < 20 ? scheme : 20),
			text);
	if (!s.word[0])
		return endpoint_wrong(&s, "it is empty");
	ep->kind = strcmp(text, "-") ? ENDPOINT_FILE : ENDPOINT_STDIO;
	memcpy(ep->path, s.word, sizeof(ep->path));
	return true;
}
