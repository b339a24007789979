/* name: file names and places of streams. */
#include "cmd/streams/name.h"

#include <arpa/inet.h>
#include <stdio.h>

void stream_address(const uint8_t *addr, uint8_t ip_version, char out[STREAM_NAME])
{
	out[0] = 0;
	if (ip_version)
		inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, addr, out, STREAM_NAME);
}

void stream_place(const uint8_t *addr, uint8_t ip_version, uint16_t port, char out[STREAM_NAME])
{
	char text[STREAM_NAME];

	stream_address(addr, ip_version, text);
	snprintf(out, STREAM_NAME, ip_version == 6 ? "[%.64s]:%u" : "%.64s:%u", text, port);
}

static void padded(const uint8_t *addr, uint8_t ip_version, uint16_t port, char out[STREAM_NAME])
{
	char text[STREAM_NAME];

	if (ip_version == 4) {
		snprintf(out, STREAM_NAME, "%03u.%03u.%03u.%03u.%05u", addr[0], addr[1], addr[2],
			 addr[3], port);
		return;
	}
	stream_address(addr, ip_version, text);
	snprintf(out, STREAM_NAME, "%.46s.%05u", text, port);
}

void stream_name(const struct stream_ends *e, uint32_t again, char out[STREAM_NAME])
{
	char src[STREAM_NAME], dst[STREAM_NAME];
	int n;

	padded(e->src, e->ip_version, e->sport, src);
	padded(e->dst, e->ip_version, e->dport, dst);
	n = snprintf(out, STREAM_NAME, "%.54s-%.54s", src, dst);
	if (again)
		snprintf(out + n, STREAM_NAME - (size_t)n, "c%u", again);
}
