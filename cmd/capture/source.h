/* source: the interfaces of one weir-capture, as one source of frames. */
#ifndef WEIR_CAPTURE_SOURCE_H
#define WEIR_CAPTURE_SOURCE_H

#include "cmd/capture/tap.h"
#include "libcommon/base/opt.h"
#include "libcommon/stage/stage.h"

enum source_down { SOURCE_WAITS, SOURCE_ENDS, SOURCE_RETURNS };

/* Of weir-capture: open() adds to the sandbox what an option asks for. */
extern struct stage_ops capture_ops;

struct source_config {
	struct opt_strings interfaces;
	const char *filter_file, *fanout_file, *fanout_group;
	uint64_t count;    /* stop after so many frames; 0 = never */
	uint64_t duration; /* .. after so many ns; 0 = never */
	uint64_t snaplen, block_size, blocks, retire;
	int on_down; /* enum source_down */
	int time_source;
	struct tap_config tap;
};

/* Ends the process (2) where they can't. */
void source_check(const struct source_config *c);
void source_open(struct stage *st, int argc, char **argv);
bool source_produce(struct stage *st);
int source_turn(struct stage *st);
void source_finish(struct stage *st);
/* A predecessor made the frames up to number n. */
void source_resume(struct stage *st, uint64_t n);

#endif
