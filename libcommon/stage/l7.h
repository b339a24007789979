/* l7: the parser contract, and the engine that runs a parser over many flows.
 *
 * A parser is a pure function over borrowed bytes: no I/O, no allocation it does not bound.
 * Buffering, caps, gaps, poisoning and the session_end record live in the engine. The engine
 * does no I/O either: records leave through a callback, so unit tests, fuzz targets, weir-dns
 * and the embedding library all drive the same code.
 *
 *     int main(int argc, char **argv) { return l7_main(&dns_parser, argc, argv); }
 */
#ifndef WEIR_L7_H
#define WEIR_L7_H

#include "libcommon/base/opt.h"
#include "libcommon/record/record.h"

enum l7_dir { L7_ORIG, L7_RESP };
enum l7_claim { L7_NO, L7_MAYBE, L7_YES };

/* Why a flow's session ends: what end() is told. */
enum l7_end {
	L7_END_EOF,     /* the flow ended: fin, rst, idle, end of input */
	L7_END_GAP,     /* bytes are missing and the parser has no gap() */
	L7_END_ERROR,   /* l7_poison() */
	L7_END_DONE,    /* l7_done() */
	L7_END_EVICTED, /* a cap of the engine, or the flow was evicted upstream */
	L7_END_SWAPPED, /* the flow goes on, but another program takes this one's place, or took
			   that of a stage which had it in progress */
};

struct l7_flow; /* one flow; the parser's state hangs off it */

/* What is known of a flow when it may be claimed. */
struct l7_first {
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, .. */
	uint16_t orig_p, resp_p;
	bool midstream;
	enum l7_dir dir;   /* who sent `data` */
	struct bytes data; /* first bytes of that direction (TCP) or of a message (SCTP), or the
			      datagram */
	uint16_t sid;      /* SCTP: stream id and payload protocol id of the message */
	uint32_t ppid;
	const void *config; /* the parser's */
};

/* A user message of SCTP. */
struct l7_message {
	uint16_t sid;
	uint32_t ssn; /* stream sequence number, of an I-DATA chunk the message id */
	uint32_t ppid;
	bool unordered;
	uint64_t len;      /* bytes it had; more than data.len where the capture lacks some.. */
	struct bytes data; /* ..or where more than max_buffer would have been kept: its front */
};

/* What a guess says of a flow that is the parser's. */
struct l7_guessed {
	const char *protocol; /* one of the parser's `protocols` */
	uint64_t expected_by; /* the flow that announced this one; 0: none did */
	enum l7_dir client;   /* who acts as the client */
};

struct l7_parser {
	const char *name, *summary;
	const struct opt *options; /* own options, or NULL */
	void *config;              /* their destination; also what l7_config() gives */
	const char *epilog;        /* for --help, or NULL */
	size_t state_size;         /* zeroed bytes that a claimed flow gets */
	size_t shared_size;        /* zeroed bytes that all flows of an engine share */
	size_t max_buffer;         /* unparsed bytes kept per direction; 0 = 64 KiB */
	/* NULL-ended: what guesses call what it parses. Where guesses come, claims() is asked only
	 * of flows that may well be the parser's. NULL: it takes no notice of guesses. */
	const char *const *protocols;

	/* The engine's first and last call: to take memory at the start (in a stage, before the
	 * sandbox closes) rather than on the way, and to give it back. May be NULL. */
	void (*open)(void *shared, const void *config);
	void (*close)(void *shared);
	/* Is this flow ours? Asked with the first bytes of each direction until it says yes or no;
	 * MAYBE = more bytes are needed (at most 1 KiB is kept while undecided). Of UDP and SCTP
	 * asked with each datagram, or the first chunk of each message; those before the yes are
	 * not given. */
	enum l7_claim (*claims)(const struct l7_first *first);

	/* The unread bytes of one direction of TCP. Emits what is whole in them and returns how
	 * many it is done with; the rest comes again, longer. The first l7_scanned() bytes were
	 * offered before. Called again at once while it makes progress only by its own loop: return
	 * what is done. */
	size_t (*feed)(struct l7_flow *f, enum l7_dir dir, struct bytes data);
	/* One datagram (UDP). */
	void (*datagram)(struct l7_flow *f, enum l7_dir dir, struct bytes data);
	/* One message of SCTP, in the order of its stream; unordered ones as they come. Messages of
	 * several streams that came piece by piece between each other each come whole. Without it
	 * the parser gets nothing of SCTP: its streams are never one byte stream, so feed() and
	 * gap() have no part in them. */
	void (*message)(struct l7_flow *f, enum l7_dir dir, const struct l7_message *m);
	/* So many messages of that stream, or a part of one, will never come. May be NULL: what
	 * comes next is whole all the same. Of lost chunks nobody may be able to tell whose they
	 * were. */
	void (*lost)(struct l7_flow *f, enum l7_dir dir, uint16_t sid, uint64_t messages);
	/* `missing` bytes of that direction will never come. Unread bytes before it are dropped;
	 * the next feed() starts behind it. NULL: the session ends (L7_END_GAP). */
	void (*gap)(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why);
	/* One direction has ended. Unread bytes were offered and stay unread. */
	void (*eof)(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why);
	/* Packet time, before each of the calls above on this flow: for timeouts, which are a
	 * function of the flow alone so that output does not depend on timing. */
	void (*tick)(struct l7_flow *f, uint64_t now);
	/* Last call for every claimed flow, exactly once: emit what is open, free what was
	 * allocated. l7_emit still works in it. */
	void (*end)(struct l7_flow *f, enum l7_end why);
};

