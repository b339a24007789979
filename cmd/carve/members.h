/* members: which flow each frame belongs to, as weir-flow sees it.
 *
 * The engine of weir-flow with its defaults, so flows have the numbers that its records have. A
 * fragment belongs to the flow of the packet that it is a part of, which is known when that is
 * whole. */
#ifndef WEIR_CARVE_MEMBERS_H
#define WEIR_CARVE_MEMBERS_H

#include "libcommon/record/record.h"

struct members;

enum { MEMBERS_FRAGMENTS = 16384 /* frames with fragments that are remembered */ };

/* belongs: frame n, that at hand or an earlier one, is of that flow. May be called again for the
 * same frame, as one may carry several packets' parts. Ends the process where there is no memory.
 */
struct members *members_new(void (*belongs)(void *user, uint64_t n, uint64_t flow), void *user);
/* Frames in order of n, all of one source. */
void members_frame(struct members *m, const struct rec_head *h, const struct rec_frame *f);
/* Packets that were whole again after some of their fragments had been forgotten. */
uint64_t members_forgotten(const struct members *m);
void members_free(struct members *m);

#endif
