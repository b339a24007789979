/* sums: the checksums that a spec may name. */
#ifndef WEIR_SPEC_SUMS_H
#define WEIR_SPEC_SUMS_H

#include "libcommon/base/bytes.h"

int sum_find(const char *name); /* -1: there is none */
const char *sum_names(void);
uint64_t sum_of(int sum, struct bytes b);
/* The same piece by piece: `at` bytes were summed before. */
uint64_t sum_begin(int sum);
uint64_t sum_add(int sum, uint64_t v, uint64_t at, struct bytes b);
uint64_t sum_end(int sum, uint64_t v);

#endif
