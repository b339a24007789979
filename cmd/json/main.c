/* weir-json: prints records as JSON lines, or as aligned lines for people. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/json/key_cache.h"
#include "cmd/json/order.h"
#include "cmd/json/render.h"
#include "libcommon/stage/plans.h"

enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_JSON };
enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct config {
	int format, color, time;
	const char *types, *fields, *exclude;
	bool community_id;
	uint64_t seed, width;
};

static struct config config = { .community_id = true };

static const struct opt options[] = {
	OPT_ROW('f', "format", OPT_CHOICE, struct config, format, "auto|text|json",
		"text for people, json for programs; auto: text on a terminal"),
	OPT_ROW(0, "color", OPT_CHOICE, struct config, color, "auto|always|never",
		"colours in text; auto: on a terminal"),
	OPT_ROW(0, "time", OPT_CHOICE, struct config, time, "epoch|iso",
		"times in JSON as seconds with 9 decimals, or as ISO 8601"),
	OPT_ROW('t', "types", OPT_STRING, struct config, types, "LIST",
		"print these record types only; else all but frame, packet and stream"),
	OPT_ROW(0, "fields", OPT_STRING, struct config, fields, "LIST", "print these fields only"),
	OPT_ROW(0, "exclude", OPT_STRING, struct config, exclude, "LIST", "leave these fields out"),
	OPT_ROW(0, "community-id", OPT_FLAG, struct config, community_id, NULL,
		"add the Community ID to records with a key (on; --no-community-id)"),
	OPT_ROW(0, "community-id-seed", OPT_UINT, struct config, seed, "N", "its seed"),
	OPT_ROW(0, "width", OPT_UINT, struct config, width, "N",
		"columns of a text line; 0: the terminal's, or no limit"),
	{ 0 },
};

enum { MAX_HELD = 64 << 20, HAND_OVER = 32 << 10 };

/* What is known of a record type. */
struct printed {
	struct plan plan;
	struct render_plan *render; /* NULL: not printed */
	uint64_t *seen;
};

struct printer {
	struct render_options render;
	struct names types, fields; /* that were asked for */
	struct order order;
	uint64_t *cap_hits;
	bool printed, others; /* others: not only frames came */
	const char *left_out; /* a type that is printed only when it is asked for */
};

static struct printer printer;

/* "a,b,c" as a NULL-ended list; the text is cut in place (it is argv's). */
static const char **split(const char *text)
{
	char *copy = strdup(text), *save = NULL;
	const char **list = xcalloc(strlen(text) + 2, sizeof(char *));
	size_t n = 0;

	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		list[n++] = word;
	if (n == 0)
		free(copy);
	return list;
}

/* The same of fields, of which the end tells which no type had. */
static const char **field_list(const char *option, const char *text)
{
	struct bytes bad;

	if (!names_add_list(&printer.fields, text, &bad))
		die_usage("%s: '%.*s' is no name of a field, or there are more than %d", option,
			  (int)bad.len, (const char *)bad.ptr, NAMES_MAX);
	return split(text);
}

static unsigned line_width(struct stage *st)
{
	struct winsize ws;
	const char *columns = getenv("COLUMNS");

	if (config.width)
		return (unsigned)config.width;
	if (!stage_text_is_tty(st))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		return ws.ws_col;
	return columns ? (unsigned)atoi(columns) : 0;
}

static void printer_open(struct stage *st, int argc, char **argv)
{
	bool tty = stage_text_is_tty(st);
	struct render_options *o = &printer.render;
	struct bytes bad;

	(void)argc;
	(void)argv;
	if (config.seed > 65535)
		die_usage("--community-id-seed: at most 65535");
	o->format = config.format == FORMAT_TEXT || (config.format == FORMAT_AUTO && tty)
			    ? RENDER_TEXT
			    : RENDER_JSON;
	o->color = o->format == RENDER_TEXT &&
		   (config.color == COLOR_ALWAYS ||
		    (config.color == COLOR_AUTO && stage_text_in_colour(st)));
	o->iso_time = config.time == 1;
	o->community_id = config.community_id;
	o->seed = (uint16_t)config.seed;
	o->width = o->format == RENDER_TEXT ? line_width(st) : 0;
	o->gaps_only = !config.types && !config.fields;
	if (config.types && !names_add_types(&printer.types, config.types, &bad))
		die_usage("--types: '%.*s' is no name", (int)bad.len, (const char *)bad.ptr);
	if (config.fields)
		o->fields = field_list("--fields", config.fields);
	if (config.exclude)
		o->exclude = field_list("--exclude", config.exclude);
	if (o->format == RENDER_JSON)
		o->keys = key_cache_new();
	printer.cap_hits = stage_counter(st, "order_cap_hits");
}

static bool type_wanted(const char *name)
{
	static const char *const left_out[] = { "frame", "packet", "stream", NULL };
	static const char *const left_out_of_text[] = { "session_end", NULL };
	const char *const *list;

	if (printer.types.n)
		return names_see_type(&printer.types, name);
	for (list = left_out; *list; list++)
		if (strcmp(*list, name) == 0) {
			printer.left_out = *list;
			return false;
		}
	for (list = left_out_of_text; printer.render.format == RENDER_TEXT && *list; list++)
		if (strcmp(*list, name) == 0)
			return false;
	return true;
}

