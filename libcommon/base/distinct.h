/* distinct: how many different values were seen: exact for few, estimated for many.
 *
 * Up to 128 values are kept as hashes; beyond, 2,048 registers of HyperLogLog take their place
 * (Flajolet et al. 2007, with linear counting for small numbers), whose standard error is 2.3 %. No
 * random number: the same values give the same figure, in any order. */
#ifndef WEIR_DISTINCT_H
#define WEIR_DISTINCT_H

#include "libcommon/base/bytes.h"

enum { DISTINCT_FEW = 128, DISTINCT_REGISTERS = 2048 };

/* A zeroed struct is a valid empty one. */
struct distinct {
	uint32_t n;         /* of hashes */
	uint64_t *hashes;   /* a table of 2 * DISTINCT_FEW, 0: free; or.. */
	uint8_t *registers; /* ..these */
};

/* Bytes of memory that it holds beside itself. */
size_t distinct_size(const struct distinct *d);
void distinct_add(struct distinct *d, struct bytes value);
uint64_t distinct_count(const struct distinct *d);
void distinct_release(struct distinct *d);

/* 64 bits of a value, the same on every run. */
uint64_t distinct_hash(struct bytes value);
/* The same with a secret, for a table of keys that come from outside: without one, keys can be
 * chosen that all have one hash. */
uint64_t distinct_hash_secret(struct bytes value, uint64_t secret);

#endif
