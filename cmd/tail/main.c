/* weir-tail: the last records of a stream, or all of its last flows. */
#include <stdlib.h>

#include "libcommon/base/queue.h"
#include "libcommon/stage/flow_ids.h"
#include "libcommon/stage/stage.h"

struct config {
	uint64_t count, memory;
	bool flows;
};

static struct config config = { .count = 10, .memory = 64 << 20 };
static struct flow_ids ids;
static struct queue queue;
static uint64_t *held;

static const struct opt options[] = {
	OPT_ROW('n', "count", OPT_UINT, struct config, count, "N",
		"so many records; with --flows so many flows"),
	OPT_ROW(0, "flows", OPT_FLAG, struct config, flows, NULL,
		"all records of the flows that began last; those of no flow are left out"),
	OPT_ROW(0, "memory", OPT_SIZE, struct config, memory, "BYTES",
		"hold no more; what has to go then is counted"),
	{ 0 },
};

static void tail_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (config.memory < 1 << 20)
		die_usage("--memory: at least 1 MiB");
	if (config.flows && !flow_ids_init(&ids, config.count))
		die_usage("--count: at most %d flows", FLOW_IDS_MAX);
	queue_init(&queue, xcalloc(1, config.memory), config.memory);
	held = stage_counter(st, "held");
}

static bool wanted(uint64_t flow)
{
	return !config.flows || (ids.n && flow >= flow_ids_smallest(&ids));
}

/* The first record held goes: pushed out by later ones, or for want of memory. */
static void give_up(struct stage *st, bool full)
{
	struct bytes raw;
	uint64_t tag;

	if (!queue_first(&queue, &tag, &raw))
		return;
	if (full && wanted(rec_head_fast(raw.ptr).flow))
		stage_drop(st, "memory", 1);
	else
		stage_filter(st, 1);
	queue_drop(&queue);
}

static void take(struct stage *st, const struct stage_rec *r)
{
	uint64_t flow = r->head.flow, tag = (uintptr_t)stage_schema(st, r->head.type);

	if (config.flows && flow_ids_is_flow(flow) && !flow_ids_has(&ids, flow))
		flow_ids_add(&ids, flow);
	if (!config.count || (config.flows && !flow_ids_is_flow(flow)) || !wanted(flow)) {
		stage_filter(st, 1);
		return;
	}
	while (!queue_push(&queue, tag, r->raw))
		give_up(st, true);
	if (!config.flows && queue.count > config.count)
		give_up(st, false);
}

static void tail_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		take(st, &recs[i]);
	*held = queue.count;
	stage_hold(st, 0, 0);
}

static void tail_finish(struct stage *st)
{
	struct bytes raw;
	uint64_t tag;

	while (queue_first(&queue, &tag, &raw)) {
		if (wanted(rec_head_fast(raw.ptr).flow))
			stage_pass_held(st, (const struct schema *)(uintptr_t)tag, raw);
		else
			stage_filter(st, 1);
		queue_drop(&queue);
	}
	*held = 0;
	ids.n = ids.first = 0;
	stage_hold(st, UINT64_MAX, UINT64_MAX);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "tail",
		.summary = "pass the last records of a stream, or its last flows",
		.epilog = "    weir read trace.pcap | weir flow | weir tail -n 3 --flows | weir "
			  "json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = tail_open,
		.batch = tail_batch,
		.finish = tail_finish,
		.skims = true,
	};
	int code = stage_main(&ops, argc, argv);

	flow_ids_release(&ids);
	free(queue.mem);
	return code;
}
