/* reasm: the stage round the reassembly. */
#include "cmd/reasm/reasm.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "libcommon/stage/brief.h"
#include "libcommon/stage/census.h"
#include "libcommon/stage/stream_engine.h"

enum { COUNTERS = 23, AHEAD = 4 /* records */ };
enum { SCTP_MEMORY_LEAST = 8 * 1024 * 1024 };

enum { SIDE_FIGURES = 2 * (5 + ASSEMBLY_GAPS + METRIC_BUCKETS + 2) };

struct reasm_stage {
	struct stream_engine *engine;
	struct stage *stage;
	uint64_t *counters[COUNTERS];
	uint64_t told[COUNTERS]; /* what they hold of this process; a predecessor's is there too */
	uint64_t *known;         /* a gauge: flows with state */
	uint64_t *flows_peak, *queue_peak;
	/* Counters by side, and where the engine has them. */
	struct {
		uint64_t *to;
		const uint64_t *from;
		uint64_t told;
	} sides[SIDE_FIGURES];
	size_t nsides;
	uint64_t ended; /* directions, as far as told */
};

struct reasm_config reasm_config = {
	.memory = 256 * 1024 * 1024,
	.ooo_bytes = 1024 * 1024,
	.ooo_segments = 256,
	.max_flows = 262144,
	.max_associations = 16384,
	.history = 16 * 1024,
	.history_log = 1024 * 1024,
	.urgent_limit = 64 * 1024,
};

const struct opt reasm_options[] = {
	OPT_ROW(0, "depth", OPT_SIZE, struct reasm_config, depth, "BYTES",
		"deliver so much of each direction, skip the rest (0: all)"),
	OPT_ROW(0, "overlap", OPT_CHOICE, struct reasm_config, overlap, "first|last",
		"which bytes win that came twice and were not yet delivered"),
	OPT_ROW(0, "overflow", OPT_CHOICE, struct reasm_config, overflow, "gap|window|drop-flow",
		"when too much waits: give up the hole, the oldest bytes, or the direction"),
	OPT_ROW(0, "urgent", OPT_CHOICE, struct reasm_config, urgent, "oob|inline",
		"take urgent bytes out of the stream, or leave them in"),
	OPT_ROW(0, "urgent-limit", OPT_SIZE, struct reasm_config, urgent_limit, "BYTES",
		"urgent bytes taken out per direction; later ones stay in"),
	OPT_ROW(0, "ooo-bytes", OPT_SIZE, struct reasm_config, ooo_bytes, "BYTES",
		"bytes queued above a hole, per direction"),
	OPT_ROW(0, "ooo-segments", OPT_UINT, struct reasm_config, ooo_segments, "N",
		"blocks of 4 KiB they may lie in, per direction"),
	OPT_ROW(0, "memory", OPT_SIZE, struct reasm_config, memory, "BYTES",
		"memory for queued bytes, all flows together"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct reasm_config, max_flows, "N",
		"TCP flows kept; beyond, the least recently used one goes"),
	OPT_ROW(0, "max-associations", OPT_UINT, struct reasm_config, max_associations, "N",
		"SCTP associations kept, likewise"),
	OPT_ROW(0, "history", OPT_SIZE, struct reasm_config, history, "BYTES",
		"delivered bytes per direction that repeats are compared with (0: none)"),
	OPT_ROW(0, "history-log", OPT_SIZE, struct reasm_config, history_log, "BYTES",
		"memory that all directions' delivered bytes share"),
	{ 0 },
};

const struct rec_desc *const reasm_reads[] = { &rec_packet_desc, &rec_flow_desc, NULL };

static const char *const counter_names[COUNTERS] = {
	"bytes.in",
	"bytes.delivered",
	"bytes.gap",
	"bytes.urgent",
	"bytes.skipped",
	"bytes.undelivered",
	"law_broken",
	"retransmitted",
	"out_of_order",
	"overlaps",
	"ignored",
	"late",
	"anomalies_suppressed",
	"flows",
	"evicted",
	"flows_late",
	"memcap_hits",
	"not_compared",
	"blocks_refused",
	"dropped_directions",
	"sctp.chunks",
	"sctp.lost",
	"sctp.messages",
};

static void add_side_figure(void *ctx, const char *name, const uint64_t *from)
{
	struct reasm_stage *s = ctx;

	s->sides[s->nsides].to = stage_counter(s->stage, name);
	s->sides[s->nsides++].from = from;
}

