/* pages: finds and reads the pages of counters that a run directory, or the command line, names.
 *
 * A run directory has a folder for each pipeline, and in it STAGE.page for each of its stages. */
#ifndef WEIR_PAGES_H
#define WEIR_PAGES_H

#include "cmd/metrics/exposition.h"
#include "libcommon/base/opt.h"

enum { PAGES_MAX = 256 };

struct pages {
	char dir[4096];     /* the run directory; "" = none, the pages are: */
	int fds[PAGES_MAX]; /* of the files named, open all the time */
	size_t nfds;
	/* as last read */
	struct exposition_page v[PAGES_MAX];
	size_t n, left_out;
};

/* The run directory: `given`, which is there, or $WEIR_RUNDIR, or $XDG_RUNTIME_DIR/weir, or
 * /run/weir for root, or /tmp/weir-UID, which is made where it is missing. Else ends the process
 * (1). */
void pages_open_dir(struct pages *p, const char *given);
/* Opens the files instead; ends the process (1, 2) where one can't be. */
void pages_open_files(struct pages *p, const struct opt_strings *files);
/* Reads all of them anew, sorted by name. */
void pages_read(struct pages *p);
void pages_release(struct pages *p);

#endif
