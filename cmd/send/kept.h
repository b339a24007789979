/* kept: frames kept in memory, to be sent several times. Bounded. */
#ifndef WEIR_SEND_KEPT_H
#define WEIR_SEND_KEPT_H

#include "libcommon/base/buf.h"
#include "libcommon/record/record.h"

struct kept { /* zeroed but for max = empty */
	struct buf bytes;
	uint64_t max, frames;
};

struct kept_frame {
	uint64_t ts;
	uint32_t link_type;
	uint8_t side;
	struct bytes data;
};

/* False where there is no room. */
bool kept_add(struct kept *s, const struct kept_frame *f);
/* The next from *at (0: the first) on; false at the end. */
bool kept_next(const struct kept *s, size_t *at, struct kept_frame *f);

#endif
