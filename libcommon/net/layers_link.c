/* layers_link: link layers, and what lies between them and IP without an IP header outside. */
#include "libcommon/net/layers_private.h"

/* ---- ethertypes ------------------------------------------------------------------------- */

static enum layer if_on(const struct walk *w, enum layers_kind kind, enum layer layer)
{
	return layers_kind_on(w, kind) ? layer : LAYER_NO_TUNNEL;
}

enum layer ethertype_layer(const struct walk *w, uint16_t type)
{
	switch (type) {
	case 0x0800:
		return LAYER_IPV4;
	case 0x86dd:
		return LAYER_IPV6;
	case 0x8100: /* IEEE 802.1Q, 802.1ad, and what was used before */
	case 0x88a8:
	case 0x9100:
	case 0x9200:
		return LAYER_VLAN;
	case 0x0806:
	case 0x8035: /* reverse */
		return layer_end(LAYERS_ARP);
	case 0x6558:
		return LAYER_ETHERNET;
	case 0x880b:
		return LAYER_PPP;
	case 0x8847:
	case 0x8848:
		return if_on(w, LAYERS_MPLS, LAYER_MPLS);
	case 0x8864:
		return if_on(w, LAYERS_PPPOE, LAYER_PPPOE);
	case 0x8926:
		return if_on(w, LAYERS_VNTAG, LAYER_VNTAG);
	case 0x88e5:
		return if_on(w, LAYERS_MACSEC, LAYER_MACSEC);
	case 0x894f:
		return if_on(w, LAYERS_NSH, LAYER_NSH);
	default:
		return LAYER_NO_TUNNEL;
	}
}

enum layer layer_ethertype(struct walk *w)
{
	enum layer next = ethertype_layer(w, w->type);

	return next == LAYER_NO_TUNNEL ? layer_end(LAYERS_NON_IP) : next;
}

/* A type, or the length of an IEEE 802.3 frame. */
static enum layer type_or_length(struct walk *w, uint16_t type)
{
	w->type = type;
	return type <= 1500 ? LAYER_LLC : LAYER_ETHERTYPE;
}

/* ---- link types ------------------------------------------------------------------------- */

enum layer layer_ethernet(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 14);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	w->l->l2_dst = h;
	w->l->l2_src = h + 6;
	return type_or_length(w, be16_get(h + 12));
}

/* IEEE 802.2: only SNAP with an ethertype (RFC 1042) and the old IP SAP carry IP. */
enum layer layer_llc(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 3);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03)
		return LAYER_IPV4;
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 0x03)
		return layer_end(LAYERS_NON_IP);
	h = cursor_take(&w->c, 5);
	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[0] || h[1] || (h[2] && h[2] != 0xf8)) /* 00-00-F8: IEEE 802.1H */
		return layer_end(LAYERS_NON_IP);
	w->type = be16_get(h + 3);
	return LAYER_ETHERTYPE;
}

/* The address family in the byte order of the host that captured: 2 is IPv4 everywhere, IPv6 has
 * four numbers. */
enum layer layer_null(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint32_t family;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	family = be32_get(h);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return LAYER_IPV4;
	case 10:
	case 24:
	case 28:
	case 30:
		return LAYER_IPV6;
	default:
		return layer_end(LAYERS_NON_IP);
	}
}

enum layer layer_sll(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 16);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (be16_get(h + 4) == 6)
		w->l->l2_src = h + 6;
	w->type = be16_get(h + 14);
	return w->type == 4 ? LAYER_LLC : LAYER_ETHERTYPE;
}

enum layer layer_sll2(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 20);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[11] == 6)
		w->l->l2_src = h + 12;
	w->type = be16_get(h);
	return w->type == 4 ? LAYER_LLC : LAYER_ETHERTYPE;
}

enum layer layer_chdlc(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	w->type = be16_get(h + 2);
	return LAYER_ETHERTYPE;
}

/* The frame control 0101xxxx is an LLC frame; the others are the ring's own. RFC 1390. */
enum layer layer_fddi(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 13);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	w->l->l2_dst = h + 1;
	w->l->l2_src = h + 7;
	return (h[0] & 0xf0) == 0x50 ? LAYER_LLC : layer_end(LAYERS_NON_IP);
}

/* Attributes (length, type, value, padding to 4) in the byte order of the host that captured: all
 * types are small, so the side of the zero byte tells it. The payload is type 9. */
