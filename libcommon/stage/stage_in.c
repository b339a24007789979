/* stage_in: a stage's inputs: records, batches, and the ordered join. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/stage_private.h"

enum {
	RELEASE_BYTES = 64 * 1024,
	UNIT_BYTES = 32 * 1024,
	AHEAD_BYTES = 2048,
	AHEAD_RECORDS = 8,
	ARRIVAL_MS = 2,
};

void stage_inputs_open(struct stage *st)
{
	static const char *const standard[] = { "-" };
	size_t n = st->common.in.n ? st->common.in.n : 1;
	const char *const *names = st->common.in.n ? st->common.in.v : standard;

	if (n > MAX_ENDPOINTS)
		die_usage("-i: at most %d inputs", MAX_ENDPOINTS);
	for (size_t i = 0; i < n; i++) {
		struct input *in = &st->inputs[i];

		in->name = names[i];
		in->port = port_in_open(names[i]);
		in->types = xcalloc(65536, sizeof(struct in_type *));
		in->known = xcalloc(65536, sizeof(struct in_type *));
		snprintf(in->program, sizeof(in->program), "an unknown program");
	}
	st->ninputs = n;
	st->next_custom = REC_FIRST_CUSTOM;
}

void stage_inputs_close(struct stage *st)
{
	for (size_t i = 0; i < st->ninputs; i++) {
		struct input *in = &st->inputs[i];

		if (in->port)
			port_in_close(in->port);
		in->port = NULL;
		stage_input_forget_types(in);
		free(in->types);
		free(in->known);
		in->types = in->known = NULL;
	}
	for (size_t i = 0; i < st->nschemas; i++)
		schema_free(st->schemas[i]);
	for (size_t i = 0; i < st->nschemas; i++)
		buf_release(&st->schema_raws[i]);
	st->ninputs = st->nschemas = 0;
	st->current = NULL;
}

/* What the whole stage may say of its order: nothing below (n, ts) will follow. */
void stage_inputs_low(const struct stage *st, uint64_t *n, uint64_t *ts)
{
	*n = *ts = UINT64_MAX;
	for (size_t i = 0; i < st->ninputs; i++) {
		const struct input *in = &st->inputs[i];
		uint64_t low = in->has_head ? in->head.head.n : in->low_n;

		if (in->eof || (in->ended && !in->has_head))
			continue;
		if (low < *n) {
			*n = low;
			*ts = in->low_ts;
		}
	}
}

/* ---- records ------------------------------------------------------------------------------- */

static void input_cut(struct stage *st, struct input *in, const char *what)
{
	stage_truncated(st, in->name, port_in_total(in->port) + in->pos, what);
	in->eof = true;
}

/* The length of the record at hand by the index; 0: it has to be measured. What is believed of a
 * wrong one: the record lies within the view and its prefix is one. A hot record says its own
 * length, others are decoded within theirs, and sinks, which walk through what nobody has
 * decoded, measure them. */
static inline size_t indexed_length(const struct stage *st, struct input *in, struct bytes rest)
{
	unsigned next = in->index.next;
	size_t len;

	if (next >= in->index.count || st->ops->kind == STAGE_SINK)
		return 0;
	len = in->index.start[next + 1] - in->index.start[next];
	return len <= rest.len && rec_is_canonical(BYTES(rest.ptr, len)) ? len : 0;
}

/* The producer wrote these lines on another core: asks for those of the records to come. A
 * prefetch beyond the view does no harm. */
static inline void fetch_ahead(const struct stage *st, const struct input *in, const uint8_t *at,
			       size_t len)
{
	unsigned next = in->index.next, last = in->index.count;

	if (st->ops->skims && next < last) {
		if (next + AHEAD_RECORDS < last)
			last = next + AHEAD_RECORDS;
		__builtin_prefetch(at + (in->index.start[last] - in->index.start[next]));
	} else {
		for (size_t i = 0; i < len; i += 64)
			__builtin_prefetch(at + AHEAD_BYTES + i);
	}
}

