/* flows: the table of TCP flows, and what their packets mean for each direction. */
#include "cmd/reasm/flows.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

enum { SLAB_FLOWS = 64, SOURCES = 65536, TCP_SYN = 2, TCP_ACK = 16 };
#define FRAME_MASK (((uint64_t)1 << 48) - 1)

/* What every packet of a flow touches stands in front, then each direction's part in a line of
 * its own. */
struct flow {
	struct flow *chain; /* in its bucket */
	uint64_t id, last_ts;
	uint64_t listed; /* the clock when it was last put in front of the list */
	uint32_t packets;
	uint32_t base[2]; /* sequence number of offset 0 */
	bool has_base[2], used[2], ended[2];
	bool late; /* its first packets were not seen here */
	uint8_t anomalies;
	struct assembly dir[2];
	struct flow *newer, *older; /* by last use, nearly: see used_now() */
	uint64_t ignored[2];
	struct rec_stream about; /* what all its stream records share */
};

struct slab {
	struct flow flows[SLAB_FLOWS];
	struct slab *next;
};

struct reasm {
	struct assembly_group group;
	struct reasm_host host;
	struct reasm_stats stats;
	struct rec_head now; /* of the record at hand */
	struct flow **buckets, *free, *newest, *oldest;
	struct slab *slabs;
	uint64_t mask;
	uint64_t clock; /* packets of known flows so far */
	uint32_t max_flows;
	uint64_t *first_n; /* by source: the first frame seen here, 0 = none yet */
};

/* ---- the table ---- */

/* Ids are frame numbers: flows of one time share cache lines of the table, and no two of a window
 * as long as the table share a bucket. */
static struct flow **bucket_of(struct reasm *r, uint64_t id)
{
	return &r->buckets[(id ^ id >> 48) & r->mask];
}

static struct flow *flow_find(struct reasm *r, uint64_t id)
{
	struct flow *f = *bucket_of(r, id);

	while (f && f->id != id)
		f = f->chain;
	return f;
}

void reasm_ahead(struct reasm *r, uint64_t flow, enum reasm_ahead how)
{
	struct flow **bucket = bucket_of(r, flow), *f;

	if (how == REASM_AHEAD_TABLE) {
		__builtin_prefetch(bucket);
		return;
	}
	f = *bucket;
	if (!f)
		return;
	__builtin_prefetch(f);
	__builtin_prefetch(&f->dir[0]);
	__builtin_prefetch(&f->dir[1]);
	__builtin_prefetch(&f->about);
}

static void used_unlink(struct reasm *r, struct flow *f)
{
	if (f->newer)
		f->newer->older = f->older;
	else
		r->newest = f->older;
	if (f->older)
		f->older->newer = f->newer;
	else
		r->oldest = f->newer;
}

static void used_push(struct reasm *r, struct flow *f)
{
	f->listed = r->clock;
	f->newer = NULL;
	f->older = r->newest;
	if (r->newest)
		r->newest->newer = f;
	else
		r->oldest = f;
	r->newest = f;
}

/* Moving a flow in the list costs two other flows' cache lines, so one that was moved within the
 * last max_flows / 16 packets stays: the oldest is the least recently used to within so many. */
static void used_now(struct reasm *r, struct flow *f)
{
	r->clock++;
	if (r->clock - f->listed <= r->max_flows / 16 || r->newest == f)
		return;
	used_unlink(r, f);
	used_push(r, f);
}

static struct flow *flow_alloc(struct reasm *r)
{
	struct flow *f = r->free;

	if (!f) {
		struct slab *s = aligned_alloc(_Alignof(struct slab), sizeof(*s));

		if (!s)
			die("out of memory");
		s->next = r->slabs;
		r->slabs = s;
		for (int i = SLAB_FLOWS - 1; i >= 0; i--) {
			s->flows[i].chain = r->free;
			r->free = &s->flows[i];
		}
		f = r->free;
	}
	r->free = f->chain;
	memset(f, 0, sizeof(*f));
	return f;
}