/* ---- what a parser may call ---- */

void *l7_state(struct l7_flow *f);
void *l7_config(struct l7_flow *f);
void *l7_shared(struct l7_flow *f);
const struct rec_key *l7_key(const struct l7_flow *f);
uint64_t l7_flow_id(const struct l7_flow *f);
bool l7_midstream(const struct l7_flow *f);
bool l7_snapped(const struct l7_flow *f); /* the datagram's or message's end is not there */
/* Bytes of the datagram at hand that the capture lacks. */
uint32_t l7_lacking(const struct l7_flow *f);
/* The guess that gave the flow to the parser; NULL where claims() did. */
const struct l7_guessed *l7_guessed(const struct l7_flow *f);
uint64_t l7_now(const struct l7_flow *f); /* ts of the record at hand, ns */
uint64_t l7_n(const struct l7_flow *f);   /* its frame number */
/* Time and frame of the record that brought data.ptr[0] of the feed() or message() at hand. */
uint64_t l7_start_ts(const struct l7_flow *f, enum l7_dir dir);
uint64_t l7_start_n(const struct l7_flow *f, enum l7_dir dir);
/* Stream offset of data.ptr[0]. */
uint64_t l7_offset(const struct l7_flow *f, enum l7_dir dir);
/* Stream records over which the unread data of this direction is spread. */
unsigned l7_segments(const struct l7_flow *f, enum l7_dir dir);
/* How many of the bytes now offered were offered before. */
size_t l7_scanned(const struct l7_flow *f, enum l7_dir dir);
/* Do not call feed() for this direction before so many unread bytes are there (or its end). */
void l7_want(struct l7_flow *f, enum l7_dir dir, size_t n);
/* Have `n` bytes from here on counted as read without being kept or offered: big bodies. */
void l7_skip(struct l7_flow *f, enum l7_dir dir, uint64_t n);
/* The parser holds so many bytes for this flow, of `most` that all flows may: beyond, behind this
 * callback, the flow that holds most ends (L7_END_EVICTED), until it is less. */
void l7_hold(struct l7_flow *f, uint64_t bytes, uint64_t most);
/* For memory of which every flow holds a little: ends the least recently used flow but this one
 * (L7_END_EVICTED). False where there is none. What l7_scratch() gave is not valid any more. */
bool l7_evict_oldest(struct l7_flow *f);
/* For a parser that lets one side wait for the other: what feed() left unread of this direction is
 * offered once more when the callback at hand has returned, and before more of its own bytes. */
void l7_again(struct l7_flow *f, enum l7_dir dir);
/* Scratch that is valid until the callback returns, for lists and texts of a record. Bounded by
 * 1 MiB per callback; NULL beyond. */
void *l7_scratch(struct l7_flow *f, size_t n);
/* Gives all of it back before that: for callbacks that make many records, one after another. */
void l7_scratch_drop(struct l7_flow *f);

/* The names of the bits of `set` that are set, lowest first, as for a record's `truncated`; out has
 * room for n. */
struct rec_list l7_names(uint32_t set, const char *const names[], size_t n, struct bytes *out);

/* l7_emit(f, dns, .trans_id = 7): one record with this flow's key; n is the frame at hand, ts
 * its time. l7_emit_at: with another ts (start of the thing described). */
