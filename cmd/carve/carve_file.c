/* carve_file: frames of files, chosen by all records of the input.
 *
 * When the last record has come the files are read: once to find the frames of the chosen flows,
 * and once more to give out the chosen frames. */
#include "cmd/carve/carve.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/carve/members.h"
#include "cmd/carve/numbers.h"
#include "cmd/carve/reader.h"
#include "libcommon/record/view.h"
#include "libcommon/stage/plans.h"

/* Where a type keeps the number of the frame that it began with. */
struct known {
	struct plan plan;
	struct rec_view view;
	int first_n;
};

struct carver {
	struct numbers flows, frames;
	uint8_t *seen; /* by place in flows: it has frames */
	struct reader search, give;
	uint64_t *read, *chosen, *left_out, *forgotten;
	uint64_t highest; /* of the frames that there must be, as records of them came */
	bool full;        /* not all frames of the flows could be kept */
	bool over;        /* the files have been read */
};

static struct carver carver;

/* Which frames the flows have is known when all have been read: then they are read once more. */
static void check_twice(const char *file)
{
	struct stat s;

	if (stat(file, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode))
		die_usage("--from: '%s' is no file that could be read twice; --by=n reads it once",
			  file);
}

void carve_file_open(struct stage *st)
{
	struct carver *c = &carver;

	c->flows.max = c->frames.max = carve_config.memory / 2 / sizeof(uint64_t);
	c->read = stage_counter(st, "frames.in");
	c->chosen = stage_counter(st, "frames.chosen");
	c->left_out = stage_counter(st, "frames.left_out");
	c->forgotten = stage_counter(st, "fragments_forgotten");
	for (size_t i = 0; carve_config.by == BY_FLOW && i < carve_config.from.n; i++)
		check_twice(carve_config.from.v[i]);
	if (carve_config.by == BY_FLOW)
		reader_start(&c->search, &carve_config.from, carve_config.merge);
	for (size_t i = 0; i < carve_config.from.n; i++)
		stage_reads(st, file_id_path(carve_config.from.v[i]), carve_config.from.v[i]);
	reader_start(&c->give, &carve_config.from, carve_config.merge);
	stage_hold(st, 0, 0); /* frames from the first one on may follow */
}

/* ---- records ----------------------------------------------------------------------------- */

static void known_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct known *k = (struct known *)plan;

	(void)st;
	(void)user;
	(void)type;
	rec_view_init(&k->view, plan->schema);
	k->first_n = schema_find(plan->schema, "first_n");
}

static void known_clear(struct plan *plan)
{
	rec_view_release(&((struct known *)plan)->view);
}

static struct plans plans = { .size = sizeof(struct known),
			      .make = known_make,
			      .clear = known_clear };

/* What the end of the input brought out has a number that no frame has. */
static bool is_of_frame(uint16_t type)
{
	return type == REC_frame || type == REC_packet || type == REC_stream;
}

static bool choose_numbers(struct known *k, const struct stage_rec *r)
{
	struct mp_value first = { .type = MP_NIL };

	if (is_of_frame(r->head.type) && r->head.n > carver.highest)
		carver.highest = r->head.n;
	if (k->first_n >= 0 && rec_view_start(&k->view, r->raw))
		first = rec_view_value(&k->view, k->first_n);
	return numbers_add(&carver.frames, r->head.n) &&
	       (first.type != MP_UINT || !first.u || numbers_add(&carver.frames, first.u));
}

static void choose(struct stage *st, const struct stage_rec *r)
{
	uint64_t flow = r->head.flow;
	struct known *k;
	bool room;

	if (carver.over) { /* a second stream, behind the one that was the input */
		stage_drop(st, "late", 1);
		stage_exit(st, EXIT_FAILED);
		return;
	}
	if (flow >> 48) {
		stage_drop(st, "other_source", 1); /* --from is source 0 */
		return;
	}
	k = (struct known *)plans_find(&plans, st, r->head.type);
	if (!k) {
		stage_undeclared(st, r->head.type);
		return;
	}
	if (carve_config.by == BY_N || !flow)
		room = choose_numbers(k, r);
	else
		room = numbers_add(&carver.flows, flow);
	if (room) {
		stage_consume(st, 1);
		return;
	}
	stage_drop(st, "memory", 1);
	stage_exit(st, EXIT_FAILED);
}

void carve_file_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		choose(st, &recs[i]);
}

/* ---- frames ------------------------------------------------------------------------------ */

static void belongs(void *user, uint64_t n, uint64_t flow)
{
	struct carver *c = user;
	ptrdiff_t at = numbers_find(&c->flows, flow);

	if (at < 0)
		return;
	c->seen[at] = 1;
	c->full |= !numbers_add(&c->frames, n);
}

/* Which frames the chosen flows have. */
static void search(struct stage *st, struct carver *c)
{
	struct members *m = members_new(belongs, c);
	struct rec_frame f;
	struct rec_head h;
	uint64_t without = 0;

	c->seen = xcalloc(c->flows.n + 1, 1);
	while (c->flows.n && !stage_stopping(st) && reader_next(&c->search, &h, &f))
		members_frame(m, &h, &f);
	for (size_t i = 0; i < c->flows.n; i++)
		without += !c->seen[i];
	*c->forgotten = members_forgotten(m);
	members_free(m);
	free(c->seen);
	if (c->full) {
		warn("not all frames of these flows can be kept in mind; --memory gives more room");
		stage_exit(st, EXIT_FAILED);
	} else if (without && !stage_stopping(st)) {
		warn("%llu of %zu flows are not in '%s'", (unsigned long long)without, c->flows.n,
		     carve_config.from.v[0]);
		stage_exit(st, EXIT_FAILED);
	}
}

static void emit(struct stage *st, const struct rec_head *h, const struct rec_frame *f)
{
	size_t n = rec_frame_wire + f->payload.len;
	uint8_t *at = stage_reserve(st, &rec_frame_desc, n);

	rec_frame_put(at, h, f);
	stage_commit(st, n);
}

static void give(struct stage *st, struct carver *c)
{
	struct rec_frame f;
	struct rec_head h = { 0 };
	size_t at = 0;

	while (!stage_stopping(st) && reader_next(&c->give, &h, &f)) {
		++*c->read;
		while (at < c->frames.n && c->frames.v[at] < h.n)
			at++;
		if (at == c->frames.n || c->frames.v[at] != h.n) {
			++*c->left_out;
			continue;
		}
		++*c->chosen;
		emit(st, &h, &f);
	}
	if (stage_stopping(st))
		return;
	if (!c->give.ended || c->give.truncated)
		stage_exit(st, c->give.ended ? EXIT_TRUNCATED : EXIT_FAILED);
	if (*c->read < c->highest) {
		warn("the records are of frames up to number %llu, and '%s' has %llu",
		     (unsigned long long)c->highest, carve_config.from.v[0],
		     (unsigned long long)*c->read);
		stage_exit(st, EXIT_FAILED);
	}
}

void carve_file_finish(struct stage *st)
{
	struct carver *c = &carver;

	if (c->over)
		return;
	c->over = true;
	numbers_sort(&c->flows);
	if (carve_config.by == BY_FLOW)
		search(st, c);
	numbers_sort(&c->frames);
	give(st, c);
	stage_hold(st, UINT64_MAX, UINT64_MAX);
	if (carve_config.by == BY_FLOW)
		reader_close(&c->search);
	reader_close(&c->give);
	numbers_release(&c->flows);
	numbers_release(&c->frames);
	plans_release(&plans);
}
