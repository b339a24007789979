/* layers_tunnel: tunnels over IP and UDP. Each function reads its header from a cursor of its own
 * and enters only where all of it is there and holds. */
#include "libcommon/net/checksum.h"
#include "libcommon/net/layers_private.h"

/* A tunnel's header while it is read: c is a copy of the walk's cursor. */
struct tunnel {
	struct cursor c;
	uint32_t claimed; /* bytes from the start of the tunnel's header, by the headers outside */
	const uint8_t *start;
	enum layers_kind kind;
	bool has_id;
	bool bad_sum;
	bool cut; /* by who put it into the tunnel */
	uint64_t id;
	uint16_t type; /* with LAYER_ETHERTYPE */
};

/* Bytes of the tunnel behind what was read. */
static uint32_t claimed_left(const struct tunnel *t)
{
	uint32_t read = (uint32_t)(t->c.pos - t->start);

	return read < t->claimed ? t->claimed - read : 0;
}

/* Cuts the payload to `len` bytes from `from` on. */
static void tunnel_cut(struct tunnel *t, const uint8_t *from, uint32_t len)
{
	if ((size_t)(t->c.end - from) > len)
		t->c.end = from + len;
}

/* The least that a tunnel's payload can be. */
static uint32_t least(enum layer next)
{
	switch (next) {
	case LAYER_ETHERNET:
		return 14;
	case LAYER_IPV4:
		return 20;
	case LAYER_IPV6:
		return 40;
	default:
		return 1;
	}
}

static enum layer enter(struct walk *w, const struct tunnel *t, enum layer next)
{
	struct layers *l = w->l;
	struct layers_step *s;

	if (next == LAYER_NO_TUNNEL || t->c.failed || claimed_left(t) < least(next))
		return LAYER_NO_TUNNEL;
	if (l->tunnels == LAYERS_TUNNELS_MAX ||
	    (t->kind != LAYERS_IPIP && l->headers == LAYERS_MAX) || l->nsteps == LAYERS_MAX)
		return layer_end(LAYERS_TOO_MANY_LAYERS);
	l->tunnels++;
	l->headers += t->kind != LAYERS_IPIP; /* which has no header but the inner IP's */
	s = &l->steps[l->nsteps++];
	memset(s, 0, sizeof(*s));
	memcpy(s->src, l->src, 16);
	memcpy(s->dst, l->dst, 16);
	s->ip_version = l->ip_version;
	s->kind = (uint8_t)t->kind;
	s->has_id = t->has_id;
	s->id = t->id;
	w->c = t->c;
	w->type = t->type;
	w->bad_sum |= t->bad_sum;
	w->whole &= !t->cut;
	l->src_port = l->dst_port = 0;
	return next;
}

/* IP by its first four bits, where there is any. */
static enum layer inner_ip(const struct tunnel *t)
{
	if (!cursor_left(&t->c))
		return LAYER_NO_TUNNEL;
	switch (t->c.pos[0] >> 4) {
	case 4:
		return LAYER_IPV4;
	case 6:
		return LAYER_IPV6;
	default:
		return LAYER_NO_TUNNEL;
	}
}

/* What follows an ethertype that a tunnel's header names. */
static enum layer inner_type(const struct walk *w, struct tunnel *t, uint16_t type)
{
	t->type = type;
	return ethertype_layer(w, type);
}

/* ---- reserved bits ---------------------------------------------------------------------- */

/* Who receives a tunnel ignores reserved bits, and they tell nothing. But a port alone is weak
 * evidence, and zeros where zeros should be are most of what a header of eight bytes adds. Where
 * they are none, the tunnel has to carry an IP packet that fits into it. */

static bool is_ip(const struct tunnel *t, enum layer next)
{
	const uint8_t *p = t->c.pos;
	uint32_t len;

	if (t->c.failed || cursor_left(&t->c) < least(next) ||
	    p[0] >> 4 != (next == LAYER_IPV4 ? 4 : 6))
		return false;
	if (next == LAYER_IPV6)
		return 40u + be16_get(p + 4) <= claimed_left(t);
	len = be16_get(p + 2);
	return (p[0] & 15) >= 5 && len >= (p[0] & 15) * 4u && len <= claimed_left(t);
}

static bool is_ip_of_type(const struct tunnel *t, uint16_t type)
{
	return (type == 0x0800 && is_ip(t, LAYER_IPV4)) || (type == 0x86dd && is_ip(t, LAYER_IPV6));
}

static bool is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200;
}

/* With up to two tags. */
static bool is_ethernet_with_ip(struct tunnel t)
{
	uint16_t type;

	cursor_skip(&t.c, 12);
	type = cursor_be16(&t.c);
	for (unsigned i = 0; i < 2 && is_tag(type); i++) {
		cursor_skip(&t.c, 2);
		type = cursor_be16(&t.c);
	}
	return is_ip_of_type(&t, type);
}

static bool is_ppp_with_ip(struct tunnel t)
{
	uint16_t protocol;

	if (cursor_left(&t.c) && t.c.pos[0] == 0xff)
		cursor_skip(&t.c, 2);
	protocol = cursor_u8(&t.c);
	if (!(protocol & 1))
		protocol = (uint16_t)(protocol << 8 | cursor_u8(&t.c));
	return is_ip_of_type(&t, protocol == 0x21 ? 0x0800 : protocol == 0x57 ? 0x86dd : 0);
}

