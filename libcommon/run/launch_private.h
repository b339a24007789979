/* launch_private: what the files of the launcher share. Nobody else includes it. */
#ifndef WEIR_LAUNCH_PRIVATE_H
#define WEIR_LAUNCH_PRIVATE_H

#include "libcommon/run/control.h"
#include "libcommon/run/launch.h"
#include "libcommon/run/pipeline.h"
#include "libcommon/run/rundir.h"

enum {
	READY_MS = 10000,
	DEAF_MS = 1000, /* a process that is not ready by then knows signals all the same */
	STOP_MS = 10000,
	KILL_AFTER_MS = 2000, /* from SIGTERM to SIGKILL */
	STEADY_MS = 10000,    /* a stage that ran so long starts anew with the back-off */
	RESTARTS = 10,        /* within .. */
	RESTARTS_MS = 60000,
	RUNNER_LINKS = 64,
	CAREFUL_UNITS = 256, /* commits behind a death for which a stage stays careful */
};

struct place {
	struct ring_set *ring;
	unsigned reader;
};

enum swap_state {
	SWAP_NONE,
	SWAP_ASKED, /* the old process is about to end */
	SWAP_TRIED, /* the new one is not ready yet */
};

/* A stage of the graph, and its process. */
struct runner {
	const struct graph_stage *stage;
	struct pipe_stage *process;
	enum run_state state;
	bool source;  /* no stage here feeds it */
	bool piped;   /* it, or what it is joined to, knows no rings */
	bool told;    /* as a source: that it is to end */
	bool again;   /* it may be started again where it dies */
	bool commits; /* a successor loses nothing of what it did, and does nothing twice (commit.h)
		       */
	unsigned restarts, recent;
	int64_t recent_since; /* ms; the window in which `recent` counts */
	int64_t started, at;  /* ms; at: when its state has lasted long enough */
	int64_t delay;        /* ms; the next back-off */
	struct ring_set *out[RUNNER_LINKS];
	unsigned out_at[RUNNER_LINKS]; /* which of its outputs that is */
	size_t nout;
	unsigned outputs; /* rings, and others */
	struct place in[RUNNER_LINKS];
	size_t nin;
	int words_at; /* where the command's own words begin in argv */
	enum swap_state swap;
	char *before[STAGE_ARGS]; /* argv of the program that is being replaced */
	int nbefore;
	struct books_page *page;    /* with its commit area, mapped to write; NULL: it has none */
	bool died;                  /* lately, .. */
	uint64_t died_at;           /* .. behind this commit */
	uint64_t cpu_dead, cpu_now; /* ns; of processes that ended, of this one */
};

enum stop_phase { STOP_NONE, STOP_SOURCES, STOP_TERM, STOP_KILL };

struct launch {
	const struct graph *g;
	const struct check_world *w;
	const struct launch_options *o;
	struct pipeline pipeline;
	struct runner runners[GRAPH_STAGES];
	size_t n;
	int runner_of[GRAPH_STAGES]; /* by index in the graph; -1: on another host */
	const char *ring_names[PIPELINE_RINGS];
	int ring_writer[PIPELINE_RINGS]; /* index of a runner */
	struct rundir dir;
	struct control control;
	int signals; /* a signalfd */
	bool sources_started;
	enum stop_phase phase;
	int64_t phase_at; /* ms; when the next one begins */
	bool lost; /* a process that commits nothing was replaced: something is gone, or twice */
};

/* launch_build.c: processes, rings and pipes of the graph. */
void launch_build(struct launch *l);

/* launch_stages.c: the life of each stage. */
void launch_spawn(struct launch *l, struct runner *r);
/* A byte, or the end, came on its ready_fd. */
void launch_ready(struct launch *l, struct runner *r);
/* Looks after processes that ended, and whatever is due. */
void launch_tick(struct launch *l);
void launch_stop(struct launch *l, const char *why);
/* In which a stage ends, or leaves its place, before it is killed. */
uint64_t launch_stop_ms(const struct launch *l);
/* Whether any stage still runs, or will. */
bool launch_busy(const struct launch *l);

/* launch_swap.c: another program in a stage's place. */
/* "STAGE COMMAND". False: reply says why not. */
bool launch_swap(struct launch *l, char *text, char *reply, size_t size);
/* Its process has ended, and its successor is to be started now. */
void launch_swap_next(struct launch *l, struct runner *r);
/* The old process has not left in time. */
void launch_swap_late(struct runner *r);
/* The new program is ready. */
void launch_swap_done(struct launch *l, struct runner *r);
/* The new program ended before that (`what` says how): the old one is put back. */
void launch_swap_back(struct launch *l, struct runner *r, const char *what);

/* launch_poison.c: records that kill a stage. */
void launch_poison_open(struct runner *r); /* of a stage that commits */
/* It was killed by a signal of its own doing, and will be started again. */
void launch_poison_death(struct runner *r);
void launch_poison_tick(struct runner *r);

/* launch_page.c: the launcher's page. */
void launch_show(struct launch *l);

/* launch_tap.c: rings for those that look on. */
/* The read-only descriptor of a ring, by its name or that of the stage which writes it; "": of the
 * only one. -1: reply says why not. Stays the launcher's. */
int launch_tap(const struct launch *l, const char *name, char *reply, size_t size);

#endif
