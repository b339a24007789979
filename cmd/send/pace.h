/* pace: when each frame is due, and how late those were that were late. Pure.
 *
 * Everything is planned from the first frame in whole numbers, so that errors do not add up: frame
 * k of a steady rate is due at k / rate after the first, however long the run. */
#ifndef WEIR_SEND_PACE_H
#define WEIR_SEND_PACE_H

#include "libcommon/base/buf.h"

struct pace {
	/* What is wanted; all zero is as fast as it goes. The rates exclude each other. */
	double speed;      /* times as fast as recorded */
	uint64_t pps, bps; /* frames or bits a second */
	uint64_t burst;    /* frames that are due together; 0 is 1 */
	uint64_t max_gap;  /* ns, of what was recorded; 0: none */

	bool begun;
	uint64_t frames; /* before this one */
	unsigned __int128 bits;
	uint64_t first, highest, cut; /* recorded time: of the first, the last; left out of gaps */
	uint64_t due;                 /* of the burst at hand */
};

/* ns from the start of the first frame until this one is due, of a frame of so many bytes recorded
 * at ts; never less than for the one before. */
uint64_t pace_due(struct pace *p, uint64_t ts, uint32_t bytes);
/* The times start anew, a gap after the last frame: as what was sent comes once more. */
void pace_again(struct pace *p);
static inline bool pace_waits(const struct pace *p)
{
	return p->speed > 0 || p->pps || p->bps;
}

enum { LATE_BUCKETS = 24 }; /* up to 1 us, 2 us, 4 us .. 4 s, and more */

struct lateness {
	uint64_t limit; /* ns: later counts as late */
	uint64_t frames, late, worst;
	uint64_t buckets[LATE_BUCKETS];
};

void lateness_add(struct lateness *l, uint64_t ns);
/* Below how many ns a share of them lies (0.99), as the buckets tell: their upper end. */
uint64_t lateness_share(const struct lateness *l, double share);
/* Lines for people; or what goes into a JSON object: "late":0,"worst_late_ns":.. */
void lateness_text(const struct lateness *l, struct buf *out);
void lateness_json(const struct lateness *l, struct buf *out);

#endif
