/* stage_out: how records get into a stage's outputs. */
#include <errno.h>
#include <time.h>

#include "libcommon/stage/shard.h"
#include "libcommon/stage/stage_private.h"

enum {
	SCHEMAS_EVERY = 64 << 20,
	NAP_NS = 500000,
	INDEX_HEAD = REC_PREFIX + 2, /* bin 8 */
	INDEX_BYTES = INDEX_HEAD + 2 * INDEX_RECORDS,
};

/* An output can take no more: said once (but for a reader that simply went away). */
void stage_output_break(struct stage *st, struct output *o)
{
	int err = 0;

	port_out_broken(o->port, &err);
	stage_output_broke(st, o, err);
}

void stage_output_broke(struct stage *st, struct output *o, int err)
{
	o->broken = true;
	o->lost = books_counter(st->page, "lost", (uint64_t)(o - st->outputs));
	if (!st->broken_errno)
		st->broken_errno = err ? err : EPIPE;
	if (err == ENOLINK) {
		stage_exit(st, EXIT_LOST); /* said by weir-link; how many, at the close */
	} else if (err && err != EPIPE && err != EINTR) {
		errno = err;
		warn_errno("cannot write the output '%s'", o->name);
		stage_exit(st, EXIT_FAILED);
	}
}

/* ---- the index of a ring's records ----------------------------------------------------------
 * Readers of a ring need not measure records whose lengths an `index` record in front of them
 * says. It is reserved with the first data record behind a publish, and filled in as more come,
 * until they are published together: bytes that a reader can see never change. */

static inline bool index_open(const struct output *o)
{
	return o->slot != o->slots_end && o->opened_at == port_out_published(o->port);
}

/* The bytes to keep in front of a data record of n bytes. */
static inline size_t index_lead(const struct output *o, size_t n)
{
	return n + INDEX_BYTES <= port_out_longest(o->port) && !index_open(o) ? INDEX_BYTES : 0;
}

/* It says how many data records came before it, too: a reader that may lose records so knows how
 * many it has. */
static void index_put(const struct stage *st, const struct output *o, uint8_t *at)
{
	rec_head_put(at, &(struct rec_head){ REC_index, *o->out_to, st->stream, st->last_n }, 1);
	at[REC_PREFIX] = 0xc4;
	at[REC_PREFIX + 1] = 2 * INDEX_RECORDS;
	memset(at + INDEX_HEAD, 0, 2 * INDEX_RECORDS);
}

static void index_begin(const struct stage *st, struct output *o)
{
	uint8_t *at = o->record - INDEX_BYTES;

	index_put(st, o, at);
	o->slot = at + INDEX_HEAD;
	o->slots_end = o->record;
	o->opened_at = port_out_published(o->port);
}

static void mark_put(uint8_t mark[MARK_BYTES], uint64_t source, uint64_t n, uint64_t ts)
{
	rec_head_put(mark, &(struct rec_head){ REC_mark, ts, source << 48, n }, 1);
	mark[REC_PREFIX] = 0xcf;
	be64_put(mark + REC_PREFIX + 1, source);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The readers of one output must not starve while we wait for those of another. But where a
 * record is being written into an output that is no ring, its place must not move. */
static void flush_others(struct stage *st, const struct output *but)
{
	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];

		if (o != but && !o->broken && port_out_longest(o->port))
			port_out_flush(o->port);
	}
}

/* Some output still has bytes that its reader could be waiting for. Broken ones are said. */
bool stage_push_others(struct stage *st, const struct output *but)
{
	bool pending = false;

	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];

		if (o == but || o->broken)
			continue;
		port_out_push(o->port);
		if (port_out_broken(o->port, NULL))
			stage_output_break(st, o);
		else
			pending |= port_out_pending(o->port) > 0;
	}
	return pending;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

/* Several outputs: before waiting for one of them, all are brought as far as they go, together. A
 * reader that joins them may be waiting for any one. */
void stage_push_all(struct stage *st)
{
	while (st->noutputs > 1 && !st->commit && !port_give_up && stage_push_others(st, NULL))
		nap();
}