/* Does an array begin so, as every record does? */
static bool begins_array(uint8_t first)
{
	return first >> 4 == 9 || first == 0xdc || first == 0xdd;
}

/* What is often given in a stream's place, and who reads it; NULL: it may be a damaged stream. */
static const char *other_kind(struct bytes b)
{
	static const uint32_t captures[] = { 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1,
					     0x0a0d0d0a };

	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]) && b.len >= 4; i++)
		if (be32_get(b.ptr) == captures[i])
			return "this is a capture file, which weir-read reads";
	if (b.len >= 2 && be16_get(b.ptr) == 0x1f8b)
		return "this is gzip: zcat it, or if it is a capture, give it to weir-read";
	if (b.len && b.ptr[0] == '{')
		return "this is JSON, which weir-from-json reads";
	return b.len && !begins_array(b.ptr[0]) ? "this is no weir stream" : NULL;
}

/* The next whole record behind in->pos: its length, 0 where more bytes are needed, -1 where the
 * input is over for good (said). */
static ssize_t input_record(struct stage *st, struct input *in, struct stage_rec *r)
{
	struct bytes rest = { in->view.ptr + in->pos, in->view.len - in->pos };
	const char *why = NULL;
	ssize_t len = rest.len ? (ssize_t)indexed_length(st, in, rest) : 0;
	uint32_t items;
	size_t body;

	if (len == 0 && rest.len)
		len = rec_measure(rest, &why);
	if (len == 0)
		return 0;
	if (len > 0) {
		fetch_ahead(st, in, rest.ptr, (size_t)len);
		r->raw = BYTES(rest.ptr, (size_t)len);
		if (rec_is_canonical(r->raw)) {
			r->head = rec_head_fast(rest.ptr);
			return len;
		}
		if (rec_head_get(r->raw, &r->head, &items, &body))
			return len;
		why = "bad prefix";
	}
	if (!in->hello && in->pos == 0 && other_kind(rest))
		why = other_kind(rest);
	input_cut(st, in, why ? why : "this is no record");
	return -1;
}

/* The record at hand has been taken from the view. */
static inline void input_take(struct input *in, ssize_t len)
{
	in->pos += (size_t)len;
	in->index.next += in->index.next < in->index.count;
}

/* Gives back what was dealt with, so that the producer can go on while we do. */
static void input_release(struct input *in)
{
	if (in->eof || in->pos < RELEASE_BYTES)
		return;
	port_in_consume(in->port, in->pos);
	in->pos = in->done = 0;
	port_in_view(in->port, 0, 0, &in->view);
}

/* Before waiting for anything: no producer of ours may sleep on although there is space again. */
void stage_inputs_rest(struct stage *st)
{
	for (size_t i = 0; i < st->ninputs; i++)
		if (!st->inputs[i].eof)
			port_in_consume(st->inputs[i].port, 0);
}

/* Waits for more bytes. Marks first: whoever joins us downstream must know how far we are. */
static void input_fill(struct stage *st, struct input *in)
{
	size_t have = in->view.len - in->pos;
	enum port_state state;

	port_in_consume(in->port, in->pos);
	in->pos = in->done = 0;
	state = port_in_view(in->port, have, 0, &in->view);
	if (state == PORT_EMPTY) {
		stage_mark(st);
		stage_inputs_rest(st);
		if (stage_stopping(st)) {
			in->eof = true;
			return;
		}
		state = port_in_view(in->port, have, st->wait_ms, &in->view);
	}
	if (state == PORT_ERROR && (errno == EPIPE || errno == ECONNABORTED) && !in->hello) {
		/* A producer that ended before its first word has said why itself. */
		in->eof = true;
		st->cause = REC_end_cause_TRUNCATED;
		stage_exit(st, EXIT_TRUNCATED);
	} else if (state == PORT_ERROR) {
		input_cut(st, in, errno == EPIPE ? "the producer died" : strerror(errno));
	} else if (state == PORT_EOF) {
		if (in->view.len > 0 && (in->hello || in->view.len != HELLO_HEAD))
			input_cut(st, in, "the last record is cut");
		else if (!in->hello)
			input_cut(st, in, "no stream");
		else if (!in->ended)
			input_cut(st, in, "the stream ends without its end record");
		in->eof = true;
	}
}

