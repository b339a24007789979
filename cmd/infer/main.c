/* weir-infer: which protocol a flow carries, how sure that is, and why. */
#include "cmd/infer/infer.h"
#include "libcommon/stage/l7_part.h"

static bool given(const char *option, int argc, char **argv)
{
	size_t n = strlen(option);

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], option, n) == 0 && (!argv[i][n] || argv[i][n] == '='))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	/* Words instead of records: then it is a sink. */
	bool prints = given("--explain", argc, argv) || given("--calibrate", argc, argv);
	bool parses = given("--parse", argc, argv);
	struct opt_group groups[STAGE_PARTS];
	size_t n = parses ? parse_options(groups) : 0;
	int code;
	struct stage_ops ops = {
		.name = "infer",
		.summary = "guess which protocol a flow carries, with the evidence",
		.epilog = "In: stream, packet, flow. Out: guess, and all that came in.\n"
			  "  weir read trace.pcap | weir flow | weir reasm | weir infer | weir "
			  "http | "
			  "weir json\n"
			  "  weir read trace.pcap | weir flow | weir reasm | weir infer --explain",
		.kind = prints ? STAGE_SINK : STAGE_FILTER,
		.options = infer_options,
		.config = &infer_config,
		.reads = infer_reads(),
		.announces = &rec_guess_desc,
		.skims = true,
		.open = infer_open,
		.batch = infer_batch,
		.finish = infer_end,
		.parts = groups,
		.nparts = n,
		.census = parses ? l7_part_census : NULL,
		.leave = parses ? l7_part_leave : NULL,
	};

	code = stage_main(&ops, argc, argv);
	l7_part_options_free(groups, n);
	return code;
}
