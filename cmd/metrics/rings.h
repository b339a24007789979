/* rings: what a launcher's page says of its stages and rings, as counters of the stages. Pure. */
#ifndef WEIR_METRICS_RINGS_H
#define WEIR_METRICS_RINGS_H

#include "cmd/metrics/exposition.h"
#include "libcommon/run/rundir.h"

/* Adds rows to the pages of one pipeline; of stages that have none, nothing. */
void rings_add(const struct run_page *run, struct exposition_page *pages, size_t n);

#endif
