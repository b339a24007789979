/* stage_out_control: what a stage writes beside data: hello, schemas before first use, marks, the
 * end; and how its outputs are closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/stage_private.h"

void stage_hello(struct stage *st, bool continues)
{
	static const uint8_t no_offer[PORT_OFFER];
	struct rec_source *rows;
	struct rec_head h = { REC_hello, 0, 0, st->last_n };
	struct buf raw = { 0 };
	char program[80];

	if (st->ops->kind == STAGE_SINK)
		return;
	snprintf(program, sizeof(program), "weir-%s", st->ops->name);
	rows = xcalloc(st->nnames + 1, sizeof(*rows));
	for (size_t i = 0; i < st->nnames; i++)
		rows[i] = (struct rec_source){ st->names[i].source, bytes_str(st->names[i].name),
					       st->names[i].first_n };
	rec_pack(&raw, &rec_hello_desc, &h,
		 &(struct rec_hello){
			 .offer = BYTES(no_offer, sizeof(no_offer)),
			 .program = bytes_str(program),
			 .version = BYTES_LIT(WEIR_VERSION),
			 .stream = st->stream,
			 .pipeline = st->pipeline,
			 .state = continues || st->resumes || st->resuming
					  ? REC_stream_new_CONTINUES
					  : REC_stream_new_FRESH,
			 .live = st->live,
			 /* a continuing hello names only what is new */
			 .sources = continues && st->nnames ? LIST_OF(rows + st->nnames - 1, 1)
							    : LIST_OF(rows, st->nnames),
			 .command = bytes_str(st->command),
			 .sorted = { .set = st->sorts || st->in_sorted, .v = 1 },
		 });
	for (size_t i = 0; i < st->noutputs; i++) {
		size_t told = st->outputs[i].told;

		st->outputs[i].told = 0;
		stage_write_control(st, &st->outputs[i], BYTES(raw.ptr + told, raw.len - told));
	}
	if (!st->hello_sent && !st->resumes) /* its predecessor's is there */
		for (size_t i = 0; i < st->noutputs; i++)
			port_out_preamble(st->outputs[i].port, buf_bytes(&raw));
	st->hello_sent = true;
	buf_release(&raw);
	free(rows);
	if (st->ops->announces)
		stage_declare_own(st, st->ops->announces);
}

void stage_declare_anew(struct stage *st)
{
	while (st->ndeclared)
		st->declared_hash[st->declared[--st->ndeclared]] = 0;
}

void stage_declare(struct stage *st, uint16_t id, uint64_t hash, struct bytes schema_raw)
{
	if (st->declared_hash[id] == hash)
		return;
	if (!st->declared_hash[id])
		st->declared[st->ndeclared++] = id;
	st->declared_hash[id] = hash;
	stage_write_control_all(st, schema_raw);
	if (st->kept_hash[id] == hash)
		return;
	st->kept_hash[id] = hash;
	for (size_t i = 0; i < st->noutputs; i++)
		if (!st->outputs[i].broken)
			port_out_preamble(st->outputs[i].port, schema_raw);
}

uint64_t stage_schema_hash(struct bytes schema_raw)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (size_t i = REC_PREFIX; i < schema_raw.len; i++)
		hash = (hash ^ schema_raw.ptr[i]) * 0x100000001b3ull;
	return hash | 1;
}

void stage_declare_own(struct stage *st, const struct rec_desc *desc)
{
	struct buf raw = { 0 };

	if (!st->hello_sent)
		stage_hello(st, false);
	rec_pack_schema(&raw, desc, desc->id, 0);
	st->own_hash[desc->id] = stage_schema_hash(buf_bytes(&raw));
	stage_declare(st, desc->id, st->own_hash[desc->id], buf_bytes(&raw));
	buf_release(&raw);
}

