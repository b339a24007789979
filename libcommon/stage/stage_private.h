/* stage_private: what the files of the stage loop share. Nobody else includes it. */
#ifndef WEIR_STAGE_PRIVATE_H
#define WEIR_STAGE_PRIVATE_H

#include <signal.h>

#include "libcommon/port/port.h"
#include "libcommon/stage/books.h"
#include "libcommon/stage/census.h"
#include "libcommon/stage/commit.h"
#include "libcommon/stage/sandbox.h"
#include "libcommon/stage/stage.h"

enum {
	BATCH = 64, /* records handed to ops->batch at once, at most */
	MAX_ENDPOINTS = 64,
	MAX_READS = 16,
	MAX_SCHEMAS = 1024,
	HELLO_HEAD = REC_PREFIX + 2 + PORT_OFFER, /* bytes of a hello with a fixed layout */
	INDEX_RECORDS = 64, /* whose lengths an index record of ours has room for */
	INDEX_MAX = 127,    /* that are read from one */
	MARK_BYTES = REC_PREFIX + 9,
};

/* A record type as one input declares it. */
struct in_type {
	struct in_type *next;
	uint16_t from;         /* its id on this input */
	uint16_t id;           /* under which it goes on: custom ids are unified over the inputs */
	bool fast;             /* hot, and laid out as ours */
	uint64_t hash;         /* of the schema record under `id` */
	struct buf schema_raw; /* that record */
	struct schema *schema;
	struct rec_binding *binds[MAX_READS]; /* by index in ops->reads */
};

struct input {
	struct port_in *port;
	const char *name;
	struct bytes view;
	size_t pos;             /* bytes of the view already dealt with, or given out in a batch */
	size_t done;            /* bytes of the view that are dealt with for good; see commit.h */
	size_t unit_end;        /* .. once the batch at hand, which is of this input, is */
	uint32_t poison;        /* length of a record that is left out; see commit.h */
	uint64_t again_to;      /* a file: place up to which a predecessor has dealt with it */
	uint64_t committed;     /* place up to which that has been committed */
	struct in_type *all;    /* as listed by `next` */
	struct in_type **types; /* by id as on this input; 65,536 slots */
	struct in_type **known; /* the same, by the id under which they go on */
	uint64_t *in;           /* books: records from the current producer */
	char program[64];
	uint64_t stream;
	uint64_t low_n, low_ts; /* nothing below will follow */
	bool hello, ended, eof, data;
	bool counted;   /* the producer has said how many records it made */
	bool had_ended; /* when a predecessor committed */
	/* What the last `index` record said: record i of its run lies at start[i]..start[i + 1]
	 * from the run's first byte, the next one to come is number `next`. Only a hint: see
	 * stage_in.c. */
	struct {
		unsigned next, count;
		uint32_t start[INDEX_MAX + 1];
	} index;
	/* join: the next data record, parsed and not yet delivered */
	bool has_head;
	struct stage_rec head;
};

struct output {
	struct port_out *port;
	const char *name; /* the endpoint, as given */
	uint64_t *out_to, *lost;
	bool broken, null;
	size_t told; /* bytes of the first hello that went out with an offer */
	/* A ring: where the next length goes in the index record that is open. It lies in bytes
	 * that are not published, and is closed by whatever publishes them. */
	uint8_t *slot, *slots_end;
	uint64_t opened_at; /* port_out_published() at that time */
	/* between output_space() and output_commit() */
	uint8_t *record;
	size_t lead;       /* bytes kept in front of it for a new index record */
	uint64_t shared_n; /* a shard: it was told that nothing below will follow */
};

/* A type of the tool's own, declared by hand. */
struct stage_type {
	struct stage_type *next;
	uint16_t id;
	bool in_place; /* of the input's: its id is not ours */
	uint64_t hash;
	struct buf schema_raw;
};

struct source_name {
	uint64_t source, first_n;
	char *name;
};

/* A regular file. */
struct stage_file {
	struct file_id id;
	const char *name;
	bool written;
};

struct common_config {
	struct opt_strings in, out;
	int sandbox;
	bool quiet, no_ring;
};

struct stage {
	const struct stage_ops *ops;
	struct common_config common;
	void *user;
	uint64_t stream, pipeline;
	bool pipeline_known, live, hello_sent, ending;
	bool sorts, in_sorted; /* see stage_sorts() */
	bool resumes;          /* an output goes on where a process before this one stopped */
	const char *command;

	struct input inputs[MAX_ENDPOINTS];
	size_t ninputs;
	bool any_order;        /* no join */
	size_t turn;           /* whose it is then to be looked at first */
	struct input *current; /* whose records are in the batch at hand */
	struct buf odd;        /* a record rewritten: canonical prefix, unified id */
	struct buf arena;
	uint16_t next_custom;
	struct schema *schemas[MAX_SCHEMAS];
	uint64_t schema_hashes[MAX_SCHEMAS];
	struct buf schema_raws[MAX_SCHEMAS]; /* as they go on */
	size_t held_schema;                  /* the last one that stage_pass_held() used */
	size_t nschemas;

	struct output outputs[MAX_ENDPOINTS];
	size_t noutputs;
	unsigned shards;    /* that the outputs are, each with whole flows; 0: none */
	bool shares;        /* outputs share the records; see stage_pass_to() */
	bool all_broken;    /* at the end */
	bool discards;      /* every output is null: */
	struct buf scratch; /* reserve() when every output is broken or there is none */
	uint8_t *reserved;
	uint64_t *declared_hash; /* by type id: which schema the outputs know it under; 0: none */
	uint16_t *declared;      /* the ids that have one */
	size_t ndeclared;
	uint64_t *own_hash;     /* by type id: hash of our own description */
	uint64_t *kept_hash;    /* by type id: which schema the rings' preambles hold */
	uint64_t since_schemas; /* bytes written since all types were last declared */
	struct buf packed;
	uint64_t marked_n;
	uint64_t held_n, held_ts; /* of the first record held back; else UINT64_MAX */
	struct stage_type *own_types;

