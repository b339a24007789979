/* check: the whole of the unit test framework. Each program prints TAP. */
#ifndef WEIR_CHECK_H
#define WEIR_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static int check_count, check_failed, check_bad;
static const char *check_title;

static inline void check_done(void)
{
	if (check_title) {
		printf("%sok %d - %s\n", check_bad ? "not " : "", ++check_count, check_title);
		check_failed += check_bad;
	}
	check_title = NULL;
	check_bad = 0;
	fflush(stdout);
}

/* Starts a case; its title is a sentence. */
static inline void check_case(const char *title)
{
	check_done();
	check_title = title;
}

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
			check_bad = 1;                                                             \
		}                                                                                  \
	} while (0)

#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long check_a = (long long)(a), check_b = (long long)(b);                      \
		if (check_a != check_b) {                                                          \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, check_a, \
			       check_b);                                                           \
			check_bad = 1;                                                             \
		}                                                                                  \
	} while (0)

/* The last line of main(): return check_end(); */
static inline int check_end(void)
{
	check_done();
	printf("1..%d\n", check_count);
	return check_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
