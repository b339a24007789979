/* rings: what a launcher's page says of its stages and rings, as counters of the stages. */
#include "cmd/metrics/rings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct exposition_page *page, uint64_t value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct exposition_page *page, uint64_t value, const char *fmt, ...)
{
	struct books_row row = page->books.rows[0]; /* stage and instance */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row.counter, sizeof(row.counter), fmt, ap);
	va_end(ap);
	row.peer = 0;
	row.value = value;
	books_add(&page->books, &row);
}

/* Its page; NULL: none was read. */
static struct exposition_page *page_of(const struct run_page *run, uint32_t stage,
				       struct exposition_page *pages, size_t n)
{
	for (size_t i = 0; stage < run->nstages && i < n; i++)
		if (!strncmp(pages[i].copy, run->stages[stage].name, RUN_NAME) && pages[i].books.n)
			return &pages[i];
	return NULL;
}

/* The reader that has given back the least; NULL: nobody reads it any more. */
static const struct run_reader *slowest_of(const struct run_page *run, uint32_t link)
{
	const struct run_reader *least = NULL;

	for (uint32_t i = 0; i < run->nreaders; i++) {
		const struct run_reader *r = &run->readers[i];

		if (r->link == link && !r->gone && r->stage < run->nstages &&
		    (!least || r->tail < least->tail))
			least = r;
	}
	return least;
}

static void add_stage(const struct run_stage *s, struct exposition_page *page)
{
	add(page, s->pid != 0, "process_up");
	add(page, s->restarts, "process_restarts");
	add(page, s->cpu_ns, "process_cpu");
}

static void add_link(const struct run_page *run, uint32_t at, struct exposition_page *page)
{
	const struct run_link *l = &run->links[at];
	const struct run_reader *slowest = slowest_of(run, at);

	add(page, l->size, "ring_size.%.*s", RUN_NAME, l->name);
	add(page, l->head, "ring_published.%.*s", RUN_NAME, l->name);
	if (l->state == 0 && l->writer_waits && slowest)
		add(page, 1, "ring_blocked_by.%.*s", RUN_NAME, run->stages[slowest->stage].name);
}

static void add_reader(const struct run_page *run, const struct run_reader *r,
		       struct exposition_page *page)
{
	const struct run_link *l = &run->links[r->link];
	uint64_t lag = l->head > r->tail && !r->gone ? l->head - r->tail : 0;
	double fill = l->size ? (double)lag / (double)l->size : 0;

	add(page, r->tail, "ring_taken.%.*s", RUN_NAME, l->name);
	add(page, lag, "ring_lag.%.*s", RUN_NAME, l->name);
	add(page, fill < 1 ? (uint64_t)(fill * 1e9) : 1000000000, "ring_fill.%.*s", RUN_NAME,
	    l->name);
}

void rings_add(const struct run_page *run, struct exposition_page *pages, size_t n)
{
	struct exposition_page *page;

	for (uint32_t i = 0; i < run->nstages; i++)
		if ((page = page_of(run, i, pages, n)))
			add_stage(&run->stages[i], page);
	for (uint32_t i = 0; i < run->nlinks; i++)
		if ((page = page_of(run, run->links[i].writer, pages, n)))
			add_link(run, i, page);
	for (uint32_t i = 0; i < run->nreaders; i++)
		if (run->readers[i].link < run->nlinks &&
		    (page = page_of(run, run->readers[i].stage, pages, n)))
			add_reader(run, &run->readers[i], page);
}
