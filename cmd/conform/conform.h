/* conform: what the parts of weir-conform share: streams to feed a stage with, the run of one, and
 * what its output is found to be. */
#ifndef WEIR_CONFORM_H
#define WEIR_CONFORM_H

#include "libcommon/stage/books.h"
#include "libcommon/stage/stage.h"

/* ---- feed.c: streams ---- */
enum { FEED_STREAM = 0x636f6e66 };

/* A whole stream of `records` probes each of a type that nobody knows, conform_probe, and of flow
 * with a field appended; `size`: bytes of text in each. Its ledger is true. */
void feed_stream(struct buf *out, uint64_t stream, unsigned records, size_t size);
/* Where its end record begins. */
size_t feed_end_at(struct bytes stream);
/* A mark of source 0. */
void feed_mark(struct buf *out, uint64_t n, uint64_t ts);

/* ---- run.c: a command between two pipes ---- */
struct run {
	/* what to do */
	char **argv;
	struct bytes input;
	size_t step;      /* bytes written at a time; 0: all */
	size_t signal_at; /* once so much was written and all is quiet: SIGINT. 0: never */
	size_t close_at;  /* stop reading its output after so much. 0: never */
	bool hold_open;   /* keep its input open for a while after the last byte */
	unsigned seconds; /* it is killed after so many */
	/* what came of it */
	struct buf out, err;
	size_t out_open; /* of `out` while the input was still open: hold_open */
	int status;      /* exit code, or 128 + signal */
	bool late;       /* it had to be killed */
};

void run(struct run *r);
void run_release(struct run *r);

/* ---- judge.c: what came out ---- */
struct verdict {
	char why[160]; /* the first fault in the form of the stream; empty: none */
	size_t hellos, ends, data;
	uint64_t highest_mark;
	enum rec_end_cause cause; /* of the last end */
	struct books books;
	struct buf probes; /* the data records of one type name, ids left out, in order */
	struct buf all;    /* all data records, ids left out */
};

/* probe: name of the type whose records are kept. */
void judge(struct verdict *v, struct bytes stream, const char *probe);
void verdict_release(struct verdict *v);

#endif
