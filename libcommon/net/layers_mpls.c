/* layers_mpls: labels, and the guess at what lies below the last, which no header tells. */
#include "libcommon/net/checksum.h"
#include "libcommon/net/layers_private.h"

/* Does an Ethernet frame with a type that is well known start here? */
static bool is_ethernet(const struct walk *w, size_t skip)
{
	const uint8_t *p = w->c.pos + skip;
	size_t left = cursor_left(&w->c);
	uint16_t type;

	if (left < skip + 14)
		return false;
	type = be16_get(p + 12);
	if (left > skip + 14 && (type == 0x0800 || type == 0x86dd))
		return p[14] >> 4 == (type == 0x0800 ? 4 : 6);
	return type > 1500 && ethertype_layer(w, type) != LAYER_NO_TUNNEL;
}

static bool is_ipv4(const struct walk *w)
{
	const uint8_t *p = w->c.pos;
	size_t len = (p[0] & 15) * 4u;

	return cursor_left(&w->c) < len || checksum_fold(checksum_add(0, BYTES(p, len))) == 0xffff;
}

/* Is its length that of the frame, but for the padding of a short one? */
static bool is_ipv6(const struct walk *w)
{
	size_t left = cursor_left(&w->c), len = 40u + be16_get(w->c.pos + 4);

	return left == len || (left < 64 && left > len);
}

/* An Ethernet pseudowire may have a control word (RFC 4385), which starts with a zero nibble, as
 * do many addresses. */
static enum layer pseudowire(struct walk *w)
{
	bool with = is_ethernet(w, 4), without = is_ethernet(w, 0);
	const uint8_t *p = w->c.pos;

	if (cursor_left(&w->c) < 4)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (with == without) /* flags and length are nearly always 0, an address seldom */
		with = !p[0] && !p[1];
	if (with)
		cursor_skip(&w->c, 4);
	return LAYER_ETHERNET;
}

/* RFC 3032, 4385 (the first nibble), 4448. */
static enum layer below_labels(struct walk *w)
{
	const uint8_t *p = w->c.pos;

	if (!cursor_left(&w->c))
		return layer_end(LAYERS_TRUNCATED_LINK);
	switch (p[0] >> 4) {
	case 4: /* an address may start like this, too */
		if ((p[0] & 15) < 5 || (is_ethernet(w, 0) && !is_ipv4(w)))
			break;
		return LAYER_IPV4;
	case 6:
		if (is_ethernet(w, 0) && !is_ipv6(w))
			break;
		return LAYER_IPV6;
	case 0:
		return pseudowire(w);
	case 1: /* an associated channel (RFC 5586) */
		return is_ethernet(w, 0) ? LAYER_ETHERNET : layer_end(LAYERS_NON_IP);
	case 15:
		if (p[0] == 0xff && cursor_left(&w->c) > 1 && p[1] == 3)
			return LAYER_PPP; /* RFC 4618 */
		break;
	}
	return is_ethernet(w, 0) ? LAYER_ETHERNET : layer_end(LAYERS_NON_IP);
}

enum layer layer_mpls(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint32_t entry;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	entry = be32_get(h);
	walk_step(w, LAYERS_MPLS, true, entry >> 12);
	return entry & 0x100 ? below_labels(w) : LAYER_MPLS;
}
