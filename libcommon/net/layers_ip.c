/* layers_ip: IPv4, IPv6 with its extension headers, fragments, and what goes on behind them. */
#include "libcommon/net/checksum.h"
#include "libcommon/net/layers_private.h"

enum layer layer_ip(struct walk *w)
{
	if (!cursor_left(&w->c))
		return layer_end(LAYERS_TRUNCATED_IP);
	switch (w->c.pos[0] >> 4) {
	case 4:
		return LAYER_IPV4;
	case 6:
		return LAYER_IPV6;
	default:
		return layer_end(LAYERS_BAD_IP_HEADER);
	}
}

/* Is there a source route that has not been used up? */
static bool ipv4_has_route(struct bytes options)
{
	struct cursor c = cursor_of(options);

	while (cursor_left(&c) >= 3) {
		uint8_t kind = cursor_u8(&c), len;

		if (kind == 0)
			return false;
		if (kind == 1)
			continue;
		len = cursor_u8(&c);
		if ((kind == 131 || kind == 137) && *c.pos <= len)
			return true;
		if (len < 2 || !cursor_skip(&c, len - 2u))
			return false;
	}
	return false;
}

static void set_fragment(struct walk *w, uint32_t header)
{
	struct layers_fragment *f = &w->l->frag;
	size_t captured = cursor_left(&w->c);

	f->data = BYTES(w->c.pos, captured < w->claimed ? captured : w->claimed);
	f->claimed = w->claimed;
	f->header = (uint16_t)header;
	f->damaged = w->bad_ip_sum;
	f->unsummed = w->no_ip_sum;
	f->routed = w->dst_differs;
	f->proto = w->l->proto;
}

