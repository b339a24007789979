/* checksum: the Internet checksum. */
#include "libcommon/net/checksum.h"

typedef uint64_t sum_lanes __attribute__((vector_size(16)));

static sum_lanes lanes_load(const uint8_t *p)
{
	sum_lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t checksum_add(uint64_t sum, struct bytes b)
{
	const sum_lanes low_half = { 0xffffffff, 0xffffffff };
	sum_lanes lo = { 0, 0 }, hi = { 0, 0 };
	const uint8_t *p = b.ptr;
	size_t left = b.len;
	uint32_t word;

	/* 2^32 rounds would be needed for a lane to overflow: no frame is that long. */
	for (; left >= 32; p += 32, left -= 32) {
		sum_lanes v = lanes_load(p), w = lanes_load(p + 16);

		lo += (v & low_half) + (w & low_half);
		hi += (v >> 32) + (w >> 32);
	}
	sum += lo[0] + lo[1] + hi[0] + hi[1];
	for (; left >= 4; p += 4, left -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	word = 0;
	if (left)
		memcpy(&word, p, left);
	return sum + word;
}
