/* flow: what the files of weir-flow share. */
#ifndef WEIR_CMD_FLOW_H
#define WEIR_CMD_FLOW_H

#include "libcommon/stage/flow_engine.h"
#include "libcommon/stage/stage.h"

/* What the options fill in. */
struct flow_config {
	uint64_t max_flows, update, dedup;
	struct opt_strings timeout;
	const char *events, *decap, *timeout_file;
	int fragments, key;
	bool packets, checksum, ignore_scope, directional, monotonic;
};

/* What the options ask for, but for secret and callbacks; e->rules is never released. Wrong ones
 * end the process. */
void flow_options_read(struct flow_engine_config *e, const struct flow_config *c);

/* weir-flow, but for its main(). */
extern const struct stage_ops flow_stage;

#endif
