/* layers_l4: TCP, UDP, ICMP and SCTP headers, or the tunnel that stands in their place. */
#include "libcommon/net/checksum.h"
#include "libcommon/net/layers_private.h"
#include "libcommon/net/sctp.h"

/* The sum over the whole layer-4 packet of `len` bytes, where it may be judged. */
static inline enum checksum_state judge(const struct walk *w, const uint8_t *at, uint32_t len,
					bool pseudo)
{
	uint64_t sum = 0;

	if (!w->verify || w->dst_differs || (size_t)(w->c.end - at) < len)
		return CHECKSUM_UNKNOWN;
	if (pseudo)
		sum = w->pseudo + (uint64_t)__builtin_bswap16(w->l->proto) + __builtin_bswap32(len);
	return checksum_fold(checksum_add(sum, BYTES(at, len))) == 0xffff ? CHECKSUM_GOOD
									  : CHECKSUM_BAD;
}

/* The payload: what is left of `claimed` bytes at the cursor. */
static inline enum layer take_payload(struct walk *w, uint32_t claimed)
{
	size_t captured = cursor_left(&w->c);

	if (captured > claimed)
		captured = claimed;
	w->l->payload = BYTES(w->c.pos, captured);
	w->l->missing = claimed - (uint32_t)captured;
	return layer_end(LAYERS_PACKET);
}

static enum layer l4_tcp(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	size_t left = cursor_left(&w->c);
	struct layers *l = w->l;
	uint32_t header;

	if (w->claimed < 20)
		return layer_end(LAYERS_BAD_L4_HEADER);
	if (left < 20)
		return layer_end(LAYERS_TRUNCATED_L4);
	header = (h[12] >> 4) * 4u;
	if (header < 20 || header > w->claimed)
		return layer_end(LAYERS_BAD_L4_HEADER);
	l->src_port = be16_get(h);
	l->dst_port = be16_get(h + 2);
	l->seq = be32_get(h + 4);
	l->ack = be32_get(h + 8);
	l->tcp_flags = be16_get(h + 12) & 0x1ff;
	l->window = be16_get(h + 14);
	l->urgent = be16_get(h + 18);
	l->checksum = (uint8_t)judge(w, h, w->claimed, true);
	if (left > header)
		left = header;
	l->tcp_options = BYTES(h + 20, left - 20);
	w->c.pos = h + left;
	return take_payload(w, w->claimed - header);
}

static enum layer l4_udp(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	struct layers *l = w->l;
	enum checksum_state sum;
	uint32_t len;

	if (w->claimed < 8)
		return layer_end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 8)
		return layer_end(LAYERS_TRUNCATED_L4);
	len = be16_get(h + 4);
	if (!len) /* RFC 2675: a jumbogram */
		len = w->claimed;
	if (len < 8)
		return layer_end(LAYERS_BAD_L4_HEADER);
	l->src_port = be16_get(h);
	l->dst_port = be16_get(h + 2);
	sum = h[6] || h[7] ? judge(w, h, len, true) : CHECKSUM_UNKNOWN;
	w->c.pos = h + 8;
	if (layers_udp_candidate(w, l->src_port, l->dst_port)) {
		enum layer next = layers_udp_tunnel(w, len - 8);

		if (next != LAYER_NO_TUNNEL) {
			w->bad_sum |= sum == CHECKSUM_BAD;
			return next;
		}
	}
	l->checksum = (uint8_t)sum;
	return take_payload(w, len - 8);
}

static enum layer l4_icmp(struct walk *w)
{
	const uint8_t *h = w->c.pos;

	if (w->claimed < 4)
		return layer_end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 4)
		return layer_end(LAYERS_TRUNCATED_L4);
	w->l->src_port = h[0];
	w->l->dst_port = h[1];
	w->l->checksum = (uint8_t)judge(w, h, w->claimed, w->l->proto == PROTO_ICMP6);
	cursor_skip(&w->c, 4);
	return take_payload(w, w->claimed - 4);
}

static enum layer l4_sctp(struct walk *w)
{
	const uint8_t *h = w->c.pos;

	if (w->claimed < 12)
		return layer_end(LAYERS_BAD_L4_HEADER);
	if (cursor_left(&w->c) < 12)
		return layer_end(LAYERS_TRUNCATED_L4);
	w->l->src_port = be16_get(h);
	w->l->dst_port = be16_get(h + 2);
	w->l->seq = be32_get(h + 4);
	if (w->verify && cursor_left(&w->c) >= w->claimed)
		w->l->checksum =
			sctp_checksum_right(BYTES(h, w->claimed)) ? CHECKSUM_GOOD : CHECKSUM_BAD;
	cursor_skip(&w->c, 12);
	return take_payload(w, w->claimed - 12);
}

enum layer layer_l4(struct walk *w)
{
	enum layer next;

	switch (w->l->proto) {
	case PROTO_TCP:
		return l4_tcp(w);
	case PROTO_UDP:
		return l4_udp(w);
	case PROTO_ICMP:
	case PROTO_ICMP6:
		return l4_icmp(w);
	case PROTO_SCTP:
		return l4_sctp(w);
	case 4:
	case 41:
	case 47:
	case 97:
	case 137:
		next = layers_ip_tunnel(w);
		if (next != LAYER_NO_TUNNEL)
			return next;
		break;
	}
	return take_payload(w, w->claimed);
}
