/* weir-streams: the bytes of streams, as files, as a transcript, or as digests. */
#include "cmd/streams/streams.h"

#include "libcommon/stage/sandbox.h"

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "streams",
		.summary = "write byte streams to files, as a transcript, or as digests",
		.epilog =
			"Reads stream and stream_end records of weir-reasm.\n\n"
			"  weir read trace.pcap | weir flow | weir reasm | weir streams -d out\n"
			"  weir read trace.pcap | weir flow | weir reasm | weir streams --follow\n",
		.kind = STAGE_SINK,
		.options = streams_options,
		.config = &streams_config,
		.reads = streams_reads,
		.sandbox = SANDBOX_WRITE_DIR,
		.open = streams_open,
		.sandbox_dir = streams_dir,
		.batch = streams_batch,
		.finish = streams_end,
	};

	return stage_main(&ops, argc, argv);
}
