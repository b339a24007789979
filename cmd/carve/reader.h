/* reader: the frames of capture files, through a weir-read of its own.
 *
 * It is started before the sandbox closes, reads what it is told in a sandbox of its own, and waits
 * in a pipe until its frames are wanted. */
#ifndef WEIR_CARVE_READER_H
#define WEIR_CARVE_READER_H

#include "libcommon/base/buf.h"
#include "libcommon/base/opt.h"
#include "libcommon/record/record.h"

struct reader {
	int fd;
	struct buf buf;
	size_t pos;
	bool ended;     /* it has said that this was all */
	bool truncated; /* and that a file was damaged, which it has told of itself */
};

/* Ends the process where a file can't be opened. */
void reader_start(struct reader *r, const struct opt_strings *files, bool merge);
/* The next frame; what is handed out is valid until the next call. False: there is none, and unless
 * r->ended it is not known whether that was all. */
bool reader_next(struct reader *r, struct rec_head *h, struct rec_frame *f);
void reader_close(struct reader *r);

#endif
