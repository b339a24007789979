/* preroll: the newest frames, kept back for a time, each of which leaves once and in order.
 *
 * Bounded by bytes and by number; pure. A frame is chosen while it is here, by its flow or by its
 * time, and where it is when it leaves decides nothing. All work is linear in the frames. */
#ifndef WEIR_CARVE_PREROLL_H
#define WEIR_CARVE_PREROLL_H

#include "libcommon/record/record.h"

struct preroll;

struct preroll_frame {
	struct bytes raw; /* the record */
	uint64_t n, ts;
	bool chosen;
};

/* leave: a frame goes; it is valid until this returns. */
struct preroll *preroll_new(size_t bytes, void (*leave)(void *user, const struct preroll_frame *f),
			    void *user);
/* Those before it leave as far as there is no room. False: it is too long for any room. n may not
 * go back. */
bool preroll_add(struct preroll *p, struct bytes raw, uint64_t n, uint64_t ts);
/* Those of a time before it leave, up to the first that is not. */
void preroll_expire(struct preroll *p, uint64_t before);
void preroll_flush(struct preroll *p);

/* Frame n, if it is here, is of that flow; choose: and is chosen. */
void preroll_member(struct preroll *p, uint64_t n, uint64_t flow, bool choose);
void preroll_choose_flow(struct preroll *p, uint64_t flow); /* those here */
void preroll_choose_n(struct preroll *p, uint64_t n);
/* All from the newest back to that time, or to one that was chosen. */
void preroll_choose_since(struct preroll *p, uint64_t ts);

size_t preroll_count(const struct preroll *p);
/* The oldest; false where there is none. */
bool preroll_oldest(const struct preroll *p, uint64_t *n, uint64_t *ts);
/* Frames that left for want of room, and not of time. */
uint64_t preroll_early(const struct preroll *p);
void preroll_free(struct preroll *p);

#endif
