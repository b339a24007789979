/* transcript: both sides of streams as text that a terminal can't be fooled by. Pure. */
#ifndef WEIR_STREAMS_TRANSCRIPT_H
#define WEIR_STREAMS_TRANSCRIPT_H

#include "libcommon/record/record.h"

struct transcript {
	uint64_t flow; /* whose lines came last */
	bool any;      /* there were some */
	bool colour;
};

/* Append whole lines. Every byte but printable ASCII is escaped (\t \r \\ \xHH); a line of the
 * stream is a line of text behind "> " (from the originator) or "< ". A headline names the flow
 * wherever it changes. */
void transcript_stream(struct transcript *t, struct buf *out, const struct rec_head *h,
		       const struct rec_stream *s);
void transcript_end(struct transcript *t, struct buf *out, const struct rec_head *h,
		    const struct rec_stream_end *e);

#endif
