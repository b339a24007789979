/* stream_engine: from packet records to stream records: both directions of every TCP connection and
 * SCTP association, by flow id. What weir-reasm is made of; an embedding program calls it the same.
 *
 * Pure: no I/O, no allocation: it lives on the caller's memory. What the state machine said of a
 * packet (verdict, flags, 64-bit offset) is obeyed, not second-guessed. Everything here is a
 * function of one flow's records alone, unless a cap that flows share is hit. */
#ifndef WEIR_STREAM_ENGINE_H
#define WEIR_STREAM_ENGINE_H

#include "libcommon/net/assembly.h"
#include "libcommon/net/sctp_streams.h"
#include "libcommon/record/record.h"
#include "libcommon/stage/metrics.h"

enum { STREAM_ENGINE_ANOMALIES = 8 /* per flow and name; later ones are only counted */ };

struct stream_host {
	void *ctx;
	/* A stream record; the payload is borrowed until it returns. */
	void (*stream)(void *ctx, const struct rec_head *h, const struct rec_stream *s);
	/* stream_end and anomaly. */
	void (*emit)(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		     const void *rec);
};

struct stream_limits {
	struct assembly_limits assembly;
	struct sctp_limits sctp;
	uint32_t max_flows;        /* TCP; beyond, the least recently used one goes, to within
				     max_flows / 16 packets */
	uint32_t max_associations; /* SCTP, likewise; and as many that carried no data yet */
};

struct stream_stats {
	/* Sums over the directions that have ended, in bytes:
	 * in = delivered + gap + urgent + skipped + undelivered. */
	uint64_t in, delivered, gap, urgent, skipped, undelivered;
	uint64_t law_broken; /* directions for which that does not hold: must be 0 */
	uint64_t retransmitted, out_of_order, overlaps, ignored, late, beyond_fin;
	uint64_t chunks, lost_chunks, messages; /* SCTP */
	uint64_t anomalies_suppressed, flows, flows_now, flows_peak, evicted;
	uint64_t flows_late; /* taken up in their midst: bytes before were not seen here */
	/* The directions that have ended once more: originators', responders'. */
	struct stream_side_stats {
		uint64_t gap, gap_reasons[ASSEMBLY_GAPS]; /* bytes; gap is the sum of the reasons */
		uint64_t skipped, undelivered, retransmitted; /* bytes */
		uint64_t out_of_order;                        /* segments */
		struct histogram high_watermark;              /* bytes */
	} side[2];
};

struct stream_engine;

/* The limits that weir-reasm(1) gives as defaults. */
struct stream_limits stream_limits_default(void);
/* Bytes of memory for an engine; 0: the limits leave too little room. */
size_t stream_engine_size(const struct stream_limits *limits);
/* memory: that many bytes, zeroed and aligned to 64. It is touched only as it is used, and holds
 * nothing to give back. */
struct stream_engine *stream_engine_init(void *memory, const struct stream_limits *limits,
					 const struct stream_host *host);

/* Packets of this flow will come soon: asks for the memory that they need. TABLE first, some
 * records earlier than FLOW, which reads what TABLE asked for. */
enum stream_ahead { STREAM_AHEAD_TABLE, STREAM_AHEAD_FLOW };
void stream_engine_ahead(struct stream_engine *e, uint64_t flow, enum stream_ahead how);
/* A packet record of a TCP or SCTP flow. */
void stream_engine_packet(struct stream_engine *e, const struct rec_head *h,
			  const struct rec_packet *p);
/* Is anything of the flow kept? */
bool stream_engine_knows(const struct stream_engine *e, uint64_t flow);
/* Every flow that is kept, nearly the last used first: its key, and the bytes of each direction
 * that wait behind a hole. */
void stream_engine_each(const struct stream_engine *e,
			void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
				     const uint64_t held[2]),
			void *ctx);
/* The flow has ended: what is left of it leaves, with this record's n and ts. */
void stream_engine_flow_end(struct stream_engine *e, const struct rec_head *h,
			    enum rec_flow_reason why);
/* The input has ended: the same for every flow still there, by ascending flow id. Another input
 * may follow. */
void stream_engine_finish(struct stream_engine *e, uint64_t last_n);
/* Another engine goes on with these flows and knows nothing of them: their directions end as
 * swapped, at the frame number n. */
void stream_engine_leave(struct stream_engine *e, uint64_t n, uint64_t ts);

const struct stream_stats *stream_engine_stats(const struct stream_engine *e);
const struct assembly_group *stream_engine_group(const struct stream_engine *e);

#endif
