/* l7_main: a whole parser tool: a stage round the engine of l7.c. */
#include <stdio.h>

#include "libcommon/stage/l7_part.h"

static const struct opt own_options[] = {
	OPT_ROW(0, "only", OPT_FLAG, struct l7_part_config, only, NULL,
		"write only what this stage makes; pass nothing on"),
	OPT_ROW(0, "payload", OPT_FLAG, struct l7_part_config, payload, NULL,
		"pass on frame, packet and stream records, too (on; --no-payload)"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct l7_part_config, max_flows, "N",
		"flows known at a time; the least recently used goes first"),
	OPT_ROW(0, "memory", OPT_SIZE, struct l7_part_config, max_memory, "BYTES",
		"unparsed bytes kept over all flows"),
	{ 0 },
};

static const struct opt several_options[] = {
	OPT_ROW(0, "protocols", OPT_STRING, struct l7_part_config, protocols, "LIST",
		"look for these alone [all]"),
	OPT_ROW(0, "only", OPT_FLAG, struct l7_part_config, only, NULL,
		"write only what this stage makes; pass nothing on"),
	OPT_ROW(0, "payload", OPT_FLAG, struct l7_part_config, payload, NULL,
		"pass on frame, packet and stream records, too (on; --no-payload)"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct l7_part_config, max_flows, "N",
		"flows known at a time, to each parser; the least recently used goes first"),
	OPT_ROW(0, "memory", OPT_SIZE, struct l7_part_config, max_memory, "BYTES",
		"unparsed bytes kept over all flows, by each parser"),
	{ 0 },
};

static const struct l7_parser *const *tool_parsers;

static void tool_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	l7_part_open(st, tool_parsers);
}

static void tool_finish(struct stage *st)
{
	l7_part_finish(stage_last_n(st));
	l7_part_check_before(st);
}

static struct stage_ops ops_of(const struct l7_parser *parser)
{
	static const struct rec_desc *const reads[] = { &rec_stream_desc,     &rec_packet_desc,
							&rec_stream_end_desc, &l7_part_flow,
							&l7_part_guess,       NULL };
	return (struct stage_ops){
		.name = parser->name,
		.summary = parser->summary,
		.epilog = parser->epilog,
		.kind = STAGE_FILTER,
		.options = parser->options,
		.config = parser->config,
		.more_options = own_options,
		.more_config = &l7_part_config,
		.reads = reads,
		.skims = true,
		.open = tool_open,
		.batch = l7_part_batch,
		.finish = tool_finish,
		.census = l7_part_census,
		.leave = l7_part_leave,
	};
}

int l7_operand(const struct l7_parser *parser, int argc, char **argv)
{
	struct stage_ops ops = ops_of(parser);

	return stage_operand(&ops, argc, argv);
}

int l7_main(const struct l7_parser *parser, int argc, char **argv)
{
	struct stage_ops ops = ops_of(parser);
	const struct l7_parser *const parsers[] = { parser, NULL };
	int code;

	tool_parsers = parsers;
	code = stage_main(&ops, argc, argv);
	l7_part_free();
	return code;
}

int l7_several_main(const char *name, const char *summary, const struct l7_parser *const *parsers,
		    int argc, char **argv)
{
	struct stage_ops ops = ops_of(parsers[0]);
	struct opt_group groups[L7_SET_MOST];
	char protocols[1024] = "";
	size_t n = l7_part_options(parsers, groups), used = 0;
	int code;

	for (size_t i = 0; i < n && used < sizeof(protocols); i++)
		used += (size_t)snprintf(protocols + used, sizeof(protocols) - used, "%s%s",
					 i ? "," : "protocols: ", parsers[i]->name);
	ops.name = name;
	ops.summary = summary;
	ops.epilog = protocols;
	ops.options = several_options;
	ops.config = &l7_part_config;
	ops.more_options = NULL;
	ops.parts = groups;
	ops.nparts = n;
	tool_parsers = parsers;
	code = stage_main(&ops, argc, argv);
	l7_part_free();
	l7_part_options_free(groups, n);
	return code;
}