void stage_mark(struct stage *st)
{
	uint64_t n, ts;

	if (st->ops->kind == STAGE_SINK) {
		stage_text_flush(st);
		if (st->commit)
			stage_commit_now(st);
		return;
	}
	if (st->ops->kind == STAGE_SOURCE) {
		n = st->at_n + 1; /* a source makes one record a frame: this frame is complete */
		ts = st->at_ts;
	} else {
		stage_inputs_low(st, &n, &ts);
		if (st->held_n < n) {
			n = st->held_n;
			ts = st->held_ts < ts ? st->held_ts : ts;
		}
	}
	if (stage_mark_is_new(st, n) && (!st->ops->decouples || stage_outputs_room(st, MARK_BYTES)))
		stage_write_mark(st, n, ts);
	if (st->ops->decouples)
		stage_push_others(st, NULL);
	else
		stage_flush_all(st);
	if (st->commit)
		stage_commit_now(st);
}

void stage_write_end(struct stage *st)
{
	struct rec_ledger *rows;
	struct rec_head h = { REC_end, stage_last_ts(st), 0, st->last_n };
	struct books all = { 0 };
	struct buf raw = { 0 };

	for (size_t i = 0; i < st->upstream.n; i++)
		books_add(&all, &st->upstream.rows[i]);
	books_add_page(&all, st->page);
	rows = xcalloc(all.n + 1, sizeof(*rows));
	for (size_t i = 0; i < all.n; i++)
		rows[i] = (struct rec_ledger){ bytes_str(all.rows[i].stage), all.rows[i].instance,
					       bytes_str(all.rows[i].counter), all.rows[i].peer,
					       all.rows[i].value };
	if (!st->hello_sent)
		stage_hello(st, false);
	rec_pack(&raw, &rec_end_desc, &h,
		 &(struct rec_end){
			 .cause = st->cause, .records = *st->out, .ledger = LIST_OF(rows, all.n) });
	stage_write_totals(st);
	stage_write_control_all(st, buf_bytes(&raw));
	buf_release(&raw);
	books_release(&all);
	free(rows);
}

/* Closes an output; for a link, what has not arrived at the other side is lost. */
static bool output_close(struct stage *st, struct output *o)
{
	uint64_t confirmed;
	char *name = strdup(port_out_name(o->port));
	int err;
	bool whole = port_out_close_confirmed(o->port, &confirmed, &err);

	if (err && !o->broken)
		stage_output_broke(st, o, err);
	if (confirmed < *o->out_to) {
		o->lost = books_counter(st->page, "lost", (uint64_t)(o - st->outputs));
		*o->lost = *o->out_to - confirmed;
		whole = false;
		if (st->broken_errno != EPIPE) {
			warn("'%s': %llu of %llu records have not arrived", name ? name : "?",
			     (unsigned long long)*o->lost, (unsigned long long)*o->out_to);
			stage_exit(st, EXIT_LOST);
		}
	}
	free(name);
	o->port = NULL;
	return whole && !o->broken;
}

bool stage_outputs_close(struct stage *st)
{
	bool whole = true;
	size_t broken = 0;

	stage_push_all(st);
	for (size_t i = 0; i < st->noutputs; i++) {
		struct output *o = &st->outputs[i];

		if (!o->broken && !port_out_flush(o->port))
			stage_output_break(st, o);
	}
	/* Rings last: one with a name waits until all has been read, and its reader may be waiting
	 * for the end of another output. */
	for (size_t k = 0; k < 2 * st->noutputs; k++) {
		struct output *o = &st->outputs[k % st->noutputs];

		if (!o->port || (k < st->noutputs && port_out_longest(o->port)))
			continue;
		whole &= output_close(st, o);
		broken += o->broken;
	}
	st->all_broken = broken == st->noutputs;
	st->noutputs = 0;
	free(st->declared_hash);
	free(st->declared);
	free(st->own_hash);
	free(st->kept_hash);
	st->declared_hash = st->own_hash = st->kept_hash = NULL;
	st->declared = NULL;
	st->ndeclared = 0;
	stage_types_free(st);
	return whole;
}
