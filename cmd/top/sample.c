/* sample: what a pipeline's pages say at one moment, and the rates between two. */
#include "cmd/top/sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/clock.h"

/* ---- taking -------------------------------------------------------------------------------- */

static void add_reason(struct top_counts *c, const char *name, uint64_t value)
{
	if (!value || c->nreasons == TOP_REASONS)
		return;
	snprintf(c->reasons[c->nreasons].name, BOOKS_NAME, "%s", name);
	c->reasons[c->nreasons++].value = value;
}

static void count(struct top_counts *c, const struct books_page *page)
{
	for (uint32_t i = 0; i < page->nslots && i < BOOKS_SLOTS; i++) {
		const struct books_slot *s = &page->slots[i];
		char name[BOOKS_NAME];

		memcpy(name, s->name, BOOKS_NAME);
		name[BOOKS_NAME - 1] = 0;
		if (strcmp(name, "in") == 0)
			c->in += s->value;
		else if (strcmp(name, "out") == 0)
			c->out = s->value;
		else if (strcmp(name, "made") == 0)
			c->made = s->value;
		else if (strncmp(name, "dropped.", 8) == 0)
			add_reason(c, name + 8, s->value);
		else if (strcmp(name, "lost") == 0)
			add_reason(c, name, s->value);
	}
}

static void read_stage(int dir, const char *stage, struct top_counts *c)
{
	char file[RUN_NAME + 8];
	struct books_page *page;
	int fd;

	snprintf(file, sizeof(file), "%s.page", stage);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	page = books_page_copy(fd);
	close(fd);
	if (!page)
		return;
	count(c, page);
	free(page);
}

bool top_take(int dir, struct top_sample *s)
{

	memset(s->counts, 0, sizeof(s->counts));
	if (!rundir_alive(dir) || !rundir_read(dir, &s->run))
		return false;
	for (uint32_t i = 0; i < s->run.nstages; i++) {
		s->run.stages[i].name[RUN_NAME - 1] = 0;
		if (!strchr(s->run.stages[i].name, '/'))
			read_stage(dir, s->run.stages[i].name, &s->counts[i]);
	}
	s->at_ns = clock_ns(CLOCK_MONOTONIC);
	return true;
}

/* ---- rates --------------------------------------------------------------------------------- */

/* A stage that was started again counts from 0: then what it has is what came since. */
static double rate(uint64_t before, uint64_t now, double secs)
{
	if (secs <= 0)
		return 0;
	return (double)(now >= before ? now - before : now) / secs;
}

/* The reader that has taken the least of a ring. */
static const char *slowest(const struct run_page *p, uint32_t link)
{
	const struct run_reader *least = NULL;

	for (uint32_t i = 0; i < p->nreaders; i++) {
		const struct run_reader *r = &p->readers[i];

		if (r->link == link && !r->gone && (!least || r->tail < least->tail))
			least = r;
	}
	return least && least->stage < p->nstages ? p->stages[least->stage].name : NULL;
}

static void row_rings(const struct top_sample *before, const struct top_sample *now, uint32_t at,
		      double secs, struct top_row *row)
{
	const struct run_page *p = &now->run;

	for (uint32_t i = 0; i < p->nlinks; i++) {
		if (p->links[i].writer != at)
			continue;
		row->bytes_out += rate(before->run.links[i].head, p->links[i].head, secs);
		if (p->links[i].writer_waits && p->links[i].state == 0 && !row->blocked_by)
			row->blocked_by = slowest(p, i);
	}
	for (uint32_t i = 0; i < p->nreaders; i++) {
		const struct run_reader *r = &p->readers[i];
		const struct run_link *l = &p->links[r->link < RUN_LINKS ? r->link : 0];
		uint64_t lag = l->head > r->tail && !r->gone ? l->head - r->tail : 0;

		if (r->stage != at)
			continue;
		row->bytes_in += rate(before->run.readers[i].tail, r->tail, secs);
		row->lag += lag;
		if (l->size && (double)lag / (double)l->size > row->fill)
			row->fill = (double)lag / (double)l->size;
	}
}

size_t top_rows(const struct top_sample *before, const struct top_sample *now, struct top_row *rows)
{
	double secs = (double)(now->at_ns - before->at_ns) / 1e9;

	for (uint32_t i = 0; i < now->run.nstages; i++) {
		const struct top_counts *a = &before->counts[i], *b = &now->counts[i];
		struct top_row *row = &rows[i];

		*row = (struct top_row){ .stage = &now->run.stages[i], .counts = b };
		row->cpu = rate(before->run.stages[i].cpu_ns, row->stage->cpu_ns, secs) / 1e9;
		row->in = rate(a->in, b->in, secs);
		row->out = rate(a->out, b->out, secs);
		for (size_t k = 0; k < b->nreasons; k++)
			row->lost += b->reasons[k].value;
		row_rings(before, now, i, secs, row);
	}
	return now->run.nstages;
}

