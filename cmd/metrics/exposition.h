/* exposition: pages of counters as OpenMetrics text (version 1.0.0), by proto/metrics.def. Pure. */
#ifndef WEIR_EXPOSITION_H
#define WEIR_EXPOSITION_H

#include "libcommon/base/buf.h"
#include "libcommon/stage/books.h"

enum { EXPOSITION_NAME = 64, EXPOSITION_LABELS = 3 };

/* A page as it was read: of one stage. */
struct exposition_page {
	char pipeline[EXPOSITION_NAME], copy[EXPOSITION_NAME]; /* labels; "" = none */
	struct books books;
};

struct exposition_label {
	const char *name, *value; /* borrowed, not ended by a zero: */
	size_t name_len, value_len;
};

/* Does a counter's name fit a row's source? Then n labels are set (at most EXPOSITION_LABELS). */
bool exposition_match(const char *source, const char *counter, struct exposition_label *labels,
		      size_t *n);

/* The whole text, "# EOF" included. Two pages of equal labels and stage must not be there twice.
 * left_out: pages that are not among them, for the metric of that name. */
void exposition_write(const struct exposition_page *pages, size_t n, size_t left_out,
		      struct buf *out);

#endif
