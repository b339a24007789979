/* parts: mutation for fuzz targets whose input is a row of parts: steps, packets, statements,
 * lines. Parts are put in, taken out, repeated, moved and changed as wholes; one time in four
 * libFuzzer changes the bytes, without regard to parts. */
#ifndef WEIR_FUZZ_PARTS_H
#define WEIR_FUZZ_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PART_MAX = 512 };

struct parts {
	size_t head; /* bytes before the first part */
	size_t step; /* all parts are as long, of bytes that may be anything; 0: */
	/* Where the next part begins that may be taken; at most size. */
	size_t (*next)(const uint8_t *data, size_t size, size_t at);
	/* Where a part ends that others lie in; NULL: where the next one begins. */
	size_t (*end)(const uint8_t *data, size_t size, size_t at);
	/* A new part, at most PART_MAX long. */
	size_t (*make)(uint8_t *out, unsigned *seed);
	/* Changes a part so that it stays one; NULL: only bytes of it are changed. */
	void (*tweak)(uint8_t *part, size_t len, unsigned *seed);
};

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static inline unsigned draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return below ? (*seed >> 16) % below : 0;
}

/* Puts `len` bytes in the place of `gone`; the size as it was where there is no room. */
static inline size_t splice(uint8_t *data, size_t size, size_t max, size_t at, size_t gone,
			    const void *add, size_t len)
{
	if (size - gone + len > max)
		return size;
	memmove(data + at + len, data + at + gone, size - at - gone);
	if (len)
		memcpy(data + at, add, len);
	return size - gone + len;
}

static inline size_t parts_next(const struct parts *p, const uint8_t *data, size_t size, size_t at)
{
	if (p->step)
		return size - at > p->step ? at + p->step : size;
	return p->next(data, size, at);
}

static inline size_t parts_make(const struct parts *p, uint8_t *out, unsigned *seed)
{
	if (!p->step)
		return p->make(out, seed);
	for (size_t i = 0; i < p->step; i++)
		out[i] = (uint8_t)draw(seed, 256);
	return p->step;
}

/* The beginning of one part, each as likely; size where there is none. */
static inline size_t parts_any(const struct parts *p, const uint8_t *data, size_t size,
			       unsigned *seed)
{
	size_t at = p->head, any = size;

	for (unsigned n = 1; at < size; n++) {
		if (!draw(seed, n))
			any = at;
		at = parts_next(p, data, size, at);
	}
	return any;
}

static inline void parts_change_byte(uint8_t *byte, unsigned *seed)
{
	static const uint8_t values[] = { 0, 1, 2, 7, 8, 15, 16, 127, 128, 254, 255 };

	switch (draw(seed, 4)) {
	case 0:
		*byte = (uint8_t)draw(seed, 256);
		break;
	case 1:
		*byte ^= (uint8_t)(1u << draw(seed, 8));
		break;
	case 2:
		*byte = (uint8_t)(*byte + draw(seed, 9) - 4);
		break;
	default:
		*byte = values[draw(seed, sizeof(values))];
	}
}

static inline size_t parts_once(const struct parts *p, uint8_t *data, size_t size, size_t max,
				unsigned *seed)
{
	size_t at = parts_any(p, data, size, seed), to = parts_any(p, data, size, seed), end, n;
	uint8_t part[PART_MAX];

	if (draw(seed, 16) == 0 && p->head && size >= p->head) {
		parts_change_byte(data + draw(seed, (unsigned)p->head), seed);
		return size;
	}
	if (at >= size || draw(seed, 8) == 0) { /* a new one, also behind the last */
		n = parts_make(p, part, seed);
		return splice(data, size, max, draw(seed, 4) ? to : size, 0, part, n);
	}
	end = p->end ? p->end(data, size, at) : parts_next(p, data, size, at);
	n = end - at < PART_MAX ? end - at : PART_MAX;
	memcpy(part, data + at, n);
	switch (draw(seed, 8)) {
	case 0: /* it goes */
		return splice(data, size, max, at, end - at, NULL, 0);
	case 1: /* another in its place */
		n = parts_make(p, part, seed);
		return splice(data, size, max, at, end - at, part, n);
	case 2: /* it is moved */
		if (to >= at && to < end)
			return size;
		size = splice(data, size, max, at, end - at, NULL, 0);
		return splice(data, size, max, to < at ? to : to - (end - at), 0, part, n);
	case 3: /* once more, elsewhere */
		return splice(data, size, max, to, 0, part, n);
	case 4: /* once more behind itself, and changed */
		if (p->tweak)
			p->tweak(part, n, seed);
		return splice(data, size, max, end, 0, part, n);
	case 5:
	case 6:
		if (p->tweak) {
			p->tweak(data + at, end - at, seed);
			return size;
		}
		/* fall through */
	default:
		parts_change_byte(data + at + draw(seed, (unsigned)(end - at)), seed);
		return size;
	}
}

static inline size_t parts_mutate(const struct parts *p, uint8_t *data, size_t size, size_t max,
				  unsigned seed)
{
	if (LLVMFuzzerMutate && draw(&seed, 4) == 0)
		return LLVMFuzzerMutate(data, size, max);
	for (unsigned times = 1 + draw(&seed, 4); times; times--)
		size = parts_once(p, data, size, max, &seed);
	return size;
}

/* The same of the parts in the first `front` bytes, or bytes from `behind` on are changed. */
static inline size_t parts_mutate_front(const struct parts *p, uint8_t *data, size_t size,
					size_t max, size_t front, size_t behind, unsigned seed)
{
	static uint8_t rest[1 << 16];
	size_t n = size - front;

	if (n > sizeof(rest) || max - size < 64 || draw(&seed, 8) == 0)
		return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max) : size;
	if (behind < size && draw(&seed, 2) && LLVMFuzzerMutate)
		return behind + LLVMFuzzerMutate(data + behind, size - behind, max - behind);
	if (n)
		memcpy(rest, data + front, n);
	front = parts_mutate(p, data, front, max - n, seed);
	if (n)
		memcpy(data + front, rest, n);
	return front + n;
}

#endif
