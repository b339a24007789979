/* weir-send: frames onto interfaces. */
#include "cmd/send/send.h"

int main(int argc, char **argv)
{
	int code = stage_main(&send_ops, argc, argv);

	send_release();
	return code;
}
