/* stage_control: what control records of an input say: who writes, types and how they are bound,
 * marks, indexes, the end with its ledgers. */
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/stage_private.h"

static void in_type_free(struct in_type *t)
{
	for (size_t i = 0; i < MAX_READS; i++)
		rec_binding_free(t->binds[i]);
	buf_release(&t->schema_raw);
	free(t);
}

void stage_input_forget_types(struct input *in)
{
	struct in_type *next;

	for (struct in_type *t = in->all; t; t = next) {
		next = t->next;
		in->types[t->from] = in->known[t->id] = NULL;
		in_type_free(t);
	}
	in->all = NULL;
}

/* In the place of what the input called so until now. */
static void input_type_add(struct input *in, struct in_type *t)
{
	struct in_type **at = &in->all, *old = in->types[t->from];

	while (old && *at != old)
		at = &(*at)->next;
	if (old) {
		*at = old->next;
		if (in->known[old->id] == old)
			in->known[old->id] = NULL;
		in_type_free(old);
	}
	t->next = in->all;
	in->all = in->types[t->from] = in->known[t->id] = t;
}

void stage_input_rise(struct input *in, uint64_t n, uint64_t ts)
{
	if (n > in->low_n)
		in->low_n = n;
	if (ts > in->low_ts)
		in->low_ts = ts;
}

/* Several outputs of one producer are read: the books must know how many. */
static void count_links(struct stage *st, const struct input *in)
{
	uint64_t links = 0;

	for (size_t i = 0; i < st->ninputs; i++)
		links += &st->inputs[i] == in ||
			 (st->inputs[i].hello && st->inputs[i].stream == in->stream);
	if (links > 1)
		*books_counter(st->page, "in_links", in->stream) = links;
}

static void input_hello(struct stage *st, struct input *in, struct bytes raw)
{
	struct rec_hello hello;
	struct rec_head h;
	const struct rec_source *rows;
	size_t known = st->nnames;

	if (!rec_decode_own(&rec_hello_desc, raw, &h, &hello, &st->arena))
		die_code(EXIT_SCHEMA, "input '%s': this is not a hello of weir %s", in->name,
			 WEIR_VERSION);
	if (in->hello && hello.stream == in->stream && port_in_drops(in->port))
		return; /* the head of the stream at hand, once more */
	if (hello.state == REC_stream_new_FRESH && (in->data || in->ended)) {
		/* `cat a b`: another stream begins. What the first one left is flushed first. */
		if (st->ops->finish && st->ninputs == 1)
			st->ops->finish(st);
		in->low_n = in->low_ts = 0;
		in->ended = in->data = false;
		stage_input_forget_types(in);
		if (st->ops->restart)
			st->ops->restart(st);
		st->marked_n = st->last_n = 0;
		for (size_t i = 0; i < st->nnames; i++)
			free(st->names[i].name);
		st->nnames = known = 0;
		st->hello_sent = false; /* behind a hello every type is declared anew */
		stage_declare_anew(st);
	}
	snprintf(in->program, sizeof(in->program), "%.*s %.*s", (int)hello.program.len,
		 (const char *)hello.program.ptr, (int)hello.version.len,
		 (const char *)hello.version.ptr);
	if (!in->hello || hello.stream != in->stream) {
		in->stream = hello.stream;
		in->in = books_counter(st->page, "in", hello.stream);
		count_links(st, in);
	}
	note("attach: input '%s' is %s, stream %016llx%s", in->name, in->program,
	     (unsigned long long)hello.stream,
	     hello.state == REC_stream_new_FRESH ? "" : ", which goes on");
	in->hello = true;
	stage_files_begin(st);
	st->live |= hello.live;
	/* What is joined of several inputs is in the order of n again. */
	st->in_sorted = hello.sorted.set && hello.sorted.v && st->ninputs == 1;
	if (!st->pipeline_known)
		st->pipeline = hello.pipeline;
	st->pipeline_known = true;
	rows = hello.sources.items;
	for (size_t i = 0; i < hello.sources.count; i++)
		stage_source_add(st, rows[i].source, rows[i].name, rows[i].first_n);
	if (!st->hello_sent)
		stage_hello(st, false);
	else if (st->nnames > known)
		stage_hello(st, true);
}

