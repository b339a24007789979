/* weir-tee: passes every record to every output. */
#include "libcommon/stage/stage.h"

static void tee_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stage_pass(st, recs[i].raw);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "tee",
		.summary = "pass every record to every output",
		.epilog =
			"    weir read trace.pcap | weir flow | weir tee -o flows.weir -o - | weir "
			"json\n",
		.kind = STAGE_FILTER,
		.batch = tee_batch,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
