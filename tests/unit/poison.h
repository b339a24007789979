/* poison: while poisoned is set, an allocation ends the test. Include it in one file of a program.
 * The sanitizers bring their own allocator: there it does nothing. */
#ifndef WEIR_POISON_H
#define WEIR_POISON_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool poisoned;

#if defined(__GLIBC__) && !defined(WEIR_SANITIZE)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	if (poisoned)
		abort();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (poisoned)
		abort();
	return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	if (poisoned)
		abort();
	return __libc_realloc(p, size);
}
#endif

static inline void poison_end(void)
{
	poisoned = false;
}

/* From here on, to the program's end (what runs at exit may allocate, as the coverage's report
 * does); what is printed takes no memory. */
static inline void poison_all(void)
{
	static char out[4096];

	setvbuf(stdout, out, _IOLBF, sizeof(out));
	atexit(poison_end);
	poisoned = true;
}

#endif
