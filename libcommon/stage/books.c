/* books: the counters of many stages as one set: its laws, its table. */
#include "libcommon/stage/books.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/record/record.h"

/* A set holds at most so many rows: the input of weir-books may come from anywhere. A set that
 * was cut says so as a broken law. */
enum { BOOKS_ROWS_MAX = 16384, BOOKS_LINE = 100 };

static const char row_cut[] = "rows_left_out";

/* ---- a set of rows ---- */

static struct books_row *row_find(const struct books *b, uint64_t instance, const char *counter,
				  uint64_t peer)
{
	for (size_t i = 0; i < b->n; i++) {
		struct books_row *r = &b->rows[i];

		if (r->instance == instance && r->peer == peer && !strcmp(r->counter, counter))
			return r;
	}
	return NULL;
}

static struct books_row *row_new(struct books *b)
{
	if (b->n == b->size) {
		b->size = b->size ? b->size * 2 : 64;
		b->rows = realloc(b->rows, b->size * sizeof(*b->rows));
		if (!b->rows)
			die("out of memory");
	}
	return &b->rows[b->n++];
}

void books_add(struct books *b, const struct books_row *row)
{
	struct books_row r = *row, *old;

	books_name(r.stage, row->stage, BOOKS_NAME);
	books_name(r.counter, row->counter, BOOKS_NAME);
	old = row_find(b, r.instance, r.counter, r.peer);
	if (old) {
		old->value = r.value;
		return;
	}
	if (b->n >= BOOKS_ROWS_MAX) {
		old = row_find(b, 0, row_cut, 0);
		if (!old) {
			old = row_new(b);
			*old = (struct books_row){ .stage = "books" };
			books_name(old->counter, row_cut, BOOKS_NAME);
		}
		old->value++;
		return;
	}
	*row_new(b) = r;
}

void books_add_page(struct books *b, const struct books_page *p)
{
	uint32_t n = __atomic_load_n(&p->nslots, __ATOMIC_ACQUIRE);
	struct books_row r = { .instance = p->instance };

	if (__atomic_load_n(&p->magic, __ATOMIC_ACQUIRE) != BOOKS_MAGIC)
		return;
	if (n > BOOKS_SLOTS)
		n = BOOKS_SLOTS;
	books_name(r.stage, p->stage, BOOKS_NAME);
	for (uint32_t i = 0; i < n; i++) {
		const struct books_slot *s = &p->slots[i];

		books_name(r.counter, s->name, BOOKS_NAME);
		r.peer = s->peer;
		r.value = s->value;
		books_add(b, &r);
	}
	/* A stage that has not ended may hold records. */
	books_name(r.counter, "running", BOOKS_NAME);
	r.peer = 0;
	r.value = p->state == 0;
	books_add(b, &r);
}

void books_add_ledger(struct books *b, const struct rec_list *ledger, bool running)
{
	const struct rec_ledger *rows = ledger->items;

	for (size_t i = 0; i < ledger->count; i++) {
		struct books_row r = { .instance = rows[i].instance,
				       .peer = rows[i].peer,
				       .value = rows[i].value };

		books_name(r.stage, (const char *)rows[i].stage.ptr, rows[i].stage.len);
		books_name(r.counter, (const char *)rows[i].counter.ptr, rows[i].counter.len);
		books_add(b, &r);
		if (running) {
			r.peer = 0;
			r.value = 1;
			books_name(r.counter, "running", BOOKS_NAME);
			books_add(b, &r);
		}
	}
}

void books_release(struct books *b)
{
	free(b->rows);
	*b = (struct books){ 0 };
}

/* ---- the laws ---- */

/* One check over a set: rows are grouped by instance in an index sorted by it, so that a law
 * looks at its own instance's rows alone. */
struct audit {
	const struct books *books;
	struct books_row *sorted; /* a copy, by (instance, place in the set) */
	size_t laws, broken;
	struct buf *why;
};

/* The rows of one instance. */
struct part {
	const struct books_row *rows;
	size_t n;
};