/* ---- printing ------------------------------------------------------------------------------ */

/* Five characters at most: 12345, 1.2M. */
static const char *human(double v, char *text, size_t size)
{
	static const char units[] = " kMGTP";
	size_t u = 0;

	while (v >= 9999.5 && u + 2 < sizeof(units)) {
		v /= 1000;
		u++;
	}
	if (u && v < 99.95)
		snprintf(text, size, "%.1f%c", v, units[u]);
	else if (u)
		snprintf(text, size, "%.0f%c", v, units[u]);
	else
		snprintf(text, size, "%.0f", v);
	return text;
}

static const char *state_name(const struct run_stage *s)
{
	return s->state <= RUN_FAILED ? run_state_names[s->state] : "?";
}

void top_table(const struct top_sample *now, const struct top_row *rows, size_t n, struct buf *out)
{
	char a[32], b[32], c[32], d[32], e[32];

	buf_printf(out, "%s%s\n", now->run.name, now->run.stopping ? ": stopping" : "");
	buf_printf(out, "%-19s %-8s %5s %7s %7s %7s %7s %5s %7s %4s  %s\n", "stage", "state",
		   "cpu %", "in/s", "out/s", "B in/s", "B out/s", "fill%", "lag B", "rest",
		   "waits for; drops");
	for (size_t i = 0; i < n; i++) {
		const struct top_row *r = &rows[i];

		buf_printf(out, "%-19s %-8s %5.1f %7s %7s %7s %7s %5.0f %7s %4u ", r->stage->name,
			   state_name(r->stage), 100 * r->cpu, human(r->in, a, sizeof(a)),
			   human(r->out, b, sizeof(b)), human(r->bytes_in, c, sizeof(c)),
			   human(r->bytes_out, d, sizeof(d)), 100 * r->fill,
			   human((double)r->lag, e, sizeof(e)), r->stage->restarts);
		if (r->blocked_by)
			buf_printf(out, " %s", r->blocked_by);
		for (size_t k = 0; k < r->counts->nreasons; k++)
			buf_printf(out, " %s=%llu", r->counts->reasons[k].name,
				   (unsigned long long)r->counts->reasons[k].value);
		buf_add_byte(out, '\n');
	}
}

/* Names of stages and reasons are letters, digits and punctuation of ours; a page may hold worse.
 */
static void put_string(struct buf *out, const char *text)
{
	buf_add_byte(out, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\' || *c < ' ' || *c > 126)
			buf_printf(out, "\\u%04x", *c);
		else
			buf_add_byte(out, *c);
	}
	buf_add_byte(out, '"');
}

void top_json(const struct top_sample *now, const struct top_row *rows, size_t n, struct buf *out)
{
	buf_add_str(out, "{\"pipeline\":");
	put_string(out, now->run.name);
	buf_printf(out, ",\"stopping\":%s,\"stages\":[", now->run.stopping ? "true" : "false");
	for (size_t i = 0; i < n; i++) {
		const struct top_row *r = &rows[i];

		buf_add_str(out, i ? ",{\"stage\":" : "{\"stage\":");
		put_string(out, r->stage->name);
		buf_printf(out, ",\"state\":\"%s\",\"pid\":%u,\"restarts\":%u,\"cpu\":%.3f",
			   state_name(r->stage), r->stage->pid, r->stage->restarts, r->cpu);
		buf_printf(
			out,
			",\"in\":%llu,\"out\":%llu,\"in_rate\":%.1f,\"out_rate\":%.1f,"
			"\"bytes_in_rate\":%.0f,\"bytes_out_rate\":%.0f,\"fill\":%.3f,\"lag\":%llu",
			(unsigned long long)r->counts->in, (unsigned long long)r->counts->out,
			r->in, r->out, r->bytes_in, r->bytes_out, r->fill,
			(unsigned long long)r->lag);
		buf_add_str(out, ",\"waits_for\":");
		if (r->blocked_by)
			put_string(out, r->blocked_by);
		else
			buf_add_str(out, "null");
		buf_add_str(out, ",\"dropped\":{");
		for (size_t k = 0; k < r->counts->nreasons; k++) {
			if (k)
				buf_add_byte(out, ',');
			put_string(out, r->counts->reasons[k].name);
			buf_printf(out, ":%llu", (unsigned long long)r->counts->reasons[k].value);
		}
		buf_add_str(out, "}}");
	}
	buf_add_str(out, "]}\n");
}
