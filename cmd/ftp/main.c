/* weir-ftp: FTP records out of streams. */
#include "cmd/ftp/ftp.h"

int main(int argc, char **argv)
{
	return l7_main(&ftp_parser, argc, argv);
}
