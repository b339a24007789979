/* weir-streams: the bytes of streams, as files, as a transcript, or as digests. */
#include "cmd/streams/streams.h"

int main(int argc, char **argv)
{
	return stage_main(&streams_ops, argc, argv);
}
