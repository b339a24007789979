/* weir-write: frames into capture files. */
#include "cmd/write/write.h"

int main(int argc, char **argv)
{
	return write_end(stage_main(&write_ops, argc, argv));
}
