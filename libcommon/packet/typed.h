/* typed: packets from C, with a type for each kind of value, so that a port is no address.
 *
 *	struct pkt_model m = { 0 };
 *	pkt_push_ip(&m);
 *	pkt_push_tcp(&m);
 *	pkt_set_ip_dst(&m, PKT_IPV4(10, 0, 0, 1));
 *	pkt_set_tcp_dport(&m, PKT_PORT_OF(80));
 *	pkt_build(&m, frame, sizeof(frame), &packet, &why);
 *
 * There is a pkt_push_LAYER() for each layer of the table and a pkt_set_LAYER_FIELD() for each of
 *its fields but lists and names; it sets that of the topmost layer of the kind, and does nothing
 *where there is none. */
#ifndef WEIR_PACKET_TYPED_H
#define WEIR_PACKET_TYPED_H

#include "libcommon/packet/build.h"

struct pkt_port {
	uint16_t number;
};
struct pkt_mac {
	uint8_t byte[6];
};
struct pkt_ipv4 {
	uint8_t byte[4];
};
struct pkt_ipv6 {
	uint8_t byte[16];
};

#define PKT_PORT_OF(n) ((struct pkt_port){ n })
#define PKT_IPV4(a, b, c, d) ((struct pkt_ipv4){ { a, b, c, d } })
#define PKT_MAC_OF(a, b, c, d, e, f) ((struct pkt_mac){ { a, b, c, d, e, f } })

/* The topmost head of the layer, or PKT_NIL. */
static inline uint16_t pkt_top(const struct pkt_model *m, enum pkt_layer_id layer)
{
	uint16_t found = PKT_NIL;

	if (!pkt_model_empty(m))
		for (uint16_t h = m->first; h != PKT_NIL; h = m->head[h].next)
			if (m->head[h].layer == layer)
				found = h;
	return found;
}

static inline void pkt_put_number(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
				  uint64_t v)
{
	uint16_t h = pkt_top(m, layer);

	if (h != PKT_NIL)
		pkt_model_number(m, h, field, v);
}

static inline void pkt_put_port(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
				struct pkt_port v)
{
	pkt_put_number(m, layer, field, v.number);
}

static inline void pkt_put_mac(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
			       struct pkt_mac v)
{
	pkt_put_number(m, layer, field, (uint64_t)be16_get(v.byte) << 32 | be32_get(v.byte + 2));
}

static inline void pkt_put_ipv4(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
				struct pkt_ipv4 v)
{
	pkt_put_number(m, layer, field, be32_get(v.byte));
}

static inline void pkt_put_bytes(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
				 struct bytes v)
{
	uint16_t h = pkt_top(m, layer);

	if (h != PKT_NIL)
		pkt_model_bytes(m, h, field, v);
}

static inline void pkt_put_ipv6(struct pkt_model *m, enum pkt_layer_id layer, unsigned field,
				struct pkt_ipv6 v)
{
	pkt_put_bytes(m, layer, field, BYTES(v.byte, sizeof(v.byte)));
}

#define PKT_SETTER(l, f, type, put)                                                                \
	static inline void pkt_set_##l##_##f(struct pkt_model *m, type v)                          \
	{                                                                                          \
		put(m, PKT_##l, PKT_##l##_##f, v);                                                 \
	}
#define PKT_SETTER_UINT(l, f) PKT_SETTER(l, f, uint64_t, pkt_put_number)
#define PKT_SETTER_HEX(l, f) PKT_SETTER_UINT(l, f)
#define PKT_SETTER_ENUM(l, f) PKT_SETTER_UINT(l, f)
#define PKT_SETTER_FLAGS(l, f) PKT_SETTER_UINT(l, f)
#define PKT_SETTER_LETTERS(l, f) PKT_SETTER_UINT(l, f)
#define PKT_SETTER_TIME(l, f) PKT_SETTER_UINT(l, f)
#define PKT_SETTER_PORT(l, f) PKT_SETTER(l, f, struct pkt_port, pkt_put_port)
#define PKT_SETTER_MAC(l, f) PKT_SETTER(l, f, struct pkt_mac, pkt_put_mac)
#define PKT_SETTER_IP4(l, f) PKT_SETTER(l, f, struct pkt_ipv4, pkt_put_ipv4)
#define PKT_SETTER_IP6(l, f) PKT_SETTER(l, f, struct pkt_ipv6, pkt_put_ipv6)
#define PKT_SETTER_BYTES(l, f) PKT_SETTER(l, f, struct bytes, pkt_put_bytes)
#define PKT_SETTER_NAME(l, f)
#define PKT_SETTER_ITEMS(l, f)

#define PKT_LAYER(id, kind, also, title, ...)                                                      \
	static inline uint16_t pkt_push_##id(struct pkt_model *m)                                  \
	{                                                                                          \
		return pkt_model_push(m, PKT_##id);                                                \
	}
#define PKT_FIELD(l, id, bits, kind, ...) PKT_SETTER_##kind(l, id)
#define PKT_VFIELD(l, id, bits, kind, ...) PKT_SETTER_##kind(l, id)
#include "libcommon/packet/expand.h"

#endif
