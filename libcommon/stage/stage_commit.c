/* stage_commit: a stage's work is committed unit by unit, and taken up again by its successor. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/stage/commit.h"
#include "libcommon/stage/stage_private.h"

_Static_assert((int)STAGE_NOTE == (int)COMMIT_NOTE, "note");
_Static_assert((int)STAGE_KEPT == (int)COMMIT_KEPT, "kept");

enum { SHOW_BYTES = 32 * 1024, UNIT_RELEASE = 64 * 1024 };

void stage_commit_open(struct stage *st)
{
	if (!books_can_commit() || commit_of(st->page)->magic != COMMIT_MAGIC)
		return;
	st->commit = commit_of(st->page);
	st->commit->starts++;
	st->resuming = commit_resumes(st->page);
	st->stream = st->page->instance;
	port_gated = true;
	port_resuming = st->resuming;
}

/* A sink's text goes on where the committed part of it ends. */
static bool text_settle(struct stage *st, uint64_t text)
{
	struct stat sb;

	if (fstat(st->text_fd, &sb) < 0 || !S_ISREG(sb.st_mode))
		return true;
	st->text_written = text;
	if (!text && st->text_named)
		return true; /* stage_text_begin() is still to come */
	return ftruncate(st->text_fd, (off_t)text) == 0 &&
	       lseek(st->text_fd, (off_t)text, SEEK_SET) >= 0;
}

void stage_keep(struct stage *st, void *memory, size_t n)
{
	if (n > STAGE_KEPT)
		die("a stage may keep %d bytes", STAGE_KEPT);
	st->kept = memory;
	st->nkept = n;
}

static void kept_settle(struct stage *st, const struct commit_slot *slot)
{
	if (st->kept && slot->nkept == st->nkept &&
	    strncmp(slot->kept_by, st->ops->name, sizeof(slot->kept_by)) == 0)
		memcpy(st->kept, slot->kept, st->nkept);
}

/* The record that killed two predecessors is left out. */
static void poison_find(struct stage *st)
{
	const struct commit *c = st->commit;

	if (c->poison_len && c->poison_number == c->number && c->poison_input < st->ninputs)
		st->inputs[c->poison_input].poison = c->poison_len;
}

/* Behind the ports are open, before anything is read or written. */
void stage_commit_resume(struct stage *st)
{
	const struct commit_slot *slot;

	if (!st->resuming)
		return;
	slot = commit_valid(st->page);
	if (!commit_restore(st->page) || slot->nin != st->ninputs || slot->nout != st->noutputs)
		die("cannot go on: the page is not that of a predecessor");
	poison_find(st);
	kept_settle(st, slot);
	for (size_t i = 0; i < st->ninputs; i++)
		if (port_in_settle(st->inputs[i].port, slot->in[i] + st->inputs[i].poison)) {
			st->inputs[i].again_to = slot->in[i];
			st->inputs[i].had_ended = slot->ended_in >> i & 1;
		} else {
			die("cannot go on: input '%s' is elsewhere", st->inputs[i].name);
		}
	for (size_t i = 0; i < st->noutputs; i++)
		if (!port_out_settle(st->outputs[i].port, slot->out[i]))
			die("cannot go on: output %zu is elsewhere", i);
	if (st->ops->kind == STAGE_SINK && !text_settle(st, slot->text))
		die_errno("cannot go on with the text");
	st->at_source = slot->source;
	st->at_n = slot->n;
	st->at_ts = slot->ts;
	st->last_n = slot->last_n;
	st->finished = slot->ended;
	if (slot->code <= EXIT_BOOKS)
		stage_exit(st, slot->code);
	st->cause = slot->cause;
	*stage_counter(st, "restarts") = st->commit->starts - 1; /* some committed nothing */
	if (st->ops->kind == STAGE_SOURCE && !st->finished) {
		if (!st->ops->resume)
			die("this source cannot go on where another one stopped");
		st->ops->resume(st, slot->n);
	} else if (st->ops->resume && !st->finished) {
		st->ops->resume(st, slot->last_n);
	}
}

/* How the counters and positions stand goes into the slot that is free. Only between units, or cut:
 * then what the unit has done so far is taken for all of it. */
