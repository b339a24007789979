/* port_fd: ports over descriptors: standard input and output, fd:N, files. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/transport.h"

enum {
	PIPE_SIZE = 1024 * 1024, /* asked for; the kernel may refuse */
	READ_SIZE = 256 * 1024,
};

/* ---- output ---- */

struct fd_out {
	struct port_out port;
	int fd;
	uint64_t offset;         /* of a regular file: where the next record goes */
	bool regular, wait_free; /* wait_free: write() gives EAGAIN instead of waiting */
	bool named;              /* the file was ours to open.. */
	bool anew;               /* ..and what it held is to go */
	uint8_t *buf;
	size_t done, len, size; /* buf[done..len) is committed and not written; len <= size */
};

static void out_break(struct fd_out *o, int err)
{
	o->port.err = err;
	o->port.lost += o->len - o->done;
	o->done = o->len = 0;
}

/* A full disk cut the batch short. The batch started at the end of a whole record, so a file that
 * ends where we stopped is cut back to there. */
static void out_disk_full(struct fd_out *o, int err)
{
	off_t at = lseek(o->fd, 0, SEEK_CUR);
	off_t start = at - (off_t)o->done;
	off_t end = o->regular && at >= 0 ? lseek(o->fd, 0, SEEK_END) : -1;

	if (o->done && start >= 0 && end == at && ftruncate(o->fd, start) == 0 &&
	    lseek(o->fd, start, SEEK_SET) >= 0)
		o->done = 0;
	out_break(o, err);
}

static bool out_poll(struct fd_out *o, int timeout_ms)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };

	return poll(&pfd, 1, timeout_ms) > 0;
}

enum progress { STUCK, ALL, BROKEN };

/* Writes what is committed. Without wait it stops (STUCK) where write() would block. */
static enum progress out_write(struct fd_out *o, bool wait)
{
	while (o->done < o->len) {
		size_t n = o->len - o->done;
		ssize_t done;

		if (!o->wait_free && !o->regular && !wait && !out_poll(o, 0))
			return STUCK;
		if (port_test_write && n > port_test_write)
			n = port_test_write;
		done = write(o->fd, o->buf + o->done, n);
		if (done > 0) {
			o->done += (size_t)done;
		} else if (port_give_up && wait && (!done || errno == EAGAIN || errno == EINTR)) {
			out_break(o, EINTR);
			return BROKEN;
		} else if (done < 0 && errno == EAGAIN) {
			if (!wait)
				return STUCK;
			out_poll(o, PORT_LOOK_MS);
		} else if (done < 0 && errno != EINTR) {
			out_disk_full(o, errno);
			return BROKEN;
		}
	}
	o->done = o->len = 0;
	return ALL;
}

static void fd_window(struct fd_out *o)
{
	size_t held = o->len - o->done;

	port_out_window(&o->port, o->buf + o->len, o->size - o->len,
			held < PORT_BATCH ? PORT_BATCH - held : 1);
}

static void fd_grow(struct fd_out *o, size_t size)
{
	o->size = size;
	o->buf = realloc(o->buf, size);
	if (!o->buf)
		die("out of memory");
}

static uint8_t *fd_reserve(struct port_out *p, size_t n, bool wait)
{
	struct fd_out *o = (struct fd_out *)p;

	if (o->len + n > o->size && o->len) {
		if (out_write(o, wait) == BROKEN)
			return NULL;
		/* What is left goes to the front, so that a slow reader does not need a
		 * larger buffer than a quick one. */
		if (o->done) {
			o->len -= o->done;
			memmove(o->buf, o->buf + o->done, o->len);
			o->done = 0;
		}
		if (o->len >= PORT_BATCH) {
			fd_window(o);
			return NULL;
		}
	}
	if (o->len + n > o->size)
		fd_grow(o, PORT_BATCH + n);
	fd_window(o);
	return o->buf + o->len;
}

static void fd_commit(struct port_out *p, size_t n)
{
	struct fd_out *o = (struct fd_out *)p;

	o->len += n;
	o->offset += n;
	if (o->len - o->done >= PORT_BATCH)
		out_write(o, false);
	fd_window(o);
}

static bool fd_flush(struct port_out *p)
{
	bool all = out_write((struct fd_out *)p, true) == ALL;

	fd_window((struct fd_out *)p);
	return all;
}

static void fd_push(struct port_out *p)
{
	out_write((struct fd_out *)p, false);
	fd_window((struct fd_out *)p);
}

