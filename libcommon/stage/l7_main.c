/* l7_main: a whole parser tool: a stage round the engine of l7.c. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/stage/brief.h"
#include "libcommon/stage/census.h"
#include "libcommon/stage/l7_set.h"
#include "libcommon/stage/stage.h"

enum { AHEAD = 4 /* records */, LOOKS = 64 };

struct l7_tool {
	bool only, payload, follows;
	bool tcp; /* among the first packets that came was one of TCP: nobody has put it in order */
	unsigned looked;
	uint64_t max_flows, max_memory;
	const struct l7_parser *const *parsers; /* NULL-ended */
	const char *protocols;                  /* of several, those that are wanted */
	struct l7_set *set;
	uint64_t *known, *claimed, *evicted, *poisoned, *swapped, *suppressed, *firsts;
	uint64_t *seen_frames, *seen_packets, *seen_streams; /* that end here */
	struct l7_stats told;                                /* what they hold of this process */
};

static struct l7_tool tool = { .payload = true, .max_flows = 262144, .max_memory = 256ull << 20 };

static const struct opt own_options[] = {
	OPT_ROW(0, "only", OPT_FLAG, struct l7_tool, only, NULL,
		"write only what this stage makes; pass nothing on"),
	OPT_ROW(0, "payload", OPT_FLAG, struct l7_tool, payload, NULL,
		"pass on frame, packet and stream records, too (on; --no-payload)"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct l7_tool, max_flows, "N",
		"flows known at a time; the least recently used goes first"),
	OPT_ROW(0, "memory", OPT_SIZE, struct l7_tool, max_memory, "BYTES",
		"unparsed bytes kept over all flows"),
	{ 0 },
};

static const struct opt several_options[] = {
	OPT_ROW(0, "protocols", OPT_STRING, struct l7_tool, protocols, "LIST",
		"look for these alone [all]"),
	OPT_ROW(0, "only", OPT_FLAG, struct l7_tool, only, NULL,
		"write only what this stage makes; pass nothing on"),
	OPT_ROW(0, "payload", OPT_FLAG, struct l7_tool, payload, NULL,
		"pass on frame, packet and stream records, too (on; --no-payload)"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct l7_tool, max_flows, "N",
		"flows known at a time, to each parser; the least recently used goes first"),
	OPT_ROW(0, "memory", OPT_SIZE, struct l7_tool, max_memory, "BYTES",
		"unparsed bytes kept over all flows, by each parser"),
	{ 0 },
};

static void host_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	stage_emit(ctx, desc, h, rec);
}

/* Those of the list, or all. */
static void set_make(const struct l7_host *host, const struct l7_limits *limits)
{
	const struct l7_parser *wanted[L7_SET_MOST];
	const char *names[L7_SET_MOST + 1] = { NULL };
	size_t n = 0, all = 0;
	bool want[L7_SET_MOST] = { false };

	for (; tool.parsers[all]; all++)
		names[all] = tool.parsers[all]->name;
	if (tool.protocols)
		opt_pick("protocols", "parser of", tool.protocols, names, want);
	for (size_t i = 0; i < all; i++)
		if (!tool.protocols || want[i])
			wanted[n++] = tool.parsers[i];
	tool.set = l7_set_new(wanted, n, host, limits);
}

static void tool_open(struct stage *st, int argc, char **argv)
{
	struct l7_host host = { st, host_emit };
	struct l7_limits limits = { tool.max_flows, tool.max_memory };

	(void)argc;
	(void)argv;
	set_make(&host, &limits);
	tool.known = stage_counter(st, "flows_known");
	tool.claimed = stage_counter(st, "flows_claimed");
	tool.evicted = stage_counter(st, "flows_evicted");
	tool.poisoned = stage_counter(st, "flows_poisoned");
	tool.swapped = stage_counter(st, "flows_swapped");
	tool.suppressed = stage_counter(st, "anomalies_suppressed");
	tool.firsts = stage_counter(st, "first_bytes_evicted");
	if (tool.payload)
		return;
	tool.seen_frames = stage_counter(st, "seen.frame");
	tool.seen_packets = stage_counter(st, "seen.packet");
	tool.seen_streams = stage_counter(st, "seen.stream");
}

/* Where records with payload end here: the count of those of the type; NULL: it is another. */
static uint64_t *payload_count(uint16_t type)
{
	return type == REC_packet   ? tool.seen_packets
	       : type == REC_stream ? tool.seen_streams
	       : type == REC_frame  ? tool.seen_frames
				    : NULL;
}

static void tool_fate(struct stage *st, const struct stage_rec *r, bool ours)
{
	uint64_t *ends_here = payload_count(r->head.type);

	if (ends_here)
		++*ends_here;
	if (ours)
		stage_consume(st, 1);
	else if (ends_here || tool.only)
		stage_filter(st, 1);
	else
		stage_pass(st, r->raw);
}

/* Of the records that end things the engine needs two fields: decoding the rest would be work for
 * nothing. */
