/* numbers: a set of 64-bit numbers that is filled first and asked then. */
#include "cmd/carve/numbers.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void numbers_sort(struct numbers *s)
{
	size_t kept = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), ascending);
	for (size_t i = 0; i < s->n; i++)
		if (!kept || s->v[i] != s->v[kept - 1])
			s->v[kept++] = s->v[i];
	s->n = s->sorted = kept;
}

/* Among the first n, which are sorted. */
static ptrdiff_t find(const struct numbers *s, size_t n, uint64_t v)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->v[mid] < v)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && s->v[low] == v ? (ptrdiff_t)low : -1;
}

bool numbers_add(struct numbers *s, uint64_t v)
{
	/* Records of one flow, or of one frame, often follow each other. */
	if (s->n && s->v[s->n - 1] == v)
		return true;
	/* One that can't grow any more is sorted for new numbers only. */
	if (s->size == s->max && find(s, s->sorted, v) >= 0)
		return true;
	if (s->full)
		return false;
	if (s->n == s->size) {
		/* Grown only where half of it was no repetition: linear in what is added. */
		if (s->size)
			numbers_sort(s);
		if (s->n > s->size / 2 || !s->size) {
			s->size = s->size ? s->size * 2 : 1024;
			if (s->size > s->max)
				s->size = s->max;
			s->v = realloc(s->v, s->size * sizeof(*s->v));
			if (!s->v)
				die("out of memory");
		}
		s->full = s->n == s->size;
		if (s->full)
			return numbers_find(s, v) >= 0;
	}
	s->v[s->n++] = v;
	return true;
}

ptrdiff_t numbers_find(const struct numbers *s, uint64_t v)
{
	return find(s, s->n, v);
}

void numbers_release(struct numbers *s)
{
	free(s->v);
	s->v = NULL;
	s->n = s->sorted = s->size = 0;
}
