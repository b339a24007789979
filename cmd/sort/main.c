/* weir-sort: puts records into the order of their time, or of a field, within a window. */
#include <stdlib.h>

#include "cmd/sort/window.h"
#include "libcommon/record/make.h"
#include "libcommon/stage/plans.h"

struct config {
	const char *by;
	bool reverse;
	uint64_t window, memory;
};

static struct config config = { .by = "ts", .memory = 256 << 20 };

static const struct opt options[] = {
	OPT_ROW('b', "by", OPT_STRING, struct config, by, "FIELD", "the field to sort by"),
	OPT_ROW('r', "reverse", OPT_FLAG, struct config, reverse, NULL, "the greatest first"),
	OPT_ROW('w', "window", OPT_DURATION, struct config, window, "TIME",
		"let a record go when one comes that is so much later; 0: all at the end"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES",
		"what may be held; beyond it records go early"),
	{ 0 },
};

/* What a type's records are sorted by. */
struct sort_plan {
	struct plan plan;
	struct rec_view view;
	struct field field;
};

static struct {
	struct names names;
	struct window *window;
	struct buf key;
} sort;

static void sort_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (names_add(&sort.names, bytes_str(config.by)) < 0)
		die_usage("--by: '%s' is no field's name", config.by);
	if (config.memory < 1 << 20)
		die_usage("--memory: at least 1 MiB");
	stage_sorts(st);
	sort.window = window_new(st, config.window ? config.window : UINT64_MAX, config.memory,
				 config.reverse);
}

static void plan_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct sort_plan *p = (struct sort_plan *)plan;

	(void)st;
	(void)user;
	(void)type;
	rec_view_init(&p->view, plan->schema);
	names_see(&sort.names, &p->view);
	field_bind(&p->field, &p->view, config.by);
}

static void plan_clear(struct plan *plan)
{
	rec_view_release(&((struct sort_plan *)plan)->view);
}

static struct plans plans = { .size = sizeof(struct sort_plan),
			      .make = plan_make,
			      .clear = plan_clear };

static void sort_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct sort_plan *p = NULL;
	struct value v;

	for (size_t i = 0; i < n; i++) {
		if (!p || recs[i].head.type != recs[i - 1].head.type)
			p = (struct sort_plan *)plans_find(&plans, st, recs[i].head.type);
		if (!p) {
			stage_undeclared(st, recs[i].head.type);
			continue;
		}
		v.type = VALUE_ABSENT;
		if (rec_view_start(&p->view, recs[i].raw))
			v = field_value(&p->field, &p->view);
		if (rec_view_damaged(&p->view)) {
			stage_drop(st, "malformed", 1);
			continue;
		}
		buf_clear(&sort.key);
		mp_put_value(&sort.key, &v);
		window_add(sort.window, &recs[i], buf_bytes(&sort.key));
	}
}

static void sort_finish(struct stage *st)
{
	window_flush(sort.window);
	stage_check_names(st, &sort.names);
}

static void sort_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	(void)n;
	(void)ts;
	window_flush(sort.window);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "sort",
		.summary =
			"put records into the order of their time, or of a field, within a window",
		.epilog = "    ... | weir flow | weir filter 'type == \"flow\"' | weir sort --by "
			  "start\n"
			  "    ... | weir dns | weir sort --window 5s\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = sort_open,
		.batch = sort_batch,
		.finish = sort_finish,
		.leave = sort_leave,
	};
	int code = stage_main(&ops, argc, argv);

	window_free(sort.window);
	plans_release(&plans);
	names_release(&sort.names);
	buf_release(&sort.key);
	return code;
}
