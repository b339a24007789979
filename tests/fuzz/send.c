/* send: fuzzes what weir-send and weir-ask read: frames' packets, and the kernel's messages. */
#include <stdlib.h>
#include <sys/socket.h>

#include "cmd/send/packet_of.h"
#include "libcommon/port/rtnetlink.h"
#include "libcommon/port/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t links[] = { 0, 1, 12, 101, 105, 113, 228, 276 };
	struct rt_address a = { AF_INET, { 10, 0, 0, 1 } };
	struct bytes in = BYTES(data, size);
	struct rt_interface i;
	struct watch_event e;
	struct rt_route r;
	uint8_t mac[6];

	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++) {
		struct bytes p = packet_of(links[l], BYTES(data, size));

		if (p.ptr && (p.ptr < data || p.ptr + p.len > data + size || !packet_proto(p)))
			abort();
	}
	if (rt_interface_parse(&i, BYTES(data, size)) && !memchr(i.name, 0, sizeof(i.name)))
		abort();
	while (watch_next(&in, &e))
		if (!memchr(e.name, 0, sizeof(e.name)))
			abort();
	rt_route_parse(&r, BYTES(data, size));
	rt_neighbour_parse(BYTES(data, size), 7, &a, mac);
	return 0;
}
