/* pcap_bulk: the packets of a classic pcap file, out of bytes that were read in bulk.
 *
 * Pure: no I/O, no allocation. Covers what nearly all files are (version 2.4, us or ns, either
 * byte order); the rarer layouts are left to libpcap. */
#ifndef WEIR_READ_PCAP_BULK_H
#define WEIR_READ_PCAP_BULK_H

#include "cmd/read/frame.h"

enum { BULK_FILE_HEADER = 24, BULK_PACKET_HEADER = 16 };

struct bulk {
	bool swapped;
	uint32_t scale; /* ns per unit of a packet header's fraction */
	uint32_t link_type;
	char why[CAP_WHY];
};

/* From the file header, at least BULK_FILE_HEADER bytes. False: another layout. */
bool bulk_open(struct bulk *b, struct bytes header);
/* The next packet; *in is moved behind it. On CAP_MORE and CAP_BAD *in starts at the packet
 * header that is incomplete or damaged. */
enum cap_step bulk_next(struct bulk *b, struct bytes *in, struct cap_frame *f);
/* The input ended although `left` (not empty) is there: says in b->why what is cut. */
void bulk_cut(struct bulk *b, struct bytes left);

#endif
