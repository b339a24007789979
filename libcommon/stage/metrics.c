/* metrics: the table of proto/metrics.def, and histograms as stages keep them. */
#include "libcommon/stage/metrics.h"

#include <stdio.h>

#define BUCKETS(name) static const struct metric_bound name##_bounds[] = {
#define BOUND(name, upper, le) { upper, le },
#define BUCKETS_END(name, scale)                                                                   \
	}                                                                                          \
	;                                                                                          \
	const struct metric_buckets metric_buckets_##name = {                                      \
		name##_bounds, sizeof(name##_bounds) / sizeof(name##_bounds[0]), scale             \
	};                                                                                         \
	_Static_assert(sizeof(name##_bounds) / sizeof(name##_bounds[0]) < METRIC_BUCKETS,          \
		       "too many bounds");
#define METRIC(name, type, unit, stage, source, what)
#define HISTOGRAM(name, unit, stage, source, buckets, what)
#include "proto/metrics.def"
#undef BUCKETS
#undef BOUND
#undef BUCKETS_END
#undef METRIC
#undef HISTOGRAM

#define BUCKETS(name)
#define BOUND(name, upper, le)
#define BUCKETS_END(name, scale)
#define METRIC(name, type, unit, stage, source, what)                                              \
	{ #name, METRIC_##type, unit, stage, source, what, NULL },
#define HISTOGRAM(name, unit, stage, source, buckets, what)                                        \
	{ #name, METRIC_HISTOGRAM, unit, stage, source, what, &metric_buckets_##buckets },
const struct metric metric_table[] = {
#include "proto/metrics.def"
};
const size_t metric_count = sizeof(metric_table) / sizeof(metric_table[0]);

void histogram_each(const struct histogram *h, const struct metric_buckets *b, const char *source,
		    void (*put)(void *ctx, const char *counter, const uint64_t *value), void *ctx)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.in", source);
	put(ctx, name, &h->in);
	for (size_t i = 0; i <= b->n; i++) {
		snprintf(name, sizeof(name), "%s.le_%s", source,
			 i < b->n ? b->bounds[i].le : "inf");
		put(ctx, name, &h->count[i]);
	}
	snprintf(name, sizeof(name), "%s_sum", source);
	put(ctx, name, &h->sum);
}