static void flow_forget(struct reasm *r, struct flow *f)
{
	struct flow **at = bucket_of(r, f->id);

	while (*at != f)
		at = &(*at)->chain;
	*at = f->chain;
	used_unlink(r, f);
	f->chain = r->free;
	r->free = f;
	r->stats.flows_now--;
}

/* ---- what leaves ---- */

static struct flow *flow_of(struct assembly *a)
{
	return (struct flow *)((char *)(a - a->which) - offsetof(struct flow, dir));
}

static void on_data(void *ctx, struct assembly *a, uint64_t offset, struct bytes data,
		    uint64_t first_n, uint64_t first_ts)
{
	struct reasm *r = ctx;
	struct flow *f = flow_of(a);
	struct rec_head h = { REC_stream, r->now.ts, f->id, r->now.n };

	f->about.dir = a->which;
	f->about.offset = offset;
	f->about.first_n = first_n;
	f->about.first_ts = first_ts;
	f->about.payload = data;
	r->host.stream(r->host.ctx, &h, &f->about);
}

static void on_gap(void *ctx, struct assembly *a, uint64_t offset, uint64_t len,
		   enum rec_gap_reason why)
{
	struct reasm *r = ctx;
	struct flow *f = flow_of(a);
	struct rec_head h = { REC_stream, r->now.ts, f->id, r->now.n };
	struct rec_stream s = f->about;

	s.dir = a->which;
	s.offset = offset;
	s.gap = len;
	s.gap_reason = (uint8_t)why;
	s.first_n = r->now.n;
	s.first_ts = r->now.ts;
	s.payload = BYTES("", 0);
	r->host.stream(r->host.ctx, &h, &s);
}

static struct ip ip_of(const uint8_t *b, uint8_t version)
{
	struct ip ip = { .len = version == 4 ? 4 : version == 6 ? 16 : 0 };

	memcpy(ip.b, b, ip.len);
	return ip;
}

static struct rec_key key_of(const struct rec_stream *s)
{
	return (struct rec_key){
		.orig_h = ip_of(s->orig_h, s->ip_version),
		.resp_h = ip_of(s->resp_h, s->ip_version),
		.orig_p = s->orig_p,
		.resp_p = s->resp_p,
		.proto = s->proto,
	};
}

static void on_overlap(void *ctx, struct assembly *a, uint64_t offset, uint64_t len)
{
	struct reasm *r = ctx;
	struct flow *f = flow_of(a);
	struct rec_head h = { REC_anomaly, r->now.ts, f->id, r->now.n };
	struct rec_anomaly rec = {
		.key = key_of(&f->about),
		.name = BYTES_LIT("overlap_diff"),
		.severity = REC_severity_WARNING,
		.stage = BYTES_LIT("reasm"),
		.dir = SOME(a->which),
		.event = BYTES_LIT("bytes came again and differ"),
		.expected = BYTES_LIT("the same bytes at the same offset"),
		.offset = SOME(offset),
		.len = SOME(len),
	};

	if (f->anomalies == REASM_ANOMALIES) {
		r->stats.anomalies_suppressed++;
		return;
	}
	f->anomalies++;
	r->host.emit(r->host.ctx, &rec_anomaly_desc, &h, &rec);
}

/* Adds a direction to the ledger; false where it does not balance. */
static void account(struct reasm *r, const struct assembly *a)
{
	struct reasm_stats *st = &r->stats;

	st->in += a->highest;
	st->delivered += a->delivered;
	st->gap += a->gap_bytes;
	st->urgent += a->urgent;
	st->skipped += a->skipped;
	st->undelivered += assembly_undelivered(a);
	st->retransmitted += a->retransmitted;
	st->out_of_order += a->out_of_order;
	st->overlaps += a->overlaps;
	if (!assembly_lawful(a))
		st->law_broken++;
}

