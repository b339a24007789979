/* stream_talk: packets of both sides into a stream engine, and what comes out. For its tests.
 * Malloc is off while the engine runs. */
#ifndef WEIR_STREAM_TALK_H
#define WEIR_STREAM_TALK_H

#include <netinet/in.h>
#include <sys/mman.h>

#include "libcommon/stage/stream_engine.h"
#include "tests/unit/check.h"
#include "tests/unit/poison.h"

enum { ACK = 16, SYN = 2, MAX_ENDS = 64 };

struct out {
	struct stream_engine *r;
	size_t size;
	uint8_t bytes[2][100000];
	uint64_t at[2], gap_bytes[2], records, anomalies;
	uint8_t why[2];
	struct rec_stream last;
	struct rec_head last_head;
	struct rec_stream_end ends[MAX_ENDS];
	struct rec_head end_heads[MAX_ENDS];
	uint64_t end_reasons[MAX_ENDS][REC_gap_reason_SKIPPED + 1];
	unsigned nends;
	struct rec_anomaly anomaly;
	char had[33], got[33], name[33]; /* of the last anomaly */
	bool disorder;
	const uint8_t *truth; /* what side 0 has to be, compared instead of kept */
	uint8_t *kind;        /* with it: 1 data, 2 gap, per byte */
	bool untrue;
};

static struct out out;

static inline void on_stream(void *ctx, const struct rec_head *h, const struct rec_stream *s)
{
	struct out *o = ctx;
	unsigned d = s->dir;

	o->records++;
	o->disorder |= s->offset < o->at[d] || !s->gap != !s->gap_reason ||
		       (s->gap ? s->payload.len : !s->payload.len);
	o->at[d] = s->offset + s->payload.len;
	if (!(s->flags & (STREAM_LOST_CHUNKS | STREAM_LOST_MESSAGES | STREAM_LOST_PART)))
		o->at[d] += s->gap;
	if (o->truth) {
		o->untrue |= s->payload.len &&
			     memcmp(o->truth + s->offset, s->payload.ptr, s->payload.len) != 0;
		memset(o->kind + s->offset, s->gap ? 2 : 1, s->gap + s->payload.len);
		o->gap_bytes[d] += s->gap;
		return;
	}
	if (o->at[d] <= sizeof(o->bytes[d]) && s->payload.len)
		memcpy(o->bytes[d] + s->offset, s->payload.ptr, s->payload.len);
	o->gap_bytes[d] += s->gap;
	if (s->gap)
		o->why[d] = s->gap_reason;
	o->last = *s;
	o->last_head = *h;
}

static inline void on_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
			   const void *rec)
{
	struct out *o = ctx;

	if (desc == &rec_anomaly_desc) {
		o->anomalies++;
		o->anomaly = *(const struct rec_anomaly *)rec;
		snprintf(o->had, sizeof(o->had), "%.*s", (int)o->anomaly.had.len,
			 (const char *)o->anomaly.had.ptr);
		snprintf(o->got, sizeof(o->got), "%.*s", (int)o->anomaly.got.len,
			 (const char *)o->anomaly.got.ptr);
		snprintf(o->name, sizeof(o->name), "%.*s", (int)o->anomaly.name.len,
			 (const char *)o->anomaly.name.ptr);
	} else if (o->nends < MAX_ENDS) {
		const struct rec_stream_end *e = rec;

		o->end_heads[o->nends] = *h;
		if (e->gap_reasons.count)
			memcpy(o->end_reasons[o->nends], e->gap_reasons.items,
			       e->gap_reasons.count * sizeof(uint64_t));
		o->ends[o->nends++] = *e;
	}
}

static uint64_t n; /* frame number of the last packet */

static inline void start(const struct stream_limits *l)
{
	struct stream_limits d = stream_limits_default();

	memset(&out, 0, sizeof(out));
	n = 0;
	l = l ? l : &d;
	out.size = stream_engine_size(l);
	out.r = mmap(NULL, out.size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	stream_engine_init(out.r, l, &(struct stream_host){ &out, on_stream, on_emit });
	poisoned = true;
}

/* Every direction's bytes add up, and nothing is held. */
static inline void finish(void)
{
	const struct stream_stats *s = stream_engine_stats(out.r);

	stream_engine_finish(out.r, 1000000);
	CHECK(!out.disorder);
	CHECK_EQ(s->law_broken, 0);
	CHECK_EQ(s->in, s->delivered + s->gap + s->urgent + s->skipped + s->undelivered);
	CHECK_EQ(s->flows_now, 0);
	CHECK_EQ(stream_engine_group(out.r)->pool.used, 0);
	poisoned = false;
	munmap(out.r, out.size);
}

/* base: sequence number of offset 0 of that side. */
static inline struct rec_packet packet(uint8_t dir, uint64_t offset, const char *text)
{
	static const uint32_t base[2] = { 1001, 0xfffffff0 };

	return (struct rec_packet){
		.ip_version = 4,
		.proto = IPPROTO_TCP,
		.dir = dir,
		.orig_p = 1000,
		.resp_p = 80,
		.orig_h = { 10, 0, 0, 1 },
		.resp_h = { 10, 0, 0, 2 },
		.verdict = *text ? REC_verdict_DELIVER : REC_verdict_NO_DATA,
		.seq = base[dir] + (uint32_t)offset,
		.offset = offset,
		.tcp_flags = ACK,
		.payload = bytes_str(text),
	};
}

static inline void put(uint64_t flow, struct rec_packet p)
{
	struct rec_head h = { REC_packet, (n + 1) * 1000000, flow, n + 1 };

	p.first_n = ++n;
	stream_engine_packet(out.r, &h, &p);
}

static inline void data(uint8_t dir, uint64_t offset, const char *text)
{
	put(1, packet(dir, offset, text));
}

static inline void flagged(uint8_t dir, uint64_t offset, const char *text, uint32_t flags)
{
	struct rec_packet p = packet(dir, offset, text);

	p.flags = flags;
	put(1, p);
}

static inline void ack(uint8_t dir, uint32_t number)
{
	struct rec_packet p = packet(dir, 0, "");

	p.flags = PACKET_ACK_VALID;
	p.ack = number;
	put(1, p);
}

static inline void flow_end(uint64_t flow, enum rec_flow_reason why)
{
	struct rec_head h = { REC_flow, (n + 1) * 1000000, flow, n + 1 };

	n++;
	stream_engine_flow_end(out.r, &h, why);
}

#endif
