/* exposition: pages of counters as OpenMetrics text. */
#include "cmd/metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/metrics.h"

/* One counter on its way. `base` is its name, of a histogram's counters what they share. */
struct sample {
	const struct metric *metric;
	size_t base;
	bool repeated; /* the same counter for another peer came before, and has the sum */
};

/* A page, and a sample for each of its rows. */
struct work {
	const struct exposition_page *page;
	struct sample *samples;
};

/* ---- names ---- */

bool exposition_match(const char *source, const char *counter, struct exposition_label *labels,
		      size_t *n)
{
	*n = 0;
	while (*source && *source != '@') {
		struct exposition_label *l = &labels[*n];
		const char *close;
		bool rest;

		if (*source != '{') {
			if (*source++ != *counter++)
				return false;
			continue;
		}
		close = strchr(source, '}');
		rest = close && close[-1] == '*';
		if (!close || *n == EXPOSITION_LABELS)
			return false;
		l->name = source + 1;
		l->name_len = (size_t)(close - l->name) - rest;
		l->value = counter;
		l->value_len = rest ? strlen(counter) : strcspn(counter, ".");
		if (!l->value_len)
			return false;
		counter += l->value_len;
		source = close + 1;
		++*n;
	}
	return !*counter;
}

/* The length of what the counters of a histogram share; 0: it is none of them. */
static size_t histogram_base(const char *counter)
{
	const char *bucket = strstr(counter, ".le_");
	size_t len = strlen(counter);

	if (bucket)
		return (size_t)(bucket - counter);
	if (len > 3 && strcmp(counter + len - 3, ".in") == 0)
		return len - 3;
	if (len > 4 && strcmp(counter + len - 4, "_sum") == 0)
		return len - 4;
	return 0;
}

static void sample_find(struct sample *s, const struct books_row *row)
{
	struct exposition_label labels[EXPOSITION_LABELS];
	size_t n, base = histogram_base(row->counter);
	char name[BOOKS_NAME];

	for (size_t i = 0; i < metric_count; i++) {
		const struct metric *m = &metric_table[i];
		bool histogram = m->type == METRIC_HISTOGRAM;

		if ((*m->stage && strcmp(m->stage, row->stage) != 0) || (histogram && !base))
			continue;
		snprintf(name, sizeof(name), "%.*s", histogram ? (int)base : BOOKS_NAME,
			 row->counter);
		if (!exposition_match(m->source, name, labels, &n))
			continue;
		s->metric = m;
		s->base = strlen(name);
		return;
	}
}

static void work_open(struct work *w, const struct exposition_page *page)
{
	w->page = page;
	w->samples = xcalloc(page->books.n + 1, sizeof(*w->samples));
	for (size_t i = 0; i < page->books.n; i++) {
		struct sample *s = &w->samples[i];

		sample_find(s, &page->books.rows[i]);
		if (s->metric && strchr(s->metric->source, '@'))
			continue;
		for (size_t k = 0; k < i && !s->repeated; k++)
			s->repeated =
				!strcmp(page->books.rows[k].counter, page->books.rows[i].counter);
	}
}

/* A sum that is too great stays at the greatest: buckets never go down. */
static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t value_of(const struct books *b, const char *counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->rows[i].counter, counter))
			sum = add(sum, b->rows[i].value);
	return sum;
}

/* ---- text ---- */

/* Names come out of files: only printable ASCII goes on. */
static void put_value(struct buf *out, const char *value, size_t n)
{
	for (size_t i = 0; i < n && value[i]; i++) {
		if (value[i] == '\\' || value[i] == '"')
			buf_add_byte(out, '\\');
		buf_add_byte(out, value[i] >= 0x20 && value[i] < 0x7f ? (uint8_t)value[i] : '?');
	}
}

static void put_label(struct buf *out, const char *name, size_t name_len, const char *value,
		      size_t n)
{
	if (!n)
		return;
	buf_add_byte(out, out->ptr[out->len - 1] == '{' ? ' ' : ',');
	if (out->ptr[out->len - 1] == ' ')
		out->len--;
	buf_add(out, name, name_len);
	buf_add_str(out, "=\"");
	put_value(out, value, n);
	buf_add_byte(out, '"');
}

/* weir_NAME{labels */
static void put_series(struct buf *out, const struct work *w, size_t row, const char *suffix)
{
	const struct books_row *r = &w->page->books.rows[row];
	const struct sample *s = &w->samples[row];
	struct exposition_label labels[EXPOSITION_LABELS];
	char name[BOOKS_NAME], peer[24];
	const char *at = strchr(s->metric->source, '@');
	size_t n;

	snprintf(name, sizeof(name), "%.*s", (int)s->base, r->counter);
	exposition_match(s->metric->source, name, labels, &n);
	buf_printf(out, "weir_%s%s{", s->metric->name, suffix);
	put_label(out, "pipeline", 8, w->page->pipeline, strlen(w->page->pipeline));
	put_label(out, "stage", 5, r->stage, strlen(r->stage));
	put_label(out, "copy", 4, w->page->copy, strlen(w->page->copy));
	for (size_t i = 0; i < n; i++)
		put_label(out, labels[i].name, labels[i].name_len, labels[i].value,
			  labels[i].value_len);
	snprintf(peer, sizeof(peer), "%" PRIu64, r->peer);
	if (at)
		put_label(out, at + 1, strlen(at + 1), peer, strlen(peer));
}