/* The same where an index has to be begun, or there is no room at hand. */
static __attribute__((noinline)) uint8_t *output_space_more(struct stage *st, struct output *o,
							    size_t n, bool data)
{
	uint8_t *at;

	if (o->broken)
		return NULL;
	o->lead = data ? index_lead(o, n) : 0;
	at = port_out_reserve(o->port, o->lead + n, false);
	if (!at) {
		/* About to wait for space. Everything committed becomes visible, and that is all a
		 * mark could say: a reader with a full ring is not starved. */
		if (st->commit)
			stage_commit_for_space(st, o, n + INDEX_BYTES);
		flush_others(st, o);
		port_out_flush(o->port);
		stage_inputs_rest(st);
		o->lead = data ? index_lead(o, n) : 0;
		at = port_out_reserve(o->port, o->lead + n, true);
	}
	if (!at) {
		stage_output_break(st, o);
		return NULL;
	}
	return o->record = at + o->lead;
}

/* Room for a record of n bytes. NULL: the output is broken. */
static inline uint8_t *output_space(struct stage *st, struct output *o, size_t n, bool data)
{
	if (__builtin_expect(o->broken || n > port_out_room(o->port) ||
				     (data && !index_open(o) && port_out_longest(o->port)),
			     0))
		return output_space_more(st, o, n, data);
	o->lead = 0;
	return o->record = port_out_at(o->port);
}

/* The record of n bytes at o->record is part of the stream. */
static inline void output_commit(const struct stage *st, struct output *o, size_t n)
{
	if (o->lead)
		index_begin(st, o);
	if (index_open(o)) {
		be16_put(o->slot, n <= UINT16_MAX ? (uint16_t)n : 0);
		o->slot += 2;
	}
	port_out_commit(o->port, o->lead + n);
}

/* One shard is about to be waited for. Whoever joins the shards may be waiting for another that
 * got nothing for long: each must know that nothing below the record at hand will come. They take
 * the mark when they have room, so this waits with all of them until the shard at hand has some;
 * once the others have all there is, they can do without us. */
static void await_shard(struct stage *st, struct output *o, size_t n, const struct rec_head *h)
{
	uint8_t mark[MARK_BYTES];

	mark_put(mark, h->flow >> 48, h->n, 0);
	while (!o->broken && !port_give_up &&
	       !port_out_reserve(o->port, index_lead(o, n) + n, false)) {
		bool marks = st->marked_n != UINT64_MAX, told = true;

		for (size_t i = 0; i < st->noutputs && marks; i++) {
			struct output *k = &st->outputs[i];
			uint8_t *at;

			if (k == o || k->broken || k->shared_n >= h->n)
				continue;
			at = port_out_reserve(k->port, sizeof(mark), false);
			told &= at != NULL;
			if (!at)
				continue;
			k->lead = 0;
			memcpy(at, mark, sizeof(mark));
			output_commit(st, k, sizeof(mark));
			k->shared_n = h->n;
		}
		if (port_out_broken(o->port, NULL))
			return;
		if (st->commit)
			stage_commit_midway(st);
		else
			port_out_push(o->port);
		if ((st->commit || !stage_push_others(st, o)) && told)
			return;
		stage_inputs_rest(st);
		nap();
	}
}

static inline void write_one(struct stage *st, struct output *o, struct bytes raw, bool data)
{
	uint8_t *at = output_space(st, o, raw.len, data);

	if (!at)
		return;
	if (!o->null)
		memcpy(at, raw.ptr, raw.len);
	output_commit(st, o, raw.len);
}

/* To every output, without counting. */
static void write_all(struct stage *st, struct bytes raw, bool data)
{
	for (size_t i = 0; i < st->noutputs; i++)
		write_one(st, &st->outputs[i], raw, data);
}

void stage_write_control(struct stage *st, struct output *o, struct bytes raw)
{
	write_one(st, o, raw, false);
}

void stage_write_control_all(struct stage *st, struct bytes raw)
{
	write_all(st, raw, false);
}

void stage_write_mark(struct stage *st, uint64_t n, uint64_t ts)
{
	uint8_t mark[MARK_BYTES];

	mark_put(mark, st->at_source, n, ts);
	write_all(st, BYTES(mark, sizeof(mark)), false);
	st->marked_n = n;
}

/* `lost` is the part of out_to that a broken output did not take. */
static inline void count_out_to(struct output *o)
{
	++*o->out_to;
	if (__builtin_expect(o->broken, 0))
		++*o->lost;
}

