/* source: the capture files of one weir-read, as one source of frames. */
#ifndef WEIR_READ_SOURCE_H
#define WEIR_READ_SOURCE_H

#include "libcommon/stage/stage.h"

struct source_config {
	uint64_t count;          /* stop after so many frames; 0 = never */
	bool merge;              /* files by time, instead of one after the other */
	const char *filter_file; /* of a BPF program; NULL: every frame is wanted */
};

/* Opens every file: nothing is opened after the sandbox has closed. argv[1..argc] name files and
 * directories; none: standard input. Ends the process (1) where one can't be opened. */
void source_open(struct stage *st, int argc, char **argv);
/* Emits what is there, up to one window; false at the end of the last file. Returns true without
 * having made anything where it would have to wait. */
bool source_produce(struct stage *st);
void source_finish(struct stage *st);
/* Another process made the frames up to number n: they are read again, and not made. */
void source_resume(struct stage *st, uint64_t n);

#endif