static __attribute__((noinline)) enum layer ipv4_fragment(struct walk *w, const uint8_t *h,
							  uint32_t header)
{
	struct layers_fragment *f = &w->l->frag;
	uint16_t field = be16_get(h + 6);

	set_fragment(w, header);
	f->id = be16_get(h + 4);
	f->offset = (field & 0x1fffu) * 8;
	f->more = field & 0x2000;
	f->df = field & 0x4000;
	return layer_end(LAYERS_FRAGMENT);
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

enum layer layer_ipv4(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	size_t left = cursor_left(&w->c);
	struct layers *l = w->l;
	uint32_t header, total;
	uint64_t addresses, sum;

	if (left < 20)
		return layer_end(LAYERS_TRUNCATED_IP);
	header = (h[0] & 15) * 4u;
	total = be16_get(h + 2);
	if (h[0] >> 4 != 4 || header < 20 || (total ? total < header : w->small))
		return layer_end(LAYERS_BAD_IP_HEADER);
	if (left < header)
		return layer_end(LAYERS_TRUNCATED_IP);
	if (left < total && w->whole)
		return layer_end(LAYERS_BAD_IP_HEADER);
	l->ip_version = 4;
	memset(l->src, 0, 32);
	memcpy(l->src, h + 12, 4);
	memcpy(l->dst, h + 16, 4);
	l->proto = h[9];
	l->ecn = h[1] & 3;
	l->flow_label = 0;
	if (!total) { /* left to the card that segments: the capture is the packet */
		total = (uint32_t)left;
		w->verify = false;
	}
	l->ip_len = total;
	if (left > total)
		w->c.end = h + total;
	addresses = (uint64_t)load32(h + 12) + load32(h + 16);
	w->pseudo = checksum_fold(addresses);
	w->dst_differs = false;
	sum = addresses + load32(h) + load32(h + 4) + load32(h + 8);
	if (header > 20) {
		sum = checksum_add(sum, BYTES(h + 20, header - 20));
		w->dst_differs = ipv4_has_route(BYTES(h + 20, header - 20));
	}
	if (w->verify && checksum_fold(sum) != 0xffff) {
		w->bad_sum = true;
		if (be16_get(h + 10))
			w->bad_ip_sum = true;
		else
			w->no_ip_sum = true;
	}
	w->c.pos = h + header;
	w->claimed = total - header;
	if (be16_get(h + 6) & 0x3fff)
		return ipv4_fragment(w, h, header);
	return LAYER_L4;
}

static enum layer ipv6_fragment(struct walk *w, const uint8_t *h)
{
	struct layers_fragment *f = &w->l->frag;
	uint32_t header = w->l->ip_len - w->claimed;

	cursor_skip(&w->c, 8);
	w->claimed -= 8;
	set_fragment(w, header);
	f->id = be32_get(h + 4);
	f->offset = be16_get(h + 2) & 0xfff8;
	f->more = h[3] & 1;
	f->df = false;
	return layer_end(LAYERS_FRAGMENT);
}

/* Addresses that a layer-4 sum is over, where headers tell others than the first. */
struct ends {
	const uint8_t *src, *dst;
};

/* NULL: none. RFC 6275 6.3. */
static const uint8_t *home_address(struct bytes options)
{
	struct cursor c = cursor_of(options);

	while (cursor_left(&c)) {
		uint8_t kind = cursor_u8(&c), len = kind ? cursor_u8(&c) : 0;

		if (kind == 0xc9 && len == 16)
			return cursor_take(&c, 16);
		if (!cursor_skip(&c, len))
			return NULL;
	}
	return NULL;
}

/* The last address of the route; NULL: it is not told in full. RFC 8200 8.1, RFC 5095, 6275, 8754.
 */
static const uint8_t *final_destination(struct bytes route)
{
	if (route.len < 24)
		return NULL;
	switch (route.ptr[2]) {
	case 0: /* source route */
	case 2: /* mobile node */
		return route.ptr + route.len - 16;
	case 4: /* segments, the last one first */
		return route.ptr + 8;
	default:
		return NULL;
	}
}

static void ipv6_note_ends(struct walk *w, uint8_t kind, struct bytes header, struct ends *e)
{
	const uint8_t *told = NULL;

	if (kind == 60) {
		told = home_address(BYTES(header.ptr + 2, header.len - 2));
		e->src = told ? told : e->src;
	} else if (kind == 43 && header.ptr[3]) {
		told = final_destination(header);
		e->dst = told ? told : e->dst;
		w->dst_differs = !told;
	}
	if (told)
		w->pseudo = checksum_fold(
			checksum_add(checksum_add(0, BYTES(e->src, 16)), BYTES(e->dst, 16)));
}

/* Walks the extension headers to the layer-4 header. RFC 8200 section 4, RFC 4302. */
static enum layer ipv6_extensions(struct walk *w, uint8_t next)
{
	struct ends ends = { w->l->src, w->l->dst };

	for (unsigned n = 0;; n++) {
		const uint8_t *h = w->c.pos;
		uint32_t len = 8;

		switch (next) {
		case 0:   /* hop-by-hop options */
		case 43:  /* routing */
		case 60:  /* destination options */
		case 135: /* mobility */
		case 139: /* host identity */
		case 140: /* shim6 */
		case 44:  /* fragment */
		case 51:  /* authentication */
			break;
		default:
			w->l->proto = next;
			return LAYER_L4;
		}
		if (n == LAYERS_IP6_EXT_MAX)
			return layer_end(LAYERS_TOO_MANY_LAYERS);
		if (w->claimed < 8)
			return layer_end(LAYERS_BAD_IP_HEADER);
		if (cursor_left(&w->c) < 8)
			return layer_end(LAYERS_TRUNCATED_IP);
		if (next == 44) {
			w->l->proto = h[0];
			if (be16_get(h + 2) & 0xfff9) { /* RFC 6946: an atomic one is whole */
				w->dst_differs |= ends.src != w->l->src || ends.dst != w->l->dst;
				return ipv6_fragment(w, h);
			}
		} else {
			len = next == 51 ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
		}
		if (len > w->claimed)
			return layer_end(LAYERS_BAD_IP_HEADER);
		if (!cursor_skip(&w->c, len))
			return layer_end(LAYERS_TRUNCATED_IP);
		ipv6_note_ends(w, next, BYTES(h, len), &ends);
		next = h[0];
		w->claimed -= len;
	}
}

enum layer layer_ipv6(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	size_t left = cursor_left(&w->c);
	struct layers *l = w->l;
	uint32_t len;

	if (left < 40)
		return layer_end(LAYERS_TRUNCATED_IP);
	if (h[0] >> 4 != 6)
		return layer_end(LAYERS_BAD_IP_HEADER);
	len = be16_get(h + 4);
	if (!len && h[6] != 59) { /* a jumbogram, or left to the card that segments */
		if (w->small)
			return layer_end(LAYERS_BAD_IP_HEADER);
		len = (uint32_t)left - 40;
		w->verify = false;
	}
	if (left - 40 < len && w->whole)
		return layer_end(LAYERS_BAD_IP_HEADER);
	l->ip_version = 6;
	memcpy(l->src, h + 8, 32);
	l->ecn = h[1] >> 4 & 3;
	l->flow_label = be32_get(h) & 0xfffff;
	l->ip_len = len + 40;
	if (left > l->ip_len)
		w->c.end = h + l->ip_len;
	w->pseudo = checksum_fold(checksum_add(0, BYTES(h + 8, 32)));
	w->dst_differs = false;
	w->c.pos = h + 40;
	w->claimed = len;
	if (h[6] == PROTO_TCP || h[6] == PROTO_UDP) {
		l->proto = h[6];
		return LAYER_L4;
	}
	return ipv6_extensions(w, h[6]);
}

enum layer layers_resume_ip(struct walk *w, struct bytes whole)
{
	struct layers *l = w->l;
	size_t addresses = l->ip_version == 4 ? 4 : 16;

	if (l->ip_version != 4 && l->ip_version != 6)
		return layer_end(LAYERS_BAD_IP_HEADER);
	w->c = cursor_of(whole);
	w->claimed = (uint32_t)whole.len;
	w->pseudo = checksum_fold(
		checksum_add(checksum_add(0, BYTES(l->src, addresses)), BYTES(l->dst, addresses)));
	w->dst_differs = l->frag.routed;
	l->ip_len = l->frag.header + w->claimed;
	l->proto = l->frag.proto;
	return l->ip_version == 4 ? LAYER_L4 : ipv6_extensions(w, l->proto);
}
