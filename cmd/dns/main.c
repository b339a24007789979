/* weir-dns: DNS records out of packets and streams. */
#include "cmd/dns/dns.h"

int main(int argc, char **argv)
{
	return l7_main(&dns_parser, argc, argv);
}
