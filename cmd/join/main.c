/* weir-join: adds to the records of one type fields of another's, by flow or by key. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/join/past.h"
#include "libcommon/record/make.h"
#include "libcommon/record/names.h"
#include "libcommon/stage/stage.h"

struct config {
	const char *from, *to, *fields, *on;
	uint64_t window, keys, memory;
	bool matched;
};

static struct config config = {
	.on = "flow", .window = 10000000000, .keys = 65536, .memory = 256 << 20
};

static const struct opt options[] = {
	OPT_ROW(0, "from", OPT_STRING, struct config, from, "TYPE", "records that have the fields"),
	OPT_ROW(0, "to", OPT_STRING, struct config, to, "TYPE", "records that get them"),
	OPT_ROW('f', "fields", OPT_STRING, struct config, fields, "LIST", "the fields"),
	OPT_ROW(0, "on", OPT_STRING, struct config, on, "LIST",
		"what must be equal: a field of both, or TO_FIELD=FROM_FIELD"),
	OPT_ROW('w', "window", OPT_DURATION, struct config, window, "TIME",
		"how far apart the two may be"),
	OPT_ROW(0, "matched", OPT_FLAG, struct config, matched, NULL,
		"leave out records of the type TO that got nothing"),
	OPT_ROW(0, "keys", OPT_UINT, struct config, keys, "N",
		"how many of the records FROM are kept at a time"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES", "the same for their memory"),
	{ 0 },
};

enum { MAX_ON = 8, MAX_FIELDS = 32 };

/* One side: how its keys are made. */
struct side {
	const struct schema *made_for;
	struct rec_view view;
	struct field on[MAX_ON];
	int list; /* of `on`: the first that is a list; -1: none */
	bool fits;
	struct field fields[MAX_FIELDS]; /* of FROM */
	struct stage_type *type;         /* of TO: with the fields added.. */
	unsigned made_with;              /* ..as they were declared then */
};

static struct {
	struct names from_names, to_names, types;
	uint16_t from_on[MAX_ON], to_on[MAX_ON], fields[MAX_FIELDS];
	size_t non, nfields;
	struct side from, to;
	unsigned declared; /* how often FROM was */
	struct past *past;
	struct buf key, value, record;
	uint64_t *matched, *unmatched, *evicted;
} join;

static uint16_t add(struct names *names, struct bytes name, const char *option)
{
	int i = names_add(names, name);

	if (i < 0)
		die_usage("%s: '%.*s' is no field's name", option, (int)name.len,
			  (const char *)name.ptr);
	return (uint16_t)i;
}

static void read_on(void)
{
	for (const char *on = config.on; on; on = strchr(on, ',') ? strchr(on, ',') + 1 : NULL) {
		struct bytes pair = BYTES(on, strcspn(on, ",")), to = pair, from = pair;
		const uint8_t *equal = memchr(pair.ptr, '=', pair.len);

		if (join.non == MAX_ON)
			die_usage("--on: more than %d fields", MAX_ON);
		if (equal) {
			to.len = (size_t)(equal - pair.ptr);
			from = BYTES(equal + 1, pair.len - to.len - 1);
		}
		join.to_on[join.non] = add(&join.to_names, to, "--on");
		join.from_on[join.non++] = add(&join.from_names, from, "--on");
	}
}

static void add_type(const char *name, const char *option)
{
	if (names_add_type(&join.types, bytes_str(name)) < 0)
		die_usage("%s: '%s' is no name of a type", option, name);
}

static void join_open(struct stage *st, int argc, char **argv)
{
	const char *list = config.fields;

	(void)argc;
	(void)argv;
	if (!config.from || !config.to || !config.fields)
		die_usage("give --from, --to and --fields");
	add_type(config.from, "--from");
	add_type(config.to, "--to");
	if (strcmp(config.from, config.to) == 0)
		die_usage("--from and --to are the same type");
	if (config.keys < 1 || config.keys > 1 << 24)
		die_usage("--keys: 1 to %d", 1 << 24);
	read_on();
	for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL) {
		if (join.nfields == MAX_FIELDS)
			die_usage("--fields: more than %d", MAX_FIELDS);
		join.fields[join.nfields++] =
			add(&join.from_names, BYTES(list, strcspn(list, ",")), "--fields");
	}
	join.past = past_new(config.window, config.keys, config.memory);
	join.matched = stage_counter(st, "matched");
	join.unmatched = stage_counter(st, "unmatched");
	join.evicted = stage_counter(st, "evicted");
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* A letter for the kind, the length, the value: equal ones are equal whatever types they come from.
 * A text that is an address counts as one. False: no key. */
