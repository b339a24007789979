/* engine_private: what the files of the engine share. */
#ifndef WEIR_INFER_ENGINE_PRIVATE_H
#define WEIR_INFER_ENGINE_PRIVATE_H

#include "cmd/infer/engine.h"
#include "cmd/infer/evidence.h"
#include "cmd/infer/facts.h"
#include "libcommon/stage/l7_others.h"
#include "libcommon/stage/l7_pool.h"

enum infer_mode {
	INFER_OPEN,    /* undecided, or only one direction has shown it */
	INFER_WATCHED, /* decided, but it may change, or tells of other flows */
	INFER_CLOSED,  /* nothing more to find out */
};

/* Who follows guesses (l7_follow.c) asks about a flow that may be his, and has it from then on
 * whatever later guesses say. Before that he keeps the front of a stream, but forgets it where it
 * gets too long or surely is another's. */
enum infer_wanted { WANTED_UNDECIDED, WANTED_YES, WANTED_NO };

struct infer_side {
	uint8_t *first; /* a block of the pool, or NULL */
	uint16_t len;   /* bytes in it */
	uint16_t packets;
	bool lost;     /* its first bytes made room for others' */
	uint16_t kept; /* bytes that parsers have while they wait for a guess */
	bool gapped;   /* bytes are missing before `from`: no start, as far as anybody knows */
	uint64_t from; /* offset of first[0] */
	uint64_t next; /* offset behind the last byte seen */
	uint16_t told; /* the protocol to whose followers its first bytes were given */
	struct signature_scan scan;
};

/* Of each direction the front of words that may announce a change, or, once they came (`armed`), of
 * what may begin the protocol that they announced. */
enum { CHANGE_KEEP = 256 };

struct infer_change {
	struct {
		uint8_t bytes[CHANGE_KEEP];
		uint16_t len;
		uint64_t offset; /* of bytes[0] */
	} side[2];
};

struct infer_flow {
	struct infer_flow *chain, *newer, *older;
	struct infer_flow *next_holder, *prev_holder; /* of first bytes, in the order of taking */
	uint64_t id;
	struct rec_key key;
	uint8_t mode, client; /* client: the direction that acts as one */
	uint8_t wanted;       /* enum infer_wanted, by the guesses that were written */
	bool asked;           /* by SNI, for a name that is known now */
	bool forgotten;       /* parsers wait for its guess no longer */
	bool midstream, flipped, named;
	uint16_t served;                         /* what the context was told of its server */
	uint16_t rev, protocol, over;            /* protocol: of the last guess */
	uint8_t state, confidence, class, cause; /* of the last guess, too */
	bool unsaid;                             /* it was not written, as it may not be final */
	bool random;                             /* given up, and its bytes are as if encrypted */
	uint32_t packets, bytes, took_packets, took_bytes; /* until then */
	uint64_t begins[2];                                /* offsets */
	struct evidence_list evidence;
	struct infer_side side[2];
	uint16_t armed; /* 1 + number of a `change` line whose words were seen */
	uint16_t armed_left, watch_left;
	struct infer_change *change; /* or NULL */
	uint64_t expected_by;
	bool was_expected;
	struct facts_flow *facts; /* of protocols that tell of other flows */
};

struct infer {
	struct infer_tables t;
	struct infer_host host;
	struct infer_limits limits;
	struct infer_stats stats;
	struct infer_flow **buckets;
	size_t mask;
	struct l7_pool flows, blocks, facts, changes;
	uint8_t joined[INFER_DEPTH]; /* what is kept of a direction, and the piece behind it */
	size_t nblocks, max_blocks;
	struct infer_flow *newest, *oldest;
	struct infer_flow *first_holder, *last_holder;
	struct l7_others settled;
	bool *settled_wanted;            /* in the same place */
	uint8_t facts_of[PROTOCOLS_MAX]; /* enum facts_kind */
	uint64_t now, n;                 /* of the record at hand */
};

static inline enum signature_l4 infer_l4(const struct infer_flow *f)
{
	return f->key.proto == 6    ? SIGNATURE_TCP
	       : f->key.proto == 17 ? SIGNATURE_UDP
				    : SIGNATURE_SCTP;
}

/* ---- engine.c ---- */

/* Gives up the first bytes of a side. */
void infer_side_drop(struct infer *in, struct infer_flow *f, unsigned dir);
/* Appends to the first bytes of a side, as far as they are kept. False where none was added. */
bool infer_first_add(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes data);

/* ---- engine_change.c ---- */

/* Do these bytes announce that another protocol will follow? */
void infer_change_look(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes);
/* That was announced: do they begin it? True where it is another one from here on; *bytes then
 * begins where it does, which may be before this piece. */
bool infer_change_begins(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes *bytes,
			 uint64_t offset);
/* Bytes are missing here. */
void infer_change_gap(struct infer_flow *f, unsigned dir);

/* ---- engine_guess.c ---- */

/* Judges anew, and writes a guess where that is a change of mind. */
void infer_judge(struct infer *in, struct infer_flow *f);
/* The same before the first byte: a port, a name or a service is not worth a guess by itself. */
void infer_judge_unseen(struct infer *in, struct infer_flow *f);
/* The last guess about a flow that nothing was found out about. */
void infer_give_up(struct infer *in, struct infer_flow *f);
/* Nothing more will be found out about a flow: writes the guess that was not. */
void infer_last_word(struct infer *in, struct infer_flow *f);
/* From here on another protocol, by agreement. */
void infer_upgrade(struct infer *in, struct infer_flow *f, const struct evidence *e);

/* ---- engine_facts.c ---- */

/* What bytes of a flow of known protocol say of others: all of that direction once, in order. */
void infer_facts(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes);

/* ---- engine_signs.c ---- */

struct endpoint infer_endpoint(const struct infer_flow *f, unsigned dir);
/* What is known before the first byte. */
void infer_start_signs(struct infer *in, struct infer_flow *f);
/* What is known by now, of a flow that has begun. */
void infer_late_signs(struct infer *in, struct infer_flow *f);
/* Looks at bytes of a direction, and adds the signs found in them; turns the flow round where they
 * show that the other side is the client. */
void infer_look(struct infer *in, struct infer_flow *f, unsigned dir, struct bytes bytes,
		bool whole, struct signature_scan *scan);
/* Fits only a protocol (0: any but `not`) without adding anything: 0, or 1 + the signature. */
uint16_t infer_fits(struct infer *in, struct infer_flow *f, struct bytes bytes, uint16_t protocol,
		    uint16_t not );

#endif