static void count_out(struct stage *st, size_t bytes)
{
	st->since_schemas += bytes;
	for (size_t i = 0; i < st->noutputs; i++)
		count_out_to(&st->outputs[i]);
	++*st->out;
}

/* A long stream declares its types again from time to time, so that a file can be read from the
 * middle: the next record of each type finds it undeclared. */
static void schemas_again(struct stage *st)
{
	st->since_schemas = 0;
	stage_declare_anew(st);
}

static inline void need_own(struct stage *st, const struct rec_desc *desc)
{
	uint64_t own = st->own_hash[desc->id];

	if (__builtin_expect(st->since_schemas > SCHEMAS_EVERY, 0))
		schemas_again(st);
	if (__builtin_expect(own == 0 || st->declared_hash[desc->id] != own, 0))
		stage_declare_own(st, desc);
}

/* Room for n bytes on every output that is not broken, without waiting. */
bool stage_outputs_room(struct stage *st, size_t n)
{
	bool room = true;

	for (size_t i = 0; i < st->noutputs && room; i++) {
		struct output *o = &st->outputs[i];

		room = o->broken || port_out_broken(o->port, NULL) ||
		       port_out_reserve(o->port, index_lead(o, n) + n, false);
	}
	return room;
}

void stage_flush_all(struct stage *st)
{
	stage_push_all(st);
	for (size_t i = 0; i < st->noutputs; i++)
		if (!st->outputs[i].broken && !port_out_flush(st->outputs[i].port))
			stage_output_break(st, &st->outputs[i]);
}

/* How many data records there were in all, for who missed the last index. */
void stage_write_totals(struct stage *st)
{
	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];
		uint8_t *at =
			port_out_longest(o->port) ? output_space(st, o, INDEX_BYTES, false) : NULL;

		if (!at)
			continue;
		index_put(st, o, at);
		o->slot = o->slots_end; /* none is open behind it */
		output_commit(st, o, INDEX_BYTES);
	}
}

/* ---- data records -------------------------------------------------------------------------- */

/* Every output hears of the type of a record of the input before the first of them. */
static inline void need_schema(struct stage *st, struct bytes raw)
{
	uint16_t id = be16_get(raw.ptr + 4);
	const struct in_type *t = st->current ? st->current->known[id] : NULL;

	if (__builtin_expect(st->since_schemas > SCHEMAS_EVERY, 0))
		schemas_again(st);
	if (t && st->declared_hash[t->id] != t->hash)
		stage_declare(st, t->id, t->hash, buf_bytes(&t->schema_raw));
}

static void put_to(struct stage *st, size_t output, struct bytes raw)
{
	struct output *o = &st->outputs[output];
	struct rec_head h;

	if (st->noutputs > 1 && !o->broken &&
	    !port_out_reserve(o->port, index_lead(o, raw.len) + raw.len, false)) {
		h = rec_head_fast(raw.ptr);
		await_shard(st, o, raw.len, &h);
	}
	write_one(st, o, raw, true);
	st->since_schemas += raw.len;
	count_out_to(o);
	++*st->out;
	st->shares |= st->noutputs > 1;
}

/* To every output, or to the shard that has its flow. */
static inline void put(struct stage *st, struct bytes raw)
{
	if (__builtin_expect(st->shards != 0, 0)) {
		struct rec_head h = rec_head_fast(raw.ptr);

		put_to(st, shard_of(&h, raw, st->shards), raw);
		return;
	}
	write_all(st, raw, true);
	count_out(st, raw.len);
}

void stage_pass(struct stage *st, struct bytes raw)
{
	need_schema(st, raw);
	put(st, raw);
}

void stage_pass_to(struct stage *st, size_t output, struct bytes raw)
{
	need_schema(st, raw);
	put_to(st, output, raw);
}

/* That of a record which came under another one than its type has now, perhaps. */
static void need_held_schema(struct stage *st, const struct schema *s, struct bytes raw)
{
	uint16_t id = be16_get(raw.ptr + 4);
	size_t i = st->held_schema;

	if (__builtin_expect(st->since_schemas > SCHEMAS_EVERY, 0))
		schemas_again(st);
	if (s && (i >= st->nschemas || st->schemas[i] != s))
		for (i = 0; i < st->nschemas && st->schemas[i] != s; i++)
			;
	if (s && i < st->nschemas) {
		st->held_schema = i;
		stage_declare(st, id, st->schema_hashes[i], buf_bytes(&st->schema_raws[i]));
	}
}

