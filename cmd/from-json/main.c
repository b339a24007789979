/* weir-from-json: lines of JSON as records: the inverse of weir-json. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/from-json/encode.h"
#include "libcommon/record/make.h"
#include "libcommon/stage/stage.h"

enum { LINE_MAX_BYTES = 2 << 20, READ_BYTES = 64 << 10, SAID_MAX = 10, TYPES_MAX = 128 };
enum { ON_ERROR_SKIP, ON_ERROR_STOP };

struct config {
	const char *type, *schema;
	int on_error;
	bool ignore_unknown;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('t', "type", OPT_STRING, struct config, type, "NAME",
		"the type of lines that name none, or of --schema"),
	OPT_ROW(0, "schema", OPT_STRING, struct config, schema, "LIST",
		"the fields of a type of your own: 'name:str,size:u32,tags:list<str>'"),
	OPT_ROW(0, "on-error", OPT_CHOICE, struct config, on_error, "skip|stop",
		"what to do about a line that is no such record"),
	OPT_ROW(0, "ignore-unknown", OPT_FLAG, struct config, ignore_unknown, NULL,
		"leave out members that the type does not have"),
	{ 0 },
};

struct known_type {
	struct encoder encoder;
	struct schema *schema;
	struct stage_type *type;
	const char *name;
};

struct reader {
	int fd;
	const char *name;
	struct buf text; /* read and not yet dealt with, from `start` on */
	size_t start, searched;
	uint64_t line, said, bytes;
	bool eof, skipping, must_wait;
	uint64_t *lines, *records, *bad, *blank, *raised;
};

static struct reader reader = { .fd = STDIN_FILENO, .name = "-" };
static struct known_type types[TYPES_MAX];
static size_t ntypes;
static struct line line;
static struct buf record;

/* ---- types ---------------------------------------------------------------------------------- */

/* "list<u16>" as what a schema says of it; false: no such type. */
static bool kind_named(char *word, struct schema_field *f)
{
	size_t len = strlen(word);

	f->list = len > 6 && strncmp(word, "list<", 5) == 0 && word[len - 1] == '>';
	if (f->list) {
		word[len - 1] = '\0';
		word += 5;
	}
	for (int k = 0; k < REC_SUB; k++) {
		if (k == REC_ENUM || k == REC_IP16 || strcmp(word, rec_kind_name((enum rec_kind)k)))
			continue;
		f->kind = (enum rec_kind)k;
		return true;
	}
	return false;
}

static void add_type(const struct known_type *t)
{
	if (ntypes == TYPES_MAX)
		die_usage("more than %d types", TYPES_MAX);
	types[ntypes++] = *t;
}

/* The type of --type and --schema. */
static void own_type(struct stage *st)
{
	char *list = strdup(config.schema), *save = NULL;
	struct make_schema m = { 0 };
	struct buf rows = { 0 }, raw = { 0 };
	struct known_type t = { .name = config.type };
	const char *why = "?";

	if (!list)
		die("out of memory");
	for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(w, ':');
		struct schema_field f = { 0 };

		if (colon)
			*colon = '\0';
		if (!colon || !kind_named(colon + 1, &f))
			die_usage("--schema: '%s' needs a type behind a colon: bool, u8 .. u64, "
				  "i64, f64, str, bytes, ip, mac, time, dur, list<..>",
				  w);
		make_field_like(&m, w, &f);
	}
	make_rows(&m, &rows);
	t.type = stage_type_new(st, config.type, 1, buf_bytes(&rows));
	make_schema_record(&raw, stage_type_id(t.type), config.type, 1, buf_bytes(&rows));
	t.schema = schema_parse(buf_bytes(&raw), &why);
	if (!t.schema)
		die_usage("--schema: %s", why);
	t.encoder = (struct encoder){ .schema = t.schema, .id = stage_type_id(t.type) };
	add_type(&t);
	make_schema_release(&m);
	buf_release(&rows);
	buf_release(&raw);
	free(list);
}

