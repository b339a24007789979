/* link: fuzz target of a link's messages, and of the records of a batch. */
#include <stdlib.h>

#include "cmd/link/batch.h"
#include "cmd/link/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream_head head = { .n = 0 };
	struct link_message m, back;
	struct batch all, part;
	uint8_t front[LINK_FRONT_MAX];
	const char *why;
	size_t n;

	if (link_message_get(BYTES(data, size), &m))
		return 0;
	MUST(m.payload.len <= size);
	MUST(m.version != LINK_VERSION || (m.kind > 0 && m.kind < LINK_KINDS));
	/* The numbers survive being written. */
	n = link_message_put(front, &m);
	MUST(n <= sizeof(front));
	if (!m.payload.len) {
		MUST(!link_message_get(BYTES(front, n), &back));
		MUST(back.seq == m.seq && back.count == m.count && back.more == m.more);
	}
	batch_cut(m.payload, SIZE_MAX, &all, &head, &why);
	MUST(all.len <= m.payload.len && head.raw.len <= LINK_HEAD);
	/* Cut in pieces it is the same. */
	for (size_t at = 0; at < all.len; at += part.len) {
		batch_cut(BYTES(m.payload.ptr + at, all.len - at), 64, &part, NULL, &why);
		MUST(part.len && part.records <= all.records);
		all.records -= part.records;
	}
	MUST(all.records == 0);
	stream_head_release(&head);
	return 0;
}
