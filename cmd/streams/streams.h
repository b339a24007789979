/* streams: the sink that shows or keeps the bytes of streams. */
#ifndef WEIR_STREAMS_STREAMS_H
#define WEIR_STREAMS_STREAMS_H

#include "libcommon/stage/stage.h"

struct streams_config {
	const char *dir;
	bool follow, digest;
	uint64_t max_streams;
};

extern struct streams_config streams_config;
extern const struct opt streams_options[];
extern const struct rec_desc *const streams_reads[];

void streams_open(struct stage *st, int argc, char **argv);
const char *streams_dir(struct stage *st);
void streams_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void streams_end(struct stage *st);

#endif
