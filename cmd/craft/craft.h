/* craft: the two ways of weir-craft: frames out of expressions, expressions out of frames. */
#ifndef WEIR_CRAFT_CRAFT_H
#define WEIR_CRAFT_CRAFT_H

#include "libcommon/stage/stage.h"

struct craft_config {
	const char *from, *file, *time;
	uint64_t count, seed, gap, link;
	bool zip, l2, list, times, named;
};

/* STAGE_SOURCE */
void make_open(struct stage *st, int argc, char **argv);
bool make_produce(struct stage *st);

/* STAGE_SINK */
void from_open(struct stage *st, int argc, char **argv);
void from_batch(struct stage *st, const struct stage_rec *recs, size_t n);
void from_finish(struct stage *st);
/* Puts the frames of a capture file on standard input, from a weir-read of its own. */
void from_start_reader(const char *file);

#endif
