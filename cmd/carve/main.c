/* weir-carve: the frames of the flows and records on its input. */
#include "cmd/carve/carve.h"

int main(int argc, char **argv)
{
	int code = stage_main(&carve_ops, argc, argv);

	carve_live_release();
	return code;
}
