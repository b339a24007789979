/* carve: the stage that gives back the frames of flows and records. */
#ifndef WEIR_CARVE_CARVE_H
#define WEIR_CARVE_CARVE_H

#include "libcommon/stage/stage.h"

enum carve_by { BY_FLOW, BY_N, BY_TIME };

struct carve_config {
	struct opt_strings from;
	bool merge;
	int by;
	const char *trigger;
	uint64_t pre, post, memory, flows;
};

extern struct carve_config carve_config;

/* weir-carve, but for its main(). */
extern const struct stage_ops carve_ops;

/* carve_file.c: frames of files, chosen by all records of the input. */
void carve_file_open(struct stage *st);
void carve_file_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void carve_file_finish(struct stage *st);
/* carve_live.c: frames of the input, chosen by a trigger among its other records. */
void carve_live_open(struct stage *st);
void carve_live_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void carve_live_mark(struct stage *st, uint64_t ts);
void carve_live_finish(struct stage *st);
void carve_live_release(void);

#endif