static bool carries_ip(const struct tunnel *t, enum layer next)
{
	switch (next) {
	case LAYER_ETHERNET:
		return is_ethernet_with_ip(*t);
	case LAYER_PPP:
		return is_ppp_with_ip(*t);
	case LAYER_IPV4:
	case LAYER_IPV6:
		return is_ip(t, next);
	default:
		return false;
	}
}

/* What follows a header, some of whose reserved bits may be set. */
static enum layer despite(const struct tunnel *t, unsigned reserved, enum layer next)
{
	return reserved && !carries_ip(t, next) ? LAYER_NO_TUNNEL : next;
}

/* ---- GRE -------------------------------------------------------------------------------- */

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
	if (t->c.failed || len > claimed_left(t))
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
	return inner_ip(t);
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
		return inner_type(w, t, type);
	}
}

static enum layer tunnel_gre(const struct walk *w, struct tunnel *t)
{
	uint16_t flags = cursor_be16(&t->c), type = cursor_be16(&t->c);

	if (t->c.failed)
		return LAYER_NO_TUNNEL;
	if ((flags & 7) == 1)
		return gre_pptp(w, t, flags, type);
	if (flags & 7 || !layers_kind_on(w, LAYERS_GRE))
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
	return t->c.failed ? LAYER_NO_TUNNEL : gre_payload(w, t, flags, type);
}

/* ---- over IP ---------------------------------------------------------------------------- */

static enum layer tunnel_ipip(const struct walk *w, struct tunnel *t)
{
	enum layer next = inner_ip(t);

	return next == (w->l->proto == 4 ? LAYER_IPV4 : LAYER_IPV6) ? next : LAYER_NO_TUNNEL;
}

static enum layer tunnel_etherip(struct tunnel *t)
{
	return cursor_be16(&t->c) == 0x3000 ? LAYER_ETHERNET : LAYER_NO_TUNNEL;
}

static enum layer tunnel_mpls(const struct walk *w, struct tunnel *t)
{
	return claimed_left(t) < 4 || !cursor_left(&t->c) ? LAYER_NO_TUNNEL
							  : inner_type(w, t, 0x8847);
}

static enum layer read_ip(const struct walk *w, struct tunnel *t)
{
	switch (t->kind) {
	case LAYERS_GRE:
		return tunnel_gre(w, t);
	case LAYERS_IPIP:
		return tunnel_ipip(w, t);
	case LAYERS_ETHERIP:
		return tunnel_etherip(t);
	default:
		return tunnel_mpls(w, t);
	}
}

enum layer layers_ip_tunnel(struct walk *w)
{
	struct tunnel t = { .c = w->c, .claimed = w->claimed, .start = w->c.pos };

	switch (w->l->proto) {
	case 47: /* the version decides which kinds it may be */
		t.kind = LAYERS_GRE;
		break;
	case 97:
		t.kind = LAYERS_ETHERIP;
		break;
	case 137:
		t.kind = LAYERS_MPLS_IP;
		break;
	default:
		t.kind = LAYERS_IPIP;
		break;
	}
	if (t.kind != LAYERS_GRE && !layers_kind_on(w, t.kind))
		return LAYER_NO_TUNNEL;
	return enter(w, &t, read_ip(w, &t));
}

/* ---- over UDP --------------------------------------------------------------------------- */

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
		return inner_type(w, t, 0x894f);
	case 5:
		return inner_type(w, t, 0x8847);
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
		next = despite(t, (h[0] & 0xc0) | h[1] | h[2] | h[7], vxlan_gpe(w, t, h));
	if (gpe ||
	    (next != LAYER_NO_TUNNEL && (carries_ip(t, next) || !carries_ip(t, LAYER_ETHERNET)))) {
		t->kind = LAYERS_VXLAN_GPE;
		return next;
	}
	policy = h[0] & 0x80;
	return despite(t,
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
	return despite(t, reserved, inner_type(w, t, be16_get(h + 2)));
}

/* 3GPP TS 29.281 5.1, 5.2: a G-PDU; its extension headers name the next one's type. */
static enum layer tunnel_gtp(struct tunnel *t)
{
	const uint8_t *h = cursor_take(&t->c, 8);
	uint32_t len;

	if (!h || (h[0] & 0xf0) != 0x30 || h[1] != 255)
		return LAYER_NO_TUNNEL;
	len = be16_get(h + 2);
	if (len > claimed_left(t))
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
	return despite(t, h[0] & 8, inner_ip(t));
}

/* RFC 6081 4: trailers of type, length and value fill the rest. */
static bool teredo_trailers(const struct tunnel *t, uint32_t len)
{
	struct cursor c = t->c;
	uint32_t left = claimed_left(t);

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
	if (t->c.failed || !claimed_left(t))
		return LAYER_NO_TUNNEL;
	return despite(t, flags & L2TP_RESERVED, LAYER_PPP);
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
	next = inner_ip(t);
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
		return tunnel_mpls(w, t);
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
		next = enter(w, &t, read_udp(w, &t));
		if (next != LAYER_NO_TUNNEL)
			return next;
	}
	return LAYER_NO_TUNNEL;
}