static void end_dir(struct reasm *r, struct flow *f, int d, enum rec_stream_reason why)
{
	struct assembly *a = &f->dir[d];
	struct rec_head h = { REC_stream_end, r->now.ts, f->id, r->now.n };

	if (f->ended[d])
		return;
	f->ended[d] = true;
	assembly_flush(&r->group, a,
		       why == REC_stream_reason_EVICTED ? REC_gap_reason_EVICT
							: REC_gap_reason_CLOSE);
	if (!f->used[d])
		return;
	account(r, a);
	struct rec_stream_end rec = {
		.key = key_of(&f->about),
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
		rec.gap_reasons = LIST_OF(a->gap_reasons, REASM_GAP_REASONS);
	r->host.emit(r->host.ctx, &rec_stream_end_desc, &h, &rec);
}

static void end_flow(struct reasm *r, struct flow *f, enum rec_stream_reason why)
{
	end_dir(r, f, 0, why);
	end_dir(r, f, 1, why);
}

/* ---- packets ---- */

static struct flow *flow_make(struct reasm *r, const struct rec_head *h, const struct rec_packet *p)
{
	struct flow *f, **bucket = bucket_of(r, h->flow);

	if (r->stats.flows_now == r->max_flows) {
		f = r->oldest;
		r->stats.evicted++;
		end_flow(r, f, REC_stream_reason_EVICTED);
		flow_forget(r, f);
	}
	f = flow_alloc(r);
	f->id = h->flow;
	f->chain = *bucket;
	*bucket = f;
	used_push(r, f);
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
	f->dir[1].which = 1;
	/* Attached after the flow began, or it was evicted once: what came before is not a hole
	 * that may still be filled. */
	f->late = !(p->flags & PACKET_NEW) &&
		  ((h->flow & FRAME_MASK) < r->first_n[h->flow >> 48] || r->stats.evicted);
	r->stats.flows++;
	if (++r->stats.flows_now > r->stats.flows_peak)
		r->stats.flows_peak = r->stats.flows_now;
	return f;
}

static void take_data(struct reasm *r, struct flow *f, int d, const struct rec_head *h,
		      const struct rec_packet *p)
{
	struct assembly *a = &f->dir[d];
	bool data = p->verdict == REC_verdict_DELIVER || p->verdict == REC_verdict_SYN_DATA_HELD;
	uint64_t end = p->offset + (data ? p->payload.len + p->missing : 0);

	if (f->ended[d]) {
		r->stats.late++;
		return;
	}
	if (f->late && !f->used[d])
		assembly_start_at(&r->group, a, p->offset);
	f->used[d] = true;
	/* At offset 0 a part may have been cut off in front, so a later segment says it better. */
	if (p->offset || !f->has_base[d])
		f->base[d] = p->seq + !!(p->tcp_flags & TCP_SYN) - (uint32_t)p->offset;
	f->has_base[d] = true;
	if (end > p->offset)
		assembly_push(&r->group, a,
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
static void take_ack(struct reasm *r, struct flow *f, int d, uint32_t ack)
{
	struct assembly *a = &f->dir[d];
	int32_t ahead;

	if (!f->has_base[d] || f->ended[d])
		return;
	ahead = (int32_t)(ack - (f->base[d] + (uint32_t)a->next));
	if (ahead < 0 && (uint64_t) - (int64_t)ahead > a->next)
		return;
	assembly_ack(&r->group, a, a->next + (uint64_t)(int64_t)ahead);
}

void reasm_packet(struct reasm *r, const struct rec_head *h, const struct rec_packet *p)
{
	bool deliver = p->verdict == REC_verdict_DELIVER || p->verdict == REC_verdict_SYN_DATA_HELD;
	bool takes = (deliver && (p->payload.len || p->missing)) || p->flags & PACKET_FIN;
	uint64_t *first_n = &r->first_n[h->flow >> 48];
	struct flow *f = flow_find(r, h->flow);
	int d = p->dir & 1;

	r->now = *h;
	if (!*first_n)
		*first_n = h->n;
	if (!deliver && p->verdict != REC_verdict_NO_DATA) {
		r->stats.ignored++;
		if (f)
			f->ignored[d]++;
	}
	if (!f) {
		if (!takes)
			return;
		f = flow_make(r, h, p);
	} else {
		used_now(r, f);
	}
	f->packets++;
	f->last_ts = h->ts;
	if (takes)
		take_data(r, f, d, h, p);
	if (p->tcp_flags & TCP_ACK && p->flags & PACKET_ACK_VALID)
		take_ack(r, f, !d, p->ack);
	for (int i = 0; i < 2; i++) {
		struct assembly *a = &f->dir[i];

		if (a->head)
			assembly_tick(&r->group, a, h->ts, f->packets, p->flags & PACKET_ONESIDED);
		if (assembly_done(a))
			end_dir(r, f, i, REC_stream_reason_FIN);
	}
	if (p->flags & PACKET_RST)
		end_flow(r, f, REC_stream_reason_RST);
}

/* ---- ends ---- */

bool reasm_knows(struct reasm *r, uint64_t flow)
{
	return flow_find(r, flow) != NULL;
}

void reasm_flow_end(struct reasm *r, const struct rec_head *h, enum rec_flow_reason why)
{
	struct flow *f = flow_find(r, h->flow);

	if (!f)
		return;
	r->now = *h;
	/* enum stream_reason has the values of enum flow_reason. */
	end_flow(r, f, (enum rec_stream_reason)why);
	flow_forget(r, f);
}

static int by_id(const void *a, const void *b)
{
	const struct flow *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

void reasm_finish(struct reasm *r, uint64_t last_n)
{
	size_t n = 0;
	struct flow **all = xcalloc(r->stats.flows_now + 1, sizeof(struct flow *));

	for (struct flow *f = r->newest; f; f = f->older)
		all[n++] = f;
	qsort(all, n, sizeof(struct flow *), by_id);
	for (size_t i = 0; i < n; i++) {
		struct flow *f = all[i];

		r->now = (struct rec_head){ 0, f->last_ts, f->id, last_n + (f->id & FRAME_MASK) };
		end_flow(r, f, REC_stream_reason_END_OF_INPUT);
		flow_forget(r, f);
	}
	free(all);
	memset(r->first_n, 0, SOURCES * sizeof(uint64_t));
}

/* ---- life ---- */

struct reasm_limits reasm_limits_default(void)
{
	return (struct reasm_limits){
		.assembly = {
			.depth = UINT64_MAX,
			.queue_bytes = 1024 * 1024,
			.queue_blocks = 256,
			.memory = 256 * 1024 * 1024,
			.acked_ns = 10 * 1000 * 1000,
			.acked_packets = 3,
			.timer_ns = 2000000000u,
		},
		.max_flows = 262144,
	};
}

struct reasm *reasm_new(const struct reasm_limits *limits, const struct reasm_host *host)
{
	struct reasm *r = xcalloc(1, sizeof(*r));
	uint64_t buckets = 16;

	r->host = *host;
	r->max_flows = limits->max_flows ? limits->max_flows : 1;
	while (buckets < r->max_flows)
		buckets *= 2;
	r->mask = buckets - 1;
	r->buckets = xcalloc(buckets, sizeof(struct flow *));
	r->first_n = xcalloc(SOURCES, sizeof(uint64_t));
	assembly_group_init(&r->group, &limits->assembly,
			    &(struct assembly_sink){ r, on_data, on_gap, on_overlap });
	return r;
}

void reasm_free(struct reasm *r)
{
	if (!r)
		return;
	assembly_group_release(&r->group);
	for (struct slab *s = r->slabs, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	free(r->buckets);
	free(r->first_n);
	free(r);
}

const struct reasm_stats *reasm_stats(const struct reasm *r)
{
	return &r->stats;
}

const struct assembly_group *reasm_group(const struct reasm *r)
{
	return &r->group;
}
