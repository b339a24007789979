/* ask: fuzzes how packets are known as answers: an error that quotes a packet has the packet's key.
 */
#include <stdlib.h>

#include "cmd/ask/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUOTED_MAX = 1400, OUTER = 28 };

/* "Unreachable", from somebody, about these bytes. */
static void quoted(const uint8_t *data, size_t size)
{
	uint8_t packet[OUTER + QUOTED_MAX] = { 0x45, [9] = 1, [20] = 3 };
	struct ask_key q, a;
	bool error;

	if (size == 0 || size > QUOTED_MAX || !ask_key_question(&q, ASK_IP4, BYTES(data, size)))
		return;
	be16_put(packet + 2, (uint16_t)(OUTER + size));
	memcpy(packet + OUTER, data, size);
	if (!ask_key_answer(&a, ASK_IP4, BYTES(packet, OUTER + size), &error) || !error ||
	    !ask_key_match(&q, &a) || ask_key_hash(&q) != ask_key_hash(&a))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { ASK_ARP, ASK_IP4, ASK_IP6, 0 };

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct bytes from = ask_source(types[t], BYTES(data, size));
		struct bytes to = ask_destination(types[t], BYTES(data, size));
		struct ask_key k;
		bool error;

		if ((from.len && (from.ptr < data || from.ptr + from.len > data + size)) ||
		    (to.len && (to.ptr < data || to.ptr + to.len > data + size)))
			abort();
		ask_key_question(&k, types[t], BYTES(data, size));
		ask_key_answer(&k, types[t], BYTES(data, size), &error);
	}
	quoted(data, size);
	return 0;
}