static int row_order(const void *a, const void *b)
{
	const struct books_row *x = a, *y = b;

	if (x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	/* The name of a counter keeps the rows of a group together. */
	if (strcmp(x->counter, y->counter))
		return strcmp(x->counter, y->counter);
	return x->peer < y->peer ? -1 : x->peer > y->peer;
}

static struct part part_of(const struct audit *a, uint64_t instance)
{
	size_t lo = 0, hi = a->books->n, from;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->sorted[mid].instance < instance)
			lo = mid + 1;
		else
			hi = mid;
	}
	from = lo;
	while (lo < a->books->n && a->sorted[lo].instance == instance)
		lo++;
	return (struct part){ a->sorted + from, lo - from };
}

static bool name_in_group(const char *counter, const char *group)
{
	size_t n = strlen(group);

	return !strncmp(counter, group, n) && counter[n] == '.';
}

/* Sum of the counter NAME; with `group`, of all NAME.* instead. */
static uint64_t part_sum(struct part p, const char *name, bool group)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p.n; i++)
		if (group ? name_in_group(p.rows[i].counter, name)
			  : !strcmp(p.rows[i].counter, name))
			sum += p.rows[i].value;
	return sum;
}

/* Text from other programs goes to a terminal: only printable ASCII does. */
static void put_name(struct buf *out, const char *name)
{
	for (; *name; name++)
		buf_add_byte(out, *name > 0x20 && *name < 0x7f ? (uint8_t)*name : '?');
}

static __attribute__((format(printf, 4, 5))) void law(struct audit *a, struct part p, bool holds,
						      const char *fmt, ...)
{
	char text[256];
	va_list ap;

	a->laws++;
	if (holds)
		return;
	a->broken++;
	if (!a->why)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_name(a->why, p.rows[0].stage);
	buf_add_str(a->why, ": ");
	buf_add_str(a->why, text);
	buf_add_byte(a->why, '\n');
}

/* Adds whom or what the law just broken concerns. */
static void law_subject(struct audit *a, const char *name)
{
	if (!a->why)
		return;
	a->why->len--;
	buf_add_str(a->why, " (");
	put_name(a->why, name);
	buf_add_str(a->why, ")\n");
}

static void check_fates(struct audit *a, struct part p)
{
	uint64_t in = part_sum(p, "in", false), made = part_sum(p, "made", false);
	uint64_t out = part_sum(p, "out", false), consumed = part_sum(p, "consumed", false);
	uint64_t filtered = part_sum(p, "filtered", false);
	uint64_t dropped = part_sum(p, "dropped", true), held = part_sum(p, "held", false);

	law(a, p, in + made == out + consumed + filtered + dropped + held,
	    "in %" PRIu64 " + made %" PRIu64 " is not out %" PRIu64 " + consumed %" PRIu64
	    " + filtered %" PRIu64 " + dropped %" PRIu64 " + held %" PRIu64,
	    in, made, out, consumed, filtered, dropped, held);
	if (!part_sum(p, "running", false))
		law(a, p, held == 0, "ended with %" PRIu64 " records held", held);
}

/* Every output got each record, or they are shards and share them. */
static void check_outputs(struct audit *a, struct part p)
{
	uint64_t out = part_sum(p, "out", false), sum = 0;
	bool all = true, any = false;

	for (size_t i = 0; i < p.n; i++) {
		if (strcmp(p.rows[i].counter, "out_to"))
			continue;
		any = true;
		sum += p.rows[i].value;
		all &= p.rows[i].value == out;
	}
	if (any)
		law(a, p, all || sum == out,
		    "out is %" PRIu64 ", but its outputs got %" PRIu64 " in all", out, sum);
}

