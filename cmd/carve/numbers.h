/* numbers: a set of 64-bit numbers that is filled first and asked then. Bounded. */
#ifndef WEIR_CARVE_NUMBERS_H
#define WEIR_CARVE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct numbers {     /* zeroed but for max = empty */
	uint64_t *v; /* ascending once sorted, each once */
	size_t n, size, max;
	size_t sorted; /* so many in front are */
	bool full;
};

/* False where it is full, once equal ones are counted once. */
bool numbers_add(struct numbers *s, uint64_t v);
void numbers_sort(struct numbers *s);
/* Sorted: its place, or -1. */
ptrdiff_t numbers_find(const struct numbers *s, uint64_t v);
void numbers_release(struct numbers *s);

#endif