#define l7_emit(f, type, ...)                                                                      \
	l7_emit_rec(f, l7_now(f), &rec_##type##_desc, &(struct rec_##type){ __VA_ARGS__ })
#define l7_emit_at(f, ts, type, ...)                                                               \
	l7_emit_rec(f, ts, &rec_##type##_desc, &(struct rec_##type){ __VA_ARGS__ })
/* The record's key member, where it has one, is filled in. */
void l7_emit_rec(struct l7_flow *f, uint64_t ts, const struct rec_desc *desc, void *rec);

/* An anomaly record; at most 32 per flow, then counted only. Strings may be NULL. */
void l7_violation(struct l7_flow *f, enum l7_dir dir, const char *name, enum rec_severity severity,
		  const char *state, const char *event, const char *expected);
/* The flow can't be parsed any further: one anomaly (<parser>_parse_error, event = why), one
 * session_end, and no further call but end(). */
void l7_poison(struct l7_flow *f, const char *why);
/* The rest of the flow is not for this parser: session_end (done), and no further call but
 * end(). Later records of the flow pass on. */
void l7_done(struct l7_flow *f);

/* ---- the engine ---- */

struct l7_limits {
	size_t max_flows;  /* 0 = 262,144; beyond, the least recently used goes (L7_END_EVICTED) */
	size_t max_memory; /* unread bytes over all flows; 0 = 256 MiB; beyond, the flow with most
			      of them goes */
};

struct l7_host {
	void *ctx;
	/* A record made by the parser or the engine. rec is desc's C struct. */
	void (*emit)(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		     const void *rec);
};

struct l7;
struct l7 *l7_new(const struct l7_parser *parser, const struct l7_host *host,
		  const struct l7_limits *limits);
/* Records of this flow will come soon: asks for the memory that they need. TABLE first, some
 * records earlier than FLOW, which reads what TABLE asked for. */
enum l7_ahead { L7_AHEAD_TABLE, L7_AHEAD_FLOW };
void l7_ahead(struct l7 *l7, uint64_t flow, enum l7_ahead how);
/* True: the record belongs to this parser (consumed); false: it is somebody else's. */
bool l7_stream(struct l7 *l7, const struct rec_head *h, const struct rec_stream *s);
bool l7_packet(struct l7 *l7, const struct rec_head *h, const struct rec_packet *p);
/* Is the flow known to be somebody else's? Then its records need not even be decoded. False says
 * nothing. */
bool l7_is_other(struct l7 *l7, uint64_t flow);
/* Has the engine anything of this flow? Where not, its end need not be decoded either. */
bool l7_knows(struct l7 *l7, uint64_t flow);
/* Every flow that the parser has claimed, the last used first: its key, and the bytes of each
 * direction that it has not read yet. */
void l7_each(const struct l7 *l7,
	     void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
			  const uint64_t held[2]),
	     void *ctx);
/* From now on guesses come, each before the bytes that it is about: a parser with `protocols` gets
 * the flows that are likely its own, from the offsets at which the guess says that they begin, and
 * is asked about those that may be. Until a guess comes at most 1 KiB of each direction is kept, 16
 * MiB over all flows; beyond, the flow that has kept some for longest goes on as somebody else's.
 */
void l7_follow(struct l7 *l7);
void l7_guess(struct l7 *l7, const struct rec_head *h, const struct rec_guess *g);
/* They always pass on as well. */
void l7_stream_end(struct l7 *l7, const struct rec_head *h, const struct rec_stream_end *e);
void l7_flow_end(struct l7 *l7, const struct rec_head *h, const struct rec_flow *fl);
/* End of input: ends every flow still there, by ascending flow id. */
void l7_finish(struct l7 *l7, uint64_t last_n);
/* Another program goes on with these flows, and knows nothing of them: ends every one of which that
 * could change a record, with L7_END_SWAPPED, at the frame number n. */
void l7_leave(struct l7 *l7, uint64_t n, uint64_t ts);
/* Frees; calls no end(): l7_finish() first, or what parsers allocated is lost. NULL is fine. */
void l7_free(struct l7 *l7);

/* Of a flow that no guess has named yet, of each direction of a stream. */
enum { L7_FIRST_BYTES = 1024 };

struct l7_stats {
	uint64_t flows, claimed, evicted, poisoned, swapped, anomalies_suppressed, memory,
		memory_peak, first_bytes, first_bytes_evicted;
	uint64_t held; /* what parsers said in l7_hold(): nothing behind the end of all flows */
};
const struct l7_stats *l7_stats(const struct l7 *l7);
/* What l7_shared() gives its parser. */
void *l7_engine_shared(struct l7 *l7);

/* The whole of a parser tool's main(): a stage round the engine, with --only. */
int l7_main(const struct l7_parser *parser, int argc, char **argv);
/* The same with several parsers (NULL-ended) side by side, as a stage of that name: `--protocols`
 * says which of them, and each one's options have its name in front. */
int l7_several_main(const char *name, const char *summary, const struct l7_parser *const *parsers,
		    int argc, char **argv);
/* Where the first operand stands in argv, which l7_main() would refuse; 0: nowhere. For a tool that
 * makes its parser of one, and takes it out of argv. */
int l7_operand(const struct l7_parser *parser, int argc, char **argv);

#endif
