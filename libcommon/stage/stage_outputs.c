/* stage_outputs: which outputs a stage has: as given, more of a tool's own, shards. */
#include <stdlib.h>

#include "libcommon/stage/stage_private.h"

static size_t output_add(struct stage *st, const char *endpoint, unsigned shard)
{
	size_t i = st->noutputs;
	struct output *o = &st->outputs[i];

	if (i == MAX_ENDPOINTS)
		die_usage("at most %d outputs", MAX_ENDPOINTS);
	o->name = endpoint;
	o->port = port_out_open_shard(endpoint, shard);
	o->out_to = books_counter(st->page, "out_to", i);
	o->null = port_out_is_null(o->port);
	st->resumes |= port_out_published(o->port) > 0;
	st->discards &= o->null;
	return st->noutputs++;
}

size_t stage_output_add(struct stage *st, const char *endpoint)
{
	if (st->shards || port_out_shards(endpoint) > 1)
		die_usage("'%s': beside shards, this tool has no place for another output",
			  endpoint);
	return output_add(st, endpoint, 0);
}

void stage_outputs_open(struct stage *st)
{
	static const char *const standard[] = { "-" };
	size_t n = st->common.out.n ? st->common.out.n : 1;
	const char *const *names = st->common.out.n ? st->common.out.v : standard;

	if (n > MAX_ENDPOINTS)
		die_usage("-o: at most %d outputs", MAX_ENDPOINTS);
	st->discards = true;
	for (size_t i = 0; i < n; i++) {
		unsigned shards = port_out_shards(names[i]);

		if (shards > 1 && n > 1)
			die_usage("-o %s: shards can't stand beside another output; put weir-tee "
				  "in front",
				  names[i]);
		for (unsigned k = 0; k < shards; k++)
			output_add(st, names[i], k);
		st->shards = shards > 1 ? shards : 0;
	}
	st->held_n = st->held_ts = UINT64_MAX;
	/* So that a test can see what happens where nobody marks. */
	st->marked_n = getenv("WEIR_TEST_NO_MARKS") ? UINT64_MAX : 0;
	st->declared_hash = xcalloc(65536, sizeof(uint64_t));
	st->declared = xcalloc(65536, sizeof(uint16_t));
	st->own_hash = xcalloc(65536, sizeof(uint64_t));
	st->kept_hash = xcalloc(65536, sizeof(uint64_t));
}

bool stage_outputs_broken(const struct stage *st)
{
	for (size_t i = 0; i < st->noutputs; i++)
		if (!st->outputs[i].broken)
			return false;
	return st->noutputs > 0;
}

size_t stage_outputs(const struct stage *st)
{
	return st->noutputs;
}

bool stage_discards(const struct stage *st)
{
	return st->discards;
}