/* What metrics by side are made of. */
static void open_sides(struct reasm_stage *s)
{
	static const char *const sides[] = { "orig", "resp" };
	char name[64];

	for (int d = 0; d < 2; d++) {
		const struct stream_side_stats *side = &stream_engine_stats(s->engine)->side[d];
		const struct {
			const char *name;
			const uint64_t *from;
		} plain[] = {
			{ "skipped", &side->skipped },
			{ "undelivered", &side->undelivered },
			{ "retransmitted", &side->retransmitted },
			{ "out_of_order", &side->out_of_order },
		};

		snprintf(name, sizeof(name), "gap_%s.in", sides[d]);
		add_side_figure(s, name, &side->gap);
		for (unsigned i = ASSEMBLY_GAP_NONE + 1; i < ASSEMBLY_GAPS; i++) {
			snprintf(name, sizeof(name), "gap_%s.%s", sides[d],
				 rec_enum_text(&rec_enum_gap_reason, i));
			add_side_figure(s, name, &side->gap_reasons[i]);
		}
		for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
			snprintf(name, sizeof(name), "%s_%s", plain[i].name, sides[d]);
			add_side_figure(s, name, plain[i].from);
		}
		snprintf(name, sizeof(name), "high_watermark_%s", sides[d]);
		histogram_each(&side->high_watermark, &metric_buckets_high_watermark, name,
			       add_side_figure, s);
	}
}

/* They change where a direction ends, not with every packet. */
static void sides_set(struct reasm_stage *s)
{
	const struct stream_stats *r = stream_engine_stats(s->engine);
	uint64_t ended = r->side[0].high_watermark.in + r->side[1].high_watermark.in;

	if (ended == s->ended)
		return;
	s->ended = ended;
	for (size_t i = 0; i < s->nsides; i++) {
		*s->sides[i].to += *s->sides[i].from - s->sides[i].told;
		s->sides[i].told = *s->sides[i].from;
	}
}

static void raise_to(uint64_t *peak, uint64_t value)
{
	if (*peak < value)
		*peak = value;
}

static void counters_set(struct reasm_stage *s)
{
	const struct stream_stats *r = stream_engine_stats(s->engine);
	const struct assembly_group *g = stream_engine_group(s->engine);
	const uint64_t values[COUNTERS] = {
		r->in,
		r->delivered,
		r->gap,
		r->urgent,
		r->skipped,
		r->undelivered,
		r->law_broken,
		r->retransmitted,
		r->out_of_order,
		r->overlaps,
		r->ignored,
		r->late,
		r->anomalies_suppressed,
		r->flows,
		r->evicted,
		r->flows_late,
		g->memcap_hits,
		g->uncompared,
		g->blocks_refused,
		g->dropped,
		r->chunks,
		r->lost_chunks,
		r->messages,
	};

	for (int i = 0; i < COUNTERS; i++) {
		*s->counters[i] += values[i] - s->told[i];
		s->told[i] = values[i];
	}
	raise_to(s->flows_peak, r->flows_peak);
	raise_to(s->queue_peak, g->pool.peak * BLOCK_SIZE);
	*s->known = r->flows_now;
	sides_set(s);
}

/* ---- records out ---- */

static void on_stream(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	size_t n = rec_stream_wire + s->payload.len;

	uint8_t *at = stage_reserve(ctx, &rec_stream_desc, n);

	if (stage_discards(ctx))
		rec_stream_put_head(at, h, s);
	else
		rec_stream_put(at, h, s);
	stage_commit(ctx, n);
}

static void on_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	stage_emit(ctx, desc, h, rec);
}

/* ---- records in ---- */

/* Is it surely a packet of another protocol? Told by one byte, where the fields before it have
 * their full width. */
static bool is_other(struct bytes raw)
{
	const struct wire_packet *w = (const struct wire_packet *)raw.ptr;

	return raw.len >= sizeof(*w) && w->flags.mark == 0xce && w->ip_version.mark == 0xcc &&
	       w->proto.mark == 0xcc && w->proto.v != IPPROTO_TCP && w->proto.v != IPPROTO_SCTP;
}

static void on_packet(struct stage *st, struct stream_engine *engine, const struct stage_rec *rec)
{
	struct rec_head h;
	struct rec_packet p;

	if (is_other(rec->raw)) {
		stage_pass(st, rec->raw);
		return;
	}
	if (!rec_packet_get(rec->raw, &h, &p) && !stage_decode(st, &rec_packet_desc, rec, &h, &p))
		return;
	if (p.proto != IPPROTO_TCP && p.proto != IPPROTO_SCTP) {
		stage_pass(st, rec->raw);
		return;
	}
	stream_engine_packet(engine, &h, &p);
	stage_consume(st, 1);
}

static void on_flow(struct stage *st, struct stream_engine *engine, const struct stage_rec *rec)
{
	static struct brief fields = { .names = { "event", "reason" } };
	uint8_t v[BRIEF_MAX];
	struct rec_head h = rec->head;
	struct rec_flow fl;

	if (stream_engine_knows(engine, rec->head.flow)) {
		if (brief_read(st, &fields, rec, v)) {
			fl.event = v[0];
			fl.reason = v[1];
		} else if (!stage_decode(st, &rec_flow_desc, rec, &h, &fl)) {
			return;
		}
		if (fl.event == REC_flow_event_END)
			stream_engine_flow_end(engine, &h, (enum rec_flow_reason)fl.reason);
	}
	stage_pass(st, rec->raw);
}

