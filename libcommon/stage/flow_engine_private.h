/* flow_engine_private: what the files of the flow engine share. */
#ifndef WEIR_FLOW_ENGINE_PRIVATE_H
#define WEIR_FLOW_ENGINE_PRIVATE_H

#include "libcommon/stage/flow_engine.h"

enum {
	FLOW_GROUP = 32, /* frames whose flows are fetched from memory together */
	FLOW_SOURCES = 65536,
};

/* Every name that an anomaly of the engine may have has a number. */
enum flow_anomaly {
	FLOW_A_TCP,
	FLOW_A_SCTP = FLOW_A_TCP + TCP_ANOMALIES,
	FLOW_A_DEFRAG = FLOW_A_SCTP + SCTP_ANOMALIES,
	FLOW_A_CHECKSUM_OFFLOAD = FLOW_A_DEFRAG + DEFRAG_ANOMALIES,
	FLOW_A_BAD_UDP,
	FLOW_A_BAD_ICMP,
	FLOW_ANOMALIES,
};

/* A frame on its way. */
struct flow_item {
	const struct flow_engine_frame *in;
	struct layers layers;
	struct tracked tracked;
	enum layers_fate fate;
	bool duplicate;
	bool tracks;      /* it belongs to a flow */
	uint64_t first_n; /* of the fragments */
};

struct flow_engine {
	struct flow_engine_config config;
	struct tracker *tracker;
	struct defrag *defrag;
	struct dedup *dedup;
	unsigned parse_flags;
	bool begun, finished;
	struct rec_head now; /* ts and n at which records go out */
	uint64_t clock;      /* highest time of all sources */
	uint64_t timer;      /* the clock of the timeouts */
	struct flow_source {
		uint64_t highest; /* time so far */
		uint64_t ahead;   /* time of a frame far ahead that is to be confirmed; or 0 */
		struct flow *ahead_flow; /* the flow of that frame, if its id still is.. */
		uint64_t ahead_id;
	} sources[FLOW_SOURCES];
	struct flow_engine_counters counters;
	/* Of each anomaly's name: when its next record is due by the rate, and how many were left
	 * out. */
	uint64_t due[FLOW_ANOMALIES], suppressed[FLOW_ANOMALIES];
	struct flow_item items[FLOW_GROUP];
};

/* ---- records; all go out at e->now ---- */
void flow_emit(struct flow_engine *e, const struct flow *f, enum rec_flow_event event,
	       enum flow_end_reason why);
void flow_emit_packet(struct flow_engine *e, const struct flow_item *it);

/* ---- anomalies ---- */
/* All that came up at a packet of a flow. */
void flow_report(struct flow_engine *e, const struct flow_item *it);
/* What came up at a fragment; anomalies: of defrag. */
void flow_report_fragment(struct flow_engine *e, const struct flow_item *it, uint32_t anomalies);
/* How many of each were left out, at the end. */
void flow_report_suppressed(struct flow_engine *e);

#endif
