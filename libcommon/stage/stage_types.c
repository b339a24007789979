/* stage_types: types that a tool makes up at run time, fields that it was asked for, and what it
 * holds back. */
#include <stdlib.h>

#include "libcommon/record/make.h"
#include "libcommon/stage/stage_private.h"

void stage_hold(struct stage *st, uint64_t n, uint64_t ts)
{
	st->held_n = n;
	st->held_ts = ts;
}

bool stage_own_id(const struct stage *st, uint16_t id)
{
	for (const struct stage_type *t = st->own_types; t; t = t->next)
		if (t->id == id && !t->in_place)
			return true;
	return false;
}

/* Equal declarations are one type, however often a stream changes its mind. */
static struct stage_type *type_add(struct stage *st, uint16_t id, const char *name, uint16_t major,
				   struct bytes rows)
{
	struct stage_type *t = xcalloc(1, sizeof(*t));

	t->id = id;
	make_schema_record(&t->schema_raw, id, name, major, rows);
	t->hash = stage_schema_hash(buf_bytes(&t->schema_raw));
	for (struct stage_type *known = st->own_types; known; known = known->next) {
		if (known->id != id || known->hash != t->hash)
			continue;
		buf_release(&t->schema_raw);
		free(t);
		return known;
	}
	t->next = st->own_types;
	st->own_types = t;
	return t;
}

struct stage_type *stage_type_new(struct stage *st, const char *name, uint16_t major,
				  struct bytes rows)
{
	uint16_t id;

	if (st->next_custom < REC_FIRST_CUSTOM) /* a source */
		st->next_custom = REC_FIRST_CUSTOM;
	id = st->next_custom < 65535 ? st->next_custom++ : 65535;
	return type_add(st, id, name, major, rows);
}

struct stage_type *stage_type_in_place(struct stage *st, uint16_t type, struct bytes rows)
{
	const struct schema *s = stage_schema(st, type);
	struct stage_type *t = type_add(st, type, schema_name(s), schema_major(s), rows);

	t->in_place = true;
	return t;
}

struct stage_type *stage_type_of(struct stage *st, const struct rec_desc *desc)
{
	struct stage_type *t = xcalloc(1, sizeof(*t));

	t->id = desc->id;
	rec_pack_schema(&t->schema_raw, desc, desc->id, 0);
	t->hash = stage_schema_hash(buf_bytes(&t->schema_raw));
	t->next = st->own_types;
	st->own_types = t;
	return t;
}

uint16_t stage_type_id(const struct stage_type *t)
{
	return t->id;
}

void stage_types_free(struct stage *st)
{
	while (st->own_types) {
		struct stage_type *t = st->own_types;

		st->own_types = t->next;
		buf_release(&t->schema_raw);
		free(t);
	}
}

bool stage_quiet(const struct stage *st)
{
	return st->common.quiet;
}

static bool any_came(const struct stage *st)
{
	bool any = false;

	for (size_t i = 0; i < st->ninputs; i++)
		any |= st->inputs[i].in && *st->inputs[i].in;
	return any;
}

void stage_check_types(struct stage *st, const struct names *types)
{
	const char *near = NULL, *name = names_unknown_type(types, &near);

	if (name && any_came(st) && !stage_quiet(st))
		warn(near ? "no record of a type '%s' came; did you mean '%s'?"
			  : "no record of a type '%s' came",
		     name, near);
}

/* In its books: this stage misses another one. Who comes behind it has nothing to add. */
static const char misses[] = "misses_stage";

static bool missed_before(const struct stage *st)
{
	for (size_t i = 0; i < st->upstream.n; i++)
		if (strcmp(st->upstream.rows[i].counter, misses) == 0)
			return true;
	return false;
}

void stage_check_before(struct stage *st, bool tcp)
{
	bool packets = stage_schema(st, REC_packet), streams = stage_schema(st, REC_stream);
	const char *what = NULL;

	if (!packets && stage_schema(st, REC_frame))
		what = "frames came in, and no packets: before this stage 'weir flow' is missing";
	else if (packets && tcp)
		what = "TCP packets came in, and no streams: before this stage 'weir reasm' is "
		       "missing";
	if (!what || st->code || !any_came(st) || streams || missed_before(st))
		return;
	*stage_counter(st, misses) = 1;
	if (!stage_quiet(st))
		warn("%s", what);
}

bool stage_check_names(struct stage *st, const struct names *names)
{
	const char *near = NULL, *name = names_unknown(names, &near);

	if (!name || !any_came(st))
		return true;
	warn(near ? "no type of this stream has a field '%s'; did you mean '%s'?"
		  : "no type of this stream has a field '%s'",
	     name, near);
	stage_exit(st, EXIT_SCHEMA);
	return false;
}
