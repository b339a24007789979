/* source_names: what the sources of frames are called, as the hellos of the stream tell. */
#include "cmd/write/source_names.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

static bool known(const struct source_names *s, const struct rec_source *row)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].source == row->source && s->rows[i].first_n == row->first_n &&
		    bytes_is(row->name, s->rows[i].name))
			return true;
	return false;
}

static void add(struct source_names *s, const struct rec_source *row)
{
	char *name;

	if (s->n == SOURCE_ROWS || known(s, row))
		return;
	if (s->n == s->size) {
		s->size = s->size ? s->size * 2 : 8;
		s->rows = realloc(s->rows, s->size * sizeof(*s->rows));
	}
	name = strndup((const char *)row->name.ptr, row->name.len);
	if (!s->rows || !name)
		die("out of memory");
	s->rows[s->n++] =
		(struct source_row){ .source = row->source, .first_n = row->first_n, .name = name };
}

void source_names_hello(struct source_names *s, struct bytes raw)
{
	struct rec_hello hello;
	struct rec_head h;
	struct buf arena = { 0 };

	if (rec_decode_own(&rec_hello_desc, raw, &h, &hello, &arena) && h.type == REC_hello) {
		const struct rec_source *rows = hello.sources.items;

		s->live = hello.live;
		for (size_t i = 0; i < hello.sources.count; i++)
			if (rows[i].name.ptr)
				add(s, &rows[i]);
	}
	buf_release(&arena);
}

/* The counter is NAME.in, with a '_' for each dot of the name. */
static bool counter_is(struct bytes counter, const char *name, const char *what)
{
	size_t len = strlen(name);

	if (counter.len != len + strlen(what) || memcmp(counter.ptr + len, what, strlen(what)) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (counter.ptr[i] != (name[i] == '.' ? '_' : name[i]))
			return false;
	return true;
}

void source_names_end(struct source_names *s, struct bytes raw)
{
	struct rec_end end;
	struct rec_head h;
	struct buf arena = { 0 };

	if (s->live && rec_decode_own(&rec_end_desc, raw, &h, &end, &arena)) {
		const struct rec_ledger *l = end.ledger.items;

		for (size_t i = 0; i < end.ledger.count; i++, l++) {
			for (size_t k = 0; bytes_is(l->stage, "capture") && k < s->n; k++) {
				struct source_row *row = &s->rows[k];

				if (counter_is(l->counter, row->name, ".in")) {
					row->counted = true;
					row->in = l->value;
				} else if (counter_is(l->counter, row->name, ".drops")) {
					row->drops = l->value;
				}
			}
		}
	}
	buf_release(&arena);
}

const struct source_row *source_row(const struct source_names *s, uint64_t source, uint32_t file)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].source == source && file-- == 0)
			return &s->rows[i];
	return NULL;
}

const char *source_name(const struct source_names *s, uint64_t source, uint32_t file)
{
	const struct source_row *row = source_row(s, source, file);

	return row ? row->name : NULL;
}

void source_names_clear(struct source_names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->rows[i].name);
	s->n = 0;
}

void source_names_release(struct source_names *s)
{
	source_names_clear(s);
	free(s->rows);
	s->rows = NULL;
	s->size = 0;
}
