/* l7_private: what the files of the parser engine share. */
#ifndef WEIR_L7_PRIVATE_H
#define WEIR_L7_PRIVATE_H

#include "libcommon/stage/l7.h"
#include "libcommon/stage/l7_messages.h"
#include "libcommon/stage/l7_others.h"
#include "libcommon/stage/l7_pool.h"

enum l7_mode {
	MODE_UNDECIDED,
	MODE_OURS,  /* claimed; consumed */
	MODE_OVER,  /* was ours: poisoned, or ended by a gap; still consumed, not called */
	MODE_OTHER, /* somebody else's: about to be given up, or one too many for l7_others */
};

struct l7_side {
	struct buf kept; /* unread bytes of earlier records */
	size_t scanned, want;
	uint64_t skip;   /* l7_skip: bytes to let by */
	uint64_t offset; /* stream offset of the first unread byte */
	uint64_t start_ts, start_n;
	uint64_t fed, missing;
	unsigned segments;
	bool ended;
};

struct l7_flow {
	struct l7_flow *next; /* hash chain */
	uint64_t id, now, n;
	uint64_t listed; /* the clock when it was last put in front of the list */
	struct l7 *l7;
	void *state;
	uint8_t mode;
	bool midstream, snapped, stop_over, stop_done;
	struct l7_side side[2];
	struct rec_key key;
	unsigned anomalies;
	uint64_t messages;
	const char *why;
	struct l7_messages *messages_of; /* SCTP: of both directions, once there are any */
	struct l7_flow *newer, *older;   /* by last use, nearly: see flow_used() */
};

struct l7_scratch {
	struct l7_scratch *next;
	size_t used, size;
	uint8_t bytes[] __attribute__((aligned(16)));
};

struct l7 {
	const struct l7_parser *parser;
	struct l7_host host;
	struct l7_limits limits;
	struct l7_stats stats;
	struct l7_flow **buckets;
	size_t mask;
	struct l7_pool flows, states;
	struct l7_flow *newest, *oldest;
	uint64_t clock; /* records of known flows so far */
	void *shared;
	struct l7_scratch *scratch;
	size_t scratch_used;
	/* Most records belong to flows that are somebody else's, and most flows are. */
	struct l7_others others;
};

static inline struct l7_first l7_first_of(const struct l7_flow *f, enum l7_dir dir,
					  struct bytes data)
{
	return (struct l7_first){ .proto = f->key.proto,
				  .orig_p = f->key.orig_p,
				  .resp_p = f->key.resp_p,
				  .midstream = f->midstream,
				  .dir = dir,
				  .data = data,
				  .config = f->l7->parser->config };
}

/* ---- l7.c ---- */

/* Before a callback: the time, for the parser's timeouts. */
void l7_flow_tick(struct l7_flow *f);
/* After a callback: carries out what l7_poison() or l7_done() asked for in it. */
void l7_flow_settle(struct l7_flow *f);
void l7_flow_claim(struct l7_flow *f);
/* The last call to the parser for this flow, its session_end, and its state given back. */
void l7_session_close(struct l7_flow *f, enum l7_end why);
/* Unread bytes that are kept per direction. */
size_t l7_parser_cap(const struct l7 *l7);

/* ---- l7_sctp.c ---- */

void l7_messages_take(struct l7_flow *f, const struct rec_head *h, const struct rec_stream *s);
/* The direction has ended: of open messages the rest will not come. */
void l7_messages_end(struct l7_flow *f, enum l7_dir dir);
void l7_messages_forget(struct l7_flow *f);

#endif
