/* report: progress while a pipeline runs, its closing line, its summary. */
#include "cmd/weir/report.h"
#include "libcommon/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROGRESS_AFTER_MS = 1000 };

static bool progress_shown;

/* Those of the source, whichever it is. */
static uint64_t frames(const struct pipeline *p)
{
	return pipeline_counter(p, "read", "made") + pipeline_counter(p, "capture", "made");
}

void report_progress(struct pipeline *p)
{
	static int64_t start;
	uint64_t done = pipeline_counter(p, "read", "file_bytes");
	uint64_t size = pipeline_counter(p, "read", "file_size");
	uint64_t packets = frames(p);
	int64_t spent;

	if (!start)
		start = clock_ms();
	spent = clock_ms() - start;
	if (spent < PROGRESS_AFTER_MS || !isatty(STDERR_FILENO))
		return;
	progress_shown = true;
	fprintf(stderr, "\r\033[K%" PRIu64 " packets", packets);
	if (size && done && done <= size)
		fprintf(stderr, ", %.0f %%, %" PRIu64 " s left",
			100.0 * (double)done / (double)size,
			(uint64_t)((double)spent / (double)done * (double)(size - done) / 1000.0));
	fflush(stderr);
}

void report_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
}

/* What the kernel dropped ahead of us is lost as well. */
static bool is_loss(const struct books_row *r)
{
	const char *dot = strchr(r->counter, '.');

	return strncmp(r->counter, "dropped.", 8) == 0 || strcmp(r->counter, "lost") == 0 ||
	       strcmp(r->counter, "lost_lines") == 0 ||
	       (strcmp(r->stage, "capture") == 0 && dot && strcmp(dot, ".drops") == 0);
}

static uint64_t losses(const struct pipeline *p)
{
	struct books b = { 0 };
	uint64_t sum = 0;

	pipeline_books(p, &b);
	for (size_t i = 0; i < b.n; i++)
		if (is_loss(&b.rows[i]))
			sum += b.rows[i].value;
	books_release(&b);
	return sum;
}

void report_closing(const struct pipeline *p, bool cut)
{
	fprintf(stderr,
		"weir: %" PRIu64 " packets, %" PRIu64 " flows, %" PRIu64 " records, %" PRIu64
		" anomalies, %" PRIu64 " lost%s\n",
		frames(p), pipeline_counter(p, "json", "seen.flow"),
		pipeline_counter(p, "json", "consumed"),
		pipeline_counter(p, "json", "seen.anomaly"), losses(p),
		cut ? "; stopped before the end of the input" : "");
}

/* The printer counts what there was, and the parsers, wherever they run, what ended with them. */
static bool counts_records(const char *stage)
{
	return strcmp(stage, "json") == 0 || strcmp(stage, "parse") == 0 ||
	       strcmp(stage, "infer") == 0;
}

static void print_group(const struct books *b, const char *prefix, const char *title)
{
	size_t n = strlen(prefix);
	bool any = false;

	for (size_t i = 0; i < b->n; i++) {
		const struct books_row *r = &b->rows[i];

		if (!counts_records(r->stage) || strncmp(r->counter, prefix, n) != 0 || !r->value)
			continue;
		if (!any)
			printf("%s\n", title);
		any = true;
		printf("  %-32s %12" PRIu64 "\n", r->counter + n, r->value);
	}
	if (any)
		putchar('\n');
}

static void print_frames(const struct books *b)
{
	printf("frames\n");
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->rows[i].stage, "flow") == 0 &&
		    strncmp(b->rows[i].counter, "frames.", 7) == 0 && b->rows[i].value)
			printf("  %-32s %12" PRIu64 "\n", b->rows[i].counter + 7, b->rows[i].value);
	putchar('\n');
}

void report_summary(const struct pipeline *p)
{
	struct books b = { 0 };
	struct buf text = { 0 };

	pipeline_books(p, &b);
	print_frames(&b);
	print_group(&b, "seen.", "records");
	print_group(&b, "anomaly.", "anomalies");
	printf("books\n");
	books_print(&b, &text);
	fwrite(text.ptr, 1, text.len, stdout);
	buf_release(&text);
	books_release(&b);
}
