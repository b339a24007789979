/* stream_engine: what packet records mean for each direction of TCP, and what leaves. */
#include "libcommon/stage/stream_engine.h"

#include <netinet/in.h>

#include "libcommon/stage/stream_engine_private.h"

enum { SOURCES = 65536, TCP_SYN = 2, TCP_ACK = 16, ALIGN = 64 };
#define FRAME_MASK (((uint64_t)1 << 48) - 1)

_Static_assert((int)ASSEMBLY_GAP_ACKED == REC_gap_reason_ACKED, "reasons go out as they are");
_Static_assert((int)ASSEMBLY_GAP_CLOSE == REC_gap_reason_CLOSE, "reasons go out as they are");
_Static_assert((int)ASSEMBLY_GAP_MEMCAP == REC_gap_reason_MEMCAP, "reasons go out as they are");
_Static_assert((int)ASSEMBLY_GAP_SNAPPED == REC_gap_reason_SNAPPED, "reasons go out as they are");
_Static_assert((int)REC_flow_reason_ABORT == REC_stream_reason_ABORT, "reasons have equal values");

/* ---- what leaves ---- */

static struct tcp_flow *tcp_flow_of(struct assembly *a)
{
	return (struct tcp_flow *)((char *)(a - a->which) - offsetof(struct tcp_flow, dir));
}

static void on_data(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		    uint64_t first_n, uint64_t first_ts)
{
	struct stream_engine *e = ctx;
	struct stream_flow *f = &tcp_flow_of(a)->f;
	struct rec_head h = { REC_stream, e->now.ts, f->id, e->now.n };

	f->about.dir = a->which;
	f->about.offset = offset;
	f->about.first_n = first_n;
	f->about.first_ts = first_ts;
	f->about.payload = data;
	e->host.stream(e->host.ctx, &h, &f->about);
}

static void on_gap(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		   enum assembly_gap why)
{
	struct stream_engine *e = ctx;
	struct stream_flow *f = &tcp_flow_of(a)->f;
	struct rec_head h = { REC_stream, e->now.ts, f->id, e->now.n };
	struct rec_stream s = f->about;

	s.dir = a->which;
	s.offset = offset;
	s.gap = len;
	s.gap_reason = (uint8_t)why;
	s.first_n = e->now.n;
	s.first_ts = e->now.ts;
	s.payload = BYTES("", 0);
	e->host.stream(e->host.ctx, &h, &s);
}

static struct ip ip_of(const uint8_t *b, uint8_t version)
{
	struct ip ip = { .len = version == 4 ? 4 : version == 6 ? 16 : 0 };

	memcpy(ip.b, b, ip.len);
	return ip;
}

struct rec_key engine_key(const struct stream_flow *f)
{
	const struct rec_stream *s = &f->about;

	return (struct rec_key){
		.orig_h = ip_of(s->orig_h, s->ip_version),
		.resp_h = ip_of(s->resp_h, s->ip_version),
		.orig_p = s->orig_p,
		.resp_p = s->resp_p,
		.proto = s->proto,
	};
}

void engine_anomaly(struct stream_engine *e, struct stream_flow *f, struct rec_anomaly *a)
{
	struct rec_head h = { REC_anomaly, e->now.ts, f->id, e->now.n };

	if (f->anomalies == STREAM_ENGINE_ANOMALIES) {
		e->stats.anomalies_suppressed++;
		return;
	}
	f->anomalies++;
	a->key = engine_key(f);
	a->stage = BYTES_LIT("reasm");
	a->severity = REC_severity_WARNING;
	e->host.emit(e->host.ctx, &rec_anomaly_desc, &h, a);
}

static void on_overlap(void *ctx, struct assembly *a, const struct assembly_overlap *o)
{
	struct rec_anomaly rec = {
		.name = BYTES_LIT("overlap_diff"),
		.dir = SOME(a->which),
		.event = BYTES_LIT("bytes came again and differ"),
		.expected = BYTES_LIT("the same bytes at the same offset"),
		.offset = SOME(o->offset),
		.len = SOME(o->len),
		.had = o->had,
		.got = o->got,
	};

	engine_anomaly(ctx, &tcp_flow_of(a)->f, &rec);
}

