/* layers_tunnel: what the readers of tunnels share. Each reads its header from a cursor of its own
 * and names what is inside; it is entered only where all of the header is there and holds. */
#ifndef WEIR_LAYERS_TUNNEL_H
#define WEIR_LAYERS_TUNNEL_H

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
static inline uint32_t tunnel_left(const struct tunnel *t)
{
	uint32_t read = (uint32_t)(t->c.pos - t->start);

	return read < t->claimed ? t->claimed - read : 0;
}

/* Cuts the payload to `len` bytes from `from` on. */
static inline void tunnel_cut(struct tunnel *t, const uint8_t *from, uint32_t len)
{
	if ((size_t)(t->c.end - from) > len)
		t->c.end = from + len;
}

/* Goes into the tunnel, where it can be one: its payload is not less than `next` needs. */
enum layer tunnel_enter(struct walk *w, const struct tunnel *t, enum layer next);

/* IP by its first four bits, where there is any. */
enum layer tunnel_ip(const struct tunnel *t);

/* What follows an ethertype that a tunnel's header names. */
enum layer tunnel_type(const struct walk *w, struct tunnel *t, uint16_t type);

/* Is there an IP packet that fits into the tunnel, right behind what was read or behind `next`? */
bool tunnel_carries_ip(const struct tunnel *t, enum layer next);

/* What follows a header, some of whose reserved bits may be set: a reason to doubt. */
enum layer tunnel_despite(const struct tunnel *t, unsigned reserved, enum layer next);

enum layer tunnel_gre(const struct walk *w, struct tunnel *t);
enum layer tunnel_mpls(struct tunnel *t);

#endif
