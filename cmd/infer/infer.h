/* infer: what the files of the stage share. */
#ifndef WEIR_INFER_H
#define WEIR_INFER_H

#include "cmd/infer/engine.h"
#include "libcommon/stage/l7_set.h"
#include "libcommon/stage/stage.h"

struct infer_config {
	struct opt_strings signatures, ports, rules;
	const char *load, *dump, *calibrate, *wanted, *facts, *classes;
	bool only, explain, parse, payload, final_only;
	uint64_t depth, packets, max_flows, first_bytes, context, min_confidence;
};

extern struct infer_config infer_config;
extern const struct opt infer_options[];

void infer_open(struct stage *st, int argc, char **argv);
void infer_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void infer_end(struct stage *st);
/* For the stage; called once. */
const struct rec_desc *const *infer_reads(void);
/* All of it where a flow starts; of others `event` and `reason`. False: malformed, and dropped. */
bool infer_flow_decode(struct stage *st, const struct stage_rec *r, struct rec_flow *f);
/* Looks at a record of a type that is neither flow nor payload. False: as above. */
bool infer_other(struct stage *st, const struct stage_rec *r);

/* ---- parse.c: --parse ---- */

/* Where these are passed on their names have their parser's in front. */
size_t parse_options(struct opt_group groups[]);
void parse_open(struct stage *st);
void parse_guess(const struct rec_head *h, const struct rec_guess *g);
void parse_batch(struct stage *st, struct infer *engine, const struct stage_rec *recs, size_t n);
void parse_finish(struct stage *st);

/* ---- wanted.c ---- */

/* All parsers of the tree, NULL-ended. */
extern const struct l7_parser *const infer_parsers[];

/* Of a list of parsers, or protocols, or `all` for all parsers: the protocols of their guesses. */
void wanted_read(const char *list, const struct protocols *names, bool wanted[PROTOCOLS_MAX]);

/* ---- told.c: --facts ---- */

void told_open(struct stage *st, const char *path);
/* Takes the lines that are there, at that packet time. */
void told_read(struct infer *engine, uint64_t now);
/* The same at the end, when a line without an end has all that will come of it. */
void told_finish(struct infer *engine, uint64_t now);

/* ---- explain.c ---- */

/* A guess in words, a few lines. */
void explain(struct buf *out, const struct rec_head *h, const struct rec_guess *g);

/* ---- calibrate.c ---- */

/* What flows really are: lines "tcp|udp|.. ADDRESS PORT ADDRESS PORT PROTOCOL" of either order. */
struct truth;
struct truth *truth_new(struct bytes text, const char **why, unsigned *line);
void truth_free(struct truth *t);
void truth_judge(struct truth *t, const struct rec_guess *g);
/* How often guesses were right: by class and confidence, then by protocol. */
void truth_print(const struct truth *t, struct buf *out);

#endif
