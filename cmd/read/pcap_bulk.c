/* pcap_bulk: the packets of a classic pcap file, out of bytes that were read in bulk. */
#include "cmd/read/pcap_bulk.h"

#include <stdio.h>

#include "libcommon/record/record.h"

static uint32_t load32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t load16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static bool magic_is(struct bulk *b, const uint8_t *p, uint32_t magic, uint32_t scale)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		if (load32(p, swapped) == magic) {
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
	b->link_type = load32(p + 20, b->swapped) & 0x03ffffff;
	return load16(p + 4, b->swapped) == 2 && load16(p + 6, b->swapped) == 4;
}

enum cap_step bulk_next(struct bulk *b, struct bytes *in, struct cap_frame *f)
{
	const uint8_t *p = in->ptr;
	uint32_t caplen;

	if (in->len < BULK_PACKET_HEADER)
		return CAP_MORE;
	caplen = load32(p + 8, b->swapped);
	if (caplen > REC_MAX_PAYLOAD) {
		snprintf(b->why, sizeof(b->why),
			 "captured length %u of a packet is above the limit of %u", caplen,
			 (unsigned)REC_MAX_PAYLOAD);
		return CAP_BAD;
	}
	if (in->len - BULK_PACKET_HEADER < caplen)
		return CAP_MORE;
	f->ts = load32(p, b->swapped) * 1000000000ull +
		(uint64_t)load32(p + 4, b->swapped) * b->scale;
	f->link_type = b->link_type;
	f->wire_len = load32(p + 12, b->swapped);
	f->iface = 0;
	f->flags = 0;
	f->data = BYTES(p + BULK_PACKET_HEADER, caplen);
	in->ptr += BULK_PACKET_HEADER + caplen;
	in->len -= BULK_PACKET_HEADER + caplen;
	return CAP_FRAME;
}

void bulk_cut(struct bulk *b, struct bytes left)
{
	if (left.len < BULK_PACKET_HEADER)
		snprintf(b->why, sizeof(b->why), "cut in a packet header, %zu of %d bytes there",
			 left.len, BULK_PACKET_HEADER);
	else
		snprintf(b->why, sizeof(b->why), "cut in a packet, %zu of %u bytes there",
			 left.len - BULK_PACKET_HEADER, load32(left.ptr + 8, b->swapped));
}
