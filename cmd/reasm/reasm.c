/* reasm: the stage round the reassembly. */
#include "cmd/reasm/reasm.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "cmd/reasm/flows.h"
#include "libcommon/stage/brief.h"

enum { COUNTERS = 20, AHEAD = 4 /* records */ };

struct reasm_stage {
	struct reasm *reasm;
	uint64_t *counters[COUNTERS];
};

struct reasm_config reasm_config = {
	.memory = 256 * 1024 * 1024,
	.ooo_bytes = 1024 * 1024,
	.ooo_segments = 256,
	.max_flows = 262144,
};

const struct opt reasm_options[] = {
	OPT_ROW(0, "depth", OPT_SIZE, struct reasm_config, depth, "BYTES",
		"deliver so much of each direction, skip the rest (0: all)"),
	OPT_ROW(0, "overlap", OPT_CHOICE, struct reasm_config, overlap, "first|last",
		"which bytes win that came twice and were not yet delivered"),
	OPT_ROW(0, "urgent", OPT_CHOICE, struct reasm_config, urgent, "oob|inline",
		"take urgent bytes out of the stream, or leave them in"),
	OPT_ROW(0, "ooo-bytes", OPT_SIZE, struct reasm_config, ooo_bytes, "BYTES",
		"bytes queued above a hole, per direction"),
	OPT_ROW(0, "ooo-segments", OPT_UINT, struct reasm_config, ooo_segments, "N",
		"blocks of 4 KiB they may lie in, per direction"),
	OPT_ROW(0, "memory", OPT_SIZE, struct reasm_config, memory, "BYTES",
		"memory for queued bytes, all flows together"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct reasm_config, max_flows, "N",
		"flows kept; beyond, the least recently used one goes"),
	OPT_ROW(0, "history", OPT_SIZE, struct reasm_config, history, "BYTES",
		"delivered bytes kept per direction, to compare repeats with"),
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
	"flows_peak",
	"evicted",
	"memcap_hits",
	"queue_peak",
	"history_dropped",
	"blocks_refused",
};

static void counters_set(struct reasm_stage *s)
{
	const struct reasm_stats *r = reasm_stats(s->reasm);
	const struct assembly_group *g = reasm_group(s->reasm);
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
		r->flows_peak,
		r->evicted,
		g->memcap_hits,
		g->pool.peak * BLOCK_SIZE,
		g->history_dropped,
		g->blocks_refused,
	};

	for (int i = 0; i < COUNTERS; i++)
		*s->counters[i] = values[i];
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
static bool is_not_tcp(struct bytes raw)
{
	const struct wire_packet *w = (const struct wire_packet *)raw.ptr;

	return raw.len >= sizeof(*w) && w->flags.mark == 0xce && w->ip_version.mark == 0xcc &&
	       w->proto.mark == 0xcc && w->proto.v != IPPROTO_TCP;
}

static void on_packet(struct stage *st, struct reasm *reasm, const struct stage_rec *rec)
{
	struct rec_head h;
	struct rec_packet p;

	if (is_not_tcp(rec->raw)) {
		stage_pass(st, rec->raw);
		return;
	}
	if (!rec_packet_get(rec->raw, &h, &p) && !stage_decode(st, &rec_packet_desc, rec, &h, &p))
		return;
	if (p.proto != IPPROTO_TCP) {
		stage_pass(st, rec->raw);
		return;
	}
	reasm_packet(reasm, &h, &p);
	stage_consume(st, 1);
}

static void on_flow(struct stage *st, struct reasm *reasm, const struct stage_rec *rec)
{
	static struct brief fields = { .names = { "event", "reason" } };
	uint8_t v[BRIEF_MAX];
	struct rec_head h = rec->head;
	struct rec_flow fl;

	if (reasm_knows(reasm, rec->head.flow)) {
		if (brief_read(st, &fields, rec, v)) {
			fl.event = v[0];
			fl.reason = v[1];
		} else if (!stage_decode(st, &rec_flow_desc, rec, &h, &fl)) {
			return;
		}
		if (fl.event == REC_flow_event_END)
			reasm_flow_end(reasm, &h, (enum rec_flow_reason)fl.reason);
	}
	stage_pass(st, rec->raw);
}

void reasm_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct reasm_stage *s = *stage_user(st);

	for (size_t i = 0; i < n; i++)
		reasm_ahead(s->reasm, recs[i].head.flow, REASM_AHEAD_TABLE);
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			reasm_ahead(s->reasm, recs[i + AHEAD].head.flow, REASM_AHEAD_FLOW);
		if (recs[i].head.type == REC_packet)
			on_packet(st, s->reasm, &recs[i]);
		else if (recs[i].head.type == REC_flow)
			on_flow(st, s->reasm, &recs[i]);
		else
			stage_pass(st, recs[i].raw);
	}
	counters_set(s);
}

/* ---- life ---- */

void reasm_open(struct stage *st, int argc, char **argv)
{
	static struct reasm_stage stage;
	struct reasm_limits l = reasm_limits_default();

	(void)argc;
	(void)argv;
	if (!reasm_config.memory || !reasm_config.ooo_bytes || !reasm_config.ooo_segments ||
	    !reasm_config.max_flows)
		die_usage("a limit of 0 is none; leave the option out for the default");
	if (reasm_config.ooo_segments > UINT32_MAX || reasm_config.max_flows > UINT32_MAX / 2 ||
	    reasm_config.history > 1024 * 1024)
		die_usage("--ooo-segments, --max-flows or --history is too large");
	l.assembly.depth = reasm_config.depth ? reasm_config.depth : UINT64_MAX;
	l.assembly.memory = reasm_config.memory;
	l.assembly.queue_bytes = reasm_config.ooo_bytes;
	l.assembly.queue_blocks = (uint32_t)reasm_config.ooo_segments;
	l.assembly.history = (uint32_t)reasm_config.history;
	l.assembly.last_wins = reasm_config.overlap == 1;
	l.assembly.urgent_inline = reasm_config.urgent == 1;
	l.max_flows = (uint32_t)reasm_config.max_flows;
	stage.reasm = reasm_new(&l, &(struct reasm_host){ st, on_stream, on_emit });
	for (int i = 0; i < COUNTERS; i++)
		stage.counters[i] = stage_counter(st, counter_names[i]);
	*stage_user(st) = &stage;
}

void reasm_end(struct stage *st)
{
	struct reasm_stage *s = *stage_user(st);

	reasm_finish(s->reasm, stage_last_n(st));
	counters_set(s);
	if (reasm_stats(s->reasm)->law_broken) {
		warn("%llu directions whose bytes do not add up",
		     (unsigned long long)reasm_stats(s->reasm)->law_broken);
		stage_exit(st, EXIT_BOOKS);
	}
}
