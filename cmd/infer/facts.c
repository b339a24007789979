/* facts: what the messages of some protocols say of other flows. */
#include "cmd/infer/facts.h"

void facts_scan(struct facts_flow *flow, const struct facts_input *in)
{
	(void)flow;
	(void)in;
}

void facts_gap(struct facts_flow *flow, unsigned dir)
{
	flow->side[dir].len = 0;
	flow->side[dir].cut = true;
}
