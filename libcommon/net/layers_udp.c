/* layers_udp: tunnels over UDP, found by their ports. */
#include "libcommon/net/layers_tunnel.h"

/* draft-ietf-nvo3-vxlan-gpe 3: the P flag tells that there is a next protocol. */
static enum layer vxlan_gpe(const struct walk *w, struct tunnel *t, const uint8_t *h)
{
	if (h[0] & 0x31 || !layers_kind_on(w, LAYERS_VXLAN_GPE)) /* version, O&M */
		return LAYER_NO_TUNNEL;
	if (!(h[0] & 4))
		return h[3] ? LAYER_NO_TUNNEL : LAYER_ETHERNET;
	switch (h[3]) {
	case 1:
		return LAYER_IPV4;
	case 2:
		return LAYER_IPV6;
	case 3:
		return LAYER_ETHERNET;
	case 4:
		return tunnel_type(w, t, 0x894f);
	case 5:
		return tunnel_type(w, t, 0x8847);
	default:
		return LAYER_NO_TUNNEL;
	}
}

/* RFC 7348 5; with the group policy extension its bits and id are no longer reserved. The P flag
 * is read at either port; at VXLAN's own it may be a reserved bit that is set. */
static enum layer tunnel_vxlan(const struct walk *w, struct tunnel *t)
{
	const uint8_t *h = cursor_take(&t->c, 8);
	bool gpe = t->kind == LAYERS_VXLAN_GPE, policy;
	enum layer next = LAYER_NO_TUNNEL;

	if (!h || !(h[0] & 8))
		return LAYER_NO_TUNNEL;
	t->id = be32_get(h + 4) >> 8;
	t->has_id = true;
	if (gpe || h[0] & 4)
		next = tunnel_despite(t, (h[0] & 0xc0) | h[1] | h[2] | h[7], vxlan_gpe(w, t, h));
	if (gpe || (next != LAYER_NO_TUNNEL &&
		    (tunnel_carries_ip(t, next) || !tunnel_carries_ip(t, LAYER_ETHERNET)))) {
		t->kind = LAYERS_VXLAN_GPE;
		return next;
	}
	policy = h[0] & 0x80;
	return tunnel_despite(t,
			      (h[0] & 0x77) | (h[1] & (policy ? 0xb7 : 0xff)) | h[7] |
				      (policy ? 0 : h[2] | h[3]),
			      LAYER_ETHERNET);
}

/* RFC 8926 3.4, 3.5. */
static enum layer tunnel_geneve(const struct walk *w, struct tunnel *t)
{
	const uint8_t *h = cursor_take(&t->c, 8);
	struct cursor options;
	unsigned reserved;

	if (!h || h[0] & 0xc0)
		return LAYER_NO_TUNNEL;
	reserved = (h[1] & 0x3f) | h[7];
	t->id = be32_get(h + 4) >> 8;
	t->has_id = true;
	options = cursor_of(cursor_bytes(&t->c, (h[0] & 0x3f) * 4u));
	if (t->c.failed)
		return LAYER_NO_TUNNEL;
	while (cursor_left(&options)) {
		const uint8_t *o = cursor_take(&options, 4);

		if (!o || !cursor_skip(&options, (o[3] & 0x1f) * 4u))
			return LAYER_NO_TUNNEL;
		reserved |= o[3] & 0xe0;
	}
	return tunnel_despite(t, reserved, tunnel_type(w, t, be16_get(h + 2)));
}

/* 3GPP TS 29.281 5.1, 5.2: a G-PDU; its extension headers name the next one's type. */
static enum layer tunnel_gtp(struct tunnel *t)
{
	const uint8_t *h = cursor_take(&t->c, 8);
	uint32_t len;

	if (!h || (h[0] & 0xf0) != 0x30 || h[1] != 255)
		return LAYER_NO_TUNNEL;
	len = be16_get(h + 2);
	if (len > tunnel_left(t))
		return LAYER_NO_TUNNEL;
	t->claimed = len + 8;
	tunnel_cut(t, t->c.pos, len);
	t->id = be32_get(h + 4);
	t->has_id = true;
	if (h[0] & 7) {
		const uint8_t *o = cursor_take(&t->c, 4);
		uint8_t next = o && h[0] & 4 ? o[3] : 0;

		while (next) {
			uint32_t words = cursor_u8(&t->c);

			if (!words || !cursor_skip(&t->c, words * 4 - 1))
				return LAYER_NO_TUNNEL;
			next = t->c.pos[-1];
		}
	}
	return tunnel_despite(t, h[0] & 8, tunnel_ip(t));
}

/* RFC 6081 4: trailers of type, length and value fill the rest. */
static bool teredo_trailers(const struct tunnel *t, uint32_t len)
{
	struct cursor c = t->c;
	uint32_t left = tunnel_left(t);

	if (left < len)
		return false;
	if (left == len)
		return true;
	if (cursor_left(&c) < left) /* snapped */
		return false;
	cursor_skip(&c, len);
	while (cursor_left(&c) && !c.failed) {
		cursor_u8(&c);
		cursor_skip(&c, cursor_u8(&c));
	}
	return !c.failed;
}

