/* message: what two weir-links say to each other. Pure.
 *
 * A message of the NNG socket is one msgpack array of seven numbers that are not negative, then a
 * payload of exactly `bytes` bytes:
 *
 *     [ version, kind, instance, seq, count, more, bytes ] payload
 *
 * instance is the stream id in the first hello of the stream: what the sender reads and what the
 * receiver writes is known by it, whichever process does it. seq is a number of bytes from the
 * beginning of that stream, as the sender reads it: where that is a ring, a position in the ring.
 *
 *                     seq               count               more          payload
 *     sender          confirmed so far  0                   0             program and version
 *     receiver        what it has       0                   credit        program and version
 *     refuse          0                 0                   0             why, for people
 *     head            first byte        0                   0             hello, schemas
 *     data            first byte        data records in it  0             whole records
 *     ack             what it has       taken by its reader credit        -
 *     end             bytes in all      data records ..     .. from here  -
 *     abort           the same, of a stream that ends without an end of its own
 *     receipt         bytes in all      data records ..     .. from here  -
 *     left            taken by reader   1: it died          0             -
 *     bye             -                 -                   -             -
 *     beat            -                 -                   -             -
 *
 * Each side greets first (sender, receiver) on every new connection; the receiver's instance is 0
 * where it has nothing yet. A receiver that has nothing of a stream which is no longer at its
 * beginning gets the head before the data. credit: bytes behind `what it has` that there is room
 * for. Acks are cumulative and repeated; `receipt` answers `end` once all has been taken by the
 * reader, `bye` answers that. Who has nothing to say for a second says beat, or ack again. */
#ifndef WEIR_LINK_MESSAGE_H
#define WEIR_LINK_MESSAGE_H

#include "libcommon/record/record.h"

enum {
	LINK_VERSION = 1,
	LINK_BATCH = 256 * 1024, /* bytes of records; one that is longer goes alone */
	LINK_HEAD = 64 * 1024,   /* of hello and schemas, as in a ring */
	LINK_FRONT_MAX = 64,     /* bytes of the seven numbers */
	LINK_MESSAGE_MAX = REC_MAX + LINK_FRONT_MAX,
	LINK_TEXT_MAX = 256,
};

enum link_kind {
	LINK_SENDER = 1,
	LINK_RECEIVER,
	LINK_REFUSE,
	LINK_HEAD_OF,
	LINK_DATA,
	LINK_ACK,
	LINK_END,
	LINK_ABORT,
	LINK_RECEIPT,
	LINK_GONE,
	LINK_BYE,
	LINK_BEAT,
	LINK_KINDS,
};

struct link_message {
	uint64_t version;
	enum link_kind kind;
	uint64_t instance, seq, count, more;
	struct bytes payload; /* borrowed from what was parsed */
};

/* Writes the numbers in front of payload.len bytes; at most LINK_FRONT_MAX. Returns how many. */
size_t link_message_put(uint8_t *at, const struct link_message *m);
/* NULL, or what is wrong with it. Of another version only the version is looked at, and what it
 * refuses us with. */
const char *link_message_get(struct bytes raw, struct link_message *m);

#endif
