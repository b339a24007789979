/* batch: whole records cut from a stream, and the head of the stream that goes by in it. Pure. */
#ifndef WEIR_LINK_BATCH_H
#define WEIR_LINK_BATCH_H

#include "libcommon/record/record.h"

/* The first hello and every schema of a stream, as a ring keeps them: what a reader that begins
 * later must see first. A zeroed struct is a valid empty one. */
struct stream_head {
	struct buf raw;
	uint64_t known[512]; /* hashes of the records in it */
	unsigned n;
	bool hello;
	bool full;         /* more than LINK_HEAD bytes, or too many: no reader can begin later */
	uint64_t instance; /* stream id of the first hello; 0: it has none */
};

/* Looks at one control record; true where it was new, and is now at the end of raw. */
bool stream_head_note(struct stream_head *h, struct bytes record);
void stream_head_release(struct stream_head *h);

struct batch {
	size_t len;       /* bytes of whole records */
	uint64_t records; /* data records among them */
};

/* The whole records at the start of b, as many as have room in `most` bytes, and one in any case.
 * Control records go by head where it is not NULL. False where something in b is no record: *why.
 * What stands before that is in the batch. */
bool batch_cut(struct bytes b, size_t most, struct batch *out, struct stream_head *head,
	       const char **why);

#endif
