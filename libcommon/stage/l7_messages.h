/* l7_messages: the messages of one direction of an SCTP association, put together from the pieces
 * that its stream records carry.
 *
 * Messages of several streams may come piece by piece between each other. One whose pieces are
 * not all there, in their order and from its beginning, never comes out; it is said to be lost.
 * Work per record is bounded by MESSAGES_OPEN. */
#ifndef WEIR_L7_MESSAGES_H
#define WEIR_L7_MESSAGES_H

#include "libcommon/base/buf.h"
#include "libcommon/stage/l7.h"

enum { MESSAGES_OPEN = 64 }; /* of which the end has not come, per direction */

struct l7_part {
	struct l7_part *next;
	struct l7_message m; /* its data: see kept */
	struct buf kept;
	uint64_t ts, n, offset; /* of its first record */
	uint32_t last_tsn;
	unsigned segments;
	bool cut;      /* what comes is counted, not kept */
	bool doubtful; /* chunks of unknown streams were lost since its last piece */
};

/* A zeroed one is valid. */
struct l7_messages {
	struct l7_part *first; /* newest first */
	unsigned count;
	size_t bytes;  /* kept, of all parts */
	size_t memory; /* allocated for that */
};

/* What a record has shown. */
struct l7_messages_news {
	bool whole;          /* a message is whole: */
	struct l7_part part; /* this one; its data is borrowed from the record, or its own */
	uint64_t lost;       /* so many messages of stream lost_sid will not come */
	uint16_t lost_sid;
};

/* Takes a stream record of the direction, a gap too; at most cap bytes are kept in all: of a
 * message that goes beyond, the rest is counted in its len. part of the news: give it back with
 * l7_part_release(). */
void l7_messages_add(struct l7_messages *ms, const struct rec_head *h, const struct rec_stream *s,
		     size_t cap, struct l7_messages_news *news);
void l7_part_release(struct l7_part *part);
/* Gives up one message whose end has not come. False: there is none. */
bool l7_messages_drop(struct l7_messages *ms, uint16_t *sid);

#endif
