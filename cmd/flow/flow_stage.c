/* flow_stage: from frame records to flow, packet and anomaly records, in batches. */
#include "cmd/flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	GROUP = 32,        /* frames whose flows are fetched from memory together */
	ANOMALIES_MAX = 8, /* records per flow; the rest is counted */
	SOURCES = 65536,
};

struct item {
	struct rec_head head;
	struct rec_frame frame;
	struct layers layers;
	struct tracked tracked;
	enum layers_fate fate;
};

struct state {
	struct stage *st;
	struct tracker *tracker;
	struct rec_head now; /* ts and n at which records go out */
	unsigned events;
	unsigned parse_flags;
	bool ignore_scope, packets;
	uint64_t clock;         /* highest time of all sources */
	uint64_t *source_clock; /* highest time of each */
	uint64_t *in, *fates[LAYERS_FATES];
	uint64_t *ends[FLOW_END_ABORT + 1];
	uint64_t *suppressed, *time_back, *started, *open;
	struct item items[GROUP];
};

static struct flow_config flow_config = {
	.max_flows = 262144,
	.events = "end",
	.packets = true,
	.checksum = true,
};

static const struct opt flow_options[] = {
	OPT_ROW(0, "max-flows", OPT_UINT, struct flow_config, max_flows, "N",
		"flows kept at once; beyond, the oldest half-open or closed one goes first"),
	OPT_ROW(0, "update", OPT_DURATION, struct flow_config, update, "DURATION",
		"report flows that go on, this often; 0 = never"),
	OPT_ROW(0, "timeout", OPT_STRINGS, struct flow_config, timeout, "PROTO[:STATE]=DURATION",
		"end idle flows after this time; 0 = never (tcp, tcp:new, tcp:closed, "
		"tcp:one_way, udp, udp:one_way, icmp, sctp, sctp:new, sctp:closed, other)"),
	OPT_ROW(0, "events", OPT_STRING, struct flow_config, events, "LIST",
		"which flow records to write: start,established,update,end"),
	OPT_ROW(0, "packets", OPT_FLAG, struct flow_config, packets, NULL,
		"write packet records; --no-packets leaves flow and anomaly records"),
	OPT_ROW(0, "checksum", OPT_FLAG, struct flow_config, checksum, NULL, "verify checksums"),
	OPT_ROW(0, "ignore-scope", OPT_FLAG, struct flow_config, ignore_scope, NULL,
		"let packets of different VLANs belong to one flow"),
	{ 0, NULL, OPT_END, 0, NULL, NULL },
};

/* ---- flows that start and end ----------------------------------------------------------- */

static bool wants(const struct state *s, enum rec_flow_event e)
{
	return s->events >> e & 1;
}

static void on_start(void *user, const struct flow *f)
{
	struct state *s = user;

	++*s->started;
	++*s->open;
	if (wants(s, REC_flow_event_START))
		flow_emit(s->st, &s->now, f, REC_flow_event_START, FLOW_END_NONE);
}

static void on_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	struct state *s = user;

	++*s->ends[why];
	--*s->open;
	if (wants(s, REC_flow_event_END))
		flow_emit(s->st, &s->now, f, REC_flow_event_END, why);
}

/* At the end of the input each flow's record has a number of its own, behind the last frame's. */
static void on_last_end(void *user, const struct flow *f, enum flow_end_reason why)
{
	struct state *s = user;
	uint64_t n = s->now.n;

	s->now.n += f->id & 0xffffffffffff;
	on_end(s, f, why);
	s->now.n = n;
}

/* ---- anomalies -------------------------------------------------------------------------- */

static void report(struct state *s, const struct tracked *p, const char *name,
		   enum rec_severity severity)
{
	if (p->flow->anomalies++ >= ANOMALIES_MAX)
		++*s->suppressed;
	else
		flow_emit_anomaly(s->st, &s->now, p, name, severity);
}

