/* checksum: the Internet checksum (RFC 1071), summed 64 bits at a time. */
#ifndef WEIR_CHECKSUM_H
#define WEIR_CHECKSUM_H

#include "libcommon/base/bytes.h"

enum { CHECKSUM_LONG = 64 };

/* The sum over at least CHECKSUM_LONG bytes; by the processor's wide registers where it has them.
 */
uint64_t checksum_long(struct bytes b);

/* The same by what every processor has. For tests. */
uint64_t checksum_long_plain(struct bytes b);

static inline uint64_t checksum_short(uint64_t sum, const uint8_t *p, size_t left)
{
	uint64_t word;
	uint32_t half;
	uint16_t pair;

	for (; left >= 8; p += 8, left -= 8) {
		memcpy(&word, p, 8);
		sum += (word & 0xffffffff) + (word >> 32);
	}
	if (left & 4) {
		memcpy(&half, p, 4);
		sum += half;
		p += 4;
	}
	if (left & 2) {
		memcpy(&pair, p, 2);
		sum += pair;
		p += 2;
	}
	pair = 0;
	if (left & 1)
		memcpy(&pair, p, 1);
	return sum + pair;
}

/* The one's complement sum of b's 16-bit words in memory order, plus `sum`; not folded. Pass the
 * result of one call to the next only where the first piece has an even length. Inline, as most
 * pieces are headers. */
static inline uint64_t checksum_add(uint64_t sum, struct bytes b)
{
	return b.len >= CHECKSUM_LONG ? sum + checksum_long(b) : checksum_short(sum, b.ptr, b.len);
}

/* Folds a sum to 16 bits. A message with a right checksum in it folds to 0xffff. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	/* Both halves are added, and the carry of the lower sum goes to the upper one. */
	uint32_t half = (uint32_t)((sum + (sum >> 32 | sum << 32)) >> 32);

	return (uint16_t)((half + (half >> 16 | half << 16)) >> 16);
}

#endif