/* A predecessor dealt with the first part of a file: what it declares is taken up again. */
static void input_again(struct stage *st, struct input *in)
{
	struct stage_rec r;

	while (!in->eof && port_in_position(in->port, in->pos) < in->again_to) {
		ssize_t len = input_record(st, in, &r);

		if (len == 0)
			input_fill(st, in);
		if (len <= 0)
			continue;
		input_take(in, len);
		if (r.head.type < REC_FIRST_DATA)
			stage_input_control(st, in, &r.head, r.raw);
		in->done = in->pos;
	}
}

/* A reader that goes on where another one stopped has missed the head of the stream: hello and
 * schemas. A ring keeps them. */
void stage_inputs_begin(struct stage *st)
{
	for (size_t i = 0; i < st->ninputs; i++) {
		struct input *in = &st->inputs[i];
		struct bytes rest = port_in_preamble(in->port);

		while (rest.len && !in->eof) {
			ssize_t len = rec_measure(rest, NULL);
			struct bytes raw = BYTES(rest.ptr, len > 0 ? (size_t)len : 0);
			struct rec_head h;
			uint32_t items;
			size_t body;

			if (len > 0 && rec_head_get(raw, &h, &items, &body) &&
			    h.type < REC_FIRST_DATA)
				stage_input_control(st, in, &h, raw);
			else
				input_cut(st, in, "the head that the ring keeps is damaged");
			rest = BYTES(rest.ptr + raw.len, rest.len - raw.len);
		}
		input_again(st, in);
		in->ended |= in->had_ended;
		stage_poison_book(st, in);
	}
}

/* A record as it goes on: canonical prefix, unified type id. Rewritten ones lie in st->odd, so
 * only one of them can be in a batch. */
static bool is_odd(const struct input *in, const struct stage_rec *r)
{
	const struct in_type *t = in->types[r->head.type];

	return !rec_is_canonical(r->raw) || (t && t->id != r->head.type);
}

static void make_plain(struct stage *st, const struct input *in, struct stage_rec *r)
{
	const struct in_type *t = in->types[r->head.type];

	st->odd.len = 0;
	rec_canonical(r->raw, &st->odd);
	if (t && t->id != r->head.type) {
		r->head.type = t->id;
		be16_put(st->odd.ptr + 4, t->id);
	}
	r->raw = buf_bytes(&st->odd);
}

static void deliver(struct stage *st, struct input *in, const struct stage_rec *recs, size_t n)
{
	if (n == 0)
		return;
	if (st->commit) {
		const uint8_t *start = recs[0].raw.ptr;

		/* A rewritten record is alone, and taken; others lie in the view. */
		in->unit_end = start == st->odd.ptr ? in->pos
						    : (size_t)(recs[n - 1].raw.ptr +
							       recs[n - 1].raw.len - in->view.ptr);
		stage_unit_begin(st, in, &recs[0].head);
	}
	if (!in->in)
		in->in = books_counter(st->page, "in", 0);
	*in->in += n;
	st->unit = n;
	in->data = true;
	stage_input_rise(in, recs[n - 1].head.n, recs[n - 1].head.ts);
	if (recs[n - 1].head.n > st->last_n)
		st->last_n = recs[n - 1].head.n;
	st->current = in;
	st->ops->batch(st, recs, n);
	st->unit = 0;
	if (st->commit) {
		in->done = in->unit_end;
		stage_unit_end(st);
	}
}

/* Delivers a run of records straight from the view, up to frame number `limit`. Returns what the
 * last input_record() said: > 0 where the limit or the batch size ended the run. */
/* Of a run that has no end yet, a stage that holds the records of one n gets those whose n is
 * complete; the rest is given back. */
