/* community_id: Community ID v1, the flow hash that other tools print too. */
#include "libcommon/record/community_id.h"

#include <netinet/in.h>

#include "libcommon/base/digest.h"

struct pair {
	uint8_t type, reply;
};

static const struct pair icmp4[] = { { 0, 8 },   { 8, 0 },  { 13, 14 }, { 14, 13 }, { 15, 16 },
				     { 16, 15 }, { 10, 9 }, { 9, 10 },  { 17, 18 }, { 18, 17 } };
static const struct pair icmp6[] = { { 128, 129 }, { 129, 128 }, { 133, 134 }, { 134, 133 },
				     { 135, 136 }, { 136, 135 }, { 130, 131 }, { 131, 130 },
				     { 139, 140 }, { 140, 139 }, { 144, 145 }, { 145, 144 } };

/* The ports that stand for an ICMP message; true where it has a counterpart to swap with. */
static bool icmp_ports(const struct pair *pairs, size_t n, uint16_t type, uint16_t *reply)
{
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].type == type) {
			*reply = pairs[i].reply;
			return true;
		}
	}
	return false;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

bool community_id(const struct rec_key *key, uint16_t seed, char text[COMMUNITY_ID_SIZE])
{
	const struct ip *a = &key->orig_h, *b = &key->resp_h;
	uint16_t a_port = key->orig_p, b_port = key->resp_p;
	uint8_t raw[2 + 16 + 16 + 2 + 4], sum[DIGEST_MAX];
	size_t n = 0;
	bool swap = true;
	int order;

	if (a->len == 0 || a->len != b->len)
		return false;
	if (key->proto == IPPROTO_ICMP)
		swap = icmp_ports(icmp4, sizeof(icmp4) / sizeof(icmp4[0]), a_port, &b_port);
	else if (key->proto == IPPROTO_ICMPV6)
		swap = icmp_ports(icmp6, sizeof(icmp6) / sizeof(icmp6[0]), a_port, &b_port);
	order = memcmp(a->b, b->b, a->len);
	if (swap && (order > 0 || (order == 0 && a_port > b_port))) {
		const struct ip *t = a;
		uint16_t p = a_port;

		a = b;
		b = t;
		a_port = b_port;
		b_port = p;
	}
	be16_put(raw, seed);
	n = 2;
	memcpy(raw + n, a->b, a->len);
	n += a->len;
	memcpy(raw + n, b->b, b->len);
	n += b->len;
	raw[n++] = key->proto;
	raw[n++] = 0;
	if (has_ports(key->proto)) {
		be16_put(raw + n, a_port);
		be16_put(raw + n + 2, b_port);
		n += 4;
	}
	n = digest_raw(DIGEST_SHA1, BYTES(raw, n), sum);
	text[0] = '1';
	text[1] = ':';
	base64_encode(BYTES(sum, n), text + 2);
	return true;
}