static struct brief flow_fields = { .names = { "event", "reason" } };
static struct brief stream_end_fields = { .names = { "dir", "reason" } };

static const struct rec_field brief_fields[] = {
	{ "event", REC_ENUM, REC_ONE, offsetof(struct rec_flow, event), &rec_enum_flow_event, NULL,
	  "" },
	{ "reason", REC_ENUM, REC_ONE, offsetof(struct rec_flow, reason), &rec_enum_flow_reason,
	  NULL, "" },
};
static const struct rec_desc flow_brief = {
	.name = "flow",
	.id = REC_flow,
	.major = 1,
	.size = sizeof(struct rec_flow),
	.fields = brief_fields,
	.nfields = sizeof(brief_fields) / sizeof(brief_fields[0]),
};

/* Of a guess the engine needs these. */
static const struct rec_field guess_fields[] = {
	{ "proto", REC_U8, REC_ONE, offsetof(struct rec_guess, key.proto), NULL, NULL, "" },
	{ "orig_h", REC_IP, REC_ONE, offsetof(struct rec_guess, key.orig_h), NULL, NULL, "" },
	{ "orig_p", REC_U16, REC_ONE, offsetof(struct rec_guess, key.orig_p), NULL, NULL, "" },
	{ "resp_h", REC_IP, REC_ONE, offsetof(struct rec_guess, key.resp_h), NULL, NULL, "" },
	{ "resp_p", REC_U16, REC_ONE, offsetof(struct rec_guess, key.resp_p), NULL, NULL, "" },
	{ "protocol", REC_STR, REC_ONE, offsetof(struct rec_guess, protocol), NULL, NULL, "" },
	{ "state", REC_ENUM, REC_ONE, offsetof(struct rec_guess, state), &rec_enum_guess_state,
	  NULL, "" },
	{ "client", REC_ENUM, REC_ONE, offsetof(struct rec_guess, client), &rec_enum_dir, NULL,
	  "" },
	{ "expected_by", REC_U64, REC_OPT, offsetof(struct rec_guess, expected_by), NULL, NULL,
	  "" },
	{ "orig_offset", REC_U64, REC_ONE, offsetof(struct rec_guess, orig_offset), NULL, NULL,
	  "" },
	{ "resp_offset", REC_U64, REC_ONE, offsetof(struct rec_guess, resp_offset), NULL, NULL,
	  "" },
};
static const struct rec_desc guess_brief = {
	.name = "guess",
	.id = REC_guess,
	.major = 1,
	.size = sizeof(struct rec_guess),
	.fields = guess_fields,
	.nfields = sizeof(guess_fields) / sizeof(guess_fields[0]),
};

static bool flow_decode(struct stage *st, const struct stage_rec *r, struct rec_head *h,
			struct rec_flow *fl)
{
	uint8_t v[BRIEF_MAX];

	if (!brief_read(st, &flow_fields, r, v))
		return stage_decode(st, &flow_brief, r, h, fl);
	*h = r->head;
	fl->event = v[0];
	fl->reason = v[1];
	return true;
}

static bool stream_end_decode(struct stage *st, const struct stage_rec *r, struct rec_head *h,
			      struct rec_stream_end *e)
{
	uint8_t v[BRIEF_MAX];

	if (!brief_read(st, &stream_end_fields, r, v))
		return stage_decode(st, &rec_stream_end_desc, r, h, e);
	*h = r->head;
	e->dir = v[0];
	e->reason = v[1];
	return true;
}

static void packet_look(const struct stage_rec *r)
{
	struct rec_packet p;
	struct rec_head h;

	tool.looked++;
	tool.tcp = rec_packet_get(r->raw, &h, &p) && p.proto == IPPROTO_TCP;
}

static void tool_record(struct stage *st, const struct stage_rec *r)
{
	union {
		struct rec_packet packet;
		struct rec_stream stream;
		struct rec_stream_end stream_end;
		struct rec_flow flow;
		struct rec_guess guess;
	} u;
	struct rec_head h;
	bool ours = false;

	switch (r->head.type) {
	case REC_stream:
		if (l7_set_is_other(tool.set, r->head.flow))
			break;
		if (!stage_decode(st, &rec_stream_desc, r, &h, &u.stream))
			return;
		ours = l7_set_stream(tool.set, &h, &u.stream);
		break;
	case REC_packet:
		if (tool.looked < LOOKS && !tool.tcp)
			packet_look(r);
		if (!l7_set_takes_datagrams(tool.set) || l7_set_is_other(tool.set, r->head.flow))
			break;
		if (!stage_decode(st, &rec_packet_desc, r, &h, &u.packet))
			return;
		ours = u.packet.proto == IPPROTO_UDP && l7_set_packet(tool.set, &h, &u.packet);
		break;
	case REC_stream_end:
		if (l7_set_is_other(tool.set, r->head.flow))
			break;
		if (!stream_end_decode(st, r, &h, &u.stream_end))
			return;
		l7_set_stream_end(tool.set, &h, &u.stream_end);
		break;
	case REC_flow:
		if (!l7_set_knows(tool.set, r->head.flow))
			break;
		if (!flow_decode(st, r, &h, &u.flow))
			return;
		l7_set_flow_end(tool.set, &h, &u.flow);
		break;
	case REC_guess:
		if (!tool.follows)
			break;
		if (!stage_decode(st, &guess_brief, r, &h, &u.guess))
			return;
		l7_set_guess(tool.set, &h, &u.guess);
		break;
	default:
		break;
	}
	tool_fate(st, r, ours);
}

