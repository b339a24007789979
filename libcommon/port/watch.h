/* watch: what becomes of interfaces, as the kernel tells it (rtnetlink, RTM_NEWLINK and DELLINK).
 * The parser is pure. */
#ifndef WEIR_WATCH_H
#define WEIR_WATCH_H

#include <net/if.h>

#include "libcommon/base/bytes.h"

struct watch_event {
	uint32_t ifindex;
	bool gone;    /* the interface was removed */
	bool up;      /* else: it is up and has a carrier */
	uint32_t mtu; /* 0: not said */
	char name[IFNAMSIZ];
};

/* The next event out of a datagram of the kernel's; *in is moved behind it. False: there is none.
 */
bool watch_next(struct bytes *in, struct watch_event *e);

/* A descriptor that is readable when something happened, or -1. Needs no right. */
int watch_open(void);
/* The next datagram into buf; 0: none is there. */
size_t watch_read(int fd, void *buf, size_t size);

#endif
