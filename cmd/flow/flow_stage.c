/* flow_stage: the flow engine as a stage: frame records in, in batches; what it makes goes out. */
#include "cmd/flow/flow.h"
#include "libcommon/stage/census.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { GROUP = 32 }; /* frames given to the engine at once */
enum { TELL_BATCHES = 16 };

/* A counter of the books, and where the engine has it. */
struct figure {
	uint64_t *to;
	const uint64_t *from;
	uint64_t told; /* of *from, in *to already: another stream may have come before */
};

enum {
	FIGURES = LAYERS_FATES + DEFRAG_REASONS + FLOW_ENDS + 16 + FLOW_L4S * (FLOW_ENDS + 2) + 5 +
		  3 * (METRIC_BUCKETS + 2),
};

struct state {
	struct stage *st;
	struct flow_engine *engine;
	size_t size; /* of the engine's memory */
	struct figure figures[FIGURES];
	unsigned nfigures;
	unsigned nhot;    /* of the figures: may change with every frame; the others.. */
	uint64_t changes; /* ..only where the engine's `changes` is not this any more */
	unsigned batches; /* since those were told */
	bool finishing;
	struct flow_engine_frame frames[GROUP];
};

static struct flow_config flow_config = {
	.max_flows = 262144,
	.events = "end",
	.decap = "auto",
	.packets = true,
	.checksum = true,
};

static const struct opt flow_options[] = {
	OPT_ROW(0, "decap", OPT_STRING, struct flow_config, decap, "auto|none|LIST",
		"tunnels to look into, UDP tunnels perhaps with their ports: "
		"gre,vxlan=4789,8472"),
	OPT_ROW(0, "fragments", OPT_CHOICE, struct flow_config, fragments, "first|last|drop",
		"where IPv4 fragments overlap: the first bytes count, or the last, or none"),
	OPT_ROW(0, "key", OPT_CHOICE, struct flow_config, key,
		"5tuple|ip-pair|mac-pair|5tuple+flowlabel|5tuple+vlan", "what makes a flow"),
	OPT_ROW(0, "directional", OPT_FLAG, struct flow_config, directional, NULL,
		"each direction is a flow of its own"),
	OPT_ROW(0, "max-flows", OPT_UINT, struct flow_config, max_flows, "N",
		"flows kept at once; beyond, the oldest half-open or closed one goes first"),
	OPT_ROW(0, "update", OPT_DURATION, struct flow_config, update, "TIME",
		"report flows that go on, this often; 0 = never"),
	OPT_ROW(0, "timeout", OPT_STRINGS, struct flow_config, timeout, "WHAT=TIME",
		"end idle flows after this time; 0 = never (tcp, tcp:new, tcp:closed, "
		"tcp:one_way, udp, udp:one_way, icmp, sctp, sctp:new, sctp:closed, other, "
		"tcp:PORT, udp:PORT, sctp:PORT, ADDRESS/BITS)"),
	OPT_ROW(0, "timeout-file", OPT_STRING, struct flow_config, timeout_file, "FILE",
		"more timeouts, one a line, behind those of --timeout"),
	OPT_ROW(0, "events", OPT_STRING, struct flow_config, events, "LIST",
		"which flow records to write: start,established,state,update,end"),
	OPT_ROW(0, "packets", OPT_FLAG, struct flow_config, packets, NULL,
		"write packet records; --no-packets leaves flow and anomaly records"),
	OPT_ROW(0, "dedup", OPT_DURATION, struct flow_config, dedup, "WINDOW",
		"leave out frames that come again within this time; 0 = never"),
	OPT_ROW(0, "monotonic", OPT_FLAG, struct flow_config, monotonic, NULL,
		"time never goes back over all sources, not only within each"),
	OPT_ROW(0, "checksum", OPT_FLAG, struct flow_config, checksum, NULL, "verify checksums"),
	OPT_ROW(0, "ignore-scope", OPT_FLAG, struct flow_config, ignore_scope, NULL,
		"let packets of different VLANs and tunnels belong to one flow"),
	{ 0, NULL, OPT_END, 0, NULL, NULL },
};

/* ---- records out ------------------------------------------------------------------------ */

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	struct stage *st = ((struct state *)user)->st;
	size_t n = rec_packet_wire + p->payload.len;
	uint8_t *at = stage_reserve(st, &rec_packet_desc, n);

	if (stage_discards(st))
		rec_packet_put_head(at, h, p);
	else
		rec_packet_put(at, h, p);
	stage_commit(st, n);
}

static void on_emit(void *user, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	stage_emit(((struct state *)user)->st, desc, h, rec);
}

/* ---- counters --------------------------------------------------------------------------- */

