/* l7_holders: who holds how much of a memory that all flows share, so that when it is full whoever
 * holds most gives way: idle flows with as much as they could get, rather than those at work. */
#ifndef WEIR_L7_HOLDERS_H
#define WEIR_L7_HOLDERS_H

#include <stdint.h>

struct l7_holding {
	struct l7_holding *older, *newer; /* of about the same size */
	uint64_t bytes;
};

/* A list for each power of two. Zeroed = nobody holds anything. */
struct l7_holders {
	struct l7_holding *oldest[64], *newest[64];
	uint64_t lists; /* a bit for each that is not empty */
	uint64_t bytes;
};

/* It holds so many bytes now; 0: it is in no list. */
void l7_holders_set(struct l7_holders *h, struct l7_holding *x, uint64_t bytes);
/* Of those that hold most, within a factor of two, who has done so for longest; NULL: nobody holds
 * anything. */
struct l7_holding *l7_holders_most(const struct l7_holders *h);

#endif