enum layer layer_nflog(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint8_t family = h ? h[0] : 0;

	if (h && h[1])
		return layer_end(LAYERS_BAD_LINK_HEADER);
	while ((h = cursor_take(&w->c, 4))) {
		bool little = !h[3];
		uint32_t len = little ? h[1] << 8 | h[0] : be16_get(h);

		if (len < 4)
			return layer_end(LAYERS_BAD_LINK_HEADER);
		if (h[little ? 2 : 3] == 9) {
			walk_cut(w, len - 4);
			w->whole = false; /* a rule's range cuts, and nothing tells */
			return family == 2    ? LAYER_IPV4
			       : family == 10 ? LAYER_IPV6
					      : layer_end(LAYERS_NON_IP);
		}
		len = (len + 3) & ~3u;
		cursor_skip(&w->c, len - 4);
	}
	return layer_end(LAYERS_TRUNCATED_LINK);
}

/* RFC 1661, 1662: address and control may be left out, the protocol may be one byte. */
enum layer layer_ppp(struct walk *w)
{
	uint16_t protocol;

	if (cursor_left(&w->c) && w->c.pos[0] == 0xff) /* no protocol starts like this */
		cursor_skip(&w->c, 2);
	protocol = cursor_u8(&w->c);
	if (!(protocol & 1))
		protocol = (uint16_t)(protocol << 8 | cursor_u8(&w->c));
	if (w->c.failed)
		return layer_end(LAYERS_TRUNCATED_LINK);
	switch (protocol) {
	case 0x21:
		return LAYER_IPV4;
	case 0x57:
		return LAYER_IPV6;
	case 0x281:
	case 0x283:
		w->type = 0x8847;
		return LAYER_ETHERTYPE;
	default:
		return layer_end(LAYERS_NON_IP);
	}
}

/* ---- tags and labels -------------------------------------------------------------------- */

enum layer layer_vlan(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 4);
	uint16_t id;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	id = be16_get(h) & 0xfff;
	if (id) {
		w->l->vlans[w->l->nvlans++] = id;
		walk_step(w, LAYERS_VLAN, true, id);
	}
	return type_or_length(w, be16_get(h + 2));
}

enum layer layer_pppoe(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 6);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[0] != 0x11)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	if (h[1])
		return layer_end(LAYERS_NON_IP); /* discovery */
	walk_step(w, LAYERS_PPPOE, true, be16_get(h + 2));
	walk_cut(w, be16_get(h + 4));
	return LAYER_PPP;
}

enum layer layer_vntag(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 6);

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	walk_step(w, LAYERS_VNTAG, true,
		  (be16_get(h) & 0x3fffu) << 16 | (be16_get(h + 2) & 0xfffu));
	return type_or_length(w, be16_get(h + 4));
}

/* IEEE 802.1AE 9.3: V ES SC SCB E C AN; short length; packet number; the SCI where SC is set. */
enum layer layer_macsec(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 6);
	const uint8_t *sci = NULL;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[0] & 0x80 || h[1] & 0xc0)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	if (h[0] & 0x20) {
		sci = cursor_take(&w->c, 8);
		if (!sci)
			return layer_end(LAYERS_TRUNCATED_LINK);
	}
	walk_step(w, LAYERS_MACSEC, sci, sci ? be64_get(sci) : 0);
	if (h[0] & 0x0c)
		return layer_end(LAYERS_ENCRYPTED_MACSEC);
	if (h[1])
		walk_cut(w, h[1]);
	return cursor_left(&w->c) < 2 ? layer_end(LAYERS_TRUNCATED_LINK)
				      : type_or_length(w, cursor_be16(&w->c));
}

/* RFC 8300 2.2: version, length in words, next protocol, service path, metadata. */
enum layer layer_nsh(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 8);
	uint32_t len;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	len = (h[1] & 0x3f) * 4u;
	if (h[0] & 0xc0 || len < 8)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	if (h[0] & 0x20) /* O&M */
		return layer_end(LAYERS_NON_IP);
	walk_step(w, LAYERS_NSH, true, be32_get(h + 4) >> 8);
	if (!cursor_skip(&w->c, len - 8))
		return layer_end(LAYERS_TRUNCATED_LINK);
	switch (h[3]) {
	case 1:
		return LAYER_IPV4;
	case 2:
		return LAYER_IPV6;
	case 3:
		return LAYER_ETHERNET;
	case 4:
		return LAYER_NSH;
	case 5:
		w->type = 0x8847;
		return LAYER_ETHERTYPE;
	default:
		return layer_end(LAYERS_NON_IP);
	}
}
