/* frame: what every capture reader hands out: one frame, or why there is none. */
#ifndef WEIR_READ_FRAME_H
#define WEIR_READ_FRAME_H

#include "libcommon/base/bytes.h"

struct cap_frame {
	uint64_t ts;        /* ns since the epoch */
	uint32_t link_type; /* LINKTYPE_ value as in the file */
	uint32_t wire_len;
	uint32_t iface; /* number within the file, over all sections */
	uint32_t flags; /* FRAME_ bits of the record */
	struct bytes data;
};

enum cap_step {
	CAP_FRAME, /* *frame is set; its data stays borrowed from the bytes given */
	CAP_MORE,  /* the bytes end here, or within a block */
	CAP_BAD,   /* damaged: `why` of the parser says how */
};

enum { CAP_WHY = 96 }; /* bytes of such a text, with the NUL */

#endif