static void on_urgent_limit(void *ctx, struct assembly *a, uint64_t offset)
{
	struct rec_anomaly rec = {
		.name = BYTES_LIT("urgent_limit"),
		.dir = SOME(a->which),
		.event = BYTES_LIT("more urgent bytes than are taken out: they stay in"),
		.expected = BYTES_LIT("few urgent bytes, RFC 6093"),
		.offset = SOME(offset),
		.count = SOME(a->urgent),
	};

	engine_anomaly(ctx, &tcp_flow_of(a)->f, &rec);
}

static void account_side(struct stream_side_stats *s, const struct rec_stream_end *end,
			 const uint64_t *gaps)
{
	s->gap += end->gap_bytes;
	for (int i = 0; i < ASSEMBLY_GAPS; i++)
		s->gap_reasons[i] += gaps[i];
	s->skipped += end->skipped;
	s->undelivered += end->undelivered;
	s->retransmitted += end->retransmitted;
	s->out_of_order += end->out_of_order;
	histogram_add(&s->high_watermark, &metric_buckets_high_watermark, end->high_watermark);
}

void engine_account(struct stream_engine *e, const struct rec_stream_end *end, const uint64_t *gaps,
		    bool lawful)
{
	struct stream_stats *st = &e->stats;

	st->in += end->highest;
	st->delivered += end->delivered;
	st->gap += end->gap_bytes;
	st->urgent += end->urgent;
	st->skipped += end->skipped;
	st->undelivered += end->undelivered;
	st->retransmitted += end->retransmitted;
	st->out_of_order += end->out_of_order;
	st->overlaps += end->overlaps;
	account_side(&st->side[end->dir & 1], end, gaps);
	if (!lawful || end->highest != end->delivered + end->gap_bytes + end->urgent +
					       end->skipped + end->undelivered)
		st->law_broken++;
}

static void end_dir(struct stream_engine *e, struct tcp_flow *t, int d, enum rec_stream_reason why)
{
	struct assembly *a = &t->dir[d];
	struct stream_flow *f = &t->f;
	struct rec_head h = { REC_stream_end, e->now.ts, f->id, e->now.n };

	if (f->ended[d])
		return;
	f->ended[d] = true;
	assembly_flush(&e->group, a,
		       why == REC_stream_reason_EVICTED ? ASSEMBLY_GAP_EVICT : ASSEMBLY_GAP_CLOSE);
	if (!f->used[d])
		return;
	struct rec_stream_end rec = {
		.key = engine_key(f),
		.dir = (uint32_t)d,
		.reason = why,
		.highest = a->highest,
		.delivered = a->delivered,
		.gap_bytes = a->gap_bytes,
		.gaps = a->gaps,
		.urgent = a->urgent,
		.skipped = a->skipped,
		.undelivered = assembly_undelivered(a),
		.retransmitted = a->retransmitted,
		.overlaps = a->overlaps,
		.out_of_order = a->out_of_order,
		.ignored = f->ignored[d],
		.high_watermark = a->high_watermark,
		.segments = a->segments,
	};

	if (f->about.flags & STREAM_MIDSTREAM)
		rec.midstream = SOME(1);
	if (a->gaps)
		rec.gap_reasons = LIST_OF(a->gap_reasons, ASSEMBLY_GAPS);
	if (a->beyond_fin)
		rec.beyond_fin = SOME(a->beyond_fin);
	e->stats.beyond_fin += a->beyond_fin;
	engine_account(e, &rec, a->gap_reasons, assembly_lawful(a));
	e->host.emit(e->host.ctx, &rec_stream_end_desc, &h, &rec);
}

static void on_dropped(void *ctx, struct assembly *a)
{
	end_dir(ctx, tcp_flow_of(a), a->which, REC_stream_reason_OVERFLOW);
}

static void end_flow(struct stream_engine *e, struct stream_flow *f, enum rec_stream_reason why)
{
	if (f->kind == STREAM_TCP) {
		end_dir(e, (struct tcp_flow *)f, 0, why);
		end_dir(e, (struct tcp_flow *)f, 1, why);
	} else if (f->kind == STREAM_SCTP) {
		engine_sctp_end(e, f, why);
	}
}

/* ---- flows ---- */

