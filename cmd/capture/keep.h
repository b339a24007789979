/* keep: sockets that outlive this process, in a queue that its launcher holds.
 *
 * $WEIR_KEEP_FDS names a pair of local sockets: what is sent on the first waits on the second. One
 * message lies there, with all sockets of a capture and what they are; a successor looks at it
 * without taking it out, so whenever a process dies the sockets are there. */
#ifndef WEIR_CAPTURE_KEEP_H
#define WEIR_CAPTURE_KEEP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum { KEEP_MOST = 32 };

struct kept {
	uint64_t digest; /* of all that was asked for when they were opened */
	uint32_t n;
	char names[KEEP_MOST][IFNAMSIZ];
	int fds[KEEP_MOST]; /* on the way: without meaning */
};

/* What a predecessor left, its descriptors now ours as well. False: nothing. */
bool keep_find(struct kept *k);
/* These are kept from now on, instead of what was. False: nobody keeps any. */
bool keep_put(const struct kept *k);

#endif
