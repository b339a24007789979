/* engine: makes guesses about flows out of what their first bytes, their ports and earlier flows
 * say. Does no I/O: records leave through a callback. */
#ifndef WEIR_INFER_ENGINE_H
#define WEIR_INFER_ENGINE_H

#include "cmd/infer/context.h"
#include "cmd/infer/ports.h"
#include "cmd/infer/signature.h"
#include "libcommon/record/record.h"

enum { INFER_DEPTH = SIGNATURE_DEPTH, INFER_PACKETS = 100 };

struct infer_limits {
	size_t flows;       /* known at a time while undecided or watched */
	size_t first_bytes; /* memory for first bytes over all flows */
	unsigned depth;     /* bytes of a direction that are looked at */
	unsigned packets;   /* pieces of a direction that are looked at */
	unsigned least;     /* confidence below which a guess is not written */
	unsigned classes;   /* 1 << class: of the strongest sign, others likewise; 0: all of them */
	const bool *wanted; /* by protocol: whose payload is; NULL: everybody's */
	bool final;         /* write only the last word about each flow */
};

struct infer_tables {
	const struct protocols *names;
	const struct signatures *signatures;
	const struct ports *ports;
	struct context *context;
};

struct infer_host {
	void *ctx;
	void (*guess)(void *ctx, const struct rec_head *h, const struct rec_guess *rec);
	/* NULL, or whom parsers are told by: each guess that `least` and `classes` leave, before it
	 * is written, if it is. Its evidence, alternatives and names are not there. */
	void (*follow)(void *ctx, const struct rec_head *h, const struct rec_guess *rec);
};

struct infer;
struct infer *infer_new(const struct infer_tables *tables, const struct infer_host *host,
			const struct infer_limits *limits);
void infer_free(struct infer *in);

/* A record of that flow will come soon: asks for the memory that it needs. TABLE first, some
 * records earlier than FLOW, which reads what TABLE asked for. */
enum infer_ahead { INFER_AHEAD_TABLE, INFER_AHEAD_FLOW };
void infer_ahead(const struct infer *in, uint64_t flow, enum infer_ahead how);
/* What is to be done with the payload of a flow. Where there is nothing more to find out about it,
 * its records need not be decoded. */
enum infer_need { INFER_LOOK, INFER_PASS, INFER_LEAVE_OUT };
enum infer_need infer_need(const struct infer *in, uint64_t flow);
/* After a look at a record: may somebody want it? */
bool infer_wants(const struct infer *in, uint64_t flow);
/* Called before the record goes on, so that its guess comes first. */
void infer_stream(struct infer *in, const struct rec_head *h, const struct rec_stream *s);
void infer_packet(struct infer *in, const struct rec_head *h, const struct rec_packet *p);
/* A flow started, as far as that is reported, or ended: then nothing but `event` is read. */
void infer_flow(struct infer *in, const struct rec_head *h, const struct rec_flow *f);
/* A parser upstream made a record of that protocol out of the flow. */
void infer_parsed(struct infer *in, const struct rec_head *h, const struct rec_key *key,
		  const char *protocol);
/* A line of context_tell() from outside at that time, while records come: flows that began last and
 * are undecided are judged anew, as what is told of them comes late. False: it is wrong, *why says
 * how.
 */
bool infer_tell(struct infer *in, uint64_t now, struct bytes line, const char **why);
/* End of input: what is undecided is given up, by ascending flow. */
void infer_finish(struct infer *in, uint64_t last_n);

struct infer_stats {
	uint64_t flows, evicted, guesses, first_bytes_evicted, settled;
	uint64_t states[REC_guess_state_GAVE_UP + 1];
};
const struct infer_stats *infer_stats(const struct infer *in);

#endif