static void add_figure(struct state *s, const char *name, const uint64_t *from)
{
	s->figures[s->nfigures++] = (struct figure){ stage_counter(s->st, name), from, 0 };
}

static void put_figure(void *ctx, const char *name, const uint64_t *from)
{
	add_figure(ctx, name, from);
}

/* Figures of flows: those that metrics are made of. */
static void open_flow_counters(struct state *s, const struct flow_engine_counters *c)
{
	static const char *const sides[] = { "orig", "resp" };
	char name[64];

	for (unsigned l4 = 0; l4 < FLOW_L4S; l4++) {
		const char *text = flow_l4_name((enum flow_l4)l4);

		snprintf(name, sizeof(name), "flows_%s.in", text);
		add_figure(s, name, &c->l4[l4].started);
		snprintf(name, sizeof(name), "flows_%s.open", text);
		add_figure(s, name, &c->l4[l4].open);
		for (unsigned i = FLOW_END_FIN; i < FLOW_ENDS; i++) {
			snprintf(name, sizeof(name), "flows_%s.%s", text,
				 rec_enum_text(&rec_enum_flow_reason, i));
			add_figure(s, name, &c->l4[l4].ends[i]);
		}
	}
	for (unsigned d = 0; d < 2; d++) {
		snprintf(name, sizeof(name), "traffic_bytes_%s", sides[d]);
		add_figure(s, name, &c->bytes[d]);
		snprintf(name, sizeof(name), "traffic_packets_%s", sides[d]);
		add_figure(s, name, &c->packets[d]);
	}
	add_figure(s, "flow_updates", &c->updates);
	histogram_each(&c->duration, &metric_buckets_flow_duration, "flow_duration", put_figure, s);
	histogram_each(&c->flow_packets, &metric_buckets_flow_packets, "flow_packets", put_figure,
		       s);
	histogram_each(&c->flow_bytes, &metric_buckets_flow_bytes, "flow_bytes", put_figure, s);
}

static void open_counters(struct state *s)
{
	const struct flow_engine_counters *c = flow_engine_counters(s->engine);
	char name[64];

	add_figure(s, "frames.in", &c->frames);
	for (unsigned i = 0; i < LAYERS_FATES; i++) {
		snprintf(name, sizeof(name), "frames.%s", layers_fate_name((enum layers_fate)i));
		add_figure(s, name, &c->fates[i]);
	}
	for (unsigned i = DEFRAG_KEPT + 1; i < DEFRAG_REASONS; i++) {
		snprintf(name, sizeof(name), "frames.fragment_%s",
			 defrag_reason_name((enum defrag_reason)i));
		add_figure(s, name, &c->fragments_given_up[i]);
	}
	add_figure(s, "frames.held", &c->fragments_held);
	add_figure(s, "frames.duplicate", &c->duplicates);
	add_figure(s, "flows.in", &c->started);
	add_figure(s, "flows.open", &c->open);
	for (unsigned i = FLOW_END_FIN; i < FLOW_ENDS; i++) {
		snprintf(name, sizeof(name), "flows.%s", rec_enum_text(&rec_enum_flow_reason, i));
		add_figure(s, name, &c->ends[i]);
	}
	add_figure(s, "half_open_evicted", &c->half_open_evicted);
	add_figure(s, "pressure", &c->pressures);
	add_figure(s, "dedup_overrun", &c->dedup_overrun);
	add_figure(s, "paths_refused", &c->paths_refused);
	add_figure(s, "anomalies_suppressed", &c->anomalies_suppressed);
	add_figure(s, "time_back", &c->time_back);
	add_figure(s, "time_jump", &c->time_jump);
	add_figure(s, "checksum_hosts.open", &c->checksum_hosts);
	add_figure(s, "checksum_hosts_full", &c->checksum_hosts_full);
	s->nhot = s->nfigures;
	open_flow_counters(s, c);
}

/* The figures of flows are told every few batches, before the stage may wait, and at the end. */
static void set_counters(struct state *s, bool all)
{
	const struct flow_engine_counters *c = flow_engine_counters(s->engine);
	bool due = c->changes != s->changes && (all || ++s->batches >= TELL_BATCHES);
	unsigned n = due ? s->nfigures : s->nhot;

	if (due) {
		s->changes = c->changes;
		s->batches = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		struct figure *f = &s->figures[i];

		*f->to += *f->from - f->told;
		f->told = *f->from;
	}
}

/* ---- the stage -------------------------------------------------------------------------- */

static void *map_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/* What the options ask for: files can be read before the sandbox only. */
static struct flow_engine_config engine_config;

/* The state for one stream. Another one may follow the first (`cat a b |`). */
static struct state *state_new(struct stage *st)
{
	struct state *s = xcalloc(1, sizeof(*s));
	struct flow_engine_config *c = &engine_config;
	void *memory;