static size_t whole_numbers(const struct stage *st, struct input *in, const struct stage_rec *recs,
			    size_t n)
{
	size_t whole = n;

	if (!st->commit || !st->ops->complete || n < 2)
		return n;
	while (whole > 1 && recs[whole - 1].head.n == recs[n - 1].head.n)
		whole--;
	if (recs[whole - 1].head.n == recs[n - 1].head.n)
		return n;
	in->pos = (size_t)(recs[whole].raw.ptr - in->view.ptr);
	in->index.next = in->index.count; /* their lengths have been looked up */
	return whole;
}

static ssize_t deliver_run(struct stage *st, struct input *in, uint64_t limit)
{
	struct stage_rec recs[BATCH];
	size_t n = 0, from = in->pos, most = SIZE_MAX;
	ssize_t len = 1;

	if (st->commit)
		most = st->commit->careful || st->noutputs > 1 || st->ops->pauses ? 0 : UNIT_BYTES;
	while (n < BATCH && (n == 0 || in->pos - from <= most)) {
		struct stage_rec *r = &recs[n];
		bool control;

		len = input_record(st, in, r);
		if (len <= 0)
			break;
		control = r->head.type < REC_FIRST_DATA;
		if (!control && r->head.n > limit)
			break;
		input_take(in, len);
		if (!control && !is_odd(in, r)) {
			n++;
			continue;
		}
		deliver(st, in, recs, n);
		recs[0] = *r;
		n = 0;
		if (control) {
			stage_input_control(st, in, &recs[0].head, recs[0].raw);
			in->done = in->pos;
		} else {
			make_plain(st, in, &recs[0]);
			deliver(st, in, recs, 1);
		}
	}
	deliver(st, in, recs, len > 0 ? whole_numbers(st, in, recs, n) : n);
	return len;
}

static void step_one(struct stage *st, struct input *in)
{
	if (!in->eof && deliver_run(st, in, UINT64_MAX) == 0 && !in->eof)
		input_fill(st, in);
	input_release(in);
}

/* Several inputs: gives `in` its next data record, without waiting. */
static void input_advance(struct stage *st, struct input *in)
{
	ssize_t len;

	while (!in->eof && !in->has_head) {
		len = input_record(st, in, &in->head);
		if (len < 0)
			return;
		if (len == 0) {
			if (!port_in_ready(in->port, in->view.len))
				return;
			input_fill(st, in);
			continue;
		}
		if (in->head.head.type < REC_FIRST_DATA) {
			input_take(in, len);
			stage_input_control(st, in, &in->head.head, in->head.raw);
			in->done = in->pos;
			continue;
		}
		in->has_head = true;
		stage_input_rise(in, in->head.head.n, in->head.head.ts);
	}
}

/* Order over several inputs: n within a source; between sources time, then the source. */
static bool before(const struct input *a, const struct input *b)
{
	uint64_t sa = a->head.head.flow >> 48, sb = b->head.head.flow >> 48;

	if (sa == sb)
		return a->head.head.n < b->head.head.n;
	return a->low_ts != b->low_ts ? a->low_ts < b->low_ts : sa < sb;
}

/* How far `first` may run ahead before the others must be looked at again. */
static uint64_t join_limit(const struct stage *st, const struct input *first)
{
	uint64_t limit = UINT64_MAX;

	for (size_t i = 0; i < st->ninputs; i++) {
		const struct input *in = &st->inputs[i];
		uint64_t n = in->has_head ? in->head.head.n : in->low_n;

		if (in == first || (!in->has_head && (in->eof || in->ended)))
			continue;
		if (in->has_head && (in->head.head.flow ^ first->head.head.flow) >> 48)
			n = first->head.head.n; /* another source: one number at a time */
		if (n < limit)
			limit = n;
	}
	return limit;
}

/* Delivers the first record in order, if it is certain that nothing earlier can come; else waits
 * for the input that holds it up. */
