/* pipeline: processes joined by rings, and what became of them.
 *
 * Both `weir FILE` and the launcher build on it. The rings are held here, so they outlive the
 * processes; a process does not outlive this one (PR_SET_PDEATHSIG). */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <sched.h>
#include <sys/types.h>

#include "libcommon/port/ring.h"
#include "libcommon/stage/books.h"

enum {
	PIPELINE_STAGES = 64,
	PIPELINE_RINGS = 64,
	PIPELINE_PIPES = 128, /* descriptors: two of each */
	STAGE_ARGS = 256,
	STAGE_FDS = 160,
};

struct pipe_stage {
	const char *name;
	char *argv[STAGE_ARGS];
	int argc;
	int fds[STAGE_FDS]; /* that it inherits under their own numbers */
	size_t nfds;
	int in_fd, out_fd; /* that become its standard input and output, or -1 */
	int page_fd;
	int flows_fd;            /* a file for the census of its flows, or -1 */
	struct books_page *page; /* mapped here as well */
	bool notifies;           /* it says when it is ready: a byte on $WEIR_READY_FD */
	int ready_fd;            /* where that can be read, -1: nothing is awaited */
	int keep[2]; /* a pair of sockets whose queue keeps descriptors for a successor; -1: none */
	bool placed, niced; /* which of these two hold */
	cpu_set_t cpus;
	int nice;
	pid_t pid;      /* 0: not running */
	pid_t last_pid; /* of the process that runs or ran last */
	int status;     /* of wait */
};

struct pipeline {
	struct pipe_stage stages[PIPELINE_STAGES];
	size_t nstages;
	struct ring_set rings[PIPELINE_RINGS];
	struct {
		struct pipe_stage *from, *to[RING_READERS];
	} ends[PIPELINE_RINGS]; /* of each ring */
	size_t nrings;
	int pipes[PIPELINE_PIPES]; /* this process's copies, until pipeline_close_pipes() */
	size_t npipes;
	uint64_t ring_size; /* 0 = default */
	bool keep;          /* rings wait for a successor of a process that died */
	bool own_groups;    /* a stage is out of reach of the terminal's signals */
	int stopped;        /* by which signal first; 0: by none */
};

/* A new stage that runs the program at path under that name. */
struct pipe_stage *pipeline_stage(struct pipeline *p, const char *name, const char *path);
void stage_arg(struct pipe_stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The counters' page is that file instead, BOOKS_PAGE bytes; fd is owned from now on. */
void stage_page(struct pipe_stage *s, int fd);

/* Its process may put descriptors ($WEIR_KEEP_FDS: what is sent on the first is received on the
 * second) where its successors find them: the queue is held here, and never looked into. */
void stage_keeps(struct pipe_stage *s);

/* A ring from one stage to several: adds -o and -i to their arguments. Ends the process (1) where
 * it can't be made. size 0: the pipeline's. */
struct ring_set *pipeline_ring(struct pipeline *p, struct pipe_stage *from,
			       struct pipe_stage *const *to, size_t n, uint64_t size);
/* The same; drops: which readers are not waited for. */
struct ring_set *pipeline_ring_dropping(struct pipeline *p, struct pipe_stage *from,
					struct pipe_stage *const *to, const bool *drops, size_t n,
					uint64_t size);
/* Plain pipes, for programs that know no rings: from's additional -o, the standard input of `to`;
 * and the standard output of `from`, an additional -i of `to`. */
void pipeline_pipe_in(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to);
void pipeline_pipe_out(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to);
/* Both know no rings. */
void pipeline_pipe(struct pipeline *p, struct pipe_stage *from, struct pipe_stage *to);

/* Starts one. With `notifies` its ready_fd is to be read by the caller: a byte, or the end where
 * it died first. */
void pipeline_spawn(struct pipeline *p, struct pipe_stage *s);
/* Only the stages hold their pipes from now on, else nobody would ever see an end. */
void pipeline_close_pipes(struct pipeline *p);

/* Starts all, the last stage first. */
void pipeline_start(struct pipeline *p);
/* Waits until all have ended, each of which takes its ends of rings along; calls tick about five
 * times a second. */
void pipeline_wait(struct pipeline *p, void (*tick)(struct pipeline *p));
/* Asks the kernel what has ended; returns how many still run. */
size_t pipeline_reap(struct pipeline *p);
/* The exit code of the whole by precedence: signal > 2 > 6 > 5 > 3 > 1 > 4 > 0. Says which stage
 * a signal killed. -1: the last stage's reader went away. */
int pipeline_code(const struct pipeline *p);
/* All ledgers. */
void pipeline_books(const struct pipeline *p, struct books *b);
/* A counter of a stage by name, summed over peers; 0 where there is none. */
uint64_t pipeline_counter(const struct pipeline *p, const char *stage, const char *counter);
void pipeline_free(struct pipeline *p);

#endif
