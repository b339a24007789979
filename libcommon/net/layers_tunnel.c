/* layers_tunnel: entering a tunnel, doubt about it, and those right over IP. */
#include "libcommon/net/layers_tunnel.h"

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

enum layer tunnel_enter(struct walk *w, const struct tunnel *t, enum layer next)
{
	struct layers *l = w->l;
	struct layers_step *s;

	if (next == LAYER_NO_TUNNEL || t->c.failed || tunnel_left(t) < least(next))
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

enum layer tunnel_ip(const struct tunnel *t)
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

enum layer tunnel_type(const struct walk *w, struct tunnel *t, uint16_t type)
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
		return 40u + be16_get(p + 4) <= tunnel_left(t);
	len = be16_get(p + 2);
	return (p[0] & 15) >= 5 && len >= (p[0] & 15) * 4u && len <= tunnel_left(t);
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

bool tunnel_carries_ip(const struct tunnel *t, enum layer next)
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

enum layer tunnel_despite(const struct tunnel *t, unsigned reserved, enum layer next)
{
	return reserved && !tunnel_carries_ip(t, next) ? LAYER_NO_TUNNEL : next;
}

/* ---- over IP ---------------------------------------------------------------------------- */

static enum layer tunnel_ipip(const struct walk *w, struct tunnel *t)
{
	enum layer next = tunnel_ip(t);

	return next == (w->l->proto == 4 ? LAYER_IPV4 : LAYER_IPV6) ? next : LAYER_NO_TUNNEL;
}

static enum layer tunnel_etherip(struct tunnel *t)
{
	return cursor_be16(&t->c) == 0x3000 ? LAYER_ETHERNET : LAYER_NO_TUNNEL;
}

/* Its labels are part of it, whether or not those on a link are looked at. */
enum layer tunnel_mpls(struct tunnel *t)
{
	t->type = 0x8847;
	return tunnel_left(t) < 4 || !cursor_left(&t->c) ? LAYER_NO_TUNNEL : LAYER_MPLS;
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
		return tunnel_mpls(t);
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
	return tunnel_enter(w, &t, read_ip(w, &t));
}