static void hand_over(struct stage *st)
{
	struct bytes lines = order_lines(&printer.order);

	if (lines.len)
		stage_text(st, lines);
	order_take(&printer.order);
}

/* No more lines of the frame number at hand will come. */
static void settle(struct stage *st)
{
	order_settle(&printer.order);
	if (printer.order.held >= HAND_OVER)
		hand_over(st);
}

static void flush(struct stage *st)
{
	settle(st);
	hand_over(st);
}

/* What passed by, printed or not: "seen.dns". */
static uint64_t *type_counter(struct stage *st, const char *name)
{
	char counter[64];

	snprintf(counter, sizeof(counter), "seen.%s", name);
	return stage_counter(st, counter);
}

/* A line has whole fields; of a member cut makes one. */
static void check_members(struct stage *st, const struct rec_view *v)
{
	static bool said;
	struct field f;

	for (size_t i = 0; i < printer.fields.n && !said; i++) {
		said = field_bind(&f, v, printer.fields.name[i]) && f.at == FIELD_COLUMN &&
		       f.depth > 1;
		if (!said)
			continue;
		warn("'%s' is a member of another field; weir-cut makes a field of it",
		     printer.fields.name[i]);
		stage_exit(st, EXIT_SCHEMA);
	}
}

static void fields_see(struct stage *st, const struct schema *s)
{
	struct rec_view v;

	if (printer.fields.n == 0)
		return;
	rec_view_init(&v, s);
	names_see(&printer.fields, &v);
	check_members(st, &v);
	rec_view_release(&v);
}

static void printed_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct printed *t = (struct printed *)plan;
	const char *name = schema_name(plan->schema);

	(void)user;
	(void)type;
	t->seen = type_counter(st, name);
	printer.others |= strcmp(name, "frame") != 0;
	fields_see(st, plan->schema);
	t->render = type_wanted(name) ? render_plan_new(plan->schema, &printer.render) : NULL;
}

static void printed_clear(struct plan *plan)
{
	render_plan_free(((struct printed *)plan)->render);
}

static struct plans plans = { .size = sizeof(struct printed),
			      .make = printed_make,
			      .clear = printed_clear };

enum fate { PRINTED, LEFT_OUT, GONE };

static enum fate print_record(struct stage *st, const struct printed *t, const struct stage_rec *r)
{
	struct order *o = &printer.order;
	size_t from;

	/* What was sorted is in the order that is wanted. */
	if (r->head.n != o->n || stage_in_sorted(st))
		settle(st);
	if (o->lines.len - o->held > MAX_HELD) {
		++*printer.cap_hits;
		settle(st);
	}
	o->n = r->head.n;
	from = o->lines.len;
	if (!render_record(t->render, &r->head, r->raw, &o->lines)) {
		stage_drop(st, "malformed", 1);
		return GONE;
	}
	if (o->lines.len == from)
		return LEFT_OUT;
	order_add(o, r->head.type, schema_name(t->plan.schema), r->head.flow,
		  render_producer(t->render), from);
	return PRINTED;
}

static void printer_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	const struct printed *t = NULL;
	uint64_t fates[GONE + 1] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct stage_rec *r = &recs[i];

		if (!t || r->head.type != recs[i - 1].head.type)
			t = (const struct printed *)plans_find(&plans, st, r->head.type);
		if (!t) {
			stage_undeclared(st, r->head.type);
			continue;
		}
		++*t->seen;
		fates[t->render ? print_record(st, t, r) : LEFT_OUT]++;
	}
	printer.printed |= fates[PRINTED] > 0;
	stage_consume(st, fates[PRINTED]);
	stage_filter(st, fates[LEFT_OUT]);
	hand_over(st);
}

static void printer_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	(void)source;
	(void)ts;
	if (printer.order.count && printer.order.n < n)
		flush(st);
}

static bool printer_complete(struct stage *st, const struct rec_head *next)
{
	if (printer.order.count && (!next || next->n == printer.order.n))
		return false;
	flush(st);
	return true;
}

static void printer_finish(struct stage *st)
{
	flush(st);
	if (stage_text_is_tty(st) && !stage_quiet(st) && !printer.printed && printer.left_out)
		warn("%s records came; they are printed where asked for: --types %s",
		     printer.left_out, printer.left_out);
	else if (!printer.printed && !printer.others)
		stage_check_before(st, false);
	stage_check_names(st, &printer.fields);
	stage_check_types(st, &printer.types);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "json",
		.summary = "print records as JSON lines, or as aligned lines for people",
		.epilog =
			"It reads a stream of records, of a file or of the stage before it.\n\n"
			"    weir read x.pcap | weir flow | weir json --types flow\n"
			"    ... | weir dns | weir json --fields ts,query,rcode_name --time iso\n",
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.open = printer_open,
		.batch = printer_batch,
		.mark = printer_mark,
		.complete = printer_complete,
		.finish = printer_finish,
	};

	return stage_main(&ops, argc, argv);
}
