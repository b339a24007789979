/* colliding: keys of 16 bytes that have one hash where a table's hash has no secret. */
#ifndef WEIR_TEST_COLLIDING_H
#define WEIR_TEST_COLLIDING_H

#include "libcommon/base/distinct.h"
#include "tests/unit/check.h"

/* distinct.c's mix(), and the other way round. */
static inline uint64_t colliding_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t colliding_unmix(uint64_t x)
{
	x = (x ^ x >> 31 ^ x >> 62) * 0x319642b2d24d8ec3u;
	x = (x ^ x >> 27 ^ x >> 54) * 0x96de1b173f119089u;
	return x ^ x >> 30 ^ x >> 60;
}

/* The ith; its second half is what leads all first halves to one state. */
static inline struct bytes colliding_key(uint64_t i, uint8_t room[16])
{
	const uint64_t step = 0x9e3779b97f4a7c15u, state = colliding_unmix(12345 - step);
	uint64_t half = state ^ (colliding_mix(colliding_mix(16 + step) ^ i) + step);

	memcpy(room, &i, 8);
	memcpy(room + 8, &half, 8);
	return BYTES(room, 16);
}

static inline void colliding_test(void)
{
	uint8_t a[16], b[16];

	check_case("the keys that the next case takes have one hash, without a secret");
	CHECK_EQ(distinct_hash(colliding_key(1, a)), distinct_hash(colliding_key(70000, b)));
	CHECK(distinct_hash_secret(BYTES(a, 16), 1) != distinct_hash_secret(BYTES(b, 16), 1));
}

#endif
