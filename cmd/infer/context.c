/* context: what earlier packets have taught. */
#include "cmd/infer/context.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/infer/context_private.h"
#include "libcommon/base/die.h"

#define SERVICE_TTL (24 * 3600 * 1000000000ull)

struct target_key {
	char name[CONTEXT_NAME];
	uint8_t l4;
};

struct target {
	uint16_t port, protocol;
	uint64_t until;
};

struct context *context_new(struct protocols *names, size_t entries, uint64_t seed)
{
	struct context *c = xcalloc(1, sizeof(*c));

	c->names = names;
	c->expected =
		memo_new(entries, sizeof(struct expect_key), sizeof(struct expectation), seed);
	c->services = memo_new(entries, sizeof(struct endpoint_key), sizeof(struct context_service),
			       seed);
	c->named = memo_new(entries, sizeof(struct name_key), CONTEXT_NAME, seed);
	c->targets =
		memo_new(entries / 8 + 1, sizeof(struct target_key), sizeof(struct target), seed);
	return c;
}

void context_free(struct context *c)
{
	if (!c)
		return;
	memo_free(c->expected);
	memo_free(c->services);
	memo_free(c->named);
	memo_free(c->targets);
	free(c);
}

static struct address_key address_key(const struct ip *ip)
{
	struct address_key k = { .len = ip->len };

	memcpy(k.b, ip->b, ip->len);
	return k;
}

static struct endpoint_key endpoint_key(const struct endpoint *at)
{
	return (struct endpoint_key){ address_key(&at->ip),
				      { (uint8_t)(at->port >> 8), (uint8_t)at->port },
				      at->l4 };
}

/* ---- expectations -------------------------------------------------------------------------- */

void context_expect(struct context *c, uint64_t now, uint64_t ttl, const struct endpoint *at,
		    const struct ip *peer, const struct expectation *e)
{
	struct expect_key k = { endpoint_key(at), address_key(peer) };

	if (!at->ip.len || !e->protocol)
		return;
	c->expected_ports[at->port / 8] |= (uint8_t)(1u << at->port % 8);
	memo_put(c->expected, now, ttl, &k, e);
}

bool context_expected(struct context *c, uint64_t now, const struct endpoint *at,
		      const struct ip *peer, struct expectation *e)
{
	struct expect_key k;
	const struct expectation *found;

	if (!(c->expected_ports[at->port / 8] >> at->port % 8 & 1))
		return false;
	k = (struct expect_key){ endpoint_key(at), address_key(peer) };
	found = memo_get(c->expected, now, &k);
	if (!found) {
		k.peer = (struct address_key){ 0 };
		found = memo_get(c->expected, now, &k);
	}
	if (!found)
		return false;
	*e = *found;
	if (e->once)
		memo_drop(c->expected, &k);
	return true;
}

/* ---- services ------------------------------------------------------------------------------ */

void context_served(struct context *c, uint64_t now, const struct endpoint *at, uint16_t protocol)
{
	struct endpoint_key k = endpoint_key(at);
	const struct context_service *old = memo_get(c->services, now, &k);
	struct context_service s = { protocol, 1 };

	if (old && old->protocol == protocol)
		s.count = old->count < UINT16_MAX ? (uint16_t)(old->count + 1) : UINT16_MAX;
	memo_put(c->services, now, SERVICE_TTL, &k, &s);
}

const struct context_service *context_serves(struct context *c, uint64_t now,
					     const struct endpoint *at)
{
	struct endpoint_key k = endpoint_key(at);

	return memo_get(c->services, now, &k);
}

/* ---- names --------------------------------------------------------------------------------- */

/* Small letters; what is too long keeps its front, where the labels are that tell something. */
static void name_copy(char to[CONTEXT_NAME], struct bytes name)
{
	size_t n = name.len < CONTEXT_NAME - 1 ? name.len : CONTEXT_NAME - 1;

	memset(to, 0, CONTEXT_NAME);
	for (size_t i = 0; i < n; i++) {
		uint8_t b = name.ptr[i];

		to[i] = (char)(b >= 'A' && b <= 'Z' ? b | 0x20 : b <= ' ' || b > '~' ? '?' : b);
	}
}

void context_named(struct context *c, uint64_t now, uint64_t ttl, const struct ip *client,
		   const struct ip *server, struct bytes name)
{
	struct name_key k = { address_key(client), address_key(server) };
	char text[CONTEXT_NAME];

	c->named_for_all |= !client->len;
	name_copy(text, name);
	memo_put(c->named, now, ttl, &k, text);
}

const char *context_name(struct context *c, uint64_t now, const struct ip *client,
			 const struct ip *server)
{
	struct name_key k = { address_key(client), address_key(server) };
	const char *name = memo_get(c->named, now, &k);

	if (!name && c->named_for_all) {
		k.client = (struct address_key){ 0 };
		name = memo_get(c->named, now, &k);
	}
	return name;
}

void context_target(struct context *c, uint64_t now, uint64_t ttl, struct bytes name, uint8_t l4,
		    uint16_t port, uint16_t protocol)
{
	struct target_key k = { .l4 = l4 };
	struct target t = { port, protocol, now + ttl };

	name_copy(k.name, name);
	memo_put(c->targets, now, ttl, &k, &t);
}

void context_address(struct context *c, uint64_t now, uint64_t ttl, struct bytes name,
		     const struct ip *server, uint64_t by)
{
	static const uint8_t l4s[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct target_key k;

	if (!memo_stats(c->targets).entries)
		return;
	name_copy(k.name, name);
	for (size_t i = 0; i < sizeof(l4s); i++) {
		struct endpoint at = { *server, 0, l4s[i] };
		const struct target *t;

		k.l4 = l4s[i];
		t = memo_get(c->targets, now, &k);
		if (!t)
			continue;
		at.port = t->port;
		context_expect(
			c, now, ttl, &at, &(struct ip){ 0 },
			&(struct expectation){ .by = by, .protocol = t->protocol, .weight = 70 });
	}
}

/* ---- rules --------------------------------------------------------------------------------- */

static bool in_net(const struct ip *ip, const struct ip *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (!net->len)
		return true;
	return ip->len == net->len && memcmp(ip->b, net->b, whole) == 0 &&
	       (!rest || (ip->b[whole] ^ net->b[whole]) >> (8 - rest) == 0);
}

uint16_t context_rule(const struct context *c, const struct endpoint *at)
{
	for (size_t i = c->nrules; i-- > 0;) {
		const struct context_rule *r = &c->rules[i];

		if (r->l4 == at->l4 && r->low <= at->port && at->port <= r->high &&
		    in_net(&at->ip, &r->net, r->bits))
			return r->protocol;
	}
	return 0;
}

struct context_stats context_stats(const struct context *c)
{
	struct memo_stats e = memo_stats(c->expected), s = memo_stats(c->services);
	struct memo_stats n = memo_stats(c->named), t = memo_stats(c->targets);

	return (struct context_stats){ e.entries, s.entries,
				       e.evicted + s.evicted + n.evicted + t.evicted,
				       e.expired + s.expired + n.expired + t.expired };
}
