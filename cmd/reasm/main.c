/* weir-reasm: TCP segments and SCTP chunks into streams. */
#include "cmd/reasm/reasm.h"

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "reasm",
		.summary = "put TCP and SCTP in order, with every gap explicit",
		.epilog =
			"Reads packet and flow records of weir-flow. Writes stream, stream_end "
			"and anomaly records in place of TCP and SCTP packets; all else passes.\n\n"
			"  weir read trace.pcap | weir flow | weir reasm | weir http | weir json\n",
		.kind = STAGE_FILTER,
		.options = reasm_options,
		.config = &reasm_config,
		.reads = reasm_reads,
		.open = reasm_open,
		.batch = reasm_batch,
		.finish = reasm_end,
		.census = reasm_census,
		.leave = reasm_leave,
	};

	return stage_main(&ops, argc, argv);
}
