/* distinct: a set of hashes that becomes an estimate when it grows. */
#include "libcommon/base/distinct.h"

#include <math.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

enum { TABLE = 2 * DISTINCT_FEW, INDEX_BITS = 11 };

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t distinct_hash_secret(struct bytes value, uint64_t secret)
{
	uint64_t h = mix((value.len + 0x9e3779b97f4a7c15u) ^ secret), w;
	size_t i = 0;

	for (; value.len - i >= 8; i += 8) {
		memcpy(&w, value.ptr + i, 8);
		h = mix(h ^ w) + 0x9e3779b97f4a7c15u;
	}
	w = 0;
	if (value.len > i)
		memcpy(&w, value.ptr + i, value.len - i);
	return mix(mix(h ^ w) + 0x9e3779b97f4a7c15u);
}

uint64_t distinct_hash(struct bytes value)
{
	return distinct_hash_secret(value, 0);
}

size_t distinct_size(const struct distinct *d)
{
	return (d->hashes ? TABLE * sizeof(*d->hashes) : 0) +
	       (d->registers ? DISTINCT_REGISTERS : 0);
}

static void estimate(struct distinct *d, uint64_t hash)
{
	uint8_t *r = &d->registers[hash >> (64 - INDEX_BITS)];
	uint64_t rest = hash << INDEX_BITS | 1u << (INDEX_BITS - 1);
	uint8_t rank = (uint8_t)(1 + __builtin_clzll(rest));

	if (rank > *r)
		*r = rank;
}

void distinct_add(struct distinct *d, struct bytes value)
{
	uint64_t hash = distinct_hash(value) | 1; /* 0: free */
	size_t at = hash >> 40;

	if (d->registers) {
		estimate(d, hash);
		return;
	}
	if (!d->hashes)
		d->hashes = xcalloc(TABLE, sizeof(*d->hashes));
	while (d->hashes[at % TABLE] && d->hashes[at % TABLE] != hash)
		at++;
	if (d->hashes[at % TABLE])
		return;
	if (d->n < DISTINCT_FEW) {
		d->hashes[at % TABLE] = hash;
		d->n++;
		return;
	}
	d->registers = xcalloc(DISTINCT_REGISTERS, 1);
	for (size_t i = 0; i < TABLE; i++)
		if (d->hashes[i])
			estimate(d, d->hashes[i]);
	free(d->hashes);
	d->hashes = NULL;
	estimate(d, hash);
}

uint64_t distinct_count(const struct distinct *d)
{
	const double m = DISTINCT_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
	double sum = 0, e;
	unsigned empty = 0;

	if (!d->registers)
		return d->n;
	for (size_t i = 0; i < DISTINCT_REGISTERS; i++) {
		sum += ldexp(1, -d->registers[i]);
		empty += d->registers[i] == 0;
	}
	e = alpha * m * m / sum;
	if (e <= 2.5 * m && empty)
		e = m * log(m / empty);
	return (uint64_t)(e + 0.5);
}

void distinct_release(struct distinct *d)
{
	free(d->hashes);
	free(d->registers);
	*d = (struct distinct){ 0 };
}