static bool key_add(const struct field *f, const struct value *v)
{
	struct bytes b = v->bytes;
	uint8_t ip[16];
	char text[48];
	uint8_t kind = 't';

	switch (v->type) {
	case VALUE_ABSENT:
		return false;
	case VALUE_TEXT:
	case VALUE_BYTES:
		if (b.len == 0 || b.len >= sizeof(text))
			break;
		memcpy(text, b.ptr, b.len);
		text[b.len] = '\0';
		if (inet_pton(AF_INET, text, ip) == 1)
			b = BYTES(ip, 4);
		else if (inet_pton(AF_INET6, text, ip) == 1)
			b = BYTES(ip, 16);
		kind = b.ptr == ip ? 'i' : 't';
		break;
	case VALUE_IP:
		kind = 'i';
		break;
	case VALUE_MAC:
		kind = 'm';
		break;
	case VALUE_ENUM:
		if (b.ptr)
			break;
		/* fall through */
	default: /* a number: 8 bytes of it */
		if (f->at == FIELD_FLOW && v->u << 16 == 0)
			return false; /* of no flow */
		kind = v->type == VALUE_FLOAT ? 'f' : v->type == VALUE_INT ? '-' : 'n';
		b = BYTES(&v->u, sizeof(v->u));
	}
	buf_add_byte(&join.key, kind);
	buf_add(&join.key, &b.len, sizeof(uint32_t));
	buf_add(&join.key, b.ptr, b.len);
	return true;
}

/* Of the record at hand; *item is the value of the field that is a list. */
static bool key_make(struct side *s, const struct value *item)
{
	buf_clear(&join.key);
	for (size_t i = 0; i < join.non; i++) {
		struct value v = (int)i == s->list ? *item : field_value(&s->on[i], &s->view);

		if (!key_add(&s->on[i], &v))
			return false;
	}
	return true;
}

/* ---- types ---------------------------------------------------------------------------------- */

static void side_bind(struct side *s, const struct schema *schema, struct names *names,
		      const uint16_t *on)
{
	rec_view_release(&s->view);
	*s = (struct side){ .made_for = schema, .list = -1, .fits = true };
	rec_view_init(&s->view, schema);
	names_see(names, &s->view);
	for (size_t i = 0; i < join.non; i++) {
		s->fits &= field_bind(&s->on[i], &s->view, names->name[on[i]]);
		if (s->list < 0 && field_is_list(&s->on[i]))
			s->list = (int)i;
	}
}

/* What a field of FROM is: as its stream declares it, else as a built-in type of that name has it,
 * else any one value until it is declared. */
static void declare(struct make_schema *rows, size_t field)
{
	const char *name = join.from_names.name[join.fields[field]];
	struct field f = join.from.fields[field];
	char column[FIELD_NAME];

	for (struct rec_view *const *t = names_builtin(); *t && !join.from.made_for; t++)
		if (strcmp(schema_name((*t)->schema), config.from) == 0)
			field_bind(&f, *t, name);
	snprintf(column, sizeof(column), "%.20s.%.43s", config.from, name);
	make_field_whole(rows, column, &f);
}

static void declare_to(struct stage *st, uint16_t type)
{
	struct make_schema rows = { 0 };
	struct buf list = { 0 };
	struct side *s = &join.to;

	for (size_t i = 0; i < s->view.nfields; i++)
		make_field_like(&rows, s->view.fields[i].name, &s->view.fields[i]);
	for (size_t i = 0; i < join.nfields; i++)
		declare(&rows, i);
	s->type = stage_type_in_place(st, type, make_rows(&rows, &list));
	s->made_with = join.declared;
	make_schema_release(&rows);
	buf_release(&list);
}

/* ---- records -------------------------------------------------------------------------------- */

static bool whole(struct side *s, const struct stage_rec *r)
{
	return rec_view_start(&s->view, r->raw) && rec_view_find(&s->view, s->view.nfields);
}

static void keep(const struct stage_rec *r, const struct value *item)
{
	if (!key_make(&join.from, item))
		return;
	buf_clear(&join.value);
	for (size_t i = 0; i < join.nfields; i++)
		mp_put_field(&join.value, &join.from.fields[i], &join.from.view);
	*join.evicted +=
		past_put(join.past, buf_bytes(&join.key), r->head.ts, buf_bytes(&join.value));
}