/* Custom types are known by name: the same name goes on under one id, whatever each input calls
 * it, and two names never share an id. */
static uint16_t unified_id(struct stage *st, const struct schema *s, uint16_t id)
{
	bool taken = stage_own_id(st, id);

	if (id < REC_FIRST_CUSTOM)
		return id;
	for (size_t i = 0; i < st->ninputs; i++) {
		for (const struct in_type *t = st->inputs[i].all; t; t = t->next) {
			if (t->from < REC_FIRST_CUSTOM)
				continue;
			if (strcmp(schema_name(t->schema), schema_name(s)) == 0)
				return t->id;
			taken |= t->id == id;
		}
	}
	if (!taken) {
		if (id >= st->next_custom)
			st->next_custom = id + 1;
		return id;
	}
	return st->next_custom < 65535 ? st->next_custom++ : 65535;
}

/* Is this hot type laid out as our own? Only then may the constant offsets be used. */
static bool same_layout(const struct schema *s, const struct rec_desc *desc)
{
	size_t n;
	const struct schema_field *f = schema_fields(s, &n);

	if (n != desc->nfields)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].name, desc->fields[i].name) != 0)
			return false;
	return true;
}

static void type_bind(struct stage *st, struct input *in, struct in_type *t)
{
	for (size_t i = 0; st->ops->reads && st->ops->reads[i]; i++) {
		const struct rec_desc *desc = st->ops->reads[i];
		const char *missing = NULL;

		if (strcmp(desc->name, schema_name(t->schema)) != 0)
			continue;
		t->binds[i] = rec_bind(t->schema, desc, &missing);
		if (!t->binds[i])
			die_code(EXIT_SCHEMA,
				 "input '%s': type '%s' from %s lacks the required field '%s'",
				 in->name, desc->name, in->program, missing ? missing : "?");
		t->fast = desc->hot && same_layout(t->schema, desc);
	}
}

/* Equal declarations share one parsed schema, which lives as long as the stage, so that a tool
 * may keep what it derived from it. Their number is bounded. */
static struct schema *schema_intern(struct stage *st, struct input *in, struct schema *s,
				    uint64_t hash, struct bytes raw)
{
	for (size_t i = 0; i < st->nschemas; i++) {
		if (st->schema_hashes[i] == hash) {
			schema_free(s);
			return st->schemas[i];
		}
	}
	if (st->nschemas == MAX_SCHEMAS)
		die_code(EXIT_SCHEMA, "input '%s': more than %d different schemas", in->name,
			 MAX_SCHEMAS);
	st->schema_hashes[st->nschemas] = hash;
	buf_add(&st->schema_raws[st->nschemas], raw.ptr, raw.len);
	st->schemas[st->nschemas++] = s;
	return s;
}

static void input_schema(struct stage *st, struct input *in, struct bytes raw)
{
	const char *why = "?";
	struct schema *s = schema_parse(raw, &why);
	struct in_type *t;
	uint16_t id;

	if (!s)
		die_code(EXIT_SCHEMA, "input '%s': bad schema from %s: %s", in->name, in->program,
			 why);
	id = schema_id(s);
	t = xcalloc(1, sizeof(*t));
	t->schema = s;
	t->from = id;
	t->id = unified_id(st, s, id);
	if (t->id == id) {
		rec_canonical(raw, &t->schema_raw);
	} else { /* declared again under the id it goes on with */
		struct bytes body;
		struct cursor c;
		struct rec_head h;
		uint32_t items;
		size_t at;

		rec_head_get(raw, &h, &items, &at);
		body = BYTES(raw.ptr + at, raw.len - at);
		c = cursor_of(body);
		mp_skip(&c); /* the old id */
		rec_head_put(buf_reserve(&t->schema_raw, REC_PREFIX), &h, (uint16_t)items);
		t->schema_raw.len = REC_PREFIX;
		buf_add_byte(&t->schema_raw, 0xcd);
		buf_add_byte(&t->schema_raw, (uint8_t)(t->id >> 8));
		buf_add_byte(&t->schema_raw, (uint8_t)t->id);
		buf_add(&t->schema_raw, c.pos, cursor_left(&c));
	}
	t->hash = stage_schema_hash(buf_bytes(&t->schema_raw));
	t->schema = schema_intern(st, in, s, t->hash, buf_bytes(&t->schema_raw));
	type_bind(st, in, t);
	input_type_add(in, t);
}

