/* weir-tftp: TFTP records out of datagrams. */
#include "cmd/tftp/tftp.h"

int main(int argc, char **argv)
{
	return l7_main(&tftp_parser, argc, argv);
}