static void report_anomalies(struct state *s, const struct tracked *p)
{
	const uint32_t warnings = 1u << TCP_A_SYN_INSIDE | 1u << TCP_A_BAD_SYN_ACK |
				  1u << TCP_A_RST_SUSPECT | 1u << TCP_A_DATA_AFTER_RESET |
				  1u << TCP_A_PAWS | 1u << TCP_A_RESYNC;
	uint32_t left = p->tcp.anomalies;

	if (p->offload)
		report(s, p, "checksum_offload", REC_severity_NOTE);
	if (p->tcp.verdict == TCP_BAD_CHECKSUM && p->layers->proto != PROTO_TCP)
		report(s, p,
		       p->layers->proto == PROTO_UDP ? "bad_UDP_checksum" : "bad_ICMP_checksum",
		       REC_severity_NOTE);
	for (; left; left &= left - 1) {
		unsigned a = (unsigned)__builtin_ctz(left);

		report(s, p, tcp_anomaly_name((enum tcp_anomaly)a),
		       warnings >> a & 1 ? REC_severity_WARNING : REC_severity_NOTE);
	}
}

/* ---- frames ----------------------------------------------------------------------------- */

/* Takes the frame apart and asks for its flow's memory. False: it has its fate already. */
static bool prepare(struct state *s, struct item *it, const struct stage_rec *rec)
{
	struct tracked *p = &it->tracked;
	unsigned flags = s->parse_flags;

	if (!rec_frame_get(rec->raw, &it->head, &it->frame) &&
	    !stage_decode(s->st, &rec_frame_desc, rec, &it->head, &it->frame))
		return false;
	p->csum_unready = it->frame.flags & FRAME_CSUM_UNREADY;
	if (p->csum_unready)
		flags |= LAYERS_NO_CHECKSUM;
	it->fate = layers_parse(&it->layers, it->frame.link_type, it->frame.payload, flags);
	if (it->fate != LAYERS_PACKET)
		return true;
	p->layers = &it->layers;
	tracker_prepare(s->tracker, p,
			s->ignore_scope ? 0 : flow_scope(it->layers.vlans, it->layers.nvlans));
	return true;
}

/* Time does not go back, per source and for the table. */
static void set_time(struct state *s, const struct rec_head *h)
{
	uint64_t *clock = &s->source_clock[h->flow >> 48 & (SOURCES - 1)];

	if (h->ts < *clock)
		++*s->time_back;
	else
		*clock = h->ts;
	if (*clock > s->clock)
		s->clock = *clock;
	s->now.ts = *clock;
	s->now.n = h->n;
	tracker_time(s->tracker, s->clock);
}

static void input(struct state *s, struct item *it)
{
	struct tracked *p = &it->tracked;

	set_time(s, &it->head);
	++*s->in;
	++*s->fates[it->fate];
	if (it->fate != LAYERS_PACKET)
		return;
	p->id = (it->head.flow & ~UINT64_C(0xffffffffffff)) | (it->head.n & 0xffffffffffff);
	p->now = s->clock;
	p->wire_len = it->frame.wire_len;
	tracker_packet(s->tracker, p);
	if (s->packets)
		flow_emit_packet(s->st, &s->now, p, it->head.ts);
	if (p->tcp.anomalies || p->offload || p->tcp.verdict == TCP_BAD_CHECKSUM)
		report_anomalies(s, p);
	if (p->tcp.flags & TCP_R_ESTABLISHED && wants(s, REC_flow_event_ESTABLISHED))
		flow_emit(s->st, &s->now, p->flow, REC_flow_event_ESTABLISHED, FLOW_END_NONE);
	if (p->update && wants(s, REC_flow_event_UPDATE))
		flow_emit(s->st, &s->now, p->flow, REC_flow_event_UPDATE, FLOW_END_NONE);
}