/* RFC 4380 5.1.1: authentication and origin may come before the IPv6 packet. Its length must
 * agree, as this port may also be a client's of something else. */
static enum layer tunnel_teredo(struct tunnel *t)
{
	const uint8_t *p = t->c.pos;

	if (cursor_left(&t->c) >= 4 && be16_get(p) == 1) {
		cursor_skip(&t->c, 13u + p[2] + p[3]);
		p = t->c.pos;
	}
	if (cursor_left(&t->c) >= 8 && be16_get(p) == 0) {
		cursor_skip(&t->c, 8);
		p = t->c.pos;
	}
	if (t->c.failed || cursor_left(&t->c) < 40 || p[0] >> 4 != 6 ||
	    !teredo_trailers(t, 40u + be16_get(p + 4)))
		return LAYER_NO_TUNNEL;
	return LAYER_IPV6;
}

enum {
	L2TP_CONTROL = 0x8000,
	L2TP_LENGTH = 0x4000,
	L2TP_SEQUENCE = 0x0800,
	L2TP_OFFSET = 0x0200,
	L2TP_PRIORITY = 0x0100,
	L2TP_RESERVED = 0x34f0,
	L2TP_VERSION = 0x000f,
};

/* RFC 2661 3.1: a data message of version 2. */
static enum layer tunnel_l2tp(struct tunnel *t)
{
	uint16_t flags = cursor_be16(&t->c);

	if ((flags & (L2TP_CONTROL | L2TP_VERSION)) != 2)
		return LAYER_NO_TUNNEL;
	if (flags & L2TP_LENGTH) {
		uint16_t len = cursor_be16(&t->c);

		if (len < 8 || len > t->claimed)
			return LAYER_NO_TUNNEL;
		t->claimed = len;
		tunnel_cut(t, t->start, len);
	}
	t->id = cursor_be32(&t->c);
	t->has_id = true;
	if (flags & L2TP_SEQUENCE)
		cursor_skip(&t->c, 4);
	if (flags & L2TP_OFFSET)
		cursor_skip(&t->c, cursor_be16(&t->c));
	if (t->c.failed || !tunnel_left(t))
		return LAYER_NO_TUNNEL;
	return tunnel_despite(t, flags & L2TP_RESERVED, LAYER_PPP);
}

/* draft-massar-v6ops-ayiya: lengths and kinds in nibbles, next header, time; identity and
 * signature. */
static enum layer tunnel_ayiya(struct tunnel *t)
{
	const uint8_t *h = cursor_take(&t->c, 8);
	enum layer next;

	if (!h || h[0] >> 4 > 4 || (h[0] & 15) > 2 || (h[1] & 15) > 3 || h[2] >> 4 > 2 ||
	    (h[2] & 15) != 1)
		return LAYER_NO_TUNNEL;
	if (!cursor_skip(&t->c, (1u << (h[0] >> 4)) + (h[1] >> 4) * 4u))
		return LAYER_NO_TUNNEL;
	next = tunnel_ip(t);
	return (next == LAYER_IPV4 && h[3] == 4) || (next == LAYER_IPV6 && h[3] == 41)
		       ? next
		       : LAYER_NO_TUNNEL;
}

static enum layer read_udp(const struct walk *w, struct tunnel *t)
{
	switch (t->kind) {
	case LAYERS_VXLAN:
	case LAYERS_VXLAN_GPE:
		return tunnel_vxlan(w, t);
	case LAYERS_GENEVE:
		return tunnel_geneve(w, t);
	case LAYERS_GTP:
		return tunnel_gtp(t);
	case LAYERS_TEREDO:
		return tunnel_teredo(t);
	case LAYERS_L2TP:
		return tunnel_l2tp(t);
	case LAYERS_AYIYA:
		return tunnel_ayiya(t);
	case LAYERS_GRE:
		return tunnel_gre(w, t);
	default:
		return tunnel_mpls(t);
	}
}

/* Those whose answers come from the tunnel's port. */
static bool either_port(enum layers_kind kind)
{
	return kind == LAYERS_GTP || kind == LAYERS_TEREDO || kind == LAYERS_L2TP ||
	       kind == LAYERS_AYIYA;
}

enum layer layers_udp_tunnel(struct walk *w, uint32_t len)
{
	uint16_t src = w->l->src_port, dst = w->l->dst_port;

	for (unsigned i = 0; i < w->config->nports; i++) {
		const struct layers_port *p = &w->config->ports[i];
		enum layers_kind kind = (enum layers_kind)p->kind;
		struct tunnel t;
		enum layer next;

		if (p->port != dst && (p->port != src || !either_port(kind)))
			continue;
		t = (struct tunnel){ .c = w->c, .claimed = len, .start = w->c.pos, .kind = kind };
		tunnel_cut(&t, t.start, len);
		next = tunnel_enter(w, &t, read_udp(w, &t));
		if (next != LAYER_NO_TUNNEL)
			return next;
	}
	return LAYER_NO_TUNNEL;
}
