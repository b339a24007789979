/* tx_ring: a TPACKET_V3 ring for transmission, shared with the kernel.
 *
 * Frames lie at a fixed distance, without a block's head: that is for receiving alone. The status
 * word of a frame says whose it is; it is stored (release) behind all else, and loaded (acquire)
 * before. packet(7), Documentation/networking/packet_mmap.rst.
 *
 * Where the kernel takes it, each frame has a virtio_net_hdr in front that asks for a buffer in one
 * piece: to take the ring's pages into it would cost more than to copy a frame, here and wherever
 * the frame goes. The kernel then leaves the MTU to us. */
#ifndef WEIR_SEND_TX_RING_H
#define WEIR_SEND_TX_RING_H

#include "libcommon/base/bytes.h"

enum { TX_RING_BATCH = 128 /* frames that a push may be for */ };

struct tx_ring {
	int fd;
	uint8_t *map;
	size_t size;
	uint32_t frame_size, count, room; /* room: bytes of a frame */
	uint32_t lead;                    /* bytes of the header in front of it */
	uint32_t next;                    /* the frame to fill */
	uint32_t oldest;                  /* of those given to the kernel, and not yet back */
	uint32_t pending;                 /* how many these are */
	uint32_t unpushed;                /* given since the last push */
};

/* On a packet socket, with room for frames of that many bytes. False: errno. */
bool tx_ring_open(struct tx_ring *r, int fd, uint32_t longest);
/* False: there is no room now, or never for so long a frame (EMSGSIZE, else EAGAIN). */
bool tx_ring_put(struct tx_ring *r, struct bytes frame);
/* Tells the kernel that there is something. 0 or errno. */
int tx_ring_push(struct tx_ring *r);
/* Takes back what the kernel is done with, in order: calls done() for each. */
void tx_ring_reap(struct tx_ring *r, void (*done)(void *user, uint32_t bytes, bool malformed),
		  void *user);
void tx_ring_close(struct tx_ring *r);

#endif