static struct known_type *type_find(struct stage *st, struct bytes name)
{
	const struct rec_desc *desc;
	struct known_type t;

	for (size_t i = 0; i < ntypes; i++)
		if (bytes_is(name, types[i].name))
			return &types[i];
	desc = rec_builtin_named(name);
	if (!desc || desc->id < REC_FIRST_DATA)
		return NULL;
	t = (struct known_type){ .schema = schema_of(desc),
				 .type = stage_type_of(st, desc),
				 .name = desc->name };
	t.encoder = (struct encoder){ t.schema, desc, desc->id, config.ignore_unknown, 0 };
	add_type(&t);
	return &types[ntypes - 1];
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void bad_line(struct stage *st, const char *why)
{
	++*reader.bad;
	stage_exit(st, EXIT_TRUNCATED);
	if (reader.said++ < SAID_MAX)
		warn("%s:%llu: %s", reader.name, (unsigned long long)reader.line, why);
	if (config.on_error == ON_ERROR_STOP)
		reader.eof = true;
}

static void take_record(struct stage *st, const struct known_type *t)
{
	struct rec_head h = rec_head_fast(record.ptr);

	if (h.n < stage_last_n(st)) { /* n never goes back within a source */
		if (!++*reader.raised || *reader.raised == 1)
			warn("%s:%llu: n goes back; it is raised to what came before", reader.name,
			     (unsigned long long)reader.line);
		h.n = stage_last_n(st);
		be64_put(record.ptr + 25, h.n);
	}
	if (h.n)
		stage_at(st, h.flow >> 48, h.n - 1, h.ts);
	stage_emit_as(st, t->type, buf_bytes(&record));
	++*reader.records;
}

static void take_line(struct stage *st, struct bytes text)
{
	char why[LINE_WHY] = "this is no record";
	struct known_type *t;
	struct bytes name;

	++*reader.lines;
	while (text.len && strchr(" \t\r", text.ptr[text.len - 1]) && text.ptr[text.len - 1])
		text.len--;
	if (!text.len) {
		++*reader.blank;
		return;
	}
	if (!line_split(&line, text, why)) {
		bad_line(st, why);
		return;
	}
	name = line_type(&line);
	if (!name.ptr && config.type)
		name = bytes_str(config.type);
	t = name.ptr ? type_find(st, name) : NULL;
	if (!t) {
		snprintf(why, sizeof(why),
			 name.ptr ? "no type '%.*s'; give --type and --schema for one of your own"
				  : "no type; give --type",
			 (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
		bad_line(st, why);
		return;
	}
	t->encoder.ignore_unknown = config.ignore_unknown;
	t->encoder.n = stage_last_n(st);
	record.len = 0;
	if (line_encode(&t->encoder, &line, &record, why))
		take_record(st, t);
	else
		bad_line(st, why);
}

/* The next whole line of what was read; false where there is none. The last one may lack its
 * newline. */
static bool next_line(struct bytes *text)
{
	struct reader *r = &reader;
	uint8_t *from = r->text.ptr + r->start, *end;
	size_t have = r->text.len - r->start;

	end = have > r->searched ? memchr(from + r->searched, '\n', have - r->searched) : NULL;
	r->searched = have;
	if (!end && !(r->eof && have))
		return false;
	*text = BYTES(from, end ? (size_t)(end - from) : have);
	r->start += text->len + (end != NULL);
	r->searched = 0;
	return true;
}

/* A line that grows beyond all measure is given up; what is left of it is read past. */
static void bound_line(struct stage *st)
{
	struct reader *r = &reader;

	if (r->text.len - r->start <= LINE_MAX_BYTES)
		return;
	if (!r->skipping) {
		r->line++;
		++*r->lines;
		bad_line(st, "longer than 2 MiB");
	}
	r->skipping = true;
	r->text.len = r->start = r->searched = 0;
}

static void fill(struct stage *st)
{
	struct reader *r = &reader;
	ssize_t n;

	if (r->start) {
		buf_drop(&r->text, r->start);
		r->start = 0;
	}
	n = read(r->fd, buf_reserve(&r->text, READ_BYTES), READ_BYTES);
	if (n > 0) {
		r->text.len += (size_t)n;
		r->bytes += (size_t)n;
	} else if (n == 0) {
		r->eof = true;
	} else if (errno != EINTR && errno != EAGAIN) {
		stage_truncated(st, r->name, r->bytes, strerror(errno));
		r->eof = true;
	}
}

static bool from_json_produce(struct stage *st)
{
	struct reader *r = &reader;
	struct pollfd ready = { .fd = r->fd, .events = POLLIN };
	bool stop = false;
	struct bytes text;

	/* What was made goes out before waiting: the loop sees to it where nothing was made. */
	if (!r->must_wait && poll(&ready, 1, 0) == 0) {
		r->must_wait = true;
		return true;
	}
	r->must_wait = false;
	fill(st);
	while (!stop && next_line(&text)) {
		if (r->skipping) {
			r->skipping = false;
			continue;
		}
		r->line++;
		take_line(st, text);
		stop = config.on_error == ON_ERROR_STOP && *r->bad;
	}
	bound_line(st);
	return !r->eof;
}

/* Said at the start, as by who reads records, and not as damage to what was read. */
static void check_readable(const struct reader *r)
{
	int flags = fcntl(r->fd, F_GETFL);
	struct stat sb;

	if (flags < 0 || fstat(r->fd, &sb) < 0)
		die_errno("'%s'", r->name);
	if ((flags & O_ACCMODE) == O_WRONLY) /* a closed one's number is taken by the output */
		die("'%s': not open for reading", r->name);
	if (S_ISDIR(sb.st_mode)) {
		errno = EISDIR;
		die_errno("'%s'", r->name);
	}
}

static void from_json_open(struct stage *st, int argc, char **argv)
{
	if (argc > 1)
		die_usage("one file at most");
	if (config.schema && !config.type)
		die_usage("--schema needs --type, the name of the type");
	if (argc == 1 && strcmp(argv[1], "-") != 0) {
		reader.name = argv[1];
		reader.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (reader.fd < 0)
			die_errno("cannot open '%s'", argv[1]);
	} else if (isatty(STDIN_FILENO)) {
		die_usage("standard input is a terminal; name a file, or pipe lines in");
	}
	check_readable(&reader);
	stage_reads(st, file_id_open(reader.fd), reader.name);
	reader.lines = stage_counter(st, "lines.in");
	reader.records = stage_counter(st, "lines.records");
	reader.bad = stage_counter(st, "lines.bad");
	reader.blank = stage_counter(st, "lines.blank");
	reader.raised = stage_counter(st, "n_raised");
	if (config.schema)
		own_type(st);
	else if (config.type && !rec_builtin_named(bytes_str(config.type)))
		die_usage("--type: there is no type '%s'; one of your own needs --schema",
			  config.type);
	stage_source(st, 0, reader.name, 1);
}

static void from_json_finish(struct stage *st)
{
	char what[64];

	if (!*reader.bad)
		return;
	snprintf(what, sizeof(what),
		 *reader.bad == 1 ? "%llu line is no record" : "%llu lines are no records",
		 (unsigned long long)*reader.bad);
	stage_truncated(st, reader.name, reader.bytes, what);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "from-json",
		.summary = "turn lines of JSON into records",
		.operands = "[FILE]",
		.epilog = "    weir json -i trace.weir | jq -c 'select(.type == \"dns\")' | weir "
			  "from-json | weir json\n",
		.kind = STAGE_SOURCE,
		.options = options,
		.config = &config,
		.open = from_json_open,
		.produce = from_json_produce,
		.finish = from_json_finish,
	};
	int code = stage_main(&ops, argc, argv);

	for (size_t i = 0; i < ntypes; i++)
		schema_free(types[i].schema);
	buf_release(&reader.text);
	buf_release(&record);
	return code;
}