static void prepare(struct stage *st, bool cut)
{
	struct commit_slot *slot;

	if (st->ops->settle)
		st->ops->settle(st);
	slot = commit_prepare(st->page);
	slot->cut = cut;
	slot->ended = st->finished;
	slot->code = (uint8_t)st->code;
	slot->cause = (uint8_t)st->cause;
	slot->ended_in = 0;
	slot->source = st->at_source;
	slot->n = st->at_n;
	slot->ts = st->at_ts;
	slot->last_n = st->last_n;
	slot->nin = (uint32_t)st->ninputs;
	slot->nout = (uint32_t)st->noutputs;
	for (size_t i = 0; i < st->ninputs; i++) {
		const struct input *in = &st->inputs[i];
		bool at_hand = cut && in == st->current && st->unit;

		slot->in[i] = port_in_position(in->port, at_hand ? in->unit_end : in->done);
		slot->ended_in |= (uint64_t)in->ended << i;
	}
	for (size_t i = 0; i < st->noutputs; i++) {
		slot->out[i] = port_out_position(st->outputs[i].port);
		/* No index may speak of what a successor would write otherwise. */
		st->outputs[i].slot = st->outputs[i].slots_end;
	}
	slot->text = st->text_written + st->text.len;
	slot->nkept = (uint32_t)st->nkept;
	if (st->kept) {
		books_name(slot->kept_by, st->ops->name, sizeof(slot->kept_by));
		memcpy(slot->kept, st->kept, st->nkept);
	}
	st->prepared = true;
}

/* What was prepared is stored and shown. */
static void commit(struct stage *st, bool now)
{
	const struct commit_slot *slot;

	if (!st->prepared)
		return;
	st->prepared = false;
	for (size_t i = 0; i < st->noutputs; i++)
		if (!st->outputs[i].broken && !port_out_longest(st->outputs[i].port))
			port_out_flush(st->outputs[i].port);
	if (st->ops->kind == STAGE_SINK)
		stage_text_flush(st);
	commit_store(st->page);
	slot = commit_valid(st->page);
	for (size_t i = 0; i < st->noutputs; i++)
		if (!st->outputs[i].broken)
			port_out_show(st->outputs[i].port, slot->out[i], now);
	for (size_t i = 0; i < st->ninputs; i++) {
		struct input *in = &st->inputs[i];

		port_in_show(in->port, slot->in[i]);
		in->committed = slot->in[i];
	}
}

void *stage_note(struct stage *st)
{
	return st->commit ? st->commit->note : NULL;
}

uint64_t stage_committed(struct stage *st, const uint64_t *counter)
{
	const struct commit_slot *slot;
	size_t i;

	if (!st->commit)
		return *counter;
	slot = commit_valid(st->page);
	i = (size_t)((const uint8_t *)counter - (const uint8_t *)&st->page->slots[0].value) /
	    sizeof(st->page->slots[0]);
	return slot && i < slot->nvalues ? slot->values[i] : 0;
}

void stage_flush(struct stage *st)
{
	stage_mark(st);
}

static bool is_due(const struct stage *st)
{
	for (size_t i = 0; i < st->noutputs; i++)
		if (port_out_pending(st->outputs[i].port) >= SHOW_BYTES)
			return true;
	for (size_t i = 0; i < st->ninputs; i++)
		if (port_in_position(st->inputs[i].port, st->inputs[i].done) >=
		    st->inputs[i].committed + UNIT_RELEASE)
			return true;
	return st->commit->careful;
}

void stage_unit_begin(struct stage *st, const struct input *in, const struct rec_head *first)
{
	if (st->ops->complete && st->ops->complete(st, first)) {
		prepare(st, false);
		if (is_due(st))
			commit(st, false);
	}
	st->commit->at_input = (uint32_t)(in - st->inputs);
	st->commit->at_position = port_in_position(in->port, in->done);
}

void stage_unit_end(struct stage *st)
{
	if (st->ops->complete)
		return; /* it holds what came last */
	prepare(st, false);
	if (is_due(st))
		commit(st, false);
}

void stage_frame_end(struct stage *st)
{
	if (!is_due(st))
		return;
	prepare(st, false);
	commit(st, false);
}

void stage_commit_now(struct stage *st)
{
	if (!st->ops->complete || st->finished || st->ops->complete(st, NULL))
		prepare(st, false);
	commit(st, true);
}

void stage_poison_book(struct stage *st, struct input *in)
{
	if (!in->poison)
		return;
	in->poison = 0;
	if (!in->in)
		in->in = books_counter(st->page, "in", 0);
	++*in->in;
	stage_drop(st, "poison", 1);
	stage_commit_now(st);
}

void stage_commit_midway(struct stage *st)
{
	uint64_t *in = st->current->in;

	*in -= st->unit;
	prepare(st, false);
	commit(st, true);
	*in += st->unit;
}

/* An output has no room for n bytes more in the midst of a unit. */
void stage_commit_for_space(struct stage *st, const struct output *o, size_t n)
{
	if (st->ops->kind == STAGE_SOURCE)
		prepare(st, false); /* the frame at hand is not made yet */
	commit(st, true);
	if (port_out_longest(o->port) &&
	    port_out_pending(o->port) + n > port_out_longest(o->port)) {
		prepare(st, true);
		commit(st, true);
	}
}
