/* syn: two layers stacked, two fields set, and the bytes they make. Builds with
 *	cc -D_GNU_SOURCE -I. examples/packet/syn.c build/plain/libweir.a -lcrypto -lm
 * beside the sources, or with `pkg-config --cflags --libs weir` where weir is installed. */
#include <stdio.h>

#include "libcommon/packet/typed.h"

int main(void)
{
	struct pkt_model m = { 0 };
	uint8_t frame[1500];
	struct packet p;
	const char *why;

	pkt_push_ip(&m);
	pkt_push_tcp(&m);
	pkt_set_ip_dst(&m, PKT_IPV4(10, 0, 0, 1));
	pkt_set_tcp_dport(&m, PKT_PORT_OF(443));
	if (!pkt_build(&m, frame, sizeof(frame), &p, &why))
		return 1;
	for (size_t i = 0; i < p.data.len; i++)
		printf("%02x", p.data.ptr[i]);
	putchar('\n');
	pkt_model_release(&m);
	return 0;
}
