/* load: a pipeline from what stands on a command line, checked against this machine. */
#ifndef WEIR_LOAD_H
#define WEIR_LOAD_H

#include "libcommon/run/check.h"

/* The programs of this machine. */
const struct check_world *load_world(void);

/* text names a file (weir-pipeline(5)), or is a pipeline in one line. What is wrong is printed on
 * standard error, one line each, and ends the process with 2 (1 where the file can't be read). The
 * graph is static, there is one. */
struct graph *load_graph(const char *text);

#endif
