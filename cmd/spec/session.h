/* session: a spec as a parser of l7.h: which flows are its own, messages that come in pieces,
 * requests that wait for their responses. */
#ifndef WEIR_SPEC_SESSION_H
#define WEIR_SPEC_SESSION_H

#include "cmd/spec/run.h"
#include "libcommon/stage/l7.h"

/* What options set, and the spec. */
struct spec_config {
	const struct spec *spec;
	uint64_t timeout;     /* ns until a request counts as unanswered; 0 = at the flow's end */
	uint64_t max_pending; /* requests that wait, per flow */
	uint64_t max_memory;  /* bytes of messages that wait, all flows */
	bool list, check;     /* handled before the stage begins */
};

/* The parser of c->spec; both must live as long as it. Its options are spec_options. */
struct l7_parser spec_parser(struct spec_config *c);
extern const struct opt spec_options[];

/* A record of a message, of a request, or of both. data: what the values of m may lie in. */
void spec_emit(struct l7_flow *f, const struct spec *s, const struct spec_msg *request,
	       const struct spec_msg *m, enum spec_state state, struct bytes data);

#endif
