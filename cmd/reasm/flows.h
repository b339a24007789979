/* flows: both directions of every TCP flow, by flow id: from packet records to stream records.
 *
 * Pure: no I/O. What the TCP state machine said of a segment (verdict, flags, 64-bit offset) is
 * obeyed, not second-guessed. Everything here is a function of one flow's records alone, unless
 * a cap that flows share is hit. */
#ifndef WEIR_REASM_FLOWS_H
#define WEIR_REASM_FLOWS_H

#include "cmd/reasm/reassembly.h"
#include "libcommon/record/record.h"

enum { REASM_ANOMALIES = 8 /* per flow; later ones are only counted */ };

struct reasm_host {
	void *ctx;
	/* A stream record; the payload is borrowed until it returns. */
	void (*stream)(void *ctx, const struct rec_head *h, const struct rec_stream *s);
	/* stream_end and anomaly. */
	void (*emit)(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		     const void *rec);
};

struct reasm_limits {
	struct assembly_limits assembly;
	uint32_t max_flows; /* beyond, the least recently used one goes, to within
			      max_flows / 16 packets */
};

struct reasm_stats {
	/* Sums over the directions that have ended, in bytes:
	 * in = delivered + gap + urgent + skipped + undelivered. */
	uint64_t in, delivered, gap, urgent, skipped, undelivered;
	uint64_t law_broken; /* directions for which that does not hold: must be 0 */
	uint64_t retransmitted, out_of_order, overlaps, ignored, late;
	uint64_t anomalies_suppressed, flows, flows_now, flows_peak, evicted;
};

struct reasm;

/* The limits that the man page gives as defaults. */
struct reasm_limits reasm_limits_default(void);
struct reasm *reasm_new(const struct reasm_limits *limits, const struct reasm_host *host);
void reasm_free(struct reasm *r);

/* Packets of this flow will come soon: asks for the memory that they need. TABLE first, some
 * records earlier than FLOW, which reads what TABLE asked for. */
enum reasm_ahead { REASM_AHEAD_TABLE, REASM_AHEAD_FLOW };
void reasm_ahead(struct reasm *r, uint64_t flow, enum reasm_ahead how);
/* A packet record of a TCP flow. */
void reasm_packet(struct reasm *r, const struct rec_head *h, const struct rec_packet *p);
/* Is anything of the flow kept? */
bool reasm_knows(struct reasm *r, uint64_t flow);
/* The flow has ended: what is left of it leaves, with this record's n and ts. */
void reasm_flow_end(struct reasm *r, const struct rec_head *h, enum rec_flow_reason why);
/* The input has ended: the same for every flow still there, by ascending flow id. */
void reasm_finish(struct reasm *r, uint64_t last_n);

const struct reasm_stats *reasm_stats(const struct reasm *r);
const struct assembly_group *reasm_group(const struct reasm *r);

#endif