static void note_evicted(struct stream_engine *e, uint64_t flow)
{
	uint64_t *late_before = &e->late_before[flow >> 48];

	e->stats.evicted++;
	if (*late_before <= (flow & FRAME_MASK))
		*late_before = (flow & FRAME_MASK) + 1;
}

struct stream_flow *engine_add(struct stream_engine *e, enum stream_kind kind,
			       const struct rec_head *h, const struct rec_packet *p)
{
	struct stream_flow *f = stream_flows_victim(&e->flows, kind);

	if (f) {
		if (kind != STREAM_SCTP_OPEN)
			note_evicted(e, f->id);
		end_flow(e, f, REC_stream_reason_EVICTED);
		engine_remove(e, f);
	}
	f = stream_flow_add(&e->flows, kind, h->flow);
	f->about = (struct rec_stream){
		.flags = p->flags & PACKET_MIDSTREAM ? STREAM_MIDSTREAM : 0,
		.ip_version = p->ip_version,
		.proto = p->proto,
		.orig_p = p->orig_p,
		.resp_p = p->resp_p,
		.scope = p->scope,
	};
	memcpy(f->about.orig_h, p->orig_h, 16);
	memcpy(f->about.resp_h, p->resp_h, 16);
	if (kind == STREAM_SCTP_OPEN)
		return f;
	/* What came before is not a hole that may still be filled. */
	f->late =
		!(p->flags & PACKET_NEW) && (h->flow & FRAME_MASK) < e->late_before[h->flow >> 48];
	e->stats.flows++;
	if (++e->stats.flows_now > e->stats.flows_peak)
		e->stats.flows_peak = e->stats.flows_now;
	return f;
}

void engine_remove(struct stream_engine *e, struct stream_flow *f)
{
	e->stats.flows_now -= f->kind != STREAM_SCTP_OPEN;
	stream_flow_remove(&e->flows, f);
}

void stream_engine_ahead(struct stream_engine *e, uint64_t flow, enum stream_ahead how)
{
	struct stream_flow **bucket = stream_bucket(&e->flows, flow);
	const struct tcp_flow *t;

	if (how == STREAM_AHEAD_TABLE) {
		__builtin_prefetch(bucket);
		return;
	}
	t = (const struct tcp_flow *)*bucket;
	if (!t)
		return;
	__builtin_prefetch(&t->f);
	__builtin_prefetch(&t->dir[0]);
	__builtin_prefetch(&t->dir[1]);
	__builtin_prefetch(&t->f.about);
}

/* ---- packets of TCP ---- */

/* Of a direction that is over nothing more leaves, but what comes again may still differ. */
static void take_late(struct stream_engine *e, struct assembly *a, uint64_t offset,
		      struct bytes data)
{
	uint64_t overlaps = a->overlaps;

	e->stats.late++;
	assembly_repeat(&e->group, a, offset, data);
	e->stats.overlaps += a->overlaps - overlaps;
}

static void take_data(struct stream_engine *e, struct tcp_flow *t, int d, const struct rec_head *h,
		      const struct rec_packet *p)
{
	struct stream_flow *f = &t->f;
	struct assembly *a = &t->dir[d];
	bool data = p->verdict == REC_verdict_DELIVER || p->verdict == REC_verdict_SYN_DATA_HELD;
	uint64_t end = p->offset + (data ? p->payload.len + p->missing : 0);

	if (f->ended[d]) {
		take_late(e, a, p->offset, data ? p->payload : BYTES("", 0));
		return;
	}
	if (f->late && !f->used[d]) {
		assembly_start_at(&e->group, a, p->offset);
		e->stats.flows_late += p->offset && !f->late_counted;
		f->late_counted |= p->offset > 0;
	}
	f->used[d] = true;
	/* At offset 0 a part may have been cut off in front, so a later segment says it better. */
	if (p->offset || !f->has_base[d])
		f->base[d] = p->seq + !!(p->tcp_flags & TCP_SYN) - (uint32_t)p->offset;
	f->has_base[d] = true;
	if (end > p->offset)
		assembly_push(&e->group, a,
			      &(struct assembly_segment){
				      .offset = p->offset,
				      .data = p->payload,
				      .missing = p->missing,
				      .n = p->first_n,
				      .ts = h->ts,
				      .urgent = p->urgent,
				      .held = p->verdict == REC_verdict_SYN_DATA_HELD,
			      });
	if (p->flags & PACKET_FIN)
		assembly_fin(a, end);
}

