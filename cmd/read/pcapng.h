/* pcapng: the packets of a pcapng file, out of bytes that were read in bulk.
 *
 * Pure: no I/O. Sections of either byte order, interfaces of any link type, snapshot length and
 * time unit; enhanced, simple and obsolete packet blocks; other blocks are passed over, however
 * long, without being kept. draft-ietf-opsawg-pcapng. */
#ifndef WEIR_READ_PCAPNG_H
#define WEIR_READ_PCAPNG_H

#include "cmd/read/frame.h"

enum {
	PCAPNG_MAX_BLOCK = 512 * 1024, /* of a block whose contents are used */
	PCAPNG_MAX_IFACES = 65536,     /* in a section */
};

struct pcapng_iface {
	uint32_t link_type, snaplen;
	bool binary; /* units of 2^-exponent s, else of 10^-exponent s */
	uint8_t exponent;
	int64_t offset; /* s to add */
};

struct pcapng { /* zeroed = before the first section */
	bool in_section, swapped;
	bool foreign;                /* CAP_BAD: not damaged, but of a version that nobody reads */
	struct pcapng_iface *ifaces; /* of this section */
	size_t nifaces, size;
	uint32_t iface_base; /* interfaces of the sections before */
	uint64_t last_ts;    /* for simple packets, which have no time */
	uint64_t skip;       /* bytes of a block still to pass over */
	uint32_t trailer;    /* the length that must stand behind them; 0 = none */
	uint32_t block_len;  /* of the block at hand */
	uint64_t skipped;    /* bytes of that block that are gone */
	char why[CAP_WHY];
};

/* Do these bytes (at least 12) start a pcapng file? */
bool pcapng_is(struct bytes head);
/* The next packet; *in is moved behind its block. On CAP_MORE *in starts at what is incomplete
 * (PCAPNG_MAX_BLOCK bytes are always enough to get on); on CAP_BAD at the damaged block. */
enum cap_step pcapng_next(struct pcapng *g, struct bytes *in, struct cap_frame *f);
/* Is the end of the input, with `left` unread bytes, in the middle of a block? If so, g->why
 * says what is cut and *back how many bytes before `left` that block begins. */
bool pcapng_cut(struct pcapng *g, struct bytes left, uint64_t *back);
void pcapng_release(struct pcapng *g);

#endif
