/* layers_gre: RFC 2784, 2890, 1701 and 2637, and what is inside: ERSPAN, NVGRE, WCCP. */
#include "libcommon/net/checksum.h"
#include "libcommon/net/layers_tunnel.h"

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080,
};

/* RFC 1701: source route entries up to an empty one. */
static void gre_skip_routes(struct tunnel *t)
{
	while (!t->c.failed) {
		const uint8_t *h = cursor_take(&t->c, 4);

		if (!h || (!be16_get(h) && !h[3]))
			return;
		cursor_skip(&t->c, h[3]);
	}
}

/* RFC 2637 4.1: GRE version 1, where the key is a length and a call id. */
static enum layer gre_pptp(const struct walk *w, struct tunnel *t, uint16_t flags, uint16_t type)
{
	uint16_t len;

	if (flags & (GRE_CHECKSUM | GRE_ROUTING | 0x0f78) || !(flags & GRE_KEY) || type != 0x880b ||
	    !layers_kind_on(w, LAYERS_PPTP))
		return LAYER_NO_TUNNEL;
	len = cursor_be16(&t->c);
	t->kind = LAYERS_PPTP;
	t->id = cursor_be16(&t->c);
	t->has_id = true;
	if (!(flags & GRE_SEQUENCE) || !len) /* an acknowledgement alone */
		return LAYER_NO_TUNNEL;
	cursor_skip(&t->c, flags & GRE_ACK ? 8 : 4);
	if (t->c.failed || len > tunnel_left(t))
		return LAYER_NO_TUNNEL;
	tunnel_cut(t, t->c.pos, len);
	return LAYER_PPP;
}

/* Types I (no sequence number, no header), II and III; III may have a platform's subheader. */
static enum layer gre_erspan(const struct walk *w, struct tunnel *t, uint16_t flags, uint16_t type)
{
	const uint8_t *h;
	bool third = type == 0x22eb;

	if (!layers_kind_on(w, LAYERS_ERSPAN))
		return LAYER_NO_TUNNEL;
	t->kind = LAYERS_ERSPAN;
	t->has_id = false;
	t->id = 0;
	t->cut = true; /* perhaps: type I has no bit for it */
	if (!third && !(flags & GRE_SEQUENCE))
		return LAYER_ETHERNET;
	h = cursor_take(&t->c, third ? 12 : 8);
	if (!h || h[0] >> 4 != (third ? 2 : 1))
		return LAYER_NO_TUNNEL;
	t->id = be16_get(h + 2) & 0x3ff;
	t->has_id = true;
	t->cut = h[2] & 4;
	if (third && h[11] & 1)
		cursor_skip(&t->c, 8);
	return LAYER_ETHERNET;
}

/* Cisco's redirection: version 2 has a header of 4 bytes, which starts with a small number. */
static enum layer gre_wccp(struct tunnel *t)
{
	if (cursor_left(&t->c) && t->c.pos[0] >> 4 != 4)
		cursor_skip(&t->c, 4);
	return tunnel_ip(t);
}

static enum layer gre_payload(const struct walk *w, struct tunnel *t, uint16_t flags, uint16_t type)
{
	switch (type) {
	case 0x88be:
	case 0x22eb:
		return gre_erspan(w, t, flags, type);
	case 0x883e:
		return gre_wccp(t);
	case 0x6558:
		/* VSIDs below 0x1000 are reserved (RFC 7637 3.2): that is a key like any other. */
		if (layers_kind_on(w, LAYERS_NVGRE) && t->kind == LAYERS_GRE && t->id >> 20 &&
		    !(flags & (GRE_CHECKSUM | GRE_ROUTING | GRE_SEQUENCE))) {
			t->kind = LAYERS_NVGRE;
			t->id >>= 8;
		}
		return LAYER_ETHERNET;
	default:
		if ((type & 0xff0f) == 0x8200) /* Aruba's access points: frames of IEEE 802.11 */
			return LAYER_WLAN;
		return tunnel_type(w, t, type);
	}
}

enum layer tunnel_gre(const struct walk *w, struct tunnel *t)
{
	uint16_t flags = cursor_be16(&t->c), type = cursor_be16(&t->c);
	enum layer next;

	if (t->c.failed)
		return LAYER_NO_TUNNEL;
	if ((flags & 7) == 1)
		return gre_pptp(w, t, flags, type);
	if (flags & 7)
		return LAYER_NO_TUNNEL;
	if (flags & GRE_CHECKSUM && w->verify && cursor_left(&t->c) + 4 >= t->claimed)
		t->bad_sum = checksum_fold(checksum_add(0, BYTES(t->start, t->claimed))) != 0xffff;
	if (flags & (GRE_CHECKSUM | GRE_ROUTING))
		cursor_skip(&t->c, 4);
	if (flags & GRE_KEY) {
		t->id = cursor_be32(&t->c);
		t->has_id = true;
	}
	if (flags & GRE_SEQUENCE)
		cursor_skip(&t->c, 4);
	if (flags & GRE_ROUTING)
		gre_skip_routes(t);
	if (t->c.failed)
		return LAYER_NO_TUNNEL;
	next = gre_payload(w, t, flags, type);
	return layers_kind_on(w, t->kind) ? next : LAYER_NO_TUNNEL; /* what it carries says which */
}
