/* l7_private: what the files of the parser engine share. */
#ifndef WEIR_L7_PRIVATE_H
#define WEIR_L7_PRIVATE_H

#include "libcommon/stage/l7.h"
#include "libcommon/stage/l7_holders.h"
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
	bool ended, offering; /* offering: feed() is running */
};

struct l7_flow {
	struct l7_flow *next; /* hash chain */
	uint64_t id, now, n;
	uint64_t listed; /* the clock when it was last put in front of the list */
	struct l7 *l7;
	void *state;
	uint8_t mode;
	uint8_t dir;   /* whose bytes, or end, are at hand */
	uint8_t again; /* bits of the directions that l7_again() named */
	bool midstream, snapped, stop_over, stop_done;
	bool asks;          /* it may be the parser's, says a guess: claims() decides */
	uint64_t begins[2]; /* offsets below which the stream is another protocol's */
	uint32_t lacking;   /* bytes of the datagram at hand */
	struct l7_guessed guessed;
	uint32_t firsts;                           /* first bytes kept until a guess comes */
	struct l7_flow *next_holder, *prev_holder; /* of first bytes, in the order of taking */
	struct l7_side side[2];
	struct l7_holding unread, held; /* bytes of memory: of l7_unread(), of l7_hold() */
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
	struct l7_holders unread, held;
	uint64_t held_most; /* what parsers may hold */
	uint64_t clock;     /* records of known flows so far */
	void *shared;
	struct l7_scratch *scratch;
	size_t scratch_used;
	/* Most records belong to flows that are somebody else's, and most flows are. */
	struct l7_others others;
	bool follows;        /* guesses come.. */
	size_t first_memory; /* ..and until they do first bytes have so much */
	struct l7_flow *first_holder, *last_holder;
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

/* ---- l7_records.c ---- */

/* Before a callback: the time, for the parser's timeouts. */
void l7_flow_tick(struct l7_flow *f);
/* After a callback: carries out what l7_poison(), l7_done() or l7_again() asked for in it. */
void l7_flow_settle(struct l7_flow *f);
void l7_flow_claim(struct l7_flow *f);
/* Unread bytes that are kept per direction. */
size_t l7_parser_cap(const struct l7 *l7);

/* Offers what a side has kept. */
void l7_side_offer_kept(struct l7_flow *f, enum l7_dir dir);
/* Has the parser a callback for what this IP protocol carries? */
bool l7_reads(const struct l7_parser *p, uint8_t proto);
/* Would the engine find at once that a flow of which this is the first record is somebody else's?
 */
bool l7_refuses_stream(const struct l7 *l7, const struct rec_stream *s);
bool l7_refuses_packet(const struct l7 *l7, const struct rec_packet *p);

/* ---- l7_memory.c ---- */

/* The flow's unread bytes, or pieces of messages, have changed: counts them. */
void l7_unread(struct l7_flow *f);
/* Where flows have more than they may, those that have most give it up; the one at hand, too. */
void l7_unread_within(struct l7_flow *at_hand);
void l7_held_within(struct l7_flow *at_hand);

/* ---- l7.c ---- */

/* A flow with that id, or NULL. */
struct l7_flow *l7_flow_lookup(const struct l7 *l7, uint64_t id);
/* The same, for a record of the flow: it counts as used. */
struct l7_flow *l7_flow_find(struct l7 *l7, uint64_t id);
/* A new one; it is not among the others. */
struct l7_flow *l7_flow_make(struct l7 *l7, const struct rec_head *h, uint64_t id);
/* A flow of which there is no struct is somebody else's. */
void l7_other_add(struct l7 *l7, const struct rec_head *h);
/* From now on the flow of this record is somebody else's. Where too many such flows have
 * neighbouring ids, the oldest of them gets a struct, so that it is not asked about again. */
void l7_flow_other(struct l7 *l7, const struct rec_head *h);
/* The end of each record's way: a flow that turned out to be somebody else's needs no struct. */
bool l7_flow_left(struct l7_flow *f, const struct rec_head *h);
/* The last call to the parser for this flow, its session_end, and its state given back. */
void l7_session_close(struct l7_flow *f, enum l7_end why);
void l7_flow_forget(struct l7 *l7, struct l7_flow *f);
/* The unread bytes of a side are dropped; l7_unread() counts it. */
void l7_side_drop(struct l7_side *s);
/* What a callback took of it is free again. */
void l7_scratch_reset(struct l7 *l7);
/* The flow is somebody else's: its struct is given up. */
void l7_flow_leave(struct l7_flow *f, const struct rec_head *h);
/* Pointers to flows in the order of their ids, for qsort(). */
int l7_flow_by_id(const void *a, const void *b);
/* The end of input for one flow, which is forgotten then. */
void l7_flow_finish(struct l7_flow *f, uint64_t last_n);

/* ---- l7_follow.c ---- */

enum { L7_FIRST_MEMORY = 16 << 20 }; /* for first bytes, of a process */

/* l7_follow() with a part of that memory. */
void l7_follow_within(struct l7 *l7, size_t memory);

/* Must the flow wait for a guess? */
static inline bool l7_flow_waits(const struct l7_flow *f)
{
	return f->mode == MODE_UNDECIDED && f->l7->follows && !f->asks;
}
/* Is a guess of another's protocol the end of asking? Else the flow may yet be the parser's. */
bool l7_guess_settles(const struct rec_guess *g);
/* Keeps first bytes until a guess comes. */
void l7_first_keep(struct l7_flow *f, enum l7_dir dir, struct bytes data);
/* What the flow has kept is no longer counted among first bytes. */
void l7_first_taken(struct l7_flow *f);

/* ---- l7_sctp.c ---- */

void l7_messages_take(struct l7_flow *f, const struct rec_head *h, const struct rec_stream *s);
/* The direction has ended: of open messages the rest will not come. */
void l7_messages_end(struct l7_flow *f, enum l7_dir dir);
void l7_messages_forget(struct l7_flow *f);

#endif
