/* weir-flow: frames in, flows and their packets out. */
#include "cmd/flow/flow.h"

int main(int argc, char **argv)
{
	return stage_main(&flow_stage, argc, argv);
}
