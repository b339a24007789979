/* link_page: what a weir-link process tells the tool that started it: a page of shared memory.
 *
 * The tool makes it and gives it to weir-link (--report=PAGE:PIPE), which alone writes it, but for
 * one word of the tool's. A byte
 * in the pipe says that the page's state is no longer LINK_STARTING; its end that weir-link has
 * ended, however it did: the page holds what it knew by then. */
#ifndef WEIR_LINK_PAGE_H
#define WEIR_LINK_PAGE_H

#include <stdint.h>

enum link_state {
	LINK_STARTING,
	LINK_READY, /* it listens, or will dial */
	LINK_DONE,  /* all has arrived */
	LINK_LEFT,  /* the stream's reader behind the link has left in order */
	LINK_LOST,  /* the other side is gone for good; said on stderr */
};

enum { LINK_PAGE = 4096, LINK_PAGE_MAGIC = 0x574c5031 /* WLP1 */ };

struct link_page {
	uint32_t magic, state;
	uint64_t confirmed; /* data records that the other side's readers have taken */
	uint32_t
		ending; /* the tool's: it is to end, and a peer that never came is not waited for */
};

#endif
