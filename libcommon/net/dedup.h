/* dedup: frames that a capture holds twice: both sides of a mirrored port, both ways over loopback.
 *
 * A frame is a duplicate where a frame with the same bytes came at most `window` before it, the
 * window counted from that first copy, so that a steady run of equal frames is thinned and not
 * swallowed. Where the capture tells directions, a copy goes the other way: equal frames of one
 * direction, one of them marked outgoing, are two frames. Each outgoing frame takes the place of
 * one copy only, so that a frame sent twice and seen four times leaves two.
 *
 * On caller memory: the bytes of recent frames are kept to be compared, in a ring of `bytes` bytes
 * and at most `frames` frames; what was pushed out of it too early to be compared is counted. */
#ifndef WEIR_DEDUP_H
#define WEIR_DEDUP_H

#include "libcommon/base/bytes.h"

struct dedup_config {
	uint64_t window; /* ns */
	uint32_t frames; /* 0: 16,384 */
	uint32_t bytes;  /* 0: 8 MiB */
	uint64_t secret; /* places frames in the table and decides about nothing that is put out */
};

struct dedup_frame {
	uint64_t ts; /* ns; may go back */
	uint32_t link_type, wire_len;
	bool outgoing; /* sent by the capturing host; false where that is not known */
	struct bytes data;
};

struct dedup;

size_t dedup_size(const struct dedup_config *config);
/* `memory` is aligned as malloc aligns, dedup_size() bytes long, and stays the caller's. */
struct dedup *dedup_init(void *memory, const struct dedup_config *config);
/* Is this frame a copy of an earlier one? O(1): at most 16 frames of one bucket are looked at. */
bool dedup_is_copy(struct dedup *d, const struct dedup_frame *frame);
/* Frames that left the ring within their window, or that the bound above kept from being compared:
 * so many copies may have been missed. */
uint64_t dedup_overrun(const struct dedup *d);

#endif
