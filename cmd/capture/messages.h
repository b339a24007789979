/* messages: frames of a packet socket by recvmmsg, where no ring is to be had. */
#ifndef WEIR_CAPTURE_MESSAGES_H
#define WEIR_CAPTURE_MESSAGES_H

#include "cmd/capture/rx.h"

struct messages;

/* On a packet socket that is not bound; asks for times and tags beside each frame. NULL (errno). */
struct messages *messages_open(int fd, uint32_t snaplen);
/* The next frame, valid until the next call; false: none is there. */
bool messages_next(struct messages *m, struct rx *f);
void messages_close(struct messages *m);

#endif