static void step_join(struct stage *st)
{
	struct input *first = NULL, *slow = NULL;

	for (size_t i = 0; i < st->ninputs; i++) {
		struct input *in = &st->inputs[i];

		input_advance(st, in);
		if (in->has_head) {
			if (!first || before(in, first))
				first = in;
		} else if (!in->eof && !in->ended && (!slow || in->low_n < slow->low_n)) {
			slow = in;
		} else if (!in->eof && in->ended && !slow) {
			slow = in; /* only its end is awaited */
		}
	}
	if (first && (!slow || slow->ended || first->head.head.n <= slow->low_n)) {
		first->has_head = false; /* it lies at first->pos still */
		deliver_run(st, first, join_limit(st, first));
		input_release(first);
		return;
	}
	if (st->ops->mark && slow) {
		uint64_t n, ts;

		stage_inputs_low(st, &n, &ts);
		if (n != UINT64_MAX)
			st->ops->mark(st, 0, n, ts);
	}
	if (slow)
		input_fill(st, slow);
}

/* Delivers what is there, without waiting. False: nothing was. */
static bool step_ready(struct stage *st, struct input *in)
{
	if (in->eof)
		return false;
	if (deliver_run(st, in, UINT64_MAX) == 0 && !in->eof) {
		if (!port_in_ready(in->port, in->view.len))
			return false;
		input_fill(st, in);
	}
	input_release(in);
	return true;
}

/* No order: whichever has something. They can't be waited for together, so each in turn is for a
 * moment. */
static void step_arrival(struct stage *st)
{
	struct input *idle = NULL;
	bool any = false;

	for (size_t i = 0; i < st->ninputs; i++) {
		struct input *in = &st->inputs[(i + st->turn) % st->ninputs];

		if (step_ready(st, in))
			any = true;
		else if (!in->eof)
			idle = in;
	}
	st->turn++;
	if (any || !idle)
		return;
	stage_mark(st);
	stage_inputs_rest(st);
	if (stage_stopping(st))
		return;
	port_in_consume(idle->port, idle->pos);
	idle->view.ptr += idle->pos;
	idle->view.len -= idle->pos;
	idle->pos = idle->done = 0;
	port_in_view(idle->port, idle->view.len, ARRIVAL_MS, &idle->view);
}

void stage_any_order(struct stage *st)
{
	st->any_order = true;
}

bool stage_inputs_step(struct stage *st)
{
	bool open = false;

	if (st->ninputs == 1)
		step_one(st, &st->inputs[0]);
	else if (st->any_order)
		step_arrival(st);
	else
		step_join(st);
	for (size_t i = 0; i < st->ninputs; i++)
		open |= !st->inputs[i].eof || st->inputs[i].has_head;
	return open;
}

/* ---- for the tool -------------------------------------------------------------------------- */

const struct schema *stage_schema(struct stage *st, uint16_t type)
{
	if (st->current && st->current->known[type])
		return st->current->known[type]->schema;
	for (size_t i = 0; i < st->ninputs; i++)
		if (st->inputs[i].known[type])
			return st->inputs[i].known[type]->schema;
	return NULL;
}

bool stage_decode(struct stage *st, const struct rec_desc *desc, const struct stage_rec *r,
		  struct rec_head *h, void *rec)
{
	const struct in_type *t = st->current->known[r->head.type];
	bool ok = false;

	if (t && t->fast && desc == &rec_packet_desc)
		ok = rec_packet_get(r->raw, h, rec);
	else if (t && t->fast && desc == &rec_stream_desc)
		ok = rec_stream_get(r->raw, h, rec);
	else if (t && t->fast && desc == &rec_frame_desc)
		ok = rec_frame_get(r->raw, h, rec);
	if (ok)
		return true;
	for (size_t i = 0; t && st->ops->reads[i]; i++)
		if (st->ops->reads[i] == desc && t->binds[i])
			ok = rec_decode(t->binds[i], r->raw, h, rec, &st->arena);
	if (!t)
		stage_undeclared(st, r->head.type);
	else if (!ok)
		stage_drop(st, "malformed", 1);
	return ok;
}