static void input_end(struct stage *st, struct input *in, struct bytes raw)
{
	struct rec_end end;
	struct rec_head h;

	if (!rec_decode_own(&rec_end_desc, raw, &h, &end, &st->arena)) {
		warn("input '%s': bad end record from %s", in->name, in->program);
		stage_exit(st, EXIT_TRUNCATED);
		return;
	}
	books_add_ledger(&st->upstream, &end.ledger, false);
	if (end.cause == REC_end_cause_TRUNCATED) {
		stage_exit(st, EXIT_TRUNCATED); /* said by the stage that saw it */
		st->cause = REC_end_cause_TRUNCATED;
	} else if (end.cause != REC_end_cause_EOF && st->cause == REC_end_cause_EOF) {
		st->cause = end.cause;
	}
	in->ended = true;
	stage_input_rise(in, h.n, h.ts);
	if (h.n > st->last_n)
		st->last_n = h.n;
}

/* A reader that may lose records hears how many data records the producer has put out so far. */
static void input_missed(struct stage *st, struct input *in, const struct rec_head *h)
{
	uint64_t *late, *overrun, had;

	if (!in->in || h->flow != in->stream) { /* whose hello it missed */
		in->stream = h->flow;
		in->in = books_counter(st->page, "in", in->stream);
		in->counted = false;
	}
	late = books_counter(st->page, "lost.late", in->stream);
	overrun = books_counter(st->page, "lost.overrun", in->stream);
	had = *in->in + *late + *overrun;
	if (h->ts > had)
		*(in->counted ? overrun : late) += h->ts - had;
	in->counted = true;
}

/* The lengths of the records to come. They are the producer's word: input_record() believes one
 * only as far as it does no harm. */
static void input_index(struct input *in, struct bytes raw)
{
	struct cursor c;
	struct mp_value lengths;
	struct rec_head h;
	uint32_t items, at = 0;
	size_t body;

	in->index.next = in->index.count = 0;
	if (!rec_head_get(raw, &h, &items, &body))
		return;
	c = cursor_of(BYTES(raw.ptr + body, raw.len - body));
	lengths = mp_next(&c);
	if (lengths.type != MP_BIN)
		return;
	for (size_t i = 0; i < lengths.bytes.len / 2 && i < INDEX_MAX; i++) {
		in->index.start[i] = at;
		at += be16_get(lengths.bytes.ptr + 2 * i);
		in->index.start[++in->index.count] = at;
	}
}

void stage_input_control(struct stage *st, struct input *in, const struct rec_head *h,
			 struct bytes raw)
{
	switch (h->type) {
	case REC_hello:
		input_hello(st, in, raw);
		break;
	case REC_schema:
		input_schema(st, in, raw);
		break;
	case REC_mark:
		stage_input_rise(in, h->n, h->ts);
		if (st->ninputs == 1 && st->ops->mark)
			st->ops->mark(st, h->flow >> 48, h->n, h->ts);
		break;
	case REC_end:
		input_end(st, in, raw);
		break;
	case REC_index:
		input_index(in, raw);
		if (port_in_drops(in->port))
			input_missed(st, in, h);
		return;
	default: /* books, and what later versions add */
		break;
	}
	if (st->ops->control)
		st->ops->control(st, h, raw);
}
