/* context_text: rules, and a context from one capture to the next, as lines of text. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "cmd/infer/context_private.h"
#include "cmd/infer/lines.h"
#include "libcommon/record/literal.h"

static const struct {
	const char *name;
	uint8_t l4;
} l4_names[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };

static uint8_t l4_of(struct bytes word)
{
	for (size_t i = 0; i < sizeof(l4_names) / sizeof(l4_names[0]); i++)
		if (bytes_is(word, l4_names[i].name))
			return l4_names[i].l4;
	return 0;
}

/* An address, or "-" for none, which has len 0. */
static bool address_of(struct bytes word, struct ip *ip)
{
	*ip = (struct ip){ 0 };
	return bytes_is(word, "-") || literal_ip(word, ip);
}

static const char *rule_take(struct context *c, const struct line_reader *r)
{
	struct context_rule rule = { 0 };
	const uint8_t *slash = memchr(r->words[0].ptr, '/', r->words[0].len);
	size_t n = slash ? (size_t)(slash - r->words[0].ptr) : r->words[0].len;
	const uint8_t *dash;
	uint64_t bits, low, high;

	if (r->count != 5 || !bytes_is(r->words[3], "="))
		return "a rule is ADDRESS[/BITS]|any tcp|udp|sctp PORT[-PORT] = PROTOCOL";
	if (!bytes_is(r->words[0], "any")) {
		if (!literal_ip(BYTES(r->words[0].ptr, n), &rule.net))
			return "no address";
		bits = rule.net.len * 8u;
		if (slash && !word_number(BYTES(slash + 1, r->words[0].len - n - 1), bits, &bits))
			return "no such number of bits";
		rule.bits = (uint8_t)bits;
	}
	rule.l4 = l4_of(r->words[1]);
	if (!rule.l4)
		return "the transport is tcp, udp or sctp";
	dash = memchr(r->words[2].ptr, '-', r->words[2].len);
	n = dash ? (size_t)(dash - r->words[2].ptr) : r->words[2].len;
	if (!word_number(BYTES(r->words[2].ptr, n), 65535, &low))
		return "no port";
	high = low;
	if (dash && !word_number(BYTES(dash + 1, r->words[2].len - n - 1), 65535, &high))
		return "no port";
	if (high < low)
		return "the last port is lower than the first";
	rule.low = (uint16_t)low;
	rule.high = (uint16_t)high;
	rule.protocol = protocol_number(c->names, r->words[4]);
	if (!rule.protocol)
		return "no name of a protocol";
	if (c->nrules == CONTEXT_RULES)
		return "too many rules";
	c->rules[c->nrules++] = rule;
	return NULL;
}

static const char *service_take(struct context *c, const struct line_reader *r)
{
	struct endpoint_key k = { 0 };
	struct context_service s;
	uint64_t port, count, until;
	struct ip ip;

	if (r->count != 7 || !address_of(r->words[1], &ip) || !l4_of(r->words[2]) ||
	    !word_number(r->words[3], 65535, &port) || !word_number(r->words[5], 65535, &count) ||
	    !word_number(r->words[6], UINT64_MAX, &until))
		return "a service is ADDRESS tcp|udp|sctp PORT PROTOCOL COUNT UNTIL";
	k.ip.len = ip.len;
	memcpy(k.ip.b, ip.b, ip.len);
	k.port[0] = (uint8_t)(port >> 8);
	k.port[1] = (uint8_t)port;
	k.l4 = l4_of(r->words[2]);
	s.protocol = protocol_number(c->names, r->words[4]);
	s.count = (uint16_t)count;
	if (!s.protocol)
		return "no name of a protocol";
	memo_put(c->services, until, 0, &k, &s);
	return NULL;
}

