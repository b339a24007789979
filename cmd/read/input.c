/* input: the bytes of one capture file, in big reads, unpacked where they are gzip. */
#include "cmd/read/input.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "libcommon/base/die.h"

void input_open(struct input *in, int fd, size_t chunk, uint64_t *bytes_read)
{
	struct stat st;

	*in = (struct input){ .fd = fd, .chunk = chunk, .bytes_read = bytes_read };
	in->waits = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	if (in->z) {
		inflateEnd(in->z);
		free(in->z);
	}
	free(in->packed);
	free(in->buf);
	*in = (struct input){ .fd = -1, .eof = true };
}

static enum input_state fail(struct input *in, const char *what)
{
	snprintf(in->why, sizeof(in->why), "%s", what);
	in->eof = true;
	return INPUT_ERROR;
}

/* At most n bytes from the descriptor; *got is 0 at its end. */
static enum input_state pull(struct input *in, uint8_t *to, size_t n, int timeout_ms, size_t *got)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };
	ssize_t r;

	*got = 0;
	if (in->waits && poll(&p, 1, timeout_ms) <= 0)
		return INPUT_WAIT;
	r = read(in->fd, to, n);
	if (r < 0 && (errno == EINTR || errno == EAGAIN))
		return INPUT_WAIT;
	if (r < 0) {
		char text[CAP_WHY];

		snprintf(text, sizeof(text), "read error: %s", strerror(errno));
		return fail(in, text);
	}
	*in->bytes_read += (uint64_t)r;
	*got = (size_t)r;
	return INPUT_DATA;
}

/* Room for another chunk behind the unread bytes, which move to the front: the window stays
 * small enough for the cache. */
static void make_room(struct input *in)
{
	size_t unread = in->end - in->pos;

	if (in->pos) {
		memmove(in->buf, in->buf + in->pos, unread);
		in->pos = 0;
		in->end = unread;
	}
	if (in->size - unread < in->chunk) {
		in->size = 2 * (unread + in->chunk);
		in->buf = realloc(in->buf, in->size);
		if (!in->buf)
			die("out of memory");
	}
}

/* The window holds the first bytes of a gzip file: they become z's input instead. */
static void start_unpacking(struct input *in)
{
	size_t n = in->end;

	in->packed = xcalloc(1, in->chunk);
	memcpy(in->packed, in->buf, n);
	in->end = 0;
	in->z = xcalloc(1, sizeof(*in->z));
	if (inflateInit2(in->z, 15 + 16) != Z_OK)
		die("out of memory");
	in->z->next_in = in->packed;
	in->z->avail_in = (uInt)n;
}

static enum input_state probe(struct input *in, int timeout_ms)
{
	enum input_state state;
	size_t got;

	make_room(in);
	state = pull(in, in->buf + in->end, in->chunk, timeout_ms, &got);
	if (state != INPUT_DATA)
		return state;
	in->end += got;
	if (in->end < 2 && got)
		return INPUT_DATA;
	in->probed = true;
	if (in->end >= 2 && in->buf[0] == 0x1f && in->buf[1] == 0x8b) {
		start_unpacking(in);
		return input_fill(in, timeout_ms);
	}
	in->eof = !got;
	return got ? INPUT_DATA : INPUT_EOF;
}

/* Behind one gzip member: another one, padding with zeros, or nonsense. */
static enum input_state next_member(struct input *in)
{
	z_stream *z = in->z;

	while (z->avail_in && z->next_in[0] == 0) {
		z->next_in++;
		z->avail_in--;
	}
	if (z->avail_in && z->next_in[0] != 0x1f)
		return fail(in, "bytes behind the gzip data");
	if (z->avail_in) {
		inflateReset(z);
		in->between = false;
	}
	return INPUT_DATA;
}

static enum input_state refill_packed(struct input *in, int timeout_ms)
{
	enum input_state state;
	size_t got;

	state = pull(in, in->packed, in->chunk, timeout_ms, &got);
	if (state != INPUT_DATA)
		return state;
	if (!got && !in->between)
		return fail(in, "cut in the gzip data");
	in->eof = !got;
	in->z->next_in = in->packed;
	in->z->avail_in = (uInt)got;
	return got ? INPUT_DATA : INPUT_EOF;
}

static enum input_state unpack(struct input *in, int timeout_ms)
{
	z_stream *z = in->z;
	enum input_state state;
	bool refilled = false;
	size_t got = 0;
	int r;

	make_room(in);
	while (!got) {
		if (!z->avail_in) {
			if (refilled)
				return INPUT_WAIT; /* members that hold nothing may go on for ever
						    */
			state = refill_packed(in, timeout_ms);
			if (state != INPUT_DATA)
				return state;
			refilled = true;
		}
		if (in->between && (state = next_member(in)) != INPUT_DATA)
			return state;
		if (in->between)
			continue;
		z->next_out = in->buf + in->end;
		z->avail_out = (uInt)in->chunk;
		r = inflate(z, Z_NO_FLUSH);
		got = in->chunk - z->avail_out;
		in->end += got;
		in->between = r == Z_STREAM_END;
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return fail(in, z->msg ? z->msg : "damaged gzip data");
	}
	return INPUT_DATA;
}

enum input_state input_fill(struct input *in, int timeout_ms)
{
	enum input_state state;
	size_t got;

	if (in->eof)
		return in->why[0] ? INPUT_ERROR : INPUT_EOF;
	if (!in->probed)
		return probe(in, timeout_ms);
	if (in->z)
		return unpack(in, timeout_ms);
	make_room(in);
	state = pull(in, in->buf + in->end, in->chunk, timeout_ms, &got);
	if (state != INPUT_DATA)
		return state;
	in->end += got;
	in->eof = !got;
	return got ? INPUT_DATA : INPUT_EOF;
}