static size_t fd_pending(const struct port_out *p)
{
	const struct fd_out *o = (const struct fd_out *)p;

	return o->len - o->done;
}

static uint64_t fd_position(const struct port_out *p)
{
	const struct fd_out *o = (const struct fd_out *)p;

	return o->regular ? o->offset : 0;
}

static bool fd_settle(struct port_out *p, uint64_t position)
{
	struct fd_out *o = (struct fd_out *)p;

	if (!o->regular)
		return true;
	o->offset = position;
	if (position == 0 && o->named) {
		o->anew = true; /* the predecessor did not begin */
		return true;
	}
	return ftruncate(o->fd, (off_t)position) == 0 &&
	       lseek(o->fd, (off_t)position, SEEK_SET) >= 0;
}

static bool fd_begin(struct port_out *p)
{
	struct fd_out *o = (struct fd_out *)p;

	return !o->anew || ftruncate(o->fd, 0) == 0;
}

static bool fd_holds(const struct port_out *p)
{
	const struct fd_out *o = (const struct fd_out *)p;
	struct stat sb;

	return o->anew && fstat(o->fd, &sb) == 0 && sb.st_size > 0;
}

static void fd_out_close(struct port_out *p)
{
	struct fd_out *o = (struct fd_out *)p;

	if (!p->err)
		out_write(o, true);
	/* Some file systems report a full disk only here. */
	if (close(o->fd) < 0 && !p->err && errno != EINTR)
		p->err = errno;
	free(o->buf);
}

static int check_inherited(int fd, bool output, const char *text)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		die_errno("'%s'", text);
	if ((flags & O_ACCMODE) == (output ? O_RDONLY : O_WRONLY))
		die("'%s': not open for %s", text, output ? "writing" : "reading");
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int open_output(const struct endpoint *ep, const char *text)
{
	int fd;

	if (ep->kind != ENDPOINT_FILE)
		return check_inherited(ep->kind == ENDPOINT_FD ? ep->fd : STDOUT_FILENO, true,
				       text);
	do
		fd = open(ep->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR && !port_give_up);
	if (fd < 0)
		die_errno("'%s'", ep->path);
	return fd;
}

/* Opens a pipe's end anew for ourselves, so that O_NONBLOCK does not reach the other processes
 * that share the descriptor. Where that can't be, we stay with poll(). */
