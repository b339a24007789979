/* pcap_bulk: the packets of a classic pcap file, out of bytes that were read in bulk. */
#include "cmd/read/pcap_bulk.h"

#include <stdio.h>

static uint16_t load16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static bool magic_is(struct bulk *b, const uint8_t *p, uint32_t magic, uint32_t scale)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		if (bulk_u32(p, swapped) == magic) {
			b->swapped = swapped;
			b->scale = scale;
			return true;
		}
	}
	return false;
}

bool bulk_open(struct bulk *b, struct bytes header)
{
	const uint8_t *p = header.ptr;

	*b = (struct bulk){ 0 };
	if (header.len < BULK_FILE_HEADER)
		return false;
	if (!magic_is(b, p, 0xa1b2c3d4, 1000) && !magic_is(b, p, 0xa1b23c4d, 1))
		return false;
	/* The bits above the link type tell the length of the frame check sequence. */
	b->link_type = bulk_u32(p + 20, b->swapped) & 0x03ffffff;
	return load16(p + 4, b->swapped) == 2 && load16(p + 6, b->swapped) == 4;
}

void bulk_too_long(struct bulk *b, uint32_t caplen)
{
	snprintf(b->why, sizeof(b->why), "captured length %u of a packet is above the limit of %u",
		 caplen, (unsigned)REC_MAX_PAYLOAD);
}

void bulk_cut(struct bulk *b, struct bytes left)
{
	if (left.len < BULK_PACKET_HEADER)
		snprintf(b->why, sizeof(b->why), "cut in a packet header, %zu of %d bytes there",
			 left.len, BULK_PACKET_HEADER);
	else
		snprintf(b->why, sizeof(b->why), "cut in a packet, %zu of %u bytes there",
			 left.len - BULK_PACKET_HEADER, bulk_u32(left.ptr + 8, b->swapped));
}
