/* wire: the NNG socket of a link, and nothing above it: connections, messages in and out.
 *
 * The protocol is PAIRv1. Who dials opens it in its one-to-one mode, where a send waits until the
 * connection takes the message. Who listens opens it in its many-to-one ("poly") mode, so that it
 * can read a second peer's greeting and say why it is refused; there NNG drops what does not fit
 * into a connection's queue of two, so at most WIRE_IN_FLIGHT messages may be unanswered on it
 * (wire_drops()). Both modes speak the same bytes. See docs/decisions/0016.
 *
 * NNG's threads put what happens into a bounded queue; one thread of ours takes it out. No fork()
 * after wire_listen(). */
#ifndef WEIR_LINK_WIRE_H
#define WEIR_LINK_WIRE_H

#include "libcommon/base/bytes.h"
#include "libcommon/port/endpoint.h"

enum {
	WIRE_IN_FLIGHT = 2,
	WIRE_SILENCE_MS = 5000, /* a peer that says nothing for so long is gone */
	WIRE_BEAT_MS = 1000,
};

enum wire_kind { WIRE_UP, WIRE_DOWN, WIRE_MESSAGE };

struct wire_event {
	enum wire_kind kind;
	uint32_t pipe;     /* the connection's number */
	struct bytes body; /* WIRE_MESSAGE; until wire_done() */
	void *message;
};

struct wire;

/* Reads the certificates, finds the address and the directory, before any right is given up; ends
 * the process (1) with one line where it can't. text: the endpoint, for messages. */
struct wire *wire_open(const struct endpoint *ep, const char *text);
/* Starts NNG's threads, and listens; ends the process (1) where it can't. */
void wire_listen(struct wire *w);
/* Begins to dial. */
void wire_dial(struct wire *w);
/* The next thing that happened, within timeout_ms. */
bool wire_next(struct wire *w, int timeout_ms, struct wire_event *ev);
void wire_done(struct wire_event *ev);
/* A message to be filled with exactly n bytes at *at, and sent. */
void *wire_message(size_t n, uint8_t **at);
/* Sends it; waits at most a tenth of a second. False: not sent, and gone. */
bool wire_send(struct wire *w, uint32_t pipe, void *message);
bool wire_drops(const struct wire *w);
/* Closes a connection. */
void wire_drop(struct wire *w, uint32_t pipe);
/* The connection in use (0: none), and a message of n <= 64 bytes that is sent on it every
 * second, whatever our thread does. */
void wire_peer(struct wire *w, uint32_t pipe);
void wire_beat(struct wire *w, const uint8_t *message, size_t n);
/* Milliseconds since that peer was heard; 0 where something of it still waits in the queue. */
int64_t wire_silence(struct wire *w);
/* Why connections fail, by NNG's counters since the last call; NULL where there is nothing to
 * say. *for_good: we dial, and our certificates do not fit. */
const char *wire_trouble(struct wire *w, bool *for_good);
/* The directory of an ipc: socket, which is removed at the end or must be reached; else NULL. */
const char *wire_dir(const struct wire *w);
/* The last call before the process ends by _exit(): takes away an ipc: socket. NNG itself is not
 * taken down, as 1.5.2 may panic on the way where a connection ends at the same time; the kernel
 * closes what is open. */
void wire_leave(const struct wire *w);

int64_t wire_now(void); /* ms, monotonic */

#endif
