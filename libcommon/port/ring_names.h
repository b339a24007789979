/* ring_names: rings by name in /dev/shm, this user's only. A ring is a file weir.UID.NAME; each of
 * its readers has a page beside it, in whose name the ring's nonce stands. Both functions end the
 * process with one line where they can't do what they are for; `text` is the endpoint as given, for
 * that line. Internal to port. */
#ifndef WEIR_RING_NAMES_H
#define WEIR_RING_NAMES_H

#include "libcommon/port/endpoint.h"
#include "libcommon/port/ring.h"

enum {
	SAY_AFTER_MS = 1000, /* who waits for another process says so after that */
};

/* Makes the ring and its pages, gives them their names, and leaves a process behind that removes
 * those once this one has ended, however it ended. Before the sandbox closes. */
struct ring_out *ring_create(const struct endpoint *ep, const char *text);

/* Waits for the ring of that name with a living producer. A descriptor of it, and in *page one of
 * the reader's page, -1 where ep names no reader; both the caller's to close. */
int ring_await(const struct endpoint *ep, const char *text, int *page);

#endif
