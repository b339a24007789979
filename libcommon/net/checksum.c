/* checksum: the Internet checksum over long pieces. */
#include "libcommon/net/checksum.h"

enum { BLOCK = 64 };

/* In all of these 2^31 blocks would be needed for a lane to overflow: no frame is that long. */
typedef uint64_t sum_lanes __attribute__((vector_size(16)));

static sum_lanes lanes_load(const uint8_t *p)
{
	sum_lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t checksum_long_plain(struct bytes bytes)
{
	const sum_lanes low_half = { 0xffffffff, 0xffffffff };
	sum_lanes lo = { 0, 0 }, hi = { 0, 0 };
	const uint8_t *p = bytes.ptr;
	size_t left = bytes.len;

	for (; left >= BLOCK; left -= BLOCK, p += BLOCK) {
		sum_lanes a = lanes_load(p), b = lanes_load(p + 16), c = lanes_load(p + 32),
			  d = lanes_load(p + 48);

		lo += (a & low_half) + (b & low_half) + (c & low_half) + (d & low_half);
		hi += (a >> 32) + (b >> 32) + (c >> 32) + (d >> 32);
	}
	lo += hi;
	return checksum_short(lo[0] + lo[1], p, left);
}

#if defined(__x86_64__)
enum { WIDE = 32 };

typedef uint64_t wide_lanes __attribute__((vector_size(WIDE)));

/* Of the last WIDE bytes those that are left: &last[n] masks all but the last n. */
static const uint8_t last[2 * WIDE] = {
	[WIDE] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff,          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff,          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* What is behind the last whole block is not walked through: the piece's last WIDE bytes are
 * taken once more, without those that have been. An odd byte stays apart. */
__attribute__((target("avx2"))) static uint64_t checksum_long_avx2(struct bytes bytes)
{
	const wide_lanes low_half = { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };
	wide_lanes lo = { 0 }, hi = { 0 }, a, b, mask;
	const uint8_t *p = bytes.ptr, *end = p + (bytes.len & ~(size_t)1);

	for (; end - p >= BLOCK; p += BLOCK) {
		memcpy(&a, p, WIDE);
		memcpy(&b, p + WIDE, WIDE);
		lo += (a & low_half) + (b & low_half);
		hi += (a >> 32) + (b >> 32);
	}
	if (end - p >= WIDE) {
		memcpy(&a, p, WIDE);
		lo += a & low_half;
		hi += a >> 32;
		p += WIDE;
	}
	memcpy(&a, end - WIDE, WIDE);
	memcpy(&mask, last + (end - p), WIDE);
	a &= mask;
	lo += (a & low_half) + hi + (a >> 32);
	return lo[0] + lo[1] + lo[2] + lo[3] + (bytes.len & 1 ? *end : 0);
}
#endif

uint64_t checksum_long(struct bytes b)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return checksum_long_avx2(b);
#endif
	return checksum_long_plain(b);
}