static void counters_set(void)
{
	const struct l7_stats sum = l7_set_stats(tool.set), *s = &sum;

	*tool.known = s->flows;
	/* A predecessor's may stand there already. */
	*tool.claimed += s->claimed - tool.told.claimed;
	*tool.evicted += s->evicted - tool.told.evicted;
	*tool.poisoned += s->poisoned - tool.told.poisoned;
	*tool.swapped += s->swapped - tool.told.swapped;
	*tool.suppressed += s->anomalies_suppressed - tool.told.anomalies_suppressed;
	*tool.firsts += s->first_bytes_evicted - tool.told.first_bytes_evicted;
	tool.told = *s;
}

static void tool_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	/* A stage that guesses says that it is there before its first record. */
	if (!tool.follows && stage_schema(st, REC_guess))
		tool.follows = l7_set_follow(tool.set);
	for (size_t i = 0; i < n; i++)
		l7_set_ahead(tool.set, recs[i].head.flow, L7_AHEAD_TABLE);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			l7_set_ahead(tool.set, recs[i + AHEAD].head.flow, L7_AHEAD_FLOW);
		tool_record(st, &recs[i]);
	}
	counters_set();
}

static void census_flow(void *ctx, uint64_t flow, const struct rec_key *key, const uint64_t held[2])
{
	struct census_flow *row = census_add(ctx, flow);

	census_key(row, key);
	memcpy(row->held, held, sizeof(row->held));
}

static void tool_census(struct stage *st, struct census *c)
{
	(void)st;
	l7_set_each(tool.set, census_flow, c);
}

static void tool_finish(struct stage *st)
{
	l7_set_finish(tool.set, stage_last_n(st));
	counters_set();
	if (!*tool.claimed || tool.parsers[1])
		stage_check_before(st, tool.tcp);
}

static void tool_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)st;
	l7_set_leave(tool.set, n, ts);
	counters_set();
}

static struct stage_ops ops_of(const struct l7_parser *parser)
{
	static const struct rec_desc *const reads[] = { &rec_stream_desc,     &rec_packet_desc,
							&rec_stream_end_desc, &flow_brief,
							&guess_brief,         NULL };
	return (struct stage_ops){
		.name = parser->name,
		.summary = parser->summary,
		.epilog = parser->epilog,
		.kind = STAGE_FILTER,
		.options = parser->options,
		.config = parser->config,
		.more_options = own_options,
		.more_config = &tool,
		.reads = reads,
		.skims = true,
		.open = tool_open,
		.batch = tool_batch,
		.finish = tool_finish,
		.census = tool_census,
		.leave = tool_leave,
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

	tool.parsers = parsers;
	code = stage_main(&ops, argc, argv);
	l7_set_free(tool.set);
	return code;
}

/* A parser's options, the parser's name in front of each. */
static struct opt_group options_named(const struct l7_parser *p)
{
	struct opt *rows;
	size_t n = 0;

	while (p->options && p->options[n].name)
		n++;
	rows = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		char *name;

		rows[i] = p->options[i];
		rows[i].letter = 0;
		if (asprintf(&name, "%s-%s", p->name, rows[i].name) < 0)
			die("out of memory");
		rows[i].name = name;
	}
	return (struct opt_group){ p->name, rows, p->config };
}

static void options_free(const struct opt_group *g)
{
	for (const struct opt *o = g->options; o->name; o++)
		free((char *)o->name);
	free((struct opt *)g->options);
}

int l7_several_main(const char *name, const char *summary, const struct l7_parser *const *parsers,
		    int argc, char **argv)
{
	struct stage_ops ops = ops_of(parsers[0]);
	struct opt_group groups[L7_SET_MOST];
	char protocols[1024] = "";
	size_t n = 0, used = 0;
	int code;

	for (; parsers[n] && n < L7_SET_MOST; n++) {
		groups[n] = options_named(parsers[n]);
		if (used < sizeof(protocols))
			used += (size_t)snprintf(protocols + used, sizeof(protocols) - used, "%s%s",
						 n ? "," : "protocols: ", parsers[n]->name);
	}
	ops.name = name;
	ops.summary = summary;
	ops.epilog = protocols;
	ops.options = several_options;
	ops.config = &tool;
	ops.more_options = NULL;
	ops.parts = groups;
	ops.nparts = n;
	tool.parsers = parsers;
	code = stage_main(&ops, argc, argv);
	l7_set_free(tool.set);
	for (size_t i = 0; i < n; i++)
		options_free(&groups[i]);
	return code;
}
