/* reasm: the stage round the stream engine: options, records in and out, counters. */
#ifndef WEIR_REASM_REASM_H
#define WEIR_REASM_REASM_H

#include "libcommon/base/opt.h"
#include "libcommon/stage/stage.h"

struct reasm_config {
	uint64_t depth, memory, ooo_bytes, ooo_segments, max_flows, max_associations, history;
	uint64_t history_log, urgent_limit;
	int overlap, overflow, urgent;
};

extern struct reasm_config reasm_config;
extern const struct opt reasm_options[];
extern const struct rec_desc *const reasm_reads[];

void reasm_open(struct stage *st, int argc, char **argv);
void reasm_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void reasm_end(struct stage *st);
void reasm_census(struct stage *st, struct census *c);
void reasm_leave(struct stage *st, uint64_t n, uint64_t ts);

#endif