/* A record of FROM: kept under its key, or its keys, and passed on. */
static void from_record(struct stage *st, const struct stage_rec *r)
{
	struct side *s = &join.from;
	struct value item = { .type = VALUE_ABSENT };
	struct field_walk w;

	if (!whole(s, r)) {
		stage_drop(st, "malformed", 1);
		return;
	}
	if (s->fits && s->list < 0)
		keep(r, &item);
	else if (s->fits)
		for (field_walk(&w, &s->on[s->list], &s->view); field_next(&w, &item);)
			keep(r, &item);
	stage_pass(st, r->raw);
}

static struct bytes find(const struct stage_rec *r)
{
	struct side *s = &join.to;
	struct value item = { .type = VALUE_ABSENT };
	struct bytes found = { NULL, 0 };
	struct field_walk w;

	if (!s->fits)
		return found;
	if (s->list < 0)
		return key_make(s, &item) ? past_get(join.past, buf_bytes(&join.key), r->head.ts)
					  : found;
	for (field_walk(&w, &s->on[s->list], &s->view); !found.ptr && field_next(&w, &item);)
		if (key_make(s, &item))
			found = past_get(join.past, buf_bytes(&join.key), r->head.ts);
	return found;
}

static void to_record(struct stage *st, const struct stage_rec *r)
{
	struct side *s = &join.to;
	struct bytes found;

	if (!whole(s, r)) {
		stage_drop(st, "malformed", 1);
		return;
	}
	found = find(r);
	++*(found.ptr ? join.matched : join.unmatched);
	if (!found.ptr && config.matched) {
		stage_filter(st, 1);
		return;
	}
	if (!s->type || s->made_with != join.declared)
		declare_to(st, r->head.type);
	buf_clear(&join.record);
	rec_view_copy(&s->view, &join.record, (uint32_t)join.nfields);
	if (found.ptr)
		buf_add(&join.record, found.ptr, found.len);
	for (size_t i = 0; i < join.nfields && !found.ptr; i++)
		mp_put_nil(&join.record);
	stage_pass_as(st, s->type, buf_bytes(&join.record));
}

static void from_declared(const struct schema *s)
{
	names_see_type(&join.types, config.from);
	side_bind(&join.from, s, &join.from_names, join.from_on);
	for (size_t i = 0; i < join.nfields; i++)
		field_bind(&join.from.fields[i], &join.from.view,
			   join.from_names.name[join.fields[i]]);
	join.declared++;
	past_clear(join.past); /* its values are those of the type before */
}

static void to_declared(const struct schema *s)
{
	names_see_type(&join.types, config.to);
	side_bind(&join.to, s, &join.to_names, join.to_on);
}

static void join_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct schema *s = stage_schema(st, recs[i].head.type);
		const char *name = s ? schema_name(s) : NULL;

		if (!s) {
			stage_undeclared(st, recs[i].head.type);
		} else if (s == join.from.made_for || strcmp(name, config.from) == 0) {
			if (s != join.from.made_for)
				from_declared(s);
			from_record(st, &recs[i]);
		} else if (s == join.to.made_for || strcmp(name, config.to) == 0) {
			if (s != join.to.made_for)
				to_declared(s);
			to_record(st, &recs[i]);
		} else {
			stage_pass(st, recs[i].raw);
		}
	}
}

/* Frames are numbered anew in a stream that comes behind: flows are others. */
static void join_finish(struct stage *st)
{
	past_clear(join.past);
	if (stage_check_names(st, &join.from_names))
		stage_check_names(st, &join.to_names);
	stage_check_types(st, &join.types);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "join",
		.summary = "add to the records of one type fields of another's, by flow or by key",
		.epilog = "    ... | weir join --from tls --to flow --fields sni,ja4 --on flow "
			  "--window 1h\n"
			  "    ... | weir join --from dns --to tls --fields query --on "
			  "orig_h,resp_h=answers.rdata\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = join_open,
		.batch = join_batch,
		.finish = join_finish,
	};
	int code = stage_main(&ops, argc, argv);

	rec_view_release(&join.from.view);
	rec_view_release(&join.to.view);
	past_free(join.past);
	names_release(&join.from_names);
	names_release(&join.to_names);
	names_release(&join.types);
	buf_release(&join.key);
	buf_release(&join.value);
	buf_release(&join.record);
	return code;
}