/* What an acknowledgement proves about the other direction. */
static void take_ack(struct stream_engine *e, struct tcp_flow *t, int d, uint32_t ack)
{
	struct assembly *a = &t->dir[d];
	int32_t ahead;

	if (!t->f.has_base[d] || t->f.ended[d])
		return;
	ahead = (int32_t)(ack - (t->f.base[d] + (uint32_t)a->next));
	if (ahead < 0 && (uint64_t) - (int64_t)ahead > a->next)
		return;
	assembly_ack(&e->group, a, a->next + (uint64_t)(int64_t)ahead);
}

static void tcp_packet(struct stream_engine *e, struct stream_flow *f, const struct rec_head *h,
		       const struct rec_packet *p)
{
	bool deliver = p->verdict == REC_verdict_DELIVER || p->verdict == REC_verdict_SYN_DATA_HELD;
	bool takes = (deliver && (p->payload.len || p->missing)) || p->flags & PACKET_FIN;
	int d = p->dir & 1;
	struct tcp_flow *t;

	if (!deliver && p->verdict != REC_verdict_NO_DATA) {
		e->stats.ignored++;
		if (f)
			f->ignored[d]++;
	}
	if (!f) {
		if (!takes)
			return;
		f = engine_add(e, STREAM_TCP, h, p);
		((struct tcp_flow *)f)->dir[1].which = 1;
	} else {
		stream_flow_used(&e->flows, f);
	}
	t = (struct tcp_flow *)f;
	f->packets++;
	f->last_ts = h->ts;
	if (takes)
		take_data(e, t, d, h, p);
	if (p->tcp_flags & TCP_ACK && p->flags & PACKET_ACK_VALID)
		take_ack(e, t, !d, p->ack);
	for (int i = 0; i < 2; i++) {
		struct assembly *a = &t->dir[i];

		if (a->head)
			assembly_tick(&e->group, a, h->ts, f->packets, p->flags & PACKET_ONESIDED);
		if (assembly_done(a))
			end_dir(e, t, i, REC_stream_reason_FIN);
	}
	if (p->flags & PACKET_RST)
		end_flow(e, f, REC_stream_reason_RST);
}

void stream_engine_packet(struct stream_engine *e, const struct rec_head *h,
			  const struct rec_packet *p)
{
	uint64_t *late_before = &e->late_before[h->flow >> 48];
	struct stream_flow *f;

	e->now = *h;
	if (!*late_before)
		*late_before = h->n;
	if (p->proto == IPPROTO_SCTP) {
		engine_sctp_packet(e, h, p);
		return;
	}
	f = stream_flow_find(&e->flows, h->flow);
	if (!f || f->kind == STREAM_TCP)
		tcp_packet(e, f, h, p);
}

/* ---- ends ---- */

bool stream_engine_knows(const struct stream_engine *e, uint64_t flow)
{
	return stream_flow_find(&e->flows, flow) != NULL;
}

void stream_engine_each(const struct stream_engine *e,
			void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
				     const uint64_t held[2]),
			void *ctx)
{
	for (int kind = 0; kind < STREAM_KINDS; kind++) {
		const struct stream_flow *f = e->flows.kinds[kind].newest;

		for (; f; f = f->older) {
			struct rec_key key = engine_key(f);
			uint64_t held[2] = { 0 };

			for (int d = 0; d < 2 && kind == STREAM_TCP; d++)
				held[d] = ((const struct tcp_flow *)f)->dir[d].queued;
			for (int d = 0; d < 2 && kind == STREAM_SCTP; d++)
				held[d] = ((const struct sctp_flow *)f)->dir[d].held_bytes;
			each(ctx, f->id, &key, held);
		}
	}
}

void stream_engine_flow_end(struct stream_engine *e, const struct rec_head *h,
			    enum rec_flow_reason why)
{
	struct stream_flow *f = stream_flow_find(&e->flows, h->flow);

