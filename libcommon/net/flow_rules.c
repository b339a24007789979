/* flow_rules: which timeout a flow has by its protocol, ports and addresses. */
#include "libcommon/net/flow_rules.h"

#include <arpa/inet.h>

enum { TEXT_MAX = 63 };

/* Decimal digits only, at most max; -1 where it is no such number. */
static int number_of(struct bytes text, int max)
{
	int n = 0;

	if (!text.len || text.len > 5)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		n = n * 10 + (text.ptr[i] - '0');
	}
	return n > max ? -1 : n;
}

static bool parse_port(struct flow_rule *rule, struct bytes proto, struct bytes port)
{
	int n = number_of(port, 65535);

	if (bytes_is(proto, "tcp"))
		rule->proto = PROTO_TCP;
	else if (bytes_is(proto, "udp"))
		rule->proto = PROTO_UDP;
	else if (bytes_is(proto, "sctp"))
		rule->proto = PROTO_SCTP;
	else
		return false;
	rule->port = (uint16_t)n;
	return n > 0;
}

/* The highest bit of b[0] is number 0. */
static bool bit_set(const uint8_t *b, unsigned bit)
{
	return b[bit / 8] >> (7 - bit % 8) & 1;
}

static bool parse_prefix(struct flow_rule *rule, struct bytes address, struct bytes bits)
{
	char text[TEXT_MAX + 1];
	int n, all;

	if (address.len > TEXT_MAX || memchr(address.ptr, 0, address.len))
		return false;
	memcpy(text, address.ptr, address.len);
	text[address.len] = 0;
	if (inet_pton(AF_INET, text, rule->addr) == 1)
		rule->ip_version = 4;
	else if (inet_pton(AF_INET6, text, rule->addr) == 1)
		rule->ip_version = 6;
	else
		return false;
	all = rule->ip_version == 4 ? 32 : 128;
	n = bits.ptr ? number_of(bits, all) : all;
	if (n < 0)
		return false;
	for (int i = n; i < all; i++) {
		if (bit_set(rule->addr, (unsigned)i))
			return false;
	}
	rule->bits = (uint8_t)n;
	return true;
}

bool flow_rule_parse(struct flow_rule *rule, struct bytes text)
{
	const uint8_t *colon, *slash;

	memset(rule, 0, sizeof(*rule));
	if (!text.len)
		return false;
	colon = memchr(text.ptr, ':', text.len);
	slash = memchr(text.ptr, '/', text.len);
	if (colon && parse_port(rule, BYTES(text.ptr, (size_t)(colon - text.ptr)),
				BYTES(colon + 1, (size_t)(text.ptr + text.len - colon - 1))))
		return true;
	memset(rule, 0, sizeof(*rule));
	if (!slash)
		return parse_prefix(rule, text, BYTES(NULL, 0));
	return parse_prefix(rule, BYTES(text.ptr, (size_t)(slash - text.ptr)),
			    BYTES(slash + 1, (size_t)(text.ptr + text.len - slash - 1)));
}

static bool has_prefix(const uint8_t *addr, const struct flow_rule *r)
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (memcmp(addr, r->addr, whole) != 0)
		return false;
	return !rest || !((addr[whole] ^ r->addr[whole]) >> (8 - rest));
}

static bool matches(const struct flow_rule *r, const struct flow_key *k)
{
	if (r->proto && r->proto != k->proto)
		return false;
	if (r->port && r->port != k->port[0] && r->port != k->port[1])
		return false;
	if (!r->ip_version)
		return true;
	return r->ip_version == k->ip_version &&
	       (has_prefix(k->addr[0], r) || has_prefix(k->addr[1], r));
}

unsigned flow_rules_match(const struct flow_rule *rules, size_t n, const struct flow_key *key)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(&rules[i], key))
			return rules[i].timeout;
	}
	return 0;
}