static void check_groups(struct audit *a, struct part p)
{
	for (size_t i = 0; i < p.n; i++) {
		const char *dot = strrchr(p.rows[i].counter, '.');
		char group[BOOKS_NAME];
		uint64_t in, all;

		if (!dot || strcmp(dot, ".in"))
			continue;
		if (i && !strcmp(p.rows[i - 1].counter, p.rows[i].counter))
			continue; /* the same counter with another peer: summed already */
		snprintf(group, sizeof(group), "%.*s", (int)(dot - p.rows[i].counter),
			 p.rows[i].counter);
		in = part_sum(p, p.rows[i].counter, false);
		all = part_sum(p, group, true);
		law(a, p, in == all - in,
		    "%" PRIu64 " went into a ledger whose fates sum to %" PRIu64, in, all - in);
		if (in != all - in)
			law_subject(a, group);
	}
}

/* Records of an output that never arrived, as the producer knows it. */
static uint64_t lost_at(struct part from, uint64_t output)
{
	size_t lo = 0, hi = from.n;

	while (lo < hi) { /* sorted by (counter, peer) */
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(from.rows[mid].counter, "lost");

		if (order < 0 || (order == 0 && from.rows[mid].peer < output))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < from.n && from.rows[lo].peer == output && !strcmp(from.rows[lo].counter, "lost"))
		return from.rows[lo].value;
	return 0;
}

/* What a receiver took from a producer is what some output of the producer got. A reader that
 * ended before its input did, or that is still reading, may have taken less. */
static int value_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A stage read several outputs of one producer: it took what they were given in all. Where they
 * are not all of its outputs, which ones is not known: no less than the smallest and no more than
 * the largest so many. */
static bool took_several(struct part from, uint64_t got, uint64_t inputs, bool less)
{
	uint64_t given[BOOKS_SLOTS], lowest = 0, highest = 0;
	size_t n = 0;

	for (size_t i = 0; i < from.n && n < BOOKS_SLOTS; i++)
		if (!strcmp(from.rows[i].counter, "out_to"))
			given[n++] = from.rows[i].value - lost_at(from, from.rows[i].peer);
	if (inputs > n)
		return false;
	qsort(given, n, sizeof(*given), value_order);
	for (size_t i = 0; i < inputs; i++) {
		lowest += given[i];
		highest += given[n - 1 - i];
	}
	return got <= highest && (less || got >= lowest);
}

static uint64_t links_from(struct part p, uint64_t peer)
{
	for (size_t i = 0; i < p.n; i++)
		if (p.rows[i].peer == peer && !strcmp(p.rows[i].counter, "in_links"))
			return p.rows[i].value;
	return 1;
}

static void check_link(struct audit *a, struct part p, const struct books_row *in)
{
	struct part from = part_of(a, in->peer);
	bool less = part_sum(p, "stopped_early", false) || part_sum(p, "running", false);
	uint64_t want = part_sum(from, "out", false), got = in->value;
	uint64_t inputs = links_from(p, in->peer);
	bool any = false, holds;

	if (!from.n)
		return;
	for (size_t i = 0; i < p.n; i++)
		if (p.rows[i].peer == in->peer && (!strcmp(p.rows[i].counter, "lost") ||
						   name_in_group(p.rows[i].counter, "lost")))
			got += p.rows[i].value;
	holds = inputs > 1 && took_several(from, got, inputs, less);
	for (size_t i = 0; i < from.n && !holds && inputs == 1; i++) {
		if (strcmp(from.rows[i].counter, "out_to"))
			continue;
		any = true;
		want = from.rows[i].value - lost_at(from, from.rows[i].peer);
		holds = less ? got <= want : got == want;
	}
	if (!any && inputs == 1) {
		want = part_sum(from, "out", false);
		holds = less ? got <= want : got == want;
	}
	law(a, p, holds, "took or lost %" PRIu64 " of the %" PRIu64 " records that it was sent",
	    got, want);
	if (!holds)
		law_subject(a, from.rows[0].stage);
}

