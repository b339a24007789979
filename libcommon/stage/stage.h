/* stage: the life of a tool that reads, makes or prints records.
 *
 * stage_main() parses the options, opens the endpoints, warms up, enters the sandbox, runs the
 * loop, keeps the books and ends in order. A tool fills in a struct stage_ops and has a main()
 * of one line. See docs/architecture.md for order, marks and books. */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/port/file_id.h"
#include "libcommon/record/names.h"
#include "libcommon/record/record.h"

struct stage;
struct census;

struct stage_rec {
	struct rec_head head;
	/* the whole record; canonical prefix; borrowed until the callback returns */
	struct bytes raw;
};

enum { STAGE_PARTS = 64 };
enum stage_kind {
	STAGE_SOURCE, /* no record input: produce() */
	STAGE_FILTER, /* records in, records out */
	STAGE_SINK,   /* records in; -o is text, written with stage_text() */
};

struct stage_ops {
	const char *name; /* "flow"; the program is weir-flow */
	const char *summary;
	const char *operands, *epilog; /* for --help; NULL for none */
	enum stage_kind kind;
	const struct opt *options;      /* the tool's own; NULL for none */
	void *config;                   /* their destination */
	const struct opt *more_options; /* a second table, for frames round a tool like l7_main */
	void *more_config;
	const struct opt_group *parts; /* and further ones, of what the tool is made of */
	size_t nparts;                 /* at most STAGE_PARTS */
	bool decouples;                /* marks do not wait for outputs: see stage_try_held() */
	bool pauses;                   /* it waits within a batch: see stage_pause() */
	bool operands_are_inputs;      /* FILE.. is the same as -i FILE.. */
	const struct rec_desc *const *reads; /* types it decodes; NULL-ended. A stream whose schema
						lacks a required field of one ends the stage (3) */
	/* A type that it declares right behind its hello, before there is a record of it: what
	 * follows knows so that this stage is there. May be NULL. */
	const struct rec_desc *announces;
	unsigned sandbox; /* enum sandbox_needs */
	bool skims; /* it looks at most records' prefix alone: the rest is not fetched ahead */

	/* Where no -i is given: which endpoints are read instead of standard input, by
	 * stage_input_add(). argv[1..argc] are operands. May be NULL. */
	void (*inputs)(struct stage *st, int argc, char **argv);
	/* After parsing, before the sandbox: open files, allocate. argv[1..argc] are operands. */
	void (*open)(struct stage *st, int argc, char **argv);
	/* STAGE_SOURCE: emit some records (a batch); false at the end of the input. */
	bool (*produce)(struct stage *st);
	/* A run of data records, in order. Each must get exactly one fate: stage_pass,
	 * stage_consume, stage_filter or stage_drop. */
	void (*batch)(struct stage *st, const struct stage_rec *recs, size_t n);
	/* Nothing below (n, ts) will follow from that source. The loop passes the mark on after
	 * this returns. May be NULL. */
	void (*mark)(struct stage *st, uint64_t source, uint64_t n, uint64_t ts);
	/* The input has ended (or produce() has): emit what is held, and be ready for another
	 * stream: with `cat a b |` this is called once for each. May be NULL. */
	void (*finish)(struct stage *st);
	/* After each turn of the loop, and when a signal came. Returns for how many ms the loop may
	 * then wait for input at most, -1: as long as it takes. May be NULL. */
	int (*turn)(struct stage *st);
	/* Sinks: also called for control records the sink wants to see (schema is known through
	 * stage_schema). NULL: they are handled by the loop alone. */
	void (*control)(struct stage *st, const struct rec_head *h, struct bytes raw);
	const char *(*sandbox_dir)(struct stage *st); /* for SANDBOX_WRITE_DIR */
	/* Brings counters that the tool keeps elsewhere up to date, before they are committed
	 * (commit.h). May be NULL, as where they are so at the end of each batch. */
	void (*settle)(struct stage *st);
	/* Another program takes its place, and knows nothing of what it held: what begun things it
	 * has are brought to an end that says so (the reasons are `swapped`), what it holds goes
	 * out. Records that are made have the number n, or a higher one of those at hand; ts is
	 * where the stage's time stands. NULL: what it held is given up, as at a death (commit.h).
	 */
	void (*leave)(struct stage *st, uint64_t n, uint64_t ts);
	/* For who holds records until it knows what comes next (NULL: not known yet): deals with
	 * what it holds if it can. False: it holds some still, so nothing is committed now. Without
	 * it nothing is held from one batch to the next, but for the state of flows. */
	bool (*complete)(struct stage *st, const struct rec_head *next);
	/* STAGE_SOURCE: a predecessor made the frames up to number n: the next is n + 1. Called
	 * before the sandbox. NULL: the source can't go on where another one stopped. A sink that
	 * has files of its own: the counters are those of its last commit, and so its files are
	 * to be. Others: what they keep (stage_keep) is there. */
	void (*resume)(struct stage *st, uint64_t n);
	/* Adds a row for each flow that the stage has now (census.h). May be NULL. */
	void (*census)(struct stage *st, struct census *c);
	/* A sink: start of a new source stream (`cat a b |`): n starts again. May be NULL. */
	void (*restart)(struct stage *st);
};

