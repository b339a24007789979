/* layers_wlan: IEEE 802.11 frames, and the headers that capturing cards put before them. */
#include "libcommon/net/layers_private.h"

static uint32_t le16_get(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32_get(const uint8_t *p)
{
	return le16_get(p) | le16_get(p + 2) << 16;
}

/* The header's length by its control field: four addresses, QoS, HT control. */
static uint32_t wlan_header(const uint8_t *h)
{
	uint32_t len = 24;

	if ((h[1] & 3) == 3)
		len += 6;
	if (h[0] & 0x80)
		len += 2 + (h[1] & 0x80 ? 4 : 0);
	return len;
}

/* Several frames in one, or perhaps only one: addresses, length. What is left may be a checksum. */
static enum layer wlan_amsdu(struct walk *w)
{
	const uint8_t *h = cursor_take(&w->c, 14);
	uint32_t len;

	if (!h)
		return layer_end(LAYERS_TRUNCATED_LINK);
	len = be16_get(h + 12);
	if (cursor_left(&w->c) >= len + 14)
		return layer_end(LAYERS_WLAN_AMSDU);
	w->l->l2_dst = h;
	w->l->l2_src = h + 6;
	walk_cut(w, len);
	return LAYER_LLC;
}

/* IEEE 802.11 9.2.4, 9.3.2. */
enum layer layer_wlan(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	uint32_t len, ds;

	if (cursor_left(&w->c) < 2)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (h[0] & 3)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	switch (h[0] >> 2 & 3) {
	case 0:
		return layer_end(LAYERS_WLAN_MANAGEMENT);
	case 2:
		break;
	default:
		return layer_end(LAYERS_WLAN_CONTROL);
	}
	len = wlan_header(h);
	if (w->wlan_pad)
		len = (len + 3) & ~3u;
	if (!cursor_skip(&w->c, len))
		return layer_end(LAYERS_TRUNCATED_LINK);
	ds = h[1] & 3;
	w->l->l2_dst = ds & 1 ? h + 16 : h + 4;
	w->l->l2_src = ds == 3 ? h + 24 : ds == 2 ? h + 16 : h + 10;
	if (h[0] & 0x40)
		return layer_end(LAYERS_WLAN_NO_DATA);
	if (h[1] & 0x40)
		return layer_end(LAYERS_ENCRYPTED_WLAN);
	if (h[1] & 4 || h[22] & 15)
		return layer_end(LAYERS_WLAN_FRAGMENT);
	if (h[0] & 0x80 && h[ds == 3 ? 30 : 24] & 0x80)
		return wlan_amsdu(w);
	return LAYER_LLC;
}

/* Little-endian, fields aligned to their size; of all of them, the second tells how the frame
 * is put together. */
enum layer layer_radiotap(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	uint32_t len, present, at = 8;
	uint8_t flags = 0;

	if (cursor_left(&w->c) < 8)
		return layer_end(LAYERS_TRUNCATED_LINK);
	len = le16_get(h + 2);
	if (h[0] || len < 8)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	if (!cursor_skip(&w->c, len))
		return layer_end(LAYERS_TRUNCATED_LINK);
	present = le32_get(h + 4);
	for (uint32_t more = present; more >> 31; at += 4) { /* further words of what is present */
		if (at + 4 > len)
			return layer_end(LAYERS_BAD_LINK_HEADER);
		more = le32_get(h + at);
	}
	if (present & 1) /* time */
		at = ((at + 7) & ~7u) + 8;
	if (present & 2) {
		if (at >= len)
			return layer_end(LAYERS_BAD_LINK_HEADER);
		flags = h[at];
	}
	if (flags & 0x40)
		return layer_end(LAYERS_WLAN_BAD_FCS);
	w->wlan_pad = flags & 0x20;
	return LAYER_WLAN;
}

enum layer layer_avs(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	uint32_t len;

	if (cursor_left(&w->c) < 8)
		return layer_end(LAYERS_TRUNCATED_LINK);
	len = be32_get(h + 4);
	if (be32_get(h) >> 12 != 0x80211 || len < 8 || len > 1024)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	return cursor_skip(&w->c, len) ? LAYER_WLAN : layer_end(LAYERS_TRUNCATED_LINK);
}

/* In the byte order of the host that captured, or AVS under the old number. */
enum layer layer_prism(struct walk *w)
{
	const uint8_t *h = w->c.pos;
	uint32_t len;

	if (cursor_left(&w->c) < 8)
		return layer_end(LAYERS_TRUNCATED_LINK);
	if (be32_get(h) >> 12 == 0x80211)
		return layer_avs(w);
	len = h[0] ? le32_get(h + 4) : be32_get(h + 4);
	if (len < 24 || len > 1024)
		return layer_end(LAYERS_BAD_LINK_HEADER);
	return cursor_skip(&w->c, len) ? LAYER_WLAN : layer_end(LAYERS_TRUNCATED_LINK);
}
