/* checksum: the Internet checksum (RFC 1071), summed 64 bits at a time. */
#ifndef WEIR_CHECKSUM_H
#define WEIR_CHECKSUM_H

#include "libcommon/base/bytes.h"

enum { CHECKSUM_BLOCK = 64 };

/* The sum over n whole blocks. */
uint64_t checksum_blocks(const uint8_t *p, size_t n);

/* The one's complement sum of b's 16-bit words in memory order, plus `sum`; not folded. Pass the
 * result of one call to the next only where the first piece has an even length. Inline, as most
 * pieces are headers. */
static inline uint64_t checksum_add(uint64_t sum, struct bytes b)
{
	const uint8_t *p = b.ptr;
	size_t left = b.len;
	uint64_t word;
	uint32_t half;
	uint16_t pair;

	if (left >= CHECKSUM_BLOCK) {
		sum += checksum_blocks(p, left / CHECKSUM_BLOCK);
		p += left & ~(size_t)(CHECKSUM_BLOCK - 1);
		left &= CHECKSUM_BLOCK - 1;
	}
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

/* Folds a sum to 16 bits. A message with a right checksum in it folds to 0xffff. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

#endif
