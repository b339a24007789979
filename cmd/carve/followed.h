/* followed: flows that are followed, each until a time. Bounded: the one that was chosen first
 * goes. */
#ifndef WEIR_CARVE_FOLLOWED_H
#define WEIR_CARVE_FOLLOWED_H

#include <stdbool.h>
#include <stdint.h>

struct followed;

struct followed *followed_new(uint32_t most);
/* True where it was not followed before. */
bool followed_add(struct followed *f, uint64_t flow, uint64_t until);
/* Is it, at that time? */
bool followed_has(const struct followed *f, uint64_t flow, uint64_t now);
uint64_t followed_given_up(const struct followed *f);
void followed_free(struct followed *f);

#endif
