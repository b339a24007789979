/* ring: a TPACKET_V3 receive ring of a packet socket.
 *
 * The kernel fills blocks in turn and says so in each block's status (stored with release, read
 * with acquire); a block that was read is given back by another store. What must stay true:
 *
 *   - a block is given back only when the frames in it are somebody else's to keep (ring_release),
 *     in the order in which they were filled;
 *   - a block's private area, which the kernel does not touch, says how many frames the socket had
 *     given before it. So a process that takes over socket and ring, and knows how many frames are
 *     done with, goes on behind exactly these (ring_resume). */
#ifndef WEIR_CAPTURE_RING_H
#define WEIR_CAPTURE_RING_H

#include "cmd/capture/rx.h"

struct ring_shape {
	uint32_t block_size, blocks, retire_ms;
};

struct ring {
	uint8_t *map; /* NULL: no ring */
	struct ring_shape shape;
	uint32_t at;         /* the block to read next, or that is being read .. */
	uint32_t oldest;     /* .. the first one not given back */
	uint32_t taken;      /* blocks between them */
	uint32_t left, next; /* of the block at hand: frames not read yet, offset of the first */
	uint64_t frames;     /* read so far, over all processes */
	uint64_t skip;       /* frames at the front that a predecessor was done with */
	uint64_t *ends;      /* by block: `frames` at its end */
	uint64_t damaged;    /* blocks that contradict themselves: none, as long as kernels work */
};

/* On a packet socket that is not bound. False (errno): the kernel gives no such ring. */
bool ring_open(struct ring *r, int fd, const struct ring_shape *shape);
/* On a socket that has this ring already, of which `done` frames are dealt with. */
bool ring_resume(struct ring *r, int fd, const struct ring_shape *shape, uint64_t done);
/* The next frame, valid until its block is given back; false: none is there, or all blocks wait for
 * being given back. */
bool ring_next(struct ring *r, struct rx *f);
/* Gives back the blocks that were read to their end and hold none but the first `done` frames. */
void ring_release(struct ring *r, uint64_t done);
/* Whether a block waits for that: then poll() says that there is something to read, though there
 * is not. */
bool ring_holds(const struct ring *r);
void ring_close(struct ring *r);

#endif