/* Up to GROUP frames: all are taken apart and their flows asked for, before the first is used. */
static void input_group(struct state *s, const struct stage_rec *recs, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += prepare(s, &s->items[count], &recs[i]);
	for (size_t i = 0; i < count; i++) {
		if (s->items[i].fate == LAYERS_PACKET)
			tracker_prefetch(s->tracker, &s->items[i].tracked);
	}
	for (size_t i = 0; i < count; i++)
		input(s, &s->items[i]);
	stage_consume(s->st, count);
}

static void open_counters(struct state *s)
{
	char name[40];

	s->in = stage_counter(s->st, "frames.in");
	for (unsigned i = 0; i < LAYERS_FATES; i++) {
		snprintf(name, sizeof(name), "frames.%s", layers_fate_name((enum layers_fate)i));
		s->fates[i] = stage_counter(s->st, name);
	}
	s->started = stage_counter(s->st, "flows.in");
	s->open = stage_counter(s->st, "flows.open");
	for (unsigned i = FLOW_END_FIN; i <= FLOW_END_ABORT; i++) {
		snprintf(name, sizeof(name), "flows.%s", rec_enum_text(&rec_enum_flow_reason, i));
		s->ends[i] = stage_counter(s->st, name);
	}
	s->ends[FLOW_END_NONE] = s->ends[FLOW_END_ABORT];
	s->suppressed = stage_counter(s->st, "anomalies_suppressed");
	s->time_back = stage_counter(s->st, "time_back");
}

/* The state for one stream. Another one may follow the first (`cat a b |`). */
static struct state *state_new(struct stage *st)
{
	const struct flow_config *c = stage_config(st);
	struct state *s = xcalloc(1, sizeof(*s));
	struct tracker_config t = {
		.update = c->update, .start = on_start, .end = on_end, .user = s
	};

	s->st = st;
	s->events = flow_events(c->events, c->update);
	s->parse_flags = c->checksum ? 0 : LAYERS_NO_CHECKSUM;
	s->ignore_scope = c->ignore_scope;
	s->packets = c->packets;
	s->source_clock = xcalloc(SOURCES, sizeof(*s->source_clock));
	flow_timeouts(t.table.timeout, &c->timeout);
	t.table.max_flows = (uint32_t)c->max_flows;
	if (getrandom(t.table.secret, sizeof(t.table.secret), 0) != sizeof(t.table.secret))
		die_errno("random numbers");
	s->tracker = tracker_new(&t);
	if (!s->tracker)
		die("no memory for %u flows", t.table.max_flows);
	open_counters(s);
	return s;
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
}

static void flow_finish(struct stage *st)
{
	struct state *s = *stage_user(st);

	if (!s)
		return;
	s->now.n = stage_last_n(st);
	tracker_on_end(s->tracker, on_last_end);
	tracker_finish(s->tracker, FLOW_END_OF_INPUT);
	*stage_counter(st, "checksum_hosts_full") += tracker_hosts_full(s->tracker);
	tracker_free(s->tracker);
	free(s->source_clock);
	free(s);
	*stage_user(st) = NULL;
}

static void flow_open(struct stage *st, int argc, char **argv)
{
	const struct flow_config *c = stage_config(st);

	if (argc)
		die_usage("unexpected operand '%s'", argv[1]);
	if (!c->max_flows || c->max_flows >= 1u << 30)
		die_usage("max-flows must be between 1 and %u", (1u << 30) - 1);
	*stage_user(st) = state_new(st);
}

static const struct rec_desc *const flow_reads[] = { &rec_frame_desc, NULL };

const struct stage_ops flow_stage = {
	.name = "flow",
	.summary = "frames in, flows and their packets out",
	.operands = "",
	.epilog = "Reads frame records; writes packet, flow and anomaly records.\n"
		  "Example: weir read x.pcap | weir flow | weir json",
	.kind = STAGE_FILTER,
	.options = flow_options,
	.config = &flow_config,
	.reads = flow_reads,
	.open = flow_open,
	.batch = flow_batch,
	.finish = flow_finish,
};
