/* layers: any bytes as a frame of any link type; what comes out lies within what went in. */
#include <stdlib.h>

#include "libcommon/net/flow_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const uint8_t *data, size_t size, struct bytes b)
{
	if (b.len && (b.ptr < data || b.ptr + b.len > data + size))
		abort();
}

/* The first two bytes choose the link type, the rest is the frame. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = {
		0, 1, 9, 12, 50, 101, 104, 108, 113, 228, 229, 276, 4711
	};
	struct layers l;
	struct flow_key key;
	enum layers_fate fate;

	if (size < 2)
		return 0;
	fate = layers_parse(&l, links[data[0] % (sizeof(links) / sizeof(links[0]))],
			    BYTES(data + 2, size - 2), data[1] & LAYERS_NO_CHECKSUM);
	if (fate >= LAYERS_FATES || l.nvlans > LAYERS_MAX)
		abort();
	if (fate != LAYERS_PACKET)
		return 0;
	inside(data, size, l.payload);
	inside(data, size, l.tcp_options);
	if (l.payload.len + l.missing > 0xffff && l.missing)
		abort();
	if (flow_key_make(&key, &l, flow_scope(l.vlans, l.nvlans)) > 1)
		abort();
	return 0;
}
