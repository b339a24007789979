/* metrics: the table of proto/metrics.def, and histograms as stages keep them.
 *
 * A stage counts, in its page of the books; weir-metrics makes metrics of the counters. Nothing
 * here is done per packet. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_UNKNOWN, METRIC_HISTOGRAM };
enum { METRIC_BUCKETS = 8 /* of a histogram, the one without a bound too */ };

struct metric_bound {
	uint64_t upper; /* inclusive */
	const char *le; /* as the format wants it written */
};

struct metric_buckets {
	const struct metric_bound *bounds;
	size_t n;
	uint64_t scale; /* so many of the page's unit are one of the metric's */
};

struct metric {
	const char *name; /* without "weir_" */
	enum metric_type type;
	const char *unit, *stage, *source,
		*what;                        /* as in proto/metrics.def; unit, stage: "" = none */
	const struct metric_buckets *buckets; /* METRIC_HISTOGRAM */
};

/* All of them, in the order in which counters look for theirs. */
extern const struct metric metric_table[];
extern const size_t metric_count;

#define BUCKETS(name) extern const struct metric_buckets metric_buckets_##name;
#define BOUND(name, upper, le)
#define BUCKETS_END(name, scale)
#define METRIC(name, type, unit, stage, source, what)
#define HISTOGRAM(name, unit, stage, source, buckets, what)
#include "proto/metrics.def"
#undef BUCKETS
#undef BOUND
#undef BUCKETS_END
#undef METRIC
#undef HISTOGRAM

/* in = the sum of all counts. */
struct histogram {
	uint64_t in, sum, count[METRIC_BUCKETS];
};

static inline void histogram_add(struct histogram *h, const struct metric_buckets *b, uint64_t v)
{
	size_t i = 0;

	while (i < b->n && v > b->bounds[i].upper)
		i++;
	h->in++;
	h->sum += v;
	h->count[i]++;
}

/* Calls put for each counter that a stage keeps of a histogram: its name in the page, and where
 * its value is. */
void histogram_each(const struct histogram *h, const struct metric_buckets *b, const char *source,
		    void (*put)(void *ctx, const char *counter, const uint64_t *value), void *ctx);

#endif