void stage_pass_held(struct stage *st, const struct schema *s, struct bytes raw)
{
	need_held_schema(st, s, raw);
	put(st, raw);
}

void stage_pass_held_to(struct stage *st, size_t output, const struct schema *s, struct bytes raw)
{
	need_held_schema(st, s, raw);
	put_to(st, output, raw);
}

bool stage_try_held(struct stage *st, const struct schema *s, struct bytes raw)
{
	if (!stage_outputs_room(st, raw.len))
		return false;
	stage_pass_held(st, s, raw);
	return true;
}

void stage_pause(struct stage *st, uint64_t n)
{
	if (stage_mark_is_new(st, n))
		stage_write_mark(st, n, 0);
	stage_flush_all(st);
	if (st->commit)
		stage_commit_midway(st);
	stage_inputs_rest(st);
}

void stage_emit(struct stage *st, const struct rec_desc *desc, const struct rec_head *h,
		const void *rec)
{
	struct rec_head head = { desc->id, h->ts, h->flow, h->n };

	if (h->n > st->last_n)
		st->last_n = h->n;
	++*st->made;
	if (st->ops->kind == STAGE_SINK) { /* a sink has nowhere to put it */
		++*books_counter(st->page, "dropped.sink", 0);
		return;
	}
	need_own(st, desc);
	st->packed.len = 0;
	rec_pack(&st->packed, desc, &head, rec);
	if (st->packed.len > REC_MAX) {
		++*books_counter(st->page, "dropped.too_long", 0);
		return;
	}
	if (desc->id == REC_anomaly)
		++*books_kind(st->page, "anomalies", ((const struct rec_anomaly *)rec)->name);
	put(st, buf_bytes(&st->packed));
}

uint8_t *stage_reserve(struct stage *st, const struct rec_desc *desc, size_t n)
{
	need_own(st, desc);
	st->reserved = NULL;
	/* Which shard it goes to shows when it is written. */
	for (size_t i = 0; i < st->noutputs && !st->reserved && !st->shards; i++)
		st->reserved = output_space(st, &st->outputs[i], n, true);
	if (!st->reserved) {
		st->scratch.len = 0;
		st->reserved = buf_reserve(&st->scratch, n);
	}
	return st->reserved;
}

/* The record lies in the first output that is not broken: to the others. That one is committed
 * last, as they are copied from it. */
static void commit_all(struct stage *st, size_t n)
{
	struct output *first = NULL;

	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];

		if (first)
			write_one(st, o, BYTES(st->reserved, n), true);
		else if (!o->broken)
			first = o;
	}
	if (first)
		output_commit(st, first, n);
}

void stage_commit(struct stage *st, size_t n)
{
	++*st->made;
	if (__builtin_expect(st->shards != 0, 0)) {
		put(st, BYTES(st->reserved, n));
		return;
	}
	if (st->noutputs == 1 && !st->outputs[0].broken)
		output_commit(st, &st->outputs[0], n);
	else
		commit_all(st, n);
	count_out(st, n);
}

static bool own_fits(struct stage *st, struct bytes raw)
{
	if (raw.len > REC_MAX)
		stage_drop(st, "too_long", 1);
	return raw.len <= REC_MAX;
}

void stage_pass_as(struct stage *st, const struct stage_type *t, struct bytes raw)
{
	if (!own_fits(st, raw))
		return;
	if (!st->hello_sent)
		stage_hello(st, false);
	if (__builtin_expect(st->since_schemas > SCHEMAS_EVERY, 0))
		schemas_again(st);
	stage_declare(st, t->id, t->hash, buf_bytes(&t->schema_raw));
	put(st, raw);
}

void stage_emit_as(struct stage *st, const struct stage_type *t, struct bytes raw)
{
	uint64_t n = be64_get(raw.ptr + 25);

	if (n > st->last_n)
		st->last_n = n;
	++*st->made;
	stage_pass_as(st, t, raw);
}