static const char *name_take(struct context *c, const struct line_reader *r)
{
	struct ip client, server;
	uint64_t until;

	if (r->count != 5 || !address_of(r->words[1], &client) ||
	    !address_of(r->words[2], &server) || !word_number(r->words[4], UINT64_MAX, &until))
		return "a name is CLIENT|- SERVER NAME UNTIL";
	context_named(c, until, 0, &client, &server, r->words[3]);
	return NULL;
}

static const char *expect_take(struct context *c, uint64_t now, const struct line_reader *r)
{
	struct expectation e = { .weight = 85 };
	struct endpoint at;
	uint64_t port, seconds;

	if (r->count < 6 || r->count > 7 || !literal_ip(r->words[1], &at.ip) ||
	    !l4_of(r->words[2]) || !word_number(r->words[3], 65535, &port) ||
	    !word_number(r->words[5], 86400, &seconds) ||
	    (r->count == 7 && !word_number(r->words[6], UINT64_MAX, &e.by)))
		return "what is expected is ADDRESS tcp|udp|sctp PORT PROTOCOL SECONDS [FLOW]";
	at.port = (uint16_t)port;
	at.l4 = l4_of(r->words[2]);
	e.protocol = protocol_number(c->names, r->words[4]);
	if (!e.protocol)
		return "no name of a protocol";
	context_expect(c, now, seconds * 1000000000ull, &at, &(struct ip){ 0 }, &e);
	return NULL;
}

static const char *line_take(struct context *c, const uint64_t *now, const struct line_reader *r)
{
	if (now && bytes_is(r->words[0], "expect"))
		return expect_take(c, *now, r);
	if (bytes_is(r->words[0], "service"))
		return service_take(c, r);
	if (bytes_is(r->words[0], "name"))
		return name_take(c, r);
	return rule_take(c, r);
}

static bool text_take(struct context *c, const uint64_t *now, struct bytes text, const char **why,
		      unsigned *line)
{
	struct line_reader r = { .rest = text };

	while (line_next(&r)) {
		*line = r.number;
		*why = line_take(c, now, &r);
		if (*why)
			return false;
	}
	return true;
}

bool context_load(struct context *c, struct bytes text, const char **why, unsigned *line)
{
	return text_take(c, NULL, text, why, line);
}

bool context_tell(struct context *c, uint64_t now, struct bytes text, const char **why,
		  unsigned *line)
{
	return text_take(c, &now, text, why, line);
}

struct dump {
	const struct context *c;
	struct buf *out;
};

static void address_put(struct buf *out, const struct address_key *a)
{
	char text[INET6_ADDRSTRLEN] = "-";

	if (a->len)
		inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->b, text, sizeof(text));
	buf_printf(out, " %s", text);
}

static void service_put(void *ctx, uint64_t until, const void *key, const void *value)
{
	const struct dump *d = ctx;
	const struct endpoint_key *k = key;
	const struct context_service *s = value;
	size_t i = 0;

	while (i < 2 && l4_names[i].l4 != k->l4)
		i++;
	buf_add_str(d->out, "service");
	address_put(d->out, &k->ip);
	buf_printf(d->out, " %s %u %s %u %llu\n", l4_names[i].name, k->port[0] << 8 | k->port[1],
		   protocol_name(d->c->names, s->protocol), s->count, (unsigned long long)until);
}

static void name_put(void *ctx, uint64_t until, const void *key, const void *value)
{
	const struct dump *d = ctx;
	const struct name_key *k = key;
	const char *name = value;

	/* A name of blanks and quotes would be no word of its line. */
	if (!*name || strpbrk(name, " \"#\\"))
		return;
	buf_add_str(d->out, "name");
	address_put(d->out, &k->client);
	address_put(d->out, &k->server);
	buf_printf(d->out, " %s %llu\n", name, (unsigned long long)until);
}

void context_dump(const struct context *c, struct buf *out)
{
	struct dump d = { c, out };

	memo_each(c->services, service_put, &d);
	memo_each(c->named, name_put, &d);
}