static void make_wait_free(struct fd_out *o)
{
	char path[64];
	int flags = fcntl(o->fd, F_GETFD), fd;

	if (fcntl(o->fd, F_GETFL) & O_NONBLOCK) {
		o->wait_free = true;
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", o->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (dup3(fd, o->fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0)
		o->wait_free = true;
	close(fd);
}

static bool out_appends(const struct fd_out *o)
{
	return fcntl(o->fd, F_GETFL) & O_APPEND;
}

struct port_out *port_fd_out(const struct endpoint *ep, const char *text)
{
	static const struct port_out_ops ops = {
		.reserve = fd_reserve,
		.commit = fd_commit,
		.flush = fd_flush,
		.push = fd_push,
		.pending = fd_pending,
		.position = fd_position,
		.begin = fd_begin,
		.holds = fd_holds,
		.settle = fd_settle,
		.close = fd_out_close,
	};
	struct fd_out *o = xcalloc(1, sizeof(*o));
	struct stat st;

	o->port.ops = &ops;
	o->fd = open_output(ep, text);
	o->port.tty = isatty(o->fd);
	if (fstat(o->fd, &st) == 0) {
		o->port.id = file_id_of(&st);
		o->regular = o->port.id.regular;
		o->named = o->regular && ep->kind == ENDPOINT_FILE;
		o->anew = o->named && !port_resuming;
		if (o->regular)
			o->offset = (uint64_t)lseek(o->fd, 0, out_appends(o) ? SEEK_END : SEEK_CUR);
		if (S_ISFIFO(st.st_mode)) {
			fcntl(o->fd, F_SETPIPE_SZ, PIPE_SIZE);
			make_wait_free(o);
			o->port.pipe = true;
			o->port.fd = o->fd;
		}
	}
	fd_grow(o, PORT_BATCH);
	fd_window(o);
	return &o->port;
}

/* ---- input ---- */

struct fd_in {
	struct port_in port;
	int fd;
	bool regular, eof;
	uint64_t offset; /* of a regular file: of buf[start] */
	uint8_t *buf;
	size_t start, end, size; /* buf[start..end) is read and not consumed; end <= size */
};

/* Room for a whole read behind end. What is kept moves to the front only when the tail is used
 * up: usually a part of one record. */
static void in_make_room(struct fd_in *in)
{
	if (in->size - in->end >= READ_SIZE)
		return;
	if (in->start) {
		memmove(in->buf, in->buf + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	if (in->size - in->end < READ_SIZE) {
		in->size = in->end + 2 * READ_SIZE;
		in->buf = realloc(in->buf, in->size);
		if (!in->buf)
			die("out of memory");
	}
}

/* One read(). PORT_EMPTY: there was nothing, or a signal came. */
static enum port_state in_read(struct fd_in *in)
{
	size_t n = READ_SIZE;
	ssize_t got;

	in_make_room(in);
	if (port_test_read && n > port_test_read)
		n = port_test_read;
	got = read(in->fd, in->buf + in->end, n);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? PORT_EMPTY : PORT_ERROR;
	if (got == 0) {
		in->eof = true;
		return PORT_EOF;
	}
	in->end += (size_t)got;
	return PORT_DATA;
}

/* Waits for input; false where there is none in time, or a signal came. */
static bool in_wait(struct fd_in *in, int timeout_ms)
{
	struct pollfd pfd = { .fd = in->fd, .events = POLLIN };

	if (in->regular)
		return true;
	if (timeout_ms < 0 || timeout_ms > PORT_LOOK_MS)
		timeout_ms = PORT_LOOK_MS;
	return poll(&pfd, 1, timeout_ms) > 0;
}

static enum port_state fd_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view)
{
	struct fd_in *in = (struct fd_in *)p;
	enum port_state state = PORT_EMPTY;
	int err;

	if (in->end - in->start > have) {
		state = PORT_DATA;
	} else if (in->eof) {
		state = PORT_EOF;
	} else if (have >= PORT_MAX_VIEW) {
		errno = EMSGSIZE;
		state = PORT_ERROR;
	} else if (in_wait(in, timeout_ms)) {
		state = in_read(in);
	}
	err = errno;
	*view = BYTES(in->buf + in->start, in->end - in->start);
	errno = err;
	return state;
}

static void fd_consume(struct port_in *p, size_t n)
{
	struct fd_in *in = (struct fd_in *)p;

	in->start += n;
	in->offset += n;
	if (in->start == in->end)
		in->start = in->end = 0;
}

static bool fd_ready(struct port_in *p, size_t have)
{
	struct fd_in *in = (struct fd_in *)p;

	return in->end - in->start > have || in->eof || in_wait(in, 0);
}

static uint64_t fd_at(const struct port_in *p, size_t taken)
{
	const struct fd_in *in = (const struct fd_in *)p;

	return in->regular ? in->offset + taken : 0;
}

static void fd_in_close(struct port_in *p)
{
	struct fd_in *in = (struct fd_in *)p;

	close(in->fd);
	free(in->buf);
}

static int open_input(const struct endpoint *ep, const char *text)
{
	int fd;

	if (ep->kind != ENDPOINT_FILE)
		return check_inherited(ep->kind == ENDPOINT_FD ? ep->fd : STDIN_FILENO, false,
				       text);
	do
		fd = open(ep->path, O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR && !port_give_up);
	if (fd < 0)
		die_errno("'%s'", ep->path);
	return fd;
}

struct port_in *port_fd_in(const struct endpoint *ep, const char *text)
{
	static const struct port_in_ops ops = {
		.view = fd_view,
		.consume = fd_consume,
		.ready = fd_ready,
		.position = fd_at,
		.close = fd_in_close,
	};
	struct fd_in *in = xcalloc(1, sizeof(*in));
	struct stat st;

	in->port.ops = &ops;
	in->fd = open_input(ep, text);
	if (fstat(in->fd, &st) < 0)
		die_errno("'%s'", text);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		die_errno("'%s'", text);
	}
	in->port.id = file_id_of(&st);
	in->regular = in->port.id.regular;
	if (in->regular)
		in->offset = (uint64_t)lseek(in->fd, 0, SEEK_CUR);
	in->port.file = in->regular || isatty(in->fd);
	if (S_ISFIFO(st.st_mode)) {
		fcntl(in->fd, F_SETPIPE_SZ, PIPE_SIZE);
		in->port.pipe = true;
		in->port.fd = in->fd;
	}
	in_make_room(in);
	return &in->port;
}
