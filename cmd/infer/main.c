/* weir-infer: which protocol a flow carries, how sure that is, and why. */
#include "cmd/infer/infer.h"

/* Words instead of records: then it is a sink. */
static bool prints(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--explain") == 0 ||
		    strncmp(argv[i], "--calibrate", sizeof("--calibrate") - 1) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct stage_ops ops = {
		.name = "infer",
		.summary = "guess which protocol a flow carries, with the evidence",
		.epilog = "In: stream, packet, flow. Out: guess, and all that came in.\n"
			  "  weir read trace.pcap | weir flow | weir reasm | weir infer | weir "
			  "http | "
			  "weir json\n"
			  "  weir read trace.pcap | weir flow | weir reasm | weir infer --explain",
		.kind = prints(argc, argv) ? STAGE_SINK : STAGE_FILTER,
		.options = infer_options,
		.config = &infer_config,
		.reads = infer_reads,
		.announces = &rec_guess_desc,
		.skims = true,
		.open = infer_open,
		.batch = infer_batch,
		.finish = infer_end,
	};

	return stage_main(&ops, argc, argv);
}
