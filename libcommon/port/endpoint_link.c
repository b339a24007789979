/* endpoint_link: the grammar of links: ipc:NAME, tcp://HOST:PORT, tls+tcp://HOST:PORT. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/port/endpoint_scan.h"

enum { RETRY_MS = 60 * 1000, LINGER_MS = 30 * 1000, NUMBER_DIGITS = 9 };

/* HOST:PORT, or [IPv6]:PORT. */
static bool parse_host(struct endpoint_scan *s, struct endpoint_link *link, const char *text)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	size_t n;
	char *rest;
	long port;

	if (!colon || colon == text)
		return endpoint_wrong(s, "it is not HOST:PORT");
	if (*text == '[' && end[-1] == ']') {
		text++;
		end--;
	}
	n = (size_t)(end - text);
	if (n == 0 || n >= sizeof(link->host))
		return endpoint_wrong(s, "the host's name is empty or too long");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_:*%", text[i]))
			return endpoint_wrong(s, "'%.40s' is no host's name", text);
	memcpy(link->host, text, n);
	link->host[n] = 0;
	port = strtol(colon + 1, &rest, 10);
	if (!isdigit((unsigned char)colon[1]) || *rest || port < 1 || port > 65535)
		return endpoint_wrong(s, "'%.40s' is no port", colon + 1);
	link->port = (uint16_t)port;
	return true;
}

/* A path as it stands, or a name in the run directory. */
static bool parse_local(struct endpoint_scan *s, struct endpoint *ep, const char *text)
{
	if (strncmp(text, "///", 3) == 0)
		text += 2;
	if (*text != '/')
		return endpoint_name(s, text, "the link's name", ep->name);
	memcpy(ep->path, text, strlen(text) + 1);
	return true;
}

/* "500ms", "10s", "2m", "1h", "10" (seconds), "forever". */
static bool parse_time(struct endpoint_scan *s, const char *text, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	size_t digits = strspn(text, "0123456789");

	if (strcmp(text, "forever") == 0) {
		*ms = ENDPOINT_FOREVER;
		return true;
	}
	for (size_t i = 0; digits && digits <= NUMBER_DIGITS && i < 5; i++) {
		if (strcmp(text + digits, units[i].name) == 0) {
			*ms = strtoll(text, NULL, 10) * units[i].ms;
			return true;
		}
	}
	return endpoint_wrong(s, "'%.40s' is no time (500ms, 10s, 2m, forever)", text);
}

static bool parse_text(struct endpoint_scan *s, const char *text, const char *what, char *to,
		       size_t size)
{
	size_t n = strlen(text);

	if (n == 0 || n >= size)
		return endpoint_wrong(s, "the value of '%s' is empty or too long", what);
	memcpy(to, text, n + 1);
	return true;
}

enum {
	OPT_DIAL = 1,
	OPT_LISTEN = 2,
	OPT_INSECURE = 4,
	OPT_RETRY = 8,
	OPT_LINGER = 16,
	OPT_SIZE = 32,
	OPT_CERT = 64,
	OPT_KEY = 128,
	OPT_CA = 256,
	OPT_NAME = 512,
	OF_ALL = OPT_DIAL | OPT_LISTEN | OPT_RETRY | OPT_LINGER | OPT_SIZE,
	OF_TLS = OPT_CERT | OPT_KEY | OPT_CA | OPT_NAME,
};

static unsigned link_key(const char *word, size_t len, bool value)
{
	static const struct {
		const char *name;
		unsigned key;
		bool value;
	} keys[] = {
		{ "dial", OPT_DIAL, false },
		{ "listen", OPT_LISTEN, false },
		{ "insecure", OPT_INSECURE, false },
		{ "retry", OPT_RETRY, true },
		{ "linger", OPT_LINGER, true },
		{ "size", OPT_SIZE, true },
		{ "cert", OPT_CERT, true },
		{ "key", OPT_KEY, true },
		{ "ca", OPT_CA, true },
		{ "name", OPT_NAME, true },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].value == value && bytes_is(BYTES(word, len), keys[i].name))
			return keys[i].key;
	return 0;
}

static bool link_option(struct endpoint_scan *s, struct endpoint *ep, unsigned allowed,
			unsigned *seen)
{
	struct endpoint_link *link = &ep->link;
	const char *equals = strchr(s->word, '=');
	const char *value = equals ? equals + 1 : "";
	size_t n = equals ? (size_t)(equals - s->word) : strlen(s->word);
	unsigned key = link_key(s->word, n, equals != NULL);

	if (!(key & allowed))
		return endpoint_wrong(s, "'%.40s' is no option of it", s->word);
	if (*seen & key)
		return endpoint_wrong(s, "'%.*s' is there twice", (int)(n < 40 ? n : 40), s->word);
	*seen |= key;
	switch (key) {
	case OPT_RETRY:
		return parse_time(s, value, &link->retry_ms);
	case OPT_LINGER:
		return parse_time(s, value, &link->linger_ms);
	case OPT_SIZE:
		return endpoint_size(s, value, &ep->size);
	case OPT_CERT:
		return parse_text(s, value, "cert", link->cert, sizeof(link->cert));
	case OPT_KEY:
		return parse_text(s, value, "key", link->key, sizeof(link->key));
	case OPT_CA:
		return parse_text(s, value, "ca", link->ca, sizeof(link->ca));
	case OPT_NAME:
		return parse_text(s, value, "name", link->name, sizeof(link->name));
	default:
		return true;
	}
}

static bool is_loopback(const char *host)
{
	unsigned a, b, c, d;
	char more;

	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (sscanf(host, "%u.%u.%u.%u%c", &a, &b, &c, &d, &more) == 4 && a == 127);
}

bool endpoint_link(struct endpoint_scan *s, struct endpoint *ep, bool output)
{
	struct endpoint_link *link = &ep->link;
	unsigned allowed = OF_ALL, seen = 0;
	bool more;

	link->retry_ms = RETRY_MS;
	link->linger_ms = LINGER_MS;
	if (!endpoint_word(s, &more))
		return false;
	if (link->scheme == ENDPOINT_IPC) {
		if (!parse_local(s, ep, s->word))
			return false;
	} else {
		allowed |= link->scheme == ENDPOINT_TLS ? OF_TLS : OPT_INSECURE;
		if (strncmp(s->word, "//", 2) != 0)
			return endpoint_wrong(s, "'//' is missing in front of the host");
		if (!parse_host(s, link, s->word + 2))
			return false;
	}
	while (more)
		if (!endpoint_word(s, &more) || !link_option(s, ep, allowed, &seen))
			return false;
	if ((seen & (OPT_DIAL | OPT_LISTEN)) == (OPT_DIAL | OPT_LISTEN))
		return endpoint_wrong(s, "it can't both dial and listen");
	link->dial = seen & OPT_DIAL || (output && !(seen & OPT_LISTEN));
	if (link->scheme == ENDPOINT_TLS && (!*link->cert || !*link->key || !*link->ca))
		return endpoint_wrong(s, "cert=, key= and ca= are needed: both sides show one");
	if (link->scheme == ENDPOINT_TCP && !link->dial && !(seen & OPT_INSECURE) &&
	    !is_loopback(link->host))
		return endpoint_wrong(s,
				      "others could reach '%.40s': use tls+tcp://, "
				      "or spell out ',insecure'",
				      link->host);
	return true;
}