	/* sources */
	uint64_t at_source, at_n, at_ts, last_n;
	struct source_name *names;
	size_t nnames;

	struct books_page *page;
	struct census *census; /* NULL: it has no flows, or nobody can ask */
	void *kept;            /* stage_keep() */
	size_t nkept;
	struct commit *commit; /* NULL: nobody would go on where this process stops */
	bool resuming;         /* a predecessor's work is gone on with */
	size_t unit;           /* records of the batch at hand; 0: there is none */
	bool prepared;         /* a slot holds what is not committed yet */
	bool finished;         /* the end record is written */
	struct books upstream; /* ledgers that came in `end` records */
	uint64_t *made, *out, *consumed, *filtered;
	bool enough; /* see stage_enough() */
	int wait_ms; /* what ops->turn said */
	enum exit_code code;
	enum rec_end_cause cause;
	int broken_errno;

	struct stage_file *files; /* between open and stage_files_check() */
	size_t nfiles;
	bool files_begun;

	/* text sinks */
	int text_fd;
	struct buf text;
	uint64_t text_written; /* of a regular file: its length without `text` */
	bool text_tty, text_broken;
	bool text_named; /* by a path, so that what the file holds is to go */
	uint64_t *text_lost;
};

extern volatile sig_atomic_t stage_sigint, stage_sigterm, stage_sigusr1;

/* stage_in.c */
void stage_inputs_open(struct stage *st);
void stage_inputs_begin(struct stage *st);
bool stage_inputs_step(struct stage *st); /* false: all have ended */
void stage_inputs_close(struct stage *st);
void stage_inputs_rest(struct stage *st);
void stage_inputs_low(const struct stage *st, uint64_t *n, uint64_t *ts);

/* stage_control.c */
void stage_input_control(struct stage *st, struct input *in, const struct rec_head *h,
			 struct bytes raw);
void stage_input_rise(struct input *in, uint64_t n, uint64_t ts); /* nothing below will follow */
void stage_input_forget_types(struct input *in);

/* stage_outputs.c */
void stage_outputs_open(struct stage *st);
bool stage_outputs_broken(const struct stage *st);

/* stage_out.c: control records go uncounted into outputs that are not broken. */
void stage_write_control(struct stage *st, struct output *o, struct bytes raw);
void stage_write_control_all(struct stage *st, struct bytes raw);
void stage_write_mark(struct stage *st, uint64_t n, uint64_t ts);
void stage_write_totals(struct stage *st);
bool stage_outputs_room(struct stage *st, size_t n); /* on every output, without waiting */
/* As far as they go without waiting, but for one of them; true: some bytes are left. */
bool stage_push_others(struct stage *st, const struct output *but);
void stage_push_all(struct stage *st);
void stage_flush_all(struct stage *st);
void stage_output_break(struct stage *st, struct output *o);
void stage_output_broke(struct stage *st, struct output *o, int err);

/* Whether a mark at n would say anything that the outputs don't know. */
static inline bool stage_mark_is_new(const struct stage *st, uint64_t n)
{
	return st->hello_sent && n > st->marked_n && n != UINT64_MAX;
}

/* stage_out_control.c */
void stage_hello(struct stage *st, bool continues);
/* All types again, before the next record of each. */
void stage_declare_anew(struct stage *st);
void stage_declare(struct stage *st, uint16_t id, uint64_t hash, struct bytes schema_raw);
void stage_declare_own(struct stage *st, const struct rec_desc *desc);
void stage_mark(struct stage *st); /* before waiting: where the order stands, then flush */
void stage_write_end(struct stage *st);
bool stage_outputs_close(struct stage *st); /* false where something was lost */
/* stage_types.c */
void stage_types_free(struct stage *st);
bool stage_own_id(const struct stage *st, uint16_t id); /* a stage_type_new() has it */

/* stage_files.c */
void stage_files_check(struct stage *st); /* none is read and written, else wrong use */
/* What those held that are written goes, once: a source's at its start, others' with the first word
 * of an input. */
void stage_files_begin(struct stage *st);
/* At the end: where none has begun, they stay as they are. */
void stage_files_keep(struct stage *st);

/* stage_commit.c */
void stage_commit_open(struct stage *st);   /* before the ports */
void stage_commit_resume(struct stage *st); /* behind them */
/* A unit has ended, of records or of a source's frame; st->commit is set. */
void stage_unit_begin(struct stage *st, const struct input *in, const struct rec_head *first);
void stage_unit_end(struct stage *st);
void stage_frame_end(struct stage *st);
void stage_commit_now(struct stage *st);                    /* before waiting for input */
void stage_poison_book(struct stage *st, struct input *in); /* once its stream's head is known */
/* In a unit of one record, of which nothing is written yet but marks before it. */
void stage_commit_midway(struct stage *st);
void stage_commit_for_space(struct stage *st, const struct output *o, size_t n);

/* stage_offer.c: before the sandbox; pipes to and from our own tools become rings. */
void stage_offers(struct stage *st);

/* stage_text.c */
void stage_text_open(struct stage *st);
void stage_text_begin(struct stage *st); /* what its file held goes */
bool stage_text_flush(struct stage *st);

/* FNV-1a over a schema record behind its prefix: equal declarations hash equal. Never 0. */
uint64_t stage_schema_hash(struct bytes schema_raw);

/* stage.c */
void stage_print_books(struct stage *st);
void stage_source_add(struct stage *st, uint64_t source, struct bytes name, uint64_t first_n);

#endif
