/* input: the bytes of one capture file, in big reads, unpacked where they are gzip.
 *
 * A window of unread bytes that grows with what its reader leaves in it. Never seeks: a pipe is
 * as good as a file. */
#ifndef WEIR_READ_INPUT_H
#define WEIR_READ_INPUT_H

#include "cmd/read/frame.h"

struct z_stream_s;

struct input {
	int fd;
	bool waits;   /* a pipe, FIFO, socket or terminal: a read may have to wait */
	size_t chunk; /* bytes asked of one read(2) */
	uint8_t *buf;
	size_t size, pos, end; /* buf[pos..end) is unread */
	uint64_t offset;       /* of buf[pos] in the (unpacked) file */
	uint64_t *bytes_read;  /* counter of bytes read from descriptors; not NULL */
	bool eof;
	bool probed;          /* packed or not is known */
	bool between;         /* gzip members: none has begun, or the last has ended */
	struct z_stream_s *z; /* NULL: not packed */
	uint8_t *packed;      /* the chunk that z reads from */
	char why[CAP_WHY];
};

enum input_state {
	INPUT_DATA, /* the window has grown */
	INPUT_WAIT, /* nothing there yet */
	INPUT_EOF,
	INPUT_ERROR, /* why says what; what was read before is in the window */
};

/* Takes over the descriptor. */
void input_open(struct input *in, int fd, size_t chunk, uint64_t *bytes_read);
/* Reads once more; waits at most timeout_ms (-1: for ever) where there is nothing to read. */
enum input_state input_fill(struct input *in, int timeout_ms);
void input_close(struct input *in);

static inline struct bytes input_view(const struct input *in)
{
	return BYTES(in->buf + in->pos, in->end - in->pos);
}

static inline void input_consume(struct input *in, size_t n)
{
	in->pos += n;
	in->offset += n;
}

#endif