/* The whole of main(). Returns the exit code. */
int stage_main(const struct stage_ops *ops, int argc, char **argv);

/* Where the first operand stands in argv, before stage_main(); 0: nowhere. */
int stage_operand(const struct stage_ops *ops, int argc, char **argv);

void *stage_config(struct stage *st);
/* A slot for the tool's own state. */
void **stage_user(struct stage *st);

/* ---- fates: exactly one per input record ---- */
void stage_pass(struct stage *st, struct bytes raw); /* to every output, byte for byte */
/* To that output alone, 0 .. stage_outputs() - 1 in the order of -o; what is no data goes to all. A
 * stage passes all it passes this way, or nothing: shards share what went out. */
void stage_pass_to(struct stage *st, size_t output, struct bytes raw);
size_t stage_outputs(const struct stage *st);
/* One more input, in inputs(); borrowed. */
void stage_input_add(struct stage *st, const char *endpoint);
/* One more output beside those of -o, in open(); its number. */
size_t stage_output_add(struct stage *st, const char *endpoint);
/* In open(): a file that the tool reads, or writes, beside its inputs and outputs. Name: of an
 * input, for a message, until open() returns or later. */
void stage_reads(struct stage *st, struct file_id id, const char *name);
void stage_writes(struct stage *st, struct file_id id, const char *name);
/* To every output, later than in its batch: s is its schema as stage_schema() gave it then. */
void stage_pass_held(struct stage *st, const struct schema *s, struct bytes raw);
/* The same to that output alone. */
void stage_pass_held_to(struct stage *st, size_t output, const struct schema *s, struct bytes raw);
/* The same where no output has to be waited for; else false. */
bool stage_try_held(struct stage *st, const struct schema *s, struct bytes raw);
/* Within a batch, before waiting for something that is no input: nothing below n will follow.
 * Brings out what was passed. Where work is committed (commit.h), that is what was passed before
 * the batch: so a stage that `pauses` gets batches of one record there. */
void stage_pause(struct stage *st, uint64_t n);
/* What the stage holds back starts at (n, ts): marks say no more than that. UINT64_MAX: nothing is
 * held. How many: stage_counter(st, "held"). */
void stage_hold(struct stage *st, uint64_t n, uint64_t ts);
void stage_consume(struct stage *st, uint64_t n); /* n input records became something else */
void stage_filter(struct stage *st, uint64_t n);  /* left out on purpose */
void stage_drop(struct stage *st, const char *reason, uint64_t n);

/* ---- types that are known only at run time ---- */
/* Never freed before the stage ends. Each is declared before its first record. */
struct stage_type;
/* A type of our own: an id is found for it. `rows` are its fields (make_rows). */
struct stage_type *stage_type_new(struct stage *st, const char *name, uint16_t major,
				  struct bytes rows);
/* Another declaration for the input's type of that id, whose records are passed on changed; its
 * name and version stay. */
struct stage_type *stage_type_in_place(struct stage *st, uint16_t type, struct bytes rows);
/* One of ours, whose records a tool packs itself. */
struct stage_type *stage_type_of(struct stage *st, const struct rec_desc *desc);
uint16_t stage_type_id(const struct stage_type *t);
/* The fate of an input record that goes on as `raw`, a record of that type, to every output.
 * Longer than a record may be: dropped (dropped.too_long). */
void stage_pass_as(struct stage *st, const struct stage_type *t, struct bytes raw);
/* A record that was made; not in a sink. */
void stage_emit_as(struct stage *st, const struct stage_type *t, struct bytes raw);

/* ---- making records ---- */
/* Cold types; also custom ones: the schema goes out before the first. */
void stage_emit(struct stage *st, const struct rec_desc *desc, const struct rec_head *h,
		const void *rec);
/* Hot types: write at most n bytes at the returned place, then commit what was written (one
 * whole record). The schema is sent first where it is new. Never NULL: waits for space; where
 * every output is broken it gives scratch memory and the loop ends soon. */
