/* classic: frames as pcap, into a buffer, laid out by libpcap. */
#ifndef WEIR_WRITE_CLASSIC_H
#define WEIR_WRITE_CLASSIC_H

#include <stdio.h>

#include "libcommon/base/buf.h"

struct classic;

enum { CLASSIC_HEADER = 24 };

/* NULL where libpcap takes no such link type; then *why says so, valid until the next call. What
 * is written is appended to out, which outlives it. */
struct classic *classic_new(uint32_t link_type, uint32_t snaplen, bool micro, struct buf *out,
			    const char **why);
/* The head of a file. */
void classic_header(struct classic *c);
/* False, and nothing appended: its time can't be written. */
bool classic_packet(struct classic *c, uint64_t ts, uint32_t wire_len, struct bytes data);
void classic_free(struct classic *c);

#endif
