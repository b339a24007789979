/* hosts: a bounded set of hosts, by address.
 *
 * The hash is fixed: what is put out may not depend on the secret. Nothing is taken out again. */
#ifndef WEIR_HOSTS_H
#define WEIR_HOSTS_H

#include "libcommon/net/layers.h"

enum { HOSTS = 4096 };

struct host {
	uint8_t addr[16];
	uint8_t version;
};

/* A zeroed one is empty. */
struct hosts {
	struct host hosts[HOSTS];
	uint64_t count, full; /* full: packets whose host had no room */
};

/* Remembers the sender of a packet. True where it was not known, and is now. */
bool hosts_add(struct hosts *h, const struct layers *l);

#endif
