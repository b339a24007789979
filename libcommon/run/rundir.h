/* rundir: what a running pipeline shows of itself in the file system, and how it is found.
 *
 * $WEIR_RUNDIR, else $XDG_RUNTIME_DIR/weir, else /run/weir for root, else /tmp/weir-UID, mode 0700,
 * has a folder for each pipeline:
 *     lock        held (flock) by the launcher as long as it lives; a folder whose lock is free is
 *                 what a dead launcher left
 *     control     socket, mode 0600: see control.h
 *     launcher    struct run_page, rewritten five times a second
 *     STAGE.page  a stage's books (struct books_page), written by the stage
 *     STAGE.flows the flows that it has, written when somebody asks: see stage/census.h
 * Whoever watches a pipeline only reads these pages. */
#ifndef WEIR_RUNDIR_H
#define WEIR_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RUN_MAGIC = 0x57524e31, /* WRN1 */
	RUN_VERSION = 1,
	RUN_NAME = 40,
	RUN_STAGES = 64,
	RUN_LINKS = 64,
	RUN_READERS = 256,
	RUN_PATH = 512,
};

enum run_state {
	RUN_WAITING,  /* for its readers to be ready */
	RUN_STARTING, /* not ready yet */
	RUN_RUNNING,
	RUN_BACKOFF, /* died, and will be started again */
	RUN_ENDED,
	RUN_FAILED, /* died for good */
};
extern const char *const run_state_names[];

struct run_stage {
	char name[RUN_NAME];       /* its books are NAME.page */
	uint32_t state, pid;       /* pid 0: no process now */
	uint32_t restarts, status; /* status: of the last process that ended, as wait() gives it */
	uint64_t cpu_ns;           /* of all its processes */
};

/* A ring, of which positions are known. */
struct run_link {
	char name[RUN_NAME];
	uint32_t writer;       /* index of a stage */
	uint32_t state;        /* enum ring_state: 0 open, 1 closed, 2 aborted */
	uint64_t size, head;   /* bytes; head never goes back */
	uint32_t writer_waits; /* 1: for space, now */
	uint32_t pad;
};

struct run_reader {
	uint32_t link, stage; /* indices */
	uint32_t gone;        /* 1: it ended, or was given up */
	uint32_t waits;       /* 1: for data, now */
	uint64_t tail;        /* bytes taken; head - tail is its lag */
};

struct run_page {
	uint32_t magic, version;
	uint32_t sequence;               /* odd while it is written */
	uint32_t pid;                    /* of the launcher */
	uint64_t started_ns, updated_ns; /* since the epoch */
	uint32_t stopping, nstages, nlinks, nreaders;
	char name[RUN_NAME];
	struct run_stage stages[RUN_STAGES];
	struct run_link links[RUN_LINKS];
	struct run_reader readers[RUN_READERS];
};

/* The run directory's path. */
void rundir_base(char *path, size_t size);
/* The same, made where it is missing. A descriptor; -1: errno, EPERM where others can write there.
 */
int rundir_base_open(char *path, size_t size);

/* ---- the launcher's side ---- */

struct rundir {
	char path[RUN_PATH];
	int fd, lock; /* of the folder */
	struct run_page *page;
};

/* Makes the folder of that pipeline and the launcher's page, and takes away what dead launchers
 * left. Ends the process (1) where it can't, or where a pipeline of that name runs. */
void rundir_make(struct rundir *d, const char *name);
/* A new file for the books of a stage; owned by the caller. -1: errno. */
int rundir_stage_page(const struct rundir *d, const char *stage);
/* One for the flows that it has (census.h). -1: there is no room for it, so it will not be asked.
 */
int rundir_stage_flows(const struct rundir *d, const char *stage);
void rundir_remove(struct rundir *d);
/* Around each change of the page. */
void rundir_begin(struct run_page *page);
void rundir_end(struct run_page *page);

/* ---- for those that look ---- */

/* The folder of a running pipeline: by name, or by path where there is a '/' in it; NULL: of the
 * only one that runs. Ends the process (1) with one line where there is none. Returns its
 * descriptor. */
int rundir_find(const char *name);
/* Whether its launcher lives. */
bool rundir_alive(int dir);
/* Copies the launcher's page, whole and of one moment. False: there is none of this version. */
bool rundir_read(int dir, struct run_page *to);

#endif