static void put_number(struct buf *out, uint64_t v, uint64_t scale)
{
	int digits = 0;

	for (uint64_t s = scale; s > 1; s /= 10)
		digits++;
	buf_printf(out, "%" PRIu64, v / scale);
	if (digits)
		buf_printf(out, ".%0*" PRIu64, digits, v % scale);
	buf_add_byte(out, '\n');
}

/* Of a value in the page. */
static uint64_t scale_of(const struct metric *m)
{
	bool parts = !strcmp(m->unit, "seconds") || !strcmp(m->unit, "ratio");

	return parts ? 1000000000 : 1;
}

static void put_plain(struct buf *out, const struct work *w, size_t row)
{
	const struct books_row *r = &w->page->books.rows[row];
	const struct metric *m = w->samples[row].metric;

	put_series(out, w, row, m->type == METRIC_COUNTER ? "_total" : "");
	buf_add_str(out, "} ");
	put_number(out, strchr(m->source, '@') ? r->value : value_of(&w->page->books, r->counter),
		   scale_of(m));
}

/* At the counter SOURCE.in: the buckets, which add up, whatever the page says at this moment. */
static void put_histogram(struct buf *out, const struct work *w, size_t row)
{
	const struct books *b = &w->page->books;
	const struct sample *s = &w->samples[row];
	const struct metric_buckets *buckets = s->metric->buckets;
	char counter[BOOKS_NAME + 24];
	int base = (int)s->base;
	uint64_t sum = 0;

	if (strcmp(b->rows[row].counter + base, ".in") != 0)
		return;
	for (size_t i = 0; i <= buckets->n; i++) {
		bool last = i == buckets->n;

		snprintf(counter, sizeof(counter), "%.*s.le_%s", base, b->rows[row].counter,
			 last ? "inf" : buckets->bounds[i].le);
		sum = add(sum, value_of(b, counter));
		put_series(out, w, row, "_bucket");
		buf_printf(out, ",le=\"%s\"} %" PRIu64 "\n", last ? "+Inf" : buckets->bounds[i].le,
			   sum);
	}
	put_series(out, w, row, "_count");
	buf_printf(out, "} %" PRIu64 "\n", sum);
	snprintf(counter, sizeof(counter), "%.*s_sum", base, b->rows[row].counter);
	put_series(out, w, row, "_sum");
	buf_add_str(out, "} ");
	put_number(out, value_of(b, counter), buckets->scale);
}

static void put_head(struct buf *out, const struct metric *m)
{
	static const char *const types[] = { "counter", "gauge", "unknown", "histogram" };

	buf_printf(out, "# TYPE weir_%s %s\n", m->name, types[m->type]);
	if (*m->unit)
		buf_printf(out, "# UNIT weir_%s %s\n", m->name, m->unit);
	buf_printf(out, "# HELP weir_%s %s.\n", m->name, m->what);
}

static void put_metric(struct buf *out, const struct metric *m, const struct work *works, size_t n)
{
	bool head = false;

	for (size_t p = 0; p < n; p++) {
		for (size_t i = 0; i < works[p].page->books.n; i++) {
			const struct sample *s = &works[p].samples[i];

			if (s->metric != m || s->repeated)
				continue;
			if (!head)
				put_head(out, m);
			head = true;
			if (m->type == METRIC_HISTOGRAM)
				put_histogram(out, &works[p], i);
			else
				put_plain(out, &works[p], i);
		}
	}
}

void exposition_write(const struct exposition_page *pages, size_t n, size_t left_out,
		      struct buf *out)
{
	struct work *works = xcalloc(n + 1, sizeof(*works));
	struct exposition_page own = { 0 };

	books_add(&own.books,
		  &(struct books_row){ .stage = "metrics", .counter = "pages", .value = n });
	books_add(&own.books, &(struct books_row){ .stage = "metrics",
						   .counter = "pages_left_out",
						   .value = left_out });
	for (size_t i = 0; i < n; i++)
		work_open(&works[i], &pages[i]);
	work_open(&works[n], &own);
	for (size_t i = 0; i < metric_count; i++)
		put_metric(out, &metric_table[i], works, n + 1);
	buf_add_str(out, "# EOF\n");
	for (size_t i = 0; i <= n; i++)
		free(works[i].samples);
	free(works);
	books_release(&own.books);
}
