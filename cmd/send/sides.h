/* sides: which of two interfaces a frame goes out on: the client's, or the server's.
 *
 * The client is who began the flow, as weir-flow sees it, or who has an address in a prefix. What
 * has no such thing - ARP, a fragment - goes the way that its sender's last packet went. */
#ifndef WEIR_SEND_SIDES_H
#define WEIR_SEND_SIDES_H

#include "libcommon/record/record.h"

struct sides;

/* text: "client", or ADDRESS/BITS. NULL where it is neither. */
struct sides *sides_new(const char *text);
/* 0: from the client, 1: from the server. */
int sides_of(struct sides *s, const struct rec_head *h, const struct rec_frame *f);
/* Frames of which nothing was known: they went the client's way. */
uint64_t sides_unknown(const struct sides *s);
void sides_free(struct sides *s);

#endif
