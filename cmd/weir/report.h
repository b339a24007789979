/* report: progress while a pipeline runs, its closing line, its summary. */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include "libcommon/run/pipeline.h"

/* A line on stderr that is written over, where the run is long and stderr a terminal. */
void report_progress(struct pipeline *p);
void report_progress_end(void);
/* One line: packets, flows, records, anomalies, losses; and where that is not all of the files. */
void report_closing(const struct pipeline *p, bool cut);
/* What was in the capture: counts by type and by anomaly, and the books, on stdout. */
void report_summary(const struct pipeline *p);

#endif
