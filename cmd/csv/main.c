/* weir-csv: the records of one type as comma-separated values. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/csv/table.h"
#include "libcommon/stage/stage.h"

enum { TIME_EPOCH, TIME_ISO };

struct config {
	const char *type, *fields;
	bool tsv, header;
	int time;
};

static struct config config = { .header = true };

static const struct opt options[] = {
	OPT_ROW('t', "types", OPT_STRING, struct config, type, "NAME",
		"print this type; without it the stream must be of one"),
	OPT_ROW(0, "fields", OPT_STRING, struct config, fields, "LIST", "print these columns only"),
	OPT_ROW(0, "tsv", OPT_FLAG, struct config, tsv, NULL, "tabs between columns, no quotes"),
	OPT_ROW(0, "header", OPT_FLAG, struct config, header, NULL,
		"a first line of names (on; --no-header)"),
	OPT_ROW(0, "time", OPT_CHOICE, struct config, time, "epoch|iso",
		"times as seconds with 9 decimals, or as ISO 8601"),
	{ 0 },
};

static struct {
	const struct schema *schema; /* what the table was made for */
	struct table *table;
	char *type;                /* the one that is printed */
	bool headed, others;       /* others: not only frames came */
	struct names names, types; /* that were asked for */
	struct buf out;
} csv;

static void csv_open(struct stage *st, int argc, char **argv)
{
	struct bytes bad;

	(void)st;
	(void)argc;
	(void)argv;
	if (config.type && strchr(config.type, ','))
		die_usage("--types: a table is of one type, '%s' are several", config.type);
	if (config.type && !names_add_types(&csv.types, config.type, &bad))
		die_usage("--types: '%s' is no name of a type", config.type);
	if (config.type)
		csv.type = strdup(config.type);
	if (config.fields && !names_add_list(&csv.names, config.fields, &bad))
		die_usage("--fields: '%.*s' is no name of a field, or there are more than %d",
			  (int)bad.len, (const char *)bad.ptr, NAMES_MAX);
}

/* Like those that weir-json leaves out unless asked. */
static bool is_bulk(const char *name)
{
	return !strcmp(name, "frame") || !strcmp(name, "packet") || !strcmp(name, "stream");
}

/* Is it the type that is printed? */
static bool wanted(struct stage *st, const char *name)
{
	csv.others |= strcmp(name, "frame") != 0;
	names_see_type(&csv.types, name);
	if (!csv.type && is_bulk(name))
		return false;
	if (!csv.type)
		csv.type = strdup(name);
	if (strcmp(csv.type, name) == 0)
		return true;
	if (!config.type && !is_bulk(name)) {
		warn("records of types '%s' and '%s': choose one with --types", csv.type, name);
		stage_exit(st, EXIT_FAILED);
		stage_enough(st);
	}
	return false;
}

static void table_for(const struct schema *s)
{
	const struct table_options o = { config.tsv, config.time == TIME_ISO };

	table_free(csv.table);
	csv.schema = s;
	csv.table = table_new(s, config.fields, &o);
	if (!csv.table)
		die("more than %d columns; choose some with --fields", TABLE_COLUMNS);
	if (config.fields) {
		struct rec_view v;

		rec_view_init(&v, s);
		names_see(&csv.names, &v);
		rec_view_release(&v);
	}
	if (config.header && !csv.headed)
		table_header(csv.table, &csv.out);
	csv.headed = true;
}

static void csv_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	csv.out.len = 0;
	for (size_t i = 0; i < n; i++) {
		const struct schema *s = stage_schema(st, recs[i].head.type);

		if (!s) {
			stage_undeclared(st, recs[i].head.type);
			continue;
		}
		if (stage_stopping(st) || !wanted(st, schema_name(s))) {
			stage_filter(st, 1);
			continue;
		}
		if (s != csv.schema)
			table_for(s);
		if (table_row(csv.table, recs[i].raw, &csv.out))
			stage_consume(st, 1);
		else
			stage_drop(st, "malformed", 1);
	}
	stage_text(st, buf_bytes(&csv.out));
}

static void csv_finish(struct stage *st)
{
	if (!csv.headed && !csv.others)
		stage_check_before(st, false);
	if (config.fields)
		stage_check_names(st, &csv.names);
	stage_check_types(st, &csv.types);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "csv",
		.summary = "print records of one type as CSV",
		.epilog = "    weir csv --types dns --fields ts,query,qtype_name -i trace.weir\n",
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.open = csv_open,
		.batch = csv_batch,
		.finish = csv_finish,
	};
	int code = stage_main(&ops, argc, argv);

	table_free(csv.table);
	names_release(&csv.names);
	names_release(&csv.types);
	buf_release(&csv.out);
	free(csv.type);
	return code;
}
