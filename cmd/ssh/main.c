/* weir-ssh: SSH records out of streams. */
#include "cmd/ssh/ssh.h"

int main(int argc, char **argv)
{
	return l7_main(&ssh_parser, argc, argv);
}