uint8_t *stage_reserve(struct stage *st, const struct rec_desc *desc, size_t n);
void stage_commit(struct stage *st, size_t n);
/* Every output is null: nobody will see the bytes, so a payload need not be copied into what was
 * reserved. What is reserved, committed and counted stays the same. */
bool stage_discards(const struct stage *st);
/* Where the order stands: sources call it once per frame made, so that the loop can mark. */
void stage_at(struct stage *st, uint64_t source, uint64_t n, uint64_t ts);
/* In open(): a source of what happens now, for the hello. */
void stage_live(struct stage *st);
/* In open(): what goes out is in an order that was asked for, which may not be that of n; what
 * follows with one input keeps it. For the hello. */
void stage_sorts(struct stage *st);
/* The source's inputs, for the hello. A continuing hello goes out where records were already
 * made: call it at each file's start. first_n: number of its first frame. */
void stage_source(struct stage *st, uint64_t source, const char *name, uint64_t first_n);

/* ---- reading ---- */
/* The input is one, and its order is one that was asked for (stage_sorts). */
bool stage_in_sorted(const struct stage *st);
/* In open(): several inputs are not joined in order, each is read as its records arrive. */
void stage_any_order(struct stage *st);
/* Decodes one of `reads` into its C struct: the fast layout, else by binding. False: malformed;
 * the record has then been dropped and counted (dropped.malformed) - the caller does nothing. */
bool stage_decode(struct stage *st, const struct rec_desc *desc, const struct stage_rec *r,
		  struct rec_head *h, void *rec);
/* The record at hand is of a type that its stream never declared: dropped, counted, said once,
 * exit 3. */
void stage_undeclared(struct stage *st, uint16_t type);
/* The schema of a type as its stream declared it (custom ids are unified over the inputs), or
 * NULL. */
const struct schema *stage_schema(struct stage *st, uint16_t type);
/* Told to say nothing but what went wrong. */
bool stage_quiet(const struct stage *st);
/* At the end of the input: a field that was asked for and that no type of the stream has is said,
 * and makes the exit code 3; a stream without records says nothing of it. False where it was. */
bool stage_check_names(struct stage *st, const struct names *names);
/* The same for types that were asked for and did not come. That is said and no more: a stage of
 * one's own may have found nothing. */
void stage_check_types(struct stage *st, const struct names *types);
/* At the end of the input of a stage that reads packets or streams and found nothing in it: the
 * stage that makes them may be forgotten. Said where frames came in and no packets, or, with tcp,
 * packets of TCP and no streams; and no more, as with types. Not where the input broke off: that is
 * what was wrong; nor where a stage before has said it, or was told to be quiet. Printers, too,
 * which then have nothing to print. */
void stage_check_before(struct stage *st, bool tcp);
uint64_t stage_last_n(struct stage *st);        /* highest n seen so far (sources: made) */
uint64_t stage_last_ts(const struct stage *st); /* the same for ts */

/* ---- counters and ends ---- */
uint64_t *stage_counter(struct stage *st, const char *name);
/* The process will end with at least this code (DESIGN's precedence); says nothing. */
void stage_exit(struct stage *st, enum exit_code code);
/* A damaged input: one line "FILE: offset N: WHAT", exit 4, `end` says truncated. */
void stage_truncated(struct stage *st, const char *file, uint64_t offset, const char *what);
/* No more input is wanted: the loop ends after this batch, whose records still need a fate. */
void stage_enough(struct stage *st);
bool stage_stopping(struct stage *st); /* first SIGINT (sources) or SIGTERM came, outputs broke */

/* ---- what another process may have to go on with (commit.h) ---- */
/* In open: the n bytes at memory, at most STAGE_KEPT, belong to what is committed, as settle()
 * leaves them. A successor of the same name finds them there before its first record, others and
 * the first process zeroes. No pointers, and nothing of flows. */
enum { STAGE_KEPT = 2048 };
void stage_keep(struct stage *st, void *memory, size_t n);
/* STAGE_NOTE bytes that outlive the process, zero at first; NULL where nothing does. What is
 * written there is not undone with what was not committed. */
enum { STAGE_NOTE = 4096 };
void *stage_note(struct stage *st);
/* What a counter was when work was committed last; where nothing is committed, what it is. */
uint64_t stage_committed(struct stage *st, const uint64_t *counter);
/* Brings out what was made, and commits it: before waiting within finish(). */
void stage_flush(struct stage *st);

/* ---- sinks ---- */
/* Whole lines to the text output; buffered, flushed when about to wait. */
void stage_text(struct stage *st, struct bytes lines);
bool stage_text_is_tty(struct stage *st);
/* .. that shows colours, and nobody asked for none by $NO_COLOR. */
bool stage_text_in_colour(struct stage *st);

#endif
