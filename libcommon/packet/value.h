/* value: a text as the value of a field that a path names. Which field that is the packet tells:
 * a DNS record's rdata is an address, a name or bytes. So a text is read as each that it can be. */
#ifndef WEIR_PACKET_VALUE_H
#define WEIR_PACKET_VALUE_H

#include "libcommon/packet/path.h"

struct pkt_value {
	const struct pkt_field *field;
	uint64_t number;
	uint32_t at, len; /* its bytes, where it is no number */
	bool bytes;
	bool raw; /* given as "text" or x"00ff" to what is neither bytes nor a name */
};

struct pkt_values {   /* a zeroed struct is a valid empty one */
	struct buf v; /* struct pkt_value each */
	struct buf bytes;
};

/* Adds the next value in the text, up to a ".." of a range. False, with a message: no field that
 * the path may mean takes it. */
bool pkt_values_read(struct pkt_values *vs, struct pkt_text *t, const struct pkt_path *path);
void pkt_values_release(struct pkt_values *vs);

/* The value for that field, among the n from the value `from` on; NULL: it takes none of this. */
const struct pkt_value *pkt_values_for(const struct pkt_values *vs, size_t from, size_t n,
				       const struct pkt_field *f);
static inline size_t pkt_values_count(const struct pkt_values *vs)
{
	return vs->v.len / sizeof(struct pkt_value);
}
static inline struct bytes pkt_value_bytes(const struct pkt_values *vs, const struct pkt_value *v)
{
	return BYTES(v->len ? vs->bytes.ptr + v->at : NULL, v->len);
}

#endif
