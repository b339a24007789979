/* paths: the tunnel paths of flows, each kept once, so that a flow holds a number.
 *
 * On the caller's memory: a size, an init, no allocation. A path is a chain of steps from the
 * outermost on, and paths that begin alike share the beginning. Taking costs O(steps). */
#ifndef WEIR_PATHS_H
#define WEIR_PATHS_H

#include "libcommon/net/layers.h"

enum { PATHS_DEFAULT = 65536, PATHS_SECRET_WORDS = 8 };

struct paths;

/* Bytes for `steps` different steps at once (1 to 2^24; 0 = PATHS_DEFAULT). */
size_t paths_size(uint32_t steps);

/* Takes memory of that size, aligned for any type; most of it is not touched before it is used.
 * The secret should be random: it decides about buckets and nothing that is put out. */
struct paths *paths_init(void *memory, uint32_t steps, const uint64_t secret[PATHS_SECRET_WORDS]);

/* The number of l's path, to be given back with paths_drop(). 0: it has no steps, or there is no
 * room for it, which is counted. */
uint32_t paths_take(struct paths *p, const struct layers *l);
void paths_drop(struct paths *p, uint32_t path);

/* The steps of a path that was taken, outermost first. Returns how many; 0 has none. */
unsigned paths_get(const struct paths *p, uint32_t path, struct layers_step steps[LAYERS_MAX]);

uint64_t paths_refused(const struct paths *p); /* for want of room */
uint32_t paths_steps(const struct paths *p);   /* kept now */

#endif
