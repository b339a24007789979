/* assembly_history: the last bytes delivered of all directions, to compare repeats with.
 *
 * One log for all: what is delivered is copied to its end, and takes the place of what was
 * delivered longest ago. So it costs one copy to memory that the cache expects, whatever the number
 * of directions, and a direction has nothing to give back. Each direction knows its newest piece,
 * each piece the one before it. */
#ifndef WEIR_ASSEMBLY_HISTORY_H
#define WEIR_ASSEMBLY_HISTORY_H

#include "libcommon/base/bytes.h"

enum {
	HISTORY_PIECES = 256, /* looked at per repeat, so that tiny pieces cost no more */
	HISTORY_SHOWN = 32,   /* bytes of each side that a difference shows */
	HISTORY_LOG_MIN = 65536,
};

struct assembly_history {
	uint8_t *log;    /* NULL: none is kept */
	uint64_t size;   /* a power of two */
	uint64_t end;    /* position behind the newest byte; positions never go back */
	uint64_t newest; /* position of the newest piece */
	uint32_t keep;   /* bytes per direction */
};

/* The stretch in which new bytes differ from what is known. */
struct difference {
	uint64_t from, to; /* from == to: none */
	uint8_t shown;     /* bytes of had and got, from `from` on */
	uint8_t had[HISTORY_SHOWN], got[HISTORY_SHOWN];
};

/* Bytes of the log for `keep` bytes per direction where `wanted` are allowed: a power of two. */
uint64_t assembly_history_log_size(uint64_t wanted, uint32_t keep);
/* log: that many bytes, aligned to 8. */
void assembly_history_init(struct assembly_history *h, uint8_t *log, uint64_t size, uint32_t keep);
/* Bytes delivered at `offset`. *last: the direction's newest piece, 0 at first. */
void assembly_history_add(struct assembly_history *h, uint64_t *last, uint64_t offset,
			  struct bytes data);
/* Compares bytes that came again at `offset`; next: up to where the direction was delivered.
 * Returns how many of them could be compared. */
uint64_t assembly_history_compare(const struct assembly_history *h, uint64_t last, uint64_t next,
				  uint64_t offset, struct bytes data, struct difference *d);
/* Notes that [at, at + n) was `had` and came as `got`. */
void difference_note(struct difference *d, uint64_t at, const uint8_t *had, const uint8_t *got,
		     size_t n);

#endif
