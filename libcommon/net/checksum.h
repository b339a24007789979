/* checksum: the Internet checksum (RFC 1071), summed 16 bytes at a time. */
#ifndef WEIR_CHECKSUM_H
#define WEIR_CHECKSUM_H

#include "libcommon/base/bytes.h"

/* The one's complement sum of b's 16-bit words in memory order, plus `sum`; not folded. Pass the
 * result of one call to the next only where the first piece has an even length. */
uint64_t checksum_add(uint64_t sum, struct bytes b);

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
