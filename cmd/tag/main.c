/* weir-tag: adds a field with what a file says of the value of another. */
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>

#include "cmd/tag/lookup.h"
#include "libcommon/record/make.h"
#include "libcommon/stage/plans.h"
#include "libcommon/stage/sandbox.h"

struct config {
	const char *field, *as, *prefix, *list, *csv;
	uint64_t memory;
	bool reload;
};

static struct config config = { .memory = 256 << 20 };

static const struct opt options[] = {
	OPT_ROW('f', "field", OPT_STRING, struct config, field, "FIELD",
		"the field whose value is looked up"),
	OPT_ROW('a', "as", OPT_STRING, struct config, as, "NAME", "the field that is added"),
	OPT_ROW(0, "prefix", OPT_STRING, struct config, prefix, "FILE",
		"lines of an address or prefix and a text: that of the longest prefix"),
	OPT_ROW(0, "list", OPT_STRING, struct config, list, "FILE",
		"lines of a value each: true where it is one of them"),
	OPT_ROW(0, "csv", OPT_STRING, struct config, csv, "FILE,KEY,VALUE",
		"comma-separated values, with the names of these columns in the first line"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES", "what the file may take"),
	OPT_ROW(0, "reload", OPT_FLAG, struct config, reload, NULL,
		"read the file again on SIGHUP; keeps the right to read its directory"),
	{ 0 },
};

struct tag_plan {
	struct plan plan;
	struct rec_view view;
	struct field field;
	struct stage_type *type; /* NULL: it has no such field */
};

static struct {
	struct lookup *lookup;
	struct names names;
	struct buf record;
	uint64_t *tagged, *reloads, *refused;
	/* what is read, and its folder */
	char *file, *dir;
	enum lookup_form form;
	struct bytes key, value; /* names of columns */
} tag;

static volatile sig_atomic_t again;

static void csv_words(const char *text)
{
	char *value, *key = NULL;

	tag.file = strdup(text);
	value = tag.file ? strrchr(tag.file, ',') : NULL;
	if (value) {
		*value++ = '\0';
		key = strrchr(tag.file, ',');
	}
	if (!key)
		die_usage("--csv: give FILE,KEY,VALUE");
	*key++ = '\0';
	tag.key = bytes_str(key);
	tag.value = bytes_str(value);
}

static void file_words(void)
{
	char *path;

	if (!!config.prefix + !!config.list + !!config.csv != 1)
		die_usage("give one of --prefix, --list and --csv");
	tag.form = config.prefix ? LOOKUP_PREFIXES : config.list ? LOOKUP_LIST : LOOKUP_CSV;
	if (config.csv)
		csv_words(config.csv);
	else
		tag.file = strdup(config.prefix ? config.prefix : config.list);
	path = strdup(tag.file ? tag.file : "");
	tag.dir = path ? strdup(dirname(path)) : NULL;
	free(path);
	if (!tag.dir)
		die("out of memory");
}

/* NULL: why says what is wrong. */
static struct lookup *load(char why[LOOKUP_WHY])
{
	struct lookup *l = lookup_new(config.memory);

	why[0] = '\0';
	if (lookup_load(l, tag.file, tag.form, tag.key, tag.value, why))
		return l;
	lookup_free(l);
	return NULL;
}

static void on_hangup(int sig)
{
	(void)sig;
	again = 1;
}

/* Between two batches: what was found in the old one is not needed any more. */
static int tag_turn(struct stage *st)
{
	char why[LOOKUP_WHY];
	struct lookup *fresh;

	(void)st;
	if (!again)
		return -1;
	again = 0;
	fresh = load(why);
	if (!fresh) {
		++*tag.refused;
		warn("%s; going on with what was read before", why);
		return -1;
	}
	lookup_free(tag.lookup);
	tag.lookup = fresh;
	++*tag.reloads;
	note("read '%s' again: %zu entries", tag.file, lookup_count(fresh));
	return -1;
}

static struct stage_ops ops;

static const char *tag_dir(struct stage *st)
{
	(void)st;
	return config.reload ? tag.dir : NULL;
}

static void tag_open(struct stage *st, int argc, char **argv)
{
	char why[LOOKUP_WHY];

	(void)argc;
	(void)argv;
	if (!config.field || names_add(&tag.names, bytes_str(config.field)) < 0)
		die_usage("--field: which field is to be looked up?");
	if (!config.as || !config.as[0] || strlen(config.as) > 64 ||
	    config.as[strspn(config.as, "abcdefghijklmnopqrstuvwxyz0123456789_.")])
		die_usage("--as: a name of a-z, 0-9, _ and . for the field that is added");
	file_words();
	tag.lookup = load(why);
	if (!tag.lookup)
		die("%s", why);
	if (config.reload) {
		/* No SA_RESTART: who waits for input looks up. */
		sigaction(SIGHUP, &(struct sigaction){ .sa_handler = on_hangup }, NULL);
		ops.sandbox = SANDBOX_READ_DIR;
		tag.reloads = stage_counter(st, "reloads");
		tag.refused = stage_counter(st, "reloads_refused");
	}
	tag.tagged = stage_counter(st, "tagged");
}

static void plan_make(struct stage *st, void *user, uint16_t type, struct plan *plan)
{
	struct tag_plan *p = (struct tag_plan *)plan;
	const struct schema *s = plan->schema;
	struct make_schema rows = { 0 };
	struct buf list = { 0 };

	(void)user;
	rec_view_init(&p->view, s);
	names_see(&tag.names, &p->view);
	if (!field_bind(&p->field, &p->view, config.field))
		return;
	if (schema_find(s, config.as) >= 0)
		die_code(EXIT_SCHEMA, "type '%s' has a field '%s' already", schema_name(s),
			 config.as);
	for (size_t i = 0; i < p->view.nfields; i++)
		make_field_like(&rows, p->view.fields[i].name, &p->view.fields[i]);
	make_field(&rows, config.as, config.list ? REC_BOOL : REC_STR);
	p->type = stage_type_in_place(st, type, make_rows(&rows, &list));
	make_schema_release(&rows);
	buf_release(&list);
}

static void plan_clear(struct plan *plan)
{
	rec_view_release(&((struct tag_plan *)plan)->view);
}

static struct plans plans = { .size = sizeof(struct tag_plan),
			      .make = plan_make,
			      .clear = plan_clear };

/* Of a list the first value that there is something for. */
static struct bytes find(struct tag_plan *p)
{
	struct bytes found = { NULL, 0 };
	struct field_walk w;
	struct value v;

	for (field_walk(&w, &p->field, &p->view); !found.ptr && field_next(&w, &v);)
		found = lookup_find(tag.lookup, &v);
	return found;
}

static void tag_record(struct stage *st, struct tag_plan *p, const struct stage_rec *r)
{
	struct bytes found;

	if (!rec_view_start(&p->view, r->raw) || !rec_view_find(&p->view, p->view.nfields)) {
		stage_drop(st, "malformed", 1);
		return;
	}
	found = find(p);
	buf_clear(&tag.record);
	rec_view_copy(&p->view, &tag.record, 1);
	if (config.list)
		mp_put_bool(&tag.record, found.ptr);
	else if (found.ptr)
		mp_put_text(&tag.record, found);
	else
		mp_put_nil(&tag.record);
	*tag.tagged += found.ptr != NULL;
	stage_pass_as(st, p->type, buf_bytes(&tag.record));
}

static void tag_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct tag_plan *p = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!p || recs[i].head.type != recs[i - 1].head.type)
			p = (struct tag_plan *)plans_find(&plans, st, recs[i].head.type);
		if (!p)
			stage_undeclared(st, recs[i].head.type);
		else if (p->type)
			tag_record(st, p, &recs[i]);
		else
			stage_pass(st, recs[i].raw);
	}
}

static void tag_finish(struct stage *st)
{
	stage_check_names(st, &tag.names);
}

static struct stage_ops ops = {
	.name = "tag",
	.summary = "add a field with what a file says of the value of another",
	.epilog = "    ... | weir flow | weir tag --field orig_h --as site --prefix "
		  "sites.txt\n"
		  "    ... | weir tag --field query --as blocked --list names.txt\n",
	.kind = STAGE_FILTER,
	.options = options,
	.config = &config,
	.open = tag_open, /* which also says what it needs of the sandbox */
	.batch = tag_batch,
	.finish = tag_finish,
	.turn = tag_turn,
	.sandbox_dir = tag_dir,
};

int main(int argc, char **argv)
{
	int code = stage_main(&ops, argc, argv);

	plans_release(&plans);
	lookup_free(tag.lookup);
	free(tag.file);
	free(tag.dir);
	names_release(&tag.names);
	buf_release(&tag.record);
	return code;
}
