/* hot: straight-line coding of the fixed-layout types, expanded from proto/hot.def.
 * Included by record.h only. */
#ifndef WEIR_RECORD_HOT_H
#define WEIR_RECORD_HOT_H

#include "libcommon/record/record.h"

/* The wire image: a marker byte before each full-width value. */
typedef uint8_t wire_u8;
typedef uint16_t wire_u16;
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef uint8_t wire_ip16[16];

struct __attribute__((packed)) wire_prefix {
	uint8_t array;
	uint16_t items;
	uint8_t type_mark;
	uint16_t type;
	uint8_t ts_mark;
	uint64_t ts;
	uint8_t flow_mark;
	uint64_t flow;
	uint8_t n_mark;
	uint64_t n;
};

struct __attribute__((packed)) wire_cell_u8 {
	uint8_t mark, v;
};
struct __attribute__((packed)) wire_cell_u16 {
	uint8_t mark;
	uint16_t v;
};
struct __attribute__((packed)) wire_cell_u32 {
	uint8_t mark;
	uint32_t v;
};
struct __attribute__((packed)) wire_cell_u64 {
	uint8_t mark;
	uint64_t v;
};
struct __attribute__((packed)) wire_cell_ip16 {
	uint8_t mark, len, v[16];
};

/* A value of up to four bytes goes out with its marker in one store, which may reach up to three
 * bytes beyond it: so values are written in their order, and the payload's header, of five bytes,
 * after them all. */
static inline void wire_put_u8(uint8_t *at, uint8_t v)
{
	uint16_t both = (uint16_t)(v << 8 | 0xcc);

	memcpy(at, &both, sizeof(both));
}
static inline void wire_put_u16(uint8_t *at, uint16_t v)
{
	uint32_t both = (uint32_t)__builtin_bswap16(v) << 8 | 0xcd;

	memcpy(at, &both, sizeof(both));
}
static inline void wire_put_u32(uint8_t *at, uint32_t v)
{
	uint64_t both = (uint64_t)__builtin_bswap32(v) << 8 | 0xce;

	memcpy(at, &both, sizeof(both));
}
static inline void wire_put_u64(uint8_t *at, uint64_t v)
{
	at[0] = 0xcf;
	be64_put(at + 1, v);
}
static inline void wire_put_ip16(uint8_t *at, const uint8_t *v)
{
	at[0] = 0xc4;
	at[1] = 16;
	memcpy(at + 2, v, 16);
}
static inline void wire_get_u8(const struct wire_cell_u8 *c, uint8_t *v)
{
	*v = c->v;
}
static inline void wire_get_u16(const struct wire_cell_u16 *c, uint16_t *v)
{
	*v = __builtin_bswap16(c->v);
}
static inline void wire_get_u32(const struct wire_cell_u32 *c, uint32_t *v)
{
	*v = __builtin_bswap32(c->v);
}
static inline void wire_get_u64(const struct wire_cell_u64 *c, uint64_t *v)
{
	*v = __builtin_bswap64(c->v);
}
static inline void wire_get_ip16(const struct wire_cell_ip16 *c, uint8_t *v)
{
	memcpy(v, c->v, 16);
}

#define HOT(name, id, major, what)                        \
	struct __attribute__((packed)) wire_##name {      \
		struct wire_prefix prefix;
#define HFIELD(r, type, name, what) struct wire_cell_##type name;
#define PAYLOAD(r, what)      \
	uint8_t payload_mark; \
	uint32_t payload_len;
#define HOT_END(name) \
	}             \
	;             \
	enum { rec_##name##_wire = sizeof(struct wire_##name) };
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END

/* How many fields each has. */
#define HOT(name, id, major, what) enum { rec_##name##_items = 4
#define HFIELD(r, type, name, what) +1
#define PAYLOAD(r, what) +1
#define HOT_END(name) \
	}             \
	;
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END

