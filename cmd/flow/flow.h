/* flow: what the files of weir-flow share. */
#ifndef WEIR_CMD_FLOW_H
#define WEIR_CMD_FLOW_H

#include "libcommon/net/tracker.h"
#include "libcommon/stage/stage.h"

/* What the options fill in. */
struct flow_config {
	uint64_t max_flows, update;
	struct opt_strings timeout;
	const char *events;
	bool packets, checksum, ignore_scope;
};

/* Which flow records are wanted: bits 1 << enum rec_flow_event. */
unsigned flow_events(const char *list, uint64_t update);
/* Sets the timeouts that "PROTO[:STATE]=DURATION" names. */
void flow_timeouts(uint64_t timeout[FLOW_CLASSES], const struct opt_strings *given);

/* ---- records, in flow_records.c; all emit at `h` ---- */
void flow_emit(struct stage *st, const struct rec_head *h, const struct flow *f,
	       enum rec_flow_event event, enum flow_end_reason why);
void flow_emit_packet(struct stage *st, const struct rec_head *h, const struct tracked *p,
		      uint64_t raw_ts);
void flow_emit_anomaly(struct stage *st, const struct rec_head *h, const struct tracked *p,
		       const char *name, enum rec_severity severity);

/* weir-flow, but for its main(). */
extern const struct stage_ops flow_stage;

#endif
