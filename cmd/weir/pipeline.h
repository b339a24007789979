/* pipeline: processes joined by rings, and what became of them. */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <sys/types.h>

#include "libcommon/port/ring.h"
#include "libcommon/stage/books.h"

enum { PIPELINE_STAGES = 32, PIPELINE_RINGS = 40, STAGE_ARGS = 256, STAGE_FDS = 80 };

struct pipe_stage {
	const char *name;
	char *argv[STAGE_ARGS];
	int argc;
	int fds[STAGE_FDS]; /* that it inherits under their own numbers */
	size_t nfds;
	int in_fd, out_fd; /* that become its standard input and output, or -1 */
	int page_fd;
	struct books_page *page; /* mapped here as well */
	pid_t pid;               /* 0: not running */
	int status;              /* of wait */
};

struct pipeline {
	struct pipe_stage stages[PIPELINE_STAGES];
	size_t nstages;
	struct ring_set rings[PIPELINE_RINGS];
	size_t nrings;
	uint64_t ring_size;
};

/* A new stage that runs the program at path under that name. */
struct pipe_stage *pipeline_stage(struct pipeline *p, const char *name, const char *path);
void stage_arg(struct pipe_stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A ring from one stage to several: adds -o and -i to their arguments. Ends the process (1) where
 * it can't be made. */
void pipeline_ring(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *const *to,
		   size_t n);
/* Plain pipes, for programs that know no rings: from's additional -o, the standard input of `to`;
 * and the standard output of `from`, an additional -i of `to`. */
void pipeline_pipe_in(struct pipe_stage *from, struct pipe_stage *to);
void pipeline_pipe_out(struct pipe_stage *from, struct pipe_stage *to);

/* Starts all, the last stage first. */
void pipeline_start(struct pipeline *p);
/* Waits until all have ended; calls tick about five times a second. */
void pipeline_wait(struct pipeline *p, void (*tick)(struct pipeline *p));
/* The exit code of the whole by precedence: signal > 2 > 6 > 5 > 3 > 1 > 4 > 0. Says which stage
 * a signal killed. -1: the last stage's reader went away. */
int pipeline_code(const struct pipeline *p);
/* All ledgers. */
void pipeline_books(const struct pipeline *p, struct books *b);
/* A counter of a stage by name, summed over peers; 0 where there is none. */
uint64_t pipeline_counter(const struct pipeline *p, const char *stage, const char *counter);
void pipeline_free(struct pipeline *p);

#endif
