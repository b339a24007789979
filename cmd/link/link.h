/* link: a stream of records from an input here to an output at another weir-link, and nothing lost.
 *
 * The sender reads its input and does not give back a byte before the other side's reader is done
 * with it (ack: taken). So whatever dies between the two, the bytes are still where they came from:
 *
 *   - a connection that breaks: the receiver says what it has, the sender goes on from there;
 *   - a sender that dies: the next one finds the cursor of its ring at the last byte that was
 * taken, offers from there, and the receiver says what it has;
 *   - a receiver that dies: what it has lies in its ring, whose head says how much. In the ring's
 *     preamble a `link` record (proto/control.def) says of which stream, and which position of the
 *     ring is which of the sender: has = head - first + seq. The next receiver reads that, and goes
 *     on. `ended` in the last such record: all of it is there, only the receipt was not sent.
 *
 * A position in the sender's stream is a position in the sender's ring; a receiver writes the bytes
 * as they are. So the rings must outlive the processes: a launcher holds them (ring_create_memfd,
 * keep). Where the output is no ring, a receiver that died takes what it had with it, and the next
 * one is fed from the last byte that was taken, with hello and schemas in front. Where the input is
 * no ring, a sender that died takes what it had read with it.
 *
 * One sender, one receiver, one stream; a second peer is told so. */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include "cmd/link/batch.h"
#include "cmd/link/message.h"
#include "cmd/link/wire.h"
#include "libcommon/base/die.h"
#include "libcommon/port/link_page.h"
#include "libcommon/port/port.h"
#include "libcommon/stage/books.h"

enum { LINK_GUESTS = 64 };

enum link_signal { LINK_NO_SIGNAL, LINK_STOP_SOURCE, LINK_STOP };

struct link {
	const char *text; /* the endpoint */
	struct endpoint *ep;
	struct wire *wire;
	struct link_page *page; /* of the tool that started us, or our own */
	int report;             /* a pipe to it; -1: none did */
	bool quiet;
	bool no_acks;   /* WEIR_TEST_NO_ACKS, of both sides: for the bench alone, as it loses */
	uint32_t pipe;  /* the connection in use; 0: none */
	bool met;       /* there once was a peer */
	int64_t gone;   /* since when there is none */
	bool said;      /* .. that there is none */
	int64_t looked; /* when NNG's counters were last looked at */
	const char *trouble; /* said last of this outage */
	unsigned troubles;   /* lines said about refused peers */
	struct {             /* connections that are not the one in use, and when they are closed */
		uint32_t pipe;
		int64_t until;
	} guests[LINK_GUESTS];
	struct books_page *books;
	uint64_t *in, *out, *batches, *duplicates, *resent, *connections, *refused;
};

/* The life of each side; the exit code. */
enum exit_code link_send(struct link *l, struct port_in *in);
enum exit_code link_receive(struct link *l, struct port_out *out);

/* What both do. */
bool link_say(struct link *l, uint32_t pipe, const struct link_message *m);
void link_beat(struct link *l, const struct link_message *m);
/* A peer is told why, is forgotten, and one line is said: the first few times. */
void link_refuse(struct link *l, uint32_t pipe, const char *why);
/* A connection that has not greeted yet, or was refused: closed after ms, unless taken by
 * link_connected(). Too many of them are closed at once. */
void link_guest(struct link *l, uint32_t pipe, int ms);
void link_guest_left(struct link *l, uint32_t pipe);
void link_guests(struct link *l); /* closes those whose time is over */
void link_connected(struct link *l, uint32_t pipe);
void link_disconnected(struct link *l);
/* Says that there is no peer after a second of it; true where it is gone for more than limit_ms, or
 * where none has ever come and the tool that started us has ended, or is to. */
bool link_gone(struct link *l, int64_t limit_ms);
/* The other side's words, made fit for a terminal. */
void link_words(struct bytes text, char words[LINK_TEXT_MAX + 1]);
enum link_signal link_signal(const struct link *l); /* also prints the books where asked to */
void link_state(struct link *l, enum link_state state);
void link_confirmed(struct link *l, uint64_t records);

#endif
