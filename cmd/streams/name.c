/* name: file names and places of streams. */
#include "cmd/streams/name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Number as so many digits; returns what is behind them. One name a file: no printf here. */
static char *digits(char *to, unsigned value, int n)
{
	for (int i = n; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + n;
}

void stream_address(const uint8_t *addr, uint8_t ip_version, char out[STREAM_NAME])
{
	out[0] = 0;
	if (ip_version == 6)
		inet_ntop(AF_INET6, addr, out, STREAM_NAME);
	for (int i = 0; ip_version == 4 && i < 4; i++) {
		if (i)
			*out++ = '.';
		out = digits(out, addr[i], addr[i] > 99 ? 3 : addr[i] > 9 ? 2 : 1);
		*out = 0;
	}
}

void stream_place(const uint8_t *addr, uint8_t ip_version, uint16_t port, char out[STREAM_NAME])
{
	char text[STREAM_NAME];

	stream_address(addr, ip_version, text);
	snprintf(out, STREAM_NAME, ip_version == 6 ? "[%.64s]:%u" : "%.64s:%u", text, port);
}

static char *padded(char *to, const uint8_t *addr, uint8_t ip_version, uint16_t port)
{
	char text[STREAM_NAME];
	size_t n;

	if (ip_version == 4) {
		for (int i = 0; i < 4; i++) {
			to = digits(to, addr[i], 3);
			*to++ = '.';
		}
		return digits(to, port, 5);
	}
	stream_address(addr, ip_version, text);
	n = strlen(text); /* at most INET6_ADDRSTRLEN - 1 */
	memcpy(to, text, n);
	to += n;
	*to++ = '.';
	return digits(to, port, 5);
}

void stream_name(const struct stream_ends *e, uint32_t again, char out[STREAM_NAME])
{
	char *to = padded(out, e->src, e->ip_version, e->sport);

	*to++ = '-';
	to = padded(to, e->dst, e->ip_version, e->dport);
	*to = 0;
	if (e->has_sid)
		to += snprintf(to, STREAM_NAME - (size_t)(to - out), "s%u", e->sid);
	if (again)
		snprintf(to, STREAM_NAME - (size_t)(to - out), "c%u", again);
}
