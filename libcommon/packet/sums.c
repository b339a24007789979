/* sums: what a checksum covers. RFC 791, 768, 9293, 8200, 2784, 9260. */
#include "libcommon/packet/sums.h"

#include "libcommon/net/checksum.h"
#include "libcommon/net/crc32c.h"

/* The IP header below the node, or -1. */
static int ip_below(const struct packet *p, unsigned node)
{
	for (unsigned i = node; i-- > 0;)
		if (p->node[i].layer == PKT_ip || p->node[i].layer == PKT_ipv6)
			return (int)i;
	return -1;
}

/* Is there more of the packet in other fragments, or was there more on the wire? */
static bool in_pieces(const struct packet *p, unsigned node)
{
	for (unsigned i = 0; i < node; i++) {
		struct pkt_header h = pkt_header_of(p, i);

		if (p->node[i].snapped)
			return true;
		if (p->node[i].layer == PKT_ip &&
		    ((pkt_field_number(&h, PKT_ip_flags) & 1) || pkt_field_number(&h, PKT_ip_frag)))
			return true;
		if (p->node[i].layer == PKT_frag &&
		    (pkt_field_number(&h, PKT_frag_m) || pkt_field_number(&h, PKT_frag_offset)))
			return true;
	}
	return p->node[node].snapped;
}

bool pkt_sum_find(const struct packet *p, unsigned node, struct pkt_sum_of *s)
{
	const struct pkt_layer *l = &pkt_layers[p->node[node].layer];

	for (unsigned i = 0; i < l->nfields; i++) {
		if (l->fields[i].autos != PKT_AUTO_SUM)
			continue;
		if (pkt_place_of(p, node, i, &s->place) != PKT_FOUND)
			return false;
		s->how = l->fields[i].auto_arg;
		s->covered = s->how == PKT_SUM_HEADER || !in_pieces(p, node);
		s->known = s->how != PKT_SUM_PSEUDO || ip_below(p, node) >= 0;
		s->optional = p->node[node].layer == PKT_udp;
		return true;
	}
	return false;
}

/* The number by which IP announces that layer. */
static uint8_t proto_of(unsigned layer)
{
	for (const struct pkt_bind *b = pkt_layers[PKT_ipv6].binds; b->how; b++)
		if (b->upper == layer)
			return (uint8_t)b->value;
	return 0;
}

static uint64_t pseudo(const struct packet *p, unsigned node)
{
	int below = ip_below(p, node);
	uint32_t len = p->node[node].end - p->node[node].at;
	uint8_t tail[8] = { 0 };
	const uint8_t *ip, *dst;
	uint64_t sum;
	size_t size;

	if (below < 0)
		return 0;
	ip = p->data.ptr + p->node[below].at;
	size = p->node[below].layer == PKT_ip ? 4 : 16;
	ip += size == 4 ? 12 : 8;
	dst = ip + size;
	for (unsigned i = (unsigned)below + 1; i < node; i++) { /* a route: its end counts */
		struct pkt_header h = pkt_header_of(p, i);

		if (p->node[i].layer == PKT_routing && h.len >= 24 &&
		    pkt_field_number(&h, PKT_routing_segleft))
			dst = h.ptr + h.len - 16;
	}
	be32_put(tail, len);
	tail[7] = proto_of(p->node[node].layer);
	sum = checksum_add(0, BYTES(ip, size));
	sum = checksum_add(sum, BYTES(dst, size));
	return checksum_add(sum, BYTES(tail, sizeof(tail)));
}

uint32_t pkt_sum_over(const struct packet *p, unsigned node, const struct pkt_sum_of *s)
{
	static const uint8_t zeros[4];
	const struct pkt_node *n = &p->node[node];
	const uint8_t *from = p->data.ptr + n->at;
	size_t len = s->how == PKT_SUM_HEADER ? n->len : n->end - n->at;
	size_t front = s->place.at / 8 - n->at, own = s->place.bits / 8;
	struct bytes before = BYTES(from, front), after;
	uint64_t sum;

	after = BYTES(from + front + own, len - front - own);
	if (s->how == PKT_SUM_CRC32C)
		return crc32c(crc32c(crc32c(0, before), BYTES(zeros, own)), after);
	sum = s->how == PKT_SUM_PSEUDO ? pseudo(p, node) : 0;
	return checksum_fold(checksum_add(checksum_add(sum, before), after));
}

uint32_t pkt_sum_value(const struct pkt_sum_of *s, uint32_t over)
{
	uint16_t sum;

	if (s->how == PKT_SUM_CRC32C)
		return __builtin_bswap32(over);
	sum = (uint16_t)~__builtin_bswap16((uint16_t)over);
	return s->optional && sum == 0 ? 0xffff : sum;
}
