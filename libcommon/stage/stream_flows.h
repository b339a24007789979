/* stream_flows: the table of the stream engine's flows, by flow id, on the engine's memory. */
#ifndef WEIR_STREAM_FLOWS_H
#define WEIR_STREAM_FLOWS_H

#include "libcommon/record/record.h"

enum stream_kind {
	STREAM_TCP,
	STREAM_SCTP,
	STREAM_SCTP_OPEN, /* an association without data so far */
	STREAM_KINDS,
};

/* What every packet of a flow touches stands in the first 64 bytes. What a kind has more of its
 * flows lies behind it. */
struct __attribute__((aligned(64))) stream_flow {
	struct stream_flow *chain; /* in its bucket */
	uint64_t id, last_ts;
	struct stream_flow *newer, *older; /* by last use, nearly: see stream_flow_used() */
	uint32_t listed;                   /* the clock when it was last put in front */
	uint32_t packets;
	uint32_t base[2]; /* TCP: sequence number of offset 0 */
	bool has_base[2], used[2], ended[2];
	uint8_t late : 1; /* its first packets were not seen here */
	uint8_t kind : 2;
	uint8_t late_counted : 1;
	uint8_t anomalies;

	uint64_t ignored[2];
	struct rec_stream about; /* what all its stream records share */
};

/* All flows of a kind: slots of one size, used by and by. */
struct stream_slots {
	uint8_t *at;
	size_t size;
	struct stream_flow *free, *newest, *oldest;
	uint32_t touched, max, count;
};

struct stream_flows {
	struct stream_flow **buckets;
	uint64_t mask;
	struct stream_slots kinds[STREAM_KINDS];
	uint32_t clock; /* packets of known flows so far */
};

/* Lays out buckets and slots from `memory` on; `max` and `size` of each kind are set. memory NULL:
 * only says how many bytes that takes. */
size_t stream_flows_layout(struct stream_flows *t, uint8_t *memory);

/* Ids are frame numbers: flows of one time share cache lines of the table, and no two of a window
 * as long as the table share a bucket. */
static inline struct stream_flow **stream_bucket(const struct stream_flows *t, uint64_t id)
{
	return &t->buckets[(id ^ id >> 48) & t->mask];
}

static inline struct stream_flow *stream_flow_find(const struct stream_flows *t, uint64_t id)
{
	struct stream_flow *f = *stream_bucket(t, id);

	while (f && f->id != id)
		f = f->chain;
	return f;
}

/* The one to give way, where all slots of a kind are taken; else NULL. */
static inline struct stream_flow *stream_flows_victim(const struct stream_flows *t,
						      enum stream_kind kind)
{
	return t->kinds[kind].count == t->kinds[kind].max ? t->kinds[kind].oldest : NULL;
}

/* A zeroed flow of that kind; there must be a slot. */
struct stream_flow *stream_flow_add(struct stream_flows *t, enum stream_kind kind, uint64_t id);
void stream_flow_remove(struct stream_flows *t, struct stream_flow *f);
void stream_flow_relist(struct stream_flows *t, struct stream_flow *f);

/* Moving a flow in the list costs two other flows' cache lines, so one that was moved within the
 * last max / 16 packets stays: the oldest is the least recently used to within so many. */
static inline void stream_flow_used(struct stream_flows *t, struct stream_flow *f)
{
	const struct stream_slots *k = &t->kinds[f->kind];

	t->clock++;
	if (t->clock - f->listed > k->max / 16 && k->newest != f)
		stream_flow_relist(t, f);
}

/* All flows by ascending id, linked by `older`. Each must then be removed before any other call. */
struct stream_flow *stream_flows_sorted(struct stream_flows *t);

#endif
