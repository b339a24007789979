/* sample: what a pipeline's pages say at one moment, and the rates between two. */
#ifndef WEIR_TOP_SAMPLE_H
#define WEIR_TOP_SAMPLE_H

#include "libcommon/base/buf.h"
#include "libcommon/run/rundir.h"
#include "libcommon/stage/books.h"

enum { TOP_REASONS = 16 };

struct top_reason {
	char name[BOOKS_NAME]; /* of dropped.NAME, or lost */
	uint64_t value;
};

struct top_counts {
	uint64_t in, out, made; /* records */
	struct top_reason reasons[TOP_REASONS];
	size_t nreasons;
};

struct top_sample {
	struct run_page run;
	uint64_t at_ns; /* monotonic */
	struct top_counts counts[RUN_STAGES];
};

/* False: the pipeline has ended. */
bool top_take(int dir, struct top_sample *s);

struct top_row {
	const struct run_stage *stage;
	const struct top_counts *counts;
	double cpu;                 /* processors */
	double in, out;             /* records a second; of a source, out is what it made */
	double bytes_in, bytes_out; /* through rings, a second */
	double fill;                /* of the fullest ring that it reads, 0 to 1 */
	uint64_t lag;               /* bytes that wait for it, in all rings */
	const char *blocked_by;     /* the reader for which it waits for space, or NULL */
	uint64_t lost;              /* sum of the reasons */
};

/* rows: RUN_STAGES. Returns how many. Pure: of two samples, before may be the same as now. */
size_t top_rows(const struct top_sample *before, const struct top_sample *now,
		struct top_row *rows);
void top_table(const struct top_sample *now, const struct top_row *rows, size_t n, struct buf *out);
void top_json(const struct top_sample *now, const struct top_row *rows, size_t n, struct buf *out);

#endif
