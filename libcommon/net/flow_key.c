/* flow_key: the symmetric key of a flow. */
#include "libcommon/net/flow_key.h"

_Static_assert(sizeof(struct flow_key) == 8 * FLOW_KEY_WORDS, "no padding, nothing left out");

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

/* What was just written is read again as it was written, in pieces of the same size, here and in
 * flow_key_hash(): else the processor has to wait until it is in its cache. */
static void put_word(struct flow_key *key, unsigned i, uint64_t v)
{
	memcpy((uint8_t *)key + i * sizeof(v), &v, sizeof(v));
}

unsigned flow_key_make(struct flow_key *key, const struct layers *l, uint64_t scope)
{
	uint16_t src_port = l->src_port, dst_port = l->dst_port;
	unsigned sender;

	if (l->proto == PROTO_ICMP || l->proto == PROTO_ICMP6)
		icmp_ports(l, &src_port, &dst_port);
	if (l->ip_version == 4) {
		uint32_t src = be32_get(l->src), dst = be32_get(l->dst);

		sender = src == dst ? src_port > dst_port : src > dst;
		put_word(key, 2 * sender, __builtin_bswap32(src));
		put_word(key, 2 * sender + 1, 0);
		put_word(key, 2 * !sender, __builtin_bswap32(dst));
		put_word(key, 2 * !sender + 1, 0);
	} else {
		int order = memcmp(l->src, l->dst, 16);

		sender = order ? order > 0 : src_port > dst_port;
		memcpy(key->addr[sender], l->src, 16);
		memcpy(key->addr[!sender], l->dst, 16);
	}
	key->scope = scope;
	put_word(key, FLOW_KEY_WORDS - 1,
		 (sender ? dst_port : src_port) | (uint64_t)(sender ? src_port : dst_port) << 16 |
			 (uint64_t)l->proto << 32 | (uint64_t)l->ip_version << 40);
	return sender;
}

static void key_swap(struct flow_key *key)
{
	uint8_t addr[16];
	uint16_t port = key->port[0];

	memcpy(addr, key->addr[0], 16);
	memcpy(key->addr[0], key->addr[1], 16);
	memcpy(key->addr[1], addr, 16);
	key->port[0] = key->port[1];
	key->port[1] = port;
}

/* The endpoints without ports. */
static unsigned pair_make(struct flow_key *key, const struct layers *l, bool mac)
{
	static const uint8_t none[6];
	const uint8_t *src = l->src, *dst = l->dst;
	size_t len = l->ip_version == 4 ? 4 : 16;
	unsigned sender;

	if (mac) {
		src = l->l2_src ? l->l2_src : none;
		dst = l->l2_dst ? l->l2_dst : none;
		len = 6;
	}
	memset(key, 0, sizeof(*key));
	sender = memcmp(src, dst, len) > 0;
	memcpy(key->addr[sender], src, len);
	memcpy(key->addr[!sender], dst, len);
	key->ip_version = mac ? FLOW_KEY_MAC : l->ip_version;
	return sender;
}

unsigned flow_key_make_as(struct flow_key *key, const struct layers *l, uint64_t scope,
			  enum flow_key_kind kind, bool directional)
{
	unsigned sender;

	if (kind == FLOW_KEY_IP_PAIR || kind == FLOW_KEY_MAC_PAIR) {
		sender = pair_make(key, l, kind == FLOW_KEY_MAC_PAIR);
		key->scope = scope;
	} else {
		if (kind == FLOW_KEY_VLAN)
			scope = flow_scope(l->vlans, l->nvlans);
		sender = flow_key_make(key, l, scope);
	}
	if (directional && sender) {
		key_swap(key);
		sender = 0;
	}
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
