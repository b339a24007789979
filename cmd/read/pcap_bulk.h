/* pcap_bulk: the packets of a classic pcap file, out of bytes that were read in bulk.
 *
 * Pure: no I/O, no allocation. Covers what nearly all files are (version 2.4, us or ns, either
 * byte order); the rarer layouts are left to libpcap. */
#ifndef WEIR_READ_PCAP_BULK_H
#define WEIR_READ_PCAP_BULK_H

#include "cmd/read/frame.h"
#include "libcommon/record/record.h"

enum { BULK_FILE_HEADER = 24, BULK_PACKET_HEADER = 16 };

struct bulk {
	bool swapped;
	uint32_t scale; /* ns per unit of a packet header's fraction */
	uint32_t link_type;
	char why[CAP_WHY];
};

/* From the file header, at least BULK_FILE_HEADER bytes. False: another layout. */
bool bulk_open(struct bulk *b, struct bytes header);
/* Says in b->why what is wrong with a captured length. */
void bulk_too_long(struct bulk *b, uint32_t caplen);
/* The input ended although `left` (not empty) is there: says in b->why what is cut. */
void bulk_cut(struct bulk *b, struct bytes left);

static inline uint32_t bulk_u32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

/* The next packet; *in is moved behind it. On CAP_MORE and CAP_BAD *in starts at the packet
 * header that is incomplete or damaged. */
static inline enum cap_step bulk_next(struct bulk *b, struct bytes *in, struct cap_frame *f)
{
	const uint8_t *p = in->ptr;
	uint32_t caplen;

	if (in->len < BULK_PACKET_HEADER)
		return CAP_MORE;
	caplen = bulk_u32(p + 8, b->swapped);
	if (caplen > REC_MAX_PAYLOAD) {
		bulk_too_long(b, caplen);
		return CAP_BAD;
	}
	if (in->len - BULK_PACKET_HEADER < caplen)
		return CAP_MORE;
	*f = (struct cap_frame){
		.ts = bulk_u32(p, b->swapped) * 1000000000ull +
		      (uint64_t)bulk_u32(p + 4, b->swapped) * b->scale,
		.link_type = b->link_type,
		.wire_len = bulk_u32(p + 12, b->swapped),
		.data = BYTES(p + BULK_PACKET_HEADER, caplen),
	};
	in->ptr += BULK_PACKET_HEADER + caplen;
	in->len -= BULK_PACKET_HEADER + caplen;
	return CAP_FRAME;
}
#endif