	s->st = st;
	c->packet = on_packet;
	c->emit = on_emit;
	c->user = s;
	if (getrandom(c->secret, sizeof(c->secret), 0) != sizeof(c->secret))
		die_errno("random numbers");
	s->size = flow_engine_size(c);
	memory = map_pages(s->size);
	if (!memory)
		die("no memory for %u flows", c->max_flows);
	s->engine = flow_engine_init(memory, c);
	open_counters(s);
	return s;
}

/* Up to GROUP frames. */
static void input_group(struct state *s, const struct stage_rec *recs, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct flow_engine_frame *f = &s->frames[count];

		count += rec_frame_get(recs[i].raw, &f->head, &f->frame) ||
			 stage_decode(s->st, &rec_frame_desc, &recs[i], &f->head, &f->frame);
	}
	flow_engine_frames(s->engine, s->frames, count);
	stage_consume(s->st, count);
}

/* ---- the live snapshot ---------------------------------------------------------------------- */

static volatile sig_atomic_t snapshot_wanted;

static void on_signal(int signal)
{
	(void)signal;
	snapshot_wanted = 1;
}

static void answer_snapshot(struct state *s)
{
	if (snapshot_wanted) {
		snapshot_wanted = 0;
		flow_engine_snapshot(s->engine);
	}
}

static void flow_mark(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	struct state *s = *stage_user(st);

	(void)source, (void)n, (void)ts;
	if (!s)
		return;
	answer_snapshot(s);
	set_counters(s, true);
}

static void flow_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	struct state *s = *stage_user(st);

	if (!s)
		s = *stage_user(st) = state_new(st);
	while (n) {
		size_t run = 0;

		while (run < n && run < GROUP && recs[run].head.type == REC_frame)
			run++;
		if (run) {
			input_group(s, recs, run);
		} else {
			stage_pass(st, recs[0].raw);
			run = 1;
		}
		recs += run;
		n -= run;
	}
	answer_snapshot(s);
	set_counters(s, false);
}

/* ---- the flows of now ------------------------------------------------------------------------ */

static void census_flow(void *ctx, const struct flow *f)
{
	struct census_flow *row = census_add(ctx, f->id);
	struct rec_key key = flow_record_key(f);
	const char *state = flow_conn_state(f);

	census_key(row, &key);
	row->start = f->start;
	row->last = f->last;
	for (unsigned d = 0; d < 2; d++) {
		row->packets[d] = f->packets[d];
		row->bytes[d] = f->wire_bytes[d];
	}
	if (state)
		snprintf(row->state, sizeof(row->state), "%s", state);
}

static void flow_census(struct stage *st, struct census *c)
{
	struct state *s = *stage_user(st);

	if (s)
		flow_engine_each(s->engine, census_flow, c);
}

static uint8_t kept[FLOW_ENGINE_KEPT];

/* What the end of the input makes is no batch, behind which counters would be told. */
static void flow_settle(struct stage *st)
{
	struct state *s = *stage_user(st);

	if (s && s->finishing)
		set_counters(s, true);
	if (s)
		flow_engine_keep(s->engine, kept);
}

static void flow_resume(struct stage *st, uint64_t n)
{
	struct state *s = *stage_user(st);

	(void)n;
	flow_engine_take_up(s->engine, kept);
}

static void flow_finish(struct stage *st)
{
	struct state *s = *stage_user(st);

	if (!s)
		return;
	s->finishing = true;
	flow_engine_clock(s->engine, stage_last_ts(st));
	flow_engine_finish(s->engine, stage_last_n(st));
	set_counters(s, true);
	munmap(s->engine, s->size);
	free(s);
	*stage_user(st) = NULL;
}

static void flow_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	struct state *s = *stage_user(st);

	flow_engine_clock(s->engine, ts);
	flow_engine_leave(s->engine, n);
	set_counters(s, true);
}

static void flow_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	flow_options_read(&engine_config, stage_config(st));
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_RESTART },
		  NULL);
	*stage_user(st) = state_new(st);
	stage_keep(st, kept, sizeof(kept));
}

static const struct rec_desc *const flow_reads[] = { &rec_frame_desc, NULL };

const struct stage_ops flow_stage = {
	.name = "flow",
	.summary = "make flows and their packets out of frames",
	.epilog = "Reads frame records; writes packet, flow and anomaly records.\n"
		  "Example: weir read x.pcap | weir flow | weir json",
	.kind = STAGE_FILTER,
	.options = flow_options,
	.config = &flow_config,
	.reads = flow_reads,
	.open = flow_open,
	.batch = flow_batch,
	.mark = flow_mark,
	.finish = flow_finish,
	.settle = flow_settle,
	.resume = flow_resume,
	.census = flow_census,
	.leave = flow_leave,
};