#define HOT(name_, id_, major, what)                                                           \
	static inline void rec_##name_##_put_head(uint8_t *at, const struct rec_head *h,       \
		const struct rec_##name_ *r)                                                   \
	{                                                                                      \
		rec_head_put(at, &(struct rec_head){ id_, h->ts, h->flow, h->n },              \
			rec_##name_##_items - 4);
#define HFIELD(r_, type, name, what) \
	wire_put_##type(at + offsetof(struct wire_##r_, name), r->name);
#define PAYLOAD(r_, what)                                       \
	at[offsetof(struct wire_##r_, payload_mark)] = 0xc6;    \
	be32_put(at + offsetof(struct wire_##r_, payload_len), (uint32_t)r->payload.len);
#define HOT_END(name) }
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END

#define HOT(name_, id_, major, what)                                                           \
	static inline void rec_##name_##_put(uint8_t *at, const struct rec_head *h,            \
		const struct rec_##name_ *r)                                                   \
	{                                                                                      \
		rec_##name_##_put_head(at, h, r);                                              \
		if (r->payload.len)                                                            \
			memcpy(at + rec_##name_##_wire, r->payload.ptr, r->payload.len);       \
	}
#define HFIELD(r_, type, name, what)
#define PAYLOAD(r_, what)
#define HOT_END(name)
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END

/* Each type's image with all its constant bytes in place, and the mask that says which they are. */
#define CELL_u8 { 0xcc, 0 }
#define CELL_u16 { 0xcd, 0 }
#define CELL_u32 { 0xce, 0 }
#define CELL_u64 { 0xcf, 0 }
#define CELL_ip16 { 0xc4, 16, { 0 } }
#define HOT(name, id, major, what)                                                              \
	static const struct wire_##name rec_##name##_image = {                                 \
		{ 0xdc, __builtin_bswap16((uint16_t)rec_##name##_items), 0xcd,                 \
			__builtin_bswap16(id), 0xcf, 0, 0xcf, 0, 0xcf, 0 },
#define HFIELD(r, type, name, what) CELL_##type,
#define PAYLOAD(r, what) 0xc6, 0,
#define HOT_END(name) \
	}             \
	;
#include "proto/hot.def"
#undef HOT
#undef PAYLOAD
#undef CELL_u8
#undef CELL_u16
#undef CELL_u32
#undef CELL_u64
#undef CELL_ip16
#define CELL_u8 { 0xff, 0 }
#define CELL_u16 { 0xff, 0 }
#define CELL_u32 { 0xff, 0 }
#define CELL_u64 { 0xff, 0 }
#define CELL_ip16 { 0xff, 0xff, { 0 } }
#define HOT(name, id, major, what)                                                              \
	static const struct wire_##name rec_##name##_mask = {                                  \
		{ 0xff, 0xffff, 0xff, 0xffff, 0xff, 0, 0xff, 0, 0xff, 0 },
#define PAYLOAD(r, what) 0xff, 0,
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END
#undef CELL_u8
#undef CELL_u16
#undef CELL_u32
#undef CELL_u64
#undef CELL_ip16

typedef uint64_t wire_lanes __attribute__((vector_size(16)));

static inline wire_lanes wire_differs(const void *p, const void *image, const void *mask, size_t at)
{
	wire_lanes have, want, which;

	memcpy(&have, (const uint8_t *)p + at, sizeof(have));
	memcpy(&want, (const uint8_t *)image + at, sizeof(want));
	memcpy(&which, (const uint8_t *)mask + at, sizeof(which));
	return (have ^ want) & which;
}

/* Are all the constant bytes of p, which has size bytes (a constant), in place? The last 16
 * overlap those before, so nothing beyond is touched. */
static inline __attribute__((always_inline)) bool wire_is(const void *p, const void *image,
	const void *mask, size_t size)
{
	wire_lanes bad = wire_differs(p, image, mask, size - 16);

#pragma GCC unroll 16
	for (size_t at = 0; at + 16 < size; at += 16)
		bad |= wire_differs(p, image, mask, at);
	return !(bad[0] | bad[1]);
}

/* Is what stands at p, where rec_X_wire bytes are, a record of this type in its fixed layout? */
#define HOT(name, id, major, what)                                                              \
	static inline bool rec_##name##_is_fixed(const uint8_t *p)                             \
	{                                                                                      \
		return wire_is(p, &rec_##name##_image, &rec_##name##_mask, rec_##name##_wire); \
	}
#define HFIELD(r_, type, name, what)
#define PAYLOAD(r_, what)
#define HOT_END(name)
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END

#define HOT(name_, id_, major, what)                                                           \
	static inline bool rec_##name_##_get(struct bytes raw, struct rec_head *h,             \
		struct rec_##name_ *r)                                                         \
	{                                                                                      \
		const struct wire_##name_ *w = (const struct wire_##name_ *)raw.ptr;           \
		if (raw.len < sizeof(*w) || !rec_##name_##_is_fixed(raw.ptr))                  \
			return false;                                                          \
		*h = rec_head_fast(raw.ptr);
#define HFIELD(r_, type, name, what) wire_get_##type(&w->name, FIELD_AT_##type(r->name));
#define PAYLOAD(r_, what)                                                                      \
	r->payload = BYTES(raw.ptr + sizeof(*w), __builtin_bswap32(w->payload_len));           \
	return r->payload.len == raw.len - sizeof(*w);
#define HOT_END(name) }
#define FIELD_AT_u8(x) &(x)
#define FIELD_AT_u16(x) &(x)
#define FIELD_AT_u32(x) &(x)
#define FIELD_AT_u64(x) &(x)
#define FIELD_AT_ip16(x) (x)
#include "proto/hot.def"
#undef HOT
#undef HFIELD
#undef PAYLOAD
#undef HOT_END
#undef FIELD_AT_u8
#undef FIELD_AT_u16
#undef FIELD_AT_u32
#undef FIELD_AT_u64
#undef FIELD_AT_ip16

#endif
