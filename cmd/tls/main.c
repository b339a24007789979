/* weir-tls: one record for each TLS handshake. */
#include "cmd/tls/tls.h"

int main(int argc, char **argv)
{
	return l7_main(&tls_parser, argc, argv);
}
