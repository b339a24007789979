/* checksum: the Internet checksum over long pieces. */
#include "libcommon/net/checksum.h"

typedef uint64_t sum_lanes __attribute__((vector_size(16)));

static sum_lanes lanes_load(const uint8_t *p)
{
	sum_lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t checksum_blocks(const uint8_t *p, size_t n)
{
	const sum_lanes low_half = { 0xffffffff, 0xffffffff };
	sum_lanes lo = { 0, 0 }, hi = { 0, 0 };

	/* 2^31 blocks would be needed for a lane to overflow: no frame is that long. */
	for (; n; n--, p += CHECKSUM_BLOCK) {
		sum_lanes a = lanes_load(p), b = lanes_load(p + 16), c = lanes_load(p + 32),
			  d = lanes_load(p + 48);

		lo += (a & low_half) + (b & low_half) + (c & low_half) + (d & low_half);
		hi += (a >> 32) + (b >> 32) + (c >> 32) + (d >> 32);
	}
	lo += hi;
	return lo[0] + lo[1];
}
