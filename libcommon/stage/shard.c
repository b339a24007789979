/* shard: sends whole flows, or whole conversations of frames, to one of n places. */
#include "libcommon/stage/shard.h"

#include "libcommon/net/layers.h"

/* The finalizer of splitmix64: a bijection, every input bit reaches every output bit. */
static uint64_t spread(uint64_t v)
{
	v += 0x9e3779b97f4a7c15ull;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

uint64_t shard_flow_hash(uint64_t flow, uint64_t seed)
{
	return spread(flow ^ (seed ? spread(seed) : 0));
}

static uint64_t address_hash(const uint8_t a[16])
{
	return spread(spread(be64_get(a)) + be64_get(a + 8));
}

uint64_t shard_frame_hash(uint32_t link_type, struct bytes frame)
{
	static const struct layers_config below_ip = {
		.kinds = 1u << LAYERS_MPLS | 1u << LAYERS_PPPOE | 1u << LAYERS_VNTAG |
			 1u << LAYERS_MACSEC | 1u << LAYERS_NSH,
	};
	struct layers l = { 0 };

	layers_walk(&l, link_type, frame, &below_ip, LAYERS_NO_CHECKSUM);
	if (!l.ip_version)
		return 0;
	/* A sum is the same in both directions; spread once more, as it is not for equal ones. */
	return spread(address_hash(l.src) + address_hash(l.dst)) | 1;
}

/* A frame that is not in the fixed layout: its values in order, as shortest integers, say. */
static bool frame_read(struct bytes raw, uint32_t *link_type, struct bytes *frame)
{
	struct mp_value v;
	struct rec_head h;
	struct cursor c;
	uint32_t fields;
	size_t at;

	if (!rec_head_get(raw, &h, &fields, &at) || fields < 2)
		return false;
	c = cursor_of(BYTES(raw.ptr + at, raw.len - at));
	v = mp_next(&c);
	if (v.type != MP_UINT || v.u > UINT32_MAX)
		return false;
	*link_type = (uint32_t)v.u;
	for (uint32_t i = 1; i < fields - 1; i++)
		if (!mp_skip(&c))
			return false;
	v = mp_next(&c);
	*frame = v.bytes;
	return v.type == MP_BIN;
}

uint64_t shard_hash(const struct rec_head *h, struct bytes raw, uint64_t seed)
{
	struct rec_frame f;
	struct rec_head head;
	uint64_t hash = 0;

	if (h->type != REC_frame)
		return shard_flow_hash(h->flow, seed);
	if (rec_frame_get(raw, &head, &f) || frame_read(raw, &f.link_type, &f.payload))
		hash = shard_frame_hash(f.link_type, f.payload);
	return seed ? shard_flow_hash(hash, seed) : hash;
}

unsigned shard_of(const struct rec_head *h, struct bytes raw, unsigned n)
{
	/* The upper 32 bits as a fraction of n. */
	return n < 2 ? 0 : (unsigned)((shard_hash(h, raw, 0) >> 32) * n >> 32);
}
