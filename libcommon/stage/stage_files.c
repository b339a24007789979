/* stage_files: no file is both read and written, and those that are written begin empty, once
 * there is something to write. */
#include <stdlib.h>

#include "libcommon/stage/stage_private.h"

static void add(struct stage *st, struct file_id id, const char *name, bool written)
{
	if (!id.regular)
		return;
	st->files = realloc(st->files, (st->nfiles + 1) * sizeof(*st->files));
	if (!st->files)
		die("out of memory");
	st->files[st->nfiles++] = (struct stage_file){ id, name, written };
}

void stage_reads(struct stage *st, struct file_id id, const char *name)
{
	add(st, id, name, false);
}

void stage_writes(struct stage *st, struct file_id id, const char *name)
{
	add(st, id, name, true);
}

/* The output would have emptied the input, or the input never end. */
static void check_apart(const struct stage *st)
{
	const struct stage_file *f = st->files;

	for (size_t i = 0; i < st->nfiles; i++)
		for (size_t k = 0; k < st->nfiles; k++)
			if (!f[i].written && f[k].written && file_id_same(f[i].id, f[k].id))
				die_usage("'%s': input file is output file", f[i].name);
}

void stage_files_check(struct stage *st)
{
	for (size_t i = 0; i < st->ninputs; i++)
		stage_reads(st, port_in_file(st->inputs[i].port), st->inputs[i].name);
	for (size_t i = 0; i < st->noutputs; i++)
		stage_writes(st, port_out_file(st->outputs[i].port), st->outputs[i].name);
	if (st->ops->kind == STAGE_SINK)
		stage_writes(st, file_id_open(st->text_fd), "-o");
	check_apart(st);
	free(st->files);
	st->files = NULL;
	st->nfiles = 0;
}

void stage_files_keep(struct stage *st)
{
	for (size_t i = 0; i < st->noutputs && !st->files_begun; i++)
		st->outputs[i].broken |= port_out_holds(st->outputs[i].port);
}

/* Nothing of our start can fail any more, nor of those in front of us: only now do files lose what
 * they held, so that a wrong word on the command line costs nobody a file. */
void stage_files_begin(struct stage *st)
{
	if (st->files_begun)
		return;
	st->files_begun = true;
	if (st->ops->kind == STAGE_SINK)
		stage_text_begin(st);
	for (size_t i = 0; i < st->noutputs; i++)
		if (!port_out_begin(st->outputs[i].port))
			die_errno("'%s'", st->outputs[i].name);
}