void reasm_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct reasm_stage *s = *stage_user(st);

	for (size_t i = 0; i < n; i++)
		stream_engine_ahead(s->engine, recs[i].head.flow, STREAM_AHEAD_TABLE);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			stream_engine_ahead(s->engine, recs[i + AHEAD].head.flow,
					    STREAM_AHEAD_FLOW);
		if (recs[i].head.type == REC_packet)
			on_packet(st, s->engine, &recs[i]);
		else if (recs[i].head.type == REC_flow)
			on_flow(st, s->engine, &recs[i]);
		else
			stage_pass(st, recs[i].raw);
	}
	counters_set(s);
}

/* ---- life ---- */

/* Zeroed pages that cost nothing until they are used. */
static void *engine_memory(const struct stream_limits *l)
{
	size_t size = stream_engine_size(l);
	void *at;

	if (!size)
		die_usage("--memory is too small for a packet of SCTP");
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  -1, 0);
	if (at == MAP_FAILED)
		die_errno("no address space for %zu bytes", size);
	return at;
}

static struct stream_limits limits_wanted(void)
{
	struct stream_limits l = stream_limits_default();
	const struct reasm_config *c = &reasm_config;

	if (!c->memory || !c->ooo_bytes || !c->ooo_segments || !c->max_flows ||
	    !c->max_associations)
		die_usage("a limit of 0 is none; leave the option out for the default");
	if (c->ooo_segments > UINT32_MAX || c->max_flows > UINT32_MAX / 64 ||
	    c->max_associations > UINT32_MAX / 64 || c->history > 1024 * 1024 ||
	    c->memory > (uint64_t)1 << 44 || c->history_log > (uint64_t)1 << 44)
		die_usage("--ooo-segments, --max-flows, --max-associations, --memory, --history or "
			  "--history-log is too large");
	l.assembly.depth = c->depth ? c->depth : UINT64_MAX;
	l.assembly.memory = c->memory;
	l.assembly.queue_bytes = c->ooo_bytes;
	l.assembly.queue_blocks = (uint32_t)c->ooo_segments;
	l.assembly.history = (uint32_t)c->history;
	l.assembly.history_log = c->history_log;
	l.assembly.urgent = c->urgent_limit;
	l.assembly.overflow = (enum assembly_overflow)c->overflow;
	l.assembly.last_wins = c->overlap == 1;
	l.assembly.urgent_inline = c->urgent == 1;
	l.sctp.memory = c->memory / 8 < SCTP_MEMORY_LEAST ? SCTP_MEMORY_LEAST : c->memory / 8;
	l.sctp.held_bytes = c->ooo_bytes < UINT32_MAX ? (uint32_t)c->ooo_bytes : UINT32_MAX;
	l.sctp.drop = l.assembly.overflow == ASSEMBLY_OVERFLOW_DROP;
	l.max_flows = (uint32_t)c->max_flows;
	l.max_associations = (uint32_t)c->max_associations;
	return l;
}

void reasm_open(struct stage *st, int argc, char **argv)
{
	static struct reasm_stage stage;
	struct stream_limits l = limits_wanted();

	(void)argc;
	(void)argv;
	/* It only places things in tables. */
	if (getrandom(l.sctp.secret, sizeof(l.sctp.secret), 0) != sizeof(l.sctp.secret))
		die_errno("no random numbers");
	stage.engine = stream_engine_init(engine_memory(&l), &l,
					  &(struct stream_host){ st, on_stream, on_emit });
	for (int i = 0; i < COUNTERS; i++)
		stage.counters[i] = stage_counter(st, counter_names[i]);
	stage.known = stage_counter(st, "flows_known");
	stage.flows_peak = stage_counter(st, "flows_peak");
	stage.queue_peak = stage_counter(st, "queue_peak");
	stage.stage = st;
	open_sides(&stage);
	*stage_user(st) = &stage;
}

static void census_flow(void *ctx, uint64_t flow, const struct rec_key *key, const uint64_t held[2])
{
	struct census_flow *row = census_add(ctx, flow);

	census_key(row, key);
	memcpy(row->held, held, sizeof(row->held));
}

void reasm_census(struct stage *st, struct census *c)
{
	struct reasm_stage *s = *stage_user(st);

	stream_engine_each(s->engine, census_flow, c);
}

void reasm_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	struct reasm_stage *s = *stage_user(st);

	stream_engine_leave(s->engine, n, ts);
	counters_set(s);
}

void reasm_end(struct stage *st)
{
	struct reasm_stage *s = *stage_user(st);

	stream_engine_finish(s->engine, stage_last_n(st));
	counters_set(s);
	stage_check_before(st, false);
	if (stream_engine_stats(s->engine)->law_broken) {
		warn("%llu directions whose bytes do not add up",
		     (unsigned long long)stream_engine_stats(s->engine)->law_broken);
		stage_exit(st, EXIT_BOOKS);
	}
}
