/* weir-json: prints records as JSON lines, or as aligned lines for people. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/json/order.h"
#include "cmd/json/render.h"
#include "libcommon/stage/stage.h"

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

struct printer {
	struct render_options render;
	const char **types;
	struct render_plan **plans; /* by record type */
	const struct schema **made_for;
	struct order order;
	struct buf out;
	uint64_t **seen; /* by record type */
	uint64_t *cap_hits;
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
	return list;
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

	(void)argc;
	(void)argv;
	if (config.seed > 65535)
		die_usage("--community-id-seed: at most 65535");
	o->format = config.format == FORMAT_TEXT || (config.format == FORMAT_AUTO && tty)
			    ? RENDER_TEXT
			    : RENDER_JSON;
	o->color = o->format == RENDER_TEXT &&
		   (config.color == COLOR_ALWAYS || (config.color == COLOR_AUTO && tty));
	o->iso_time = config.time == 1;
	o->community_id = config.community_id;
	o->seed = (uint16_t)config.seed;
	o->width = o->format == RENDER_TEXT ? line_width(st) : 0;
	o->gaps_only = !config.types && !config.fields;
	if (config.types)
		printer.types = split(config.types);
	if (config.fields)
		o->fields = split(config.fields);
	if (config.exclude)
		o->exclude = split(config.exclude);
	printer.plans = xcalloc(65536, sizeof(*printer.plans));
	printer.made_for = xcalloc(65536, sizeof(*printer.made_for));
	printer.seen = xcalloc(65536, sizeof(*printer.seen));
	printer.order.max_bytes = 64u << 20;
	printer.cap_hits = stage_counter(st, "order_cap_hits");
}

static bool type_wanted(const char *name)
{
	static const char *const left_out[] = { "frame", "packet", "stream", NULL };
	static const char *const left_out_of_text[] = { "session_end", NULL };
	const char *const *list = printer.types;

	if (list) {
		for (; *list; list++)
			if (strcmp(*list, name) == 0)
				return true;
		return false;
	}
	for (list = left_out; *list; list++)
		if (strcmp(*list, name) == 0)
			return false;
	for (list = left_out_of_text; printer.render.format == RENDER_TEXT && *list; list++)
		if (strcmp(*list, name) == 0)
			return false;
	return true;
}

static void flush(struct stage *st)
{
	order_flush(&printer.order, &printer.out);
	stage_text(st, buf_bytes(&printer.out));
	printer.out.len = 0;
}

/* What passed by, printed or not: "seen.dns". */
static void count_type(struct stage *st, uint16_t type, const char *name)
{
	char counter[64];

	snprintf(counter, sizeof(counter), "seen.%s", name);
	printer.seen[type] = stage_counter(st, counter);
}

/* The plan for the type, made anew where its schema changed; NULL: not printed. */
static struct render_plan *plan_for(struct stage *st, uint16_t type)
{
	const struct schema *s = stage_schema(st, type);

	if (!s)
		return NULL;
	if (printer.made_for[type] != s) {
		render_plan_free(printer.plans[type]);
		printer.made_for[type] = s;
		count_type(st, type, schema_name(s));
		printer.plans[type] =
			type_wanted(schema_name(s)) ? render_plan_new(s, &printer.render) : NULL;
	}
	return printer.plans[type];
}

static void print_record(struct stage *st, const struct stage_rec *r)
{
	struct order *o = &printer.order;
	struct render_plan *p = plan_for(st, r->head.type);
	size_t from;

	if (printer.seen[r->head.type])
		++*printer.seen[r->head.type];
	if (!p) {
		if (stage_schema(st, r->head.type))
			stage_filter(st, 1);
		else
			stage_undeclared(st, r->head.type);
		return;
	}
	if (o->count && r->head.n != o->n)
		flush(st);
	if (o->lines.len > o->max_bytes) {
		++*printer.cap_hits;
		flush(st);
	}
	o->n = r->head.n;
	from = o->lines.len;
	if (!render_record(p, &r->head, r->raw, &o->lines)) {
		o->lines.len = from;
		stage_drop(st, "malformed", 1);
		return;
	}
	if (o->lines.len == from) {
		stage_filter(st, 1);
		return;
	}
	order_add(o, r->head.type, schema_name(printer.made_for[r->head.type]), r->head.flow,
		  render_producer(p), from);
	stage_consume(st, 1);
}

static void printer_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		print_record(st, &recs[i]);
}

static void printer_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	(void)source;
	(void)ts;
	if (printer.order.count && printer.order.n < n)
		flush(st);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "json",
		.summary = "print records as JSON lines, or as aligned lines for people",
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.open = printer_open,
		.batch = printer_batch,
		.mark = printer_mark,
		.finish = flush,
	};

	return stage_main(&ops, argc, argv);
}