	if (!f)
		return;
	e->now = *h;
	end_flow(e, f,
		 why == REC_flow_reason_SWAPPED ? REC_stream_reason_SWAPPED
						: (enum rec_stream_reason)why);
	engine_remove(e, f);
}

void stream_engine_finish(struct stream_engine *e, uint64_t last_n)
{
	struct stream_flow *f = stream_flows_sorted(&e->flows), *next;

	for (; f; f = next) {
		next = f->older;
		f->older = NULL;
		e->now = (struct rec_head){ 0, f->last_ts, f->id, last_n + (f->id & FRAME_MASK) };
		end_flow(e, f, REC_stream_reason_END_OF_INPUT);
		engine_remove(e, f);
	}
	memset(e->late_before, 0, SOURCES * sizeof(uint64_t));
}

void stream_engine_leave(struct stream_engine *e, uint64_t n, uint64_t ts)
{
	struct stream_flow *f = stream_flows_sorted(&e->flows), *next;

	for (; f; f = next) {
		next = f->older;
		f->older = NULL;
		e->now = (struct rec_head){ 0, ts, f->id, n };
		end_flow(e, f, REC_stream_reason_SWAPPED);
		engine_remove(e, f);
	}
}

/* ---- life ---- */

struct stream_limits stream_limits_default(void)
{
	return (struct stream_limits){
		.assembly = {
			.depth = UINT64_MAX,
			.queue_bytes = 1024 * 1024,
			.queue_blocks = 256,
			.memory = 256 * 1024 * 1024,
			.history = 16 * 1024,
			.history_log = 1024 * 1024,
			.urgent = 64 * 1024,
			.acked_ns = 10 * 1000 * 1000,
			.acked_packets = 3,
			.timer_ns = 2000000000u,
		},
		.sctp = {
			.memory = 32 * 1024 * 1024,
			.acked_ns = 10 * 1000 * 1000,
			.acked_packets = 3,
			.timer_ns = 2000000000u,
		},
		.max_flows = 262144,
		.max_associations = 16384,
	};
}

static size_t aligned(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Where the parts lie: e NULL: only how many bytes they take. */
static size_t layout(struct stream_engine *e, struct stream_flows *t, const struct stream_limits *l)
{
	uint8_t *base = (uint8_t *)e;
	size_t used = aligned(sizeof(struct stream_engine)), late_before = used;

	used += SOURCES * sizeof(uint64_t);
	t->kinds[STREAM_TCP].size = sizeof(struct tcp_flow);
	t->kinds[STREAM_TCP].max = l->max_flows ? l->max_flows : 1;
	t->kinds[STREAM_SCTP].size = sizeof(struct sctp_flow);
	t->kinds[STREAM_SCTP].max = l->max_associations ? l->max_associations : 1;
	t->kinds[STREAM_SCTP_OPEN].size = sizeof(struct sctp_open);
	t->kinds[STREAM_SCTP_OPEN].max = t->kinds[STREAM_SCTP].max;
	used += stream_flows_layout(t, e ? base + used : NULL);
	if (e) {
		e->late_before = (uint64_t *)(base + late_before);
		e->sctp_memory = base + used + aligned(assembly_group_size(&l->assembly));
	}
	return used;
}

size_t stream_engine_size(const struct stream_limits *limits)
{
	struct stream_flows t = { 0 };
	size_t sctp = sctp_group_size(&limits->sctp);

	if (!sctp)
		return 0;
	return layout(NULL, &t, limits) + aligned(assembly_group_size(&limits->assembly)) + sctp;
}

struct stream_engine *stream_engine_init(void *memory, const struct stream_limits *limits,
					 const struct stream_host *host)
{
	struct stream_engine *e = memory;
	struct assembly_sink sink = { e, on_data, on_gap, on_overlap, on_urgent_limit, on_dropped };
	size_t used;

	e->host = *host;
	e->limits = *limits;
	used = layout(e, &e->flows, limits);
	assembly_group_init(&e->group, (uint8_t *)memory + used, &limits->assembly, &sink);
	return e;
}

const struct stream_stats *stream_engine_stats(const struct stream_engine *e)
{
	return &e->stats;
}

const struct assembly_group *stream_engine_group(const struct stream_engine *e)
{
	return &e->group;
}