static size_t audit_run(struct audit *a)
{
	const struct books *b = a->books;

	if (!b->n)
		return 0;
	a->sorted = xcalloc(b->n, sizeof(*a->sorted));
	memcpy(a->sorted, b->rows, b->n * sizeof(*a->sorted));
	qsort(a->sorted, b->n, sizeof(*a->sorted), row_order);
	for (size_t i = 0; i < b->n;) {
		struct part p = part_of(a, a->sorted[i].instance);

		check_fates(a, p);
		check_outputs(a, p);
		check_groups(a, p);
		for (size_t k = 0; k < p.n; k++)
			if (!strcmp(p.rows[k].counter, "in") && p.rows[k].peer)
				check_link(a, p, &p.rows[k]);
		i += p.n;
	}
	if (row_find(b, 0, row_cut, 0)) {
		a->laws++;
		a->broken++;
		if (a->why)
			buf_printf(a->why, "more than %d counters: some were left out\n",
				   BOOKS_ROWS_MAX);
	}
	free(a->sorted);
	a->sorted = NULL;
	return a->broken;
}

size_t books_check(const struct books *b, struct buf *why)
{
	struct audit a = { .books = b, .why = why };

	return audit_run(&a);
}

/* ---- the table ---- */

static const char *const columns[] = { "in",       "made",    "out", "consumed",
				       "filtered", "dropped", "held" };
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), STAGE_WIDTH = 16, COLUMN_WIDTH = 12 };

static bool is_column(const char *counter)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (!strcmp(counter, columns[i]))
			return true;
	return !strcmp(counter, "out_to") || !strcmp(counter, "running");
}

/* Where the instance of row i first shows up in the set; the table keeps that order. */
static bool is_first(const struct books *b, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (b->rows[k].instance == b->rows[i].instance)
			return false;
	return true;
}

static void print_stage(const struct books *b, uint64_t instance, const char *stage,
			struct buf *out)
{
	uint64_t v[COLUMNS] = { 0 };
	size_t line;

	for (size_t i = 0; i < b->n; i++) {
		const struct books_row *r = &b->rows[i];

		for (size_t c = 0; c < COLUMNS && r->instance == instance; c++)
			if (!strcmp(r->counter, columns[c]) ||
			    (!strcmp(columns[c], "dropped") &&
			     name_in_group(r->counter, "dropped")))
				v[c] += r->value;
	}
	line = out->len;
	put_name(out, stage);
	if (out->len - line >= STAGE_WIDTH)
		out->len = line + STAGE_WIDTH - 1;
	buf_printf(out, "%*s", (int)(STAGE_WIDTH - (out->len - line)), "");
	for (size_t c = 0; c < COLUMNS; c++)
		buf_printf(out, "%*" PRIu64, COLUMN_WIDTH, v[c]);
	buf_add_byte(out, '\n');
	for (size_t i = 0, col = 0; i <= b->n; i++) {
		const struct books_row *r = &b->rows[i];
		char value[24];
		size_t width;

		if (i == b->n) {
			if (col)
				buf_add_byte(out, '\n');
			break;
		}
		if (r->instance != instance || !r->value || is_column(r->counter))
			continue;
		width = (size_t)snprintf(value, sizeof(value), " %" PRIu64, r->value) +
			strlen(r->counter);
		if (col && col + 3 + width > BOOKS_LINE) {
			buf_add_byte(out, '\n');
			col = 0;
		}
		buf_add_str(out, col ? "   " : "    ");
		col += width + (col ? 3 : 4);
		put_name(out, r->counter);
		buf_add_str(out, value);
	}
}

void books_print(const struct books *b, struct buf *out)
{
	struct buf why = { 0 };
	struct audit a = { .books = b, .why = &why };

	if (!b->n) {
		buf_add_str(out, "no books\n");
		return;
	}
	buf_printf(out, "%-*s", STAGE_WIDTH, "stage");
	for (size_t c = 0; c < COLUMNS; c++)
		buf_printf(out, "%*s", COLUMN_WIDTH, columns[c]);
	buf_add_byte(out, '\n');
	for (size_t i = 0; i < b->n; i++)
		if (is_first(b, i))
			print_stage(b, b->rows[i].instance, b->rows[i].stage, out);
	audit_run(&a);
	if (a.broken)
		buf_printf(out, "books are off: %zu of %zu laws\n", a.broken, a.laws);
	else
		buf_printf(out, "books balance: %zu laws\n", a.laws);
	buf_add(out, why.ptr, why.len);
	buf_release(&why);
}
