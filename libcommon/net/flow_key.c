/* flow_key: the symmetric key of a flow, and its keyed hash. */
#include "libcommon/net/flow_key.h"

_Static_assert(sizeof(struct flow_key) == 48, "no hidden padding may take part in comparisons");

/* Request and reply types of RFC 792, 950, 1256, 4443, 4861, 2710, 4620. */
static const struct {
	uint8_t proto, request, reply;
} icmp_pairs[] = {
	{ PROTO_ICMP, 8, 0 },      /* echo */
	{ PROTO_ICMP, 10, 9 },     /* router solicitation */
	{ PROTO_ICMP, 13, 14 },    /* timestamp */
	{ PROTO_ICMP, 15, 16 },    /* information */
	{ PROTO_ICMP, 17, 18 },    /* address mask */
	{ PROTO_ICMP6, 128, 129 }, /* echo */
	{ PROTO_ICMP6, 130, 131 }, /* listener query */
	{ PROTO_ICMP6, 133, 134 }, /* router solicitation */
	{ PROTO_ICMP6, 135, 136 }, /* neighbour solicitation */
	{ PROTO_ICMP6, 139, 140 }, /* node information */
};

enum { ICMP_PAIRS = sizeof(icmp_pairs) / sizeof(icmp_pairs[0]) };

bool icmp_is_reply(uint8_t proto, uint16_t type)
{
	for (unsigned i = 0; i < ICMP_PAIRS; i++) {
		if (icmp_pairs[i].proto == proto && icmp_pairs[i].reply == type)
			return true;
	}
	return false;
}

/* The ports that stand for an ICMP message: the sender's and the receiver's. */
static void icmp_ports(const struct layers *l, uint16_t *src, uint16_t *dst)
{
	*src = l->src_port;
	*dst = l->dst_port;
	for (unsigned i = 0; i < ICMP_PAIRS; i++) {
		if (icmp_pairs[i].proto == l->proto && icmp_pairs[i].reply == l->src_port) {
			*src = l->dst_port;
			*dst = icmp_pairs[i].request;
			return;
		}
	}
}

unsigned flow_key_make(struct flow_key *key, const struct layers *l, uint64_t scope)
{
	uint16_t src_port = l->src_port, dst_port = l->dst_port;
	unsigned sender;
	int order;

	if (l->proto == PROTO_ICMP || l->proto == PROTO_ICMP6)
		icmp_ports(l, &src_port, &dst_port);
	order = memcmp(l->src, l->dst, l->ip_version == 4 ? 4 : 16);
	if (!order)
		order = (src_port > dst_port) - (src_port < dst_port);
	sender = order > 0;
	memcpy(key->addr[sender], l->src, 16);
	memcpy(key->addr[!sender], l->dst, 16);
	key->port[sender] = src_port;
	key->port[!sender] = dst_port;
	key->scope = scope;
	key->proto = l->proto;
	key->ip_version = l->ip_version;
	key->zero[0] = key->zero[1] = 0;
	return sender;
}

uint64_t flow_scope(const uint16_t *vlans, unsigned n)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	if (!n)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		h = (h ^ (vlans[i] & 0xff)) * 0x100000001b3;
		h = (h ^ (vlans[i] >> 8)) * 0x100000001b3;
	}
	return h ? h : 1;
}

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotate(s->b, 13) ^ s->a;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a = rotate(s->a, 32) + s->d;
	s->c += s->b;
	s->d = rotate(s->d, 21) ^ s->a;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static inline __attribute__((always_inline)) void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

static uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t flow_key_hash(const struct flow_key *key, const uint64_t secret[2])
{
	struct sip s = { secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
			 secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573 };

	if (key->ip_version == 4) {
		sip_word(&s, load32(key->addr[0]) | load32(key->addr[1]) << 32);
	} else {
		sip_word(&s, load64(key->addr[0]));
		sip_word(&s, load64(key->addr[0] + 8));
		sip_word(&s, load64(key->addr[1]));
		sip_word(&s, load64(key->addr[1] + 8));
	}
	sip_word(&s, key->scope);
	sip_word(&s, key->port[0] | (uint64_t)key->port[1] << 16 | (uint64_t)key->proto << 32 |
			     (uint64_t)key->ip_version << 40);
	s.c ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
