/* files: many streams into files of one directory. */
#include "cmd/streams/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/die.h"

struct stream_buffer {
	struct stream_buffer *next;
	uint64_t at; /* file offset of the first byte */
	uint32_t len;
	uint8_t data[STREAM_BUFFER];
};

/* A name that is in use: its hash, and how many connections had it. */
struct name_slot {
	uint64_t hash; /* 0 = empty */
	uint32_t count;
};

struct file_list {
	struct stream_file *newest, *oldest;
};

struct stream_files {
	int dirfd;
	struct stream_files_limits limits;
	struct stream_files_stats stats;
	struct file_list buffered, opened;
	struct stream_buffer *free;
	uint32_t buffers, fds;
	struct name_slot *names;
	uint64_t names_mask, names_used;
};

struct stream_files *stream_files_new(int dirfd, const struct stream_files_limits *limits)
{
	struct stream_files *s = xcalloc(1, sizeof(*s));

	s->dirfd = dirfd;
	s->limits = *limits;
	s->names_mask = 1023;
	s->names = xcalloc(s->names_mask + 1, sizeof(*s->names));
	return s;
}

void stream_files_free(struct stream_files *s)
{
	if (!s)
		return;
	while (s->free) {
		struct stream_buffer *b = s->free;

		s->free = b->next;
		free(b);
	}
	free(s->names);
	free(s);
}

const struct stream_files_stats *stream_files_stats(const struct stream_files *s)
{
	return &s->stats;
}

/* ---- names ---- */

/* Of exactly what the name tells. */
static uint64_t name_hash(const struct stream_ends *e)
{
	size_t n = e->ip_version == 4 ? 4 : e->ip_version ? 16 : 0;
	uint64_t part[5] = { 0 }, h = 0;

	memcpy(&part[0], e->src, n);
	memcpy(&part[2], e->dst, n);
	part[4] = (uint64_t)e->has_sid << 56 | (uint64_t)e->sid << 40 |
		  (uint64_t)e->ip_version << 32 | (uint32_t)e->sport << 16 | e->dport;
	for (int i = 0; i < 5; i++) {
		h = (h ^ part[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h ? h : 1;
}

static struct name_slot *name_slot(struct name_slot *slots, uint64_t mask, uint64_t hash)
{
	uint64_t i = hash & mask;

	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & mask;
	return &slots[i];
}

static void names_grow(struct stream_files *s)
{
	uint64_t mask = s->names_mask * 2 + 1;
	struct name_slot *slots = xcalloc(mask + 1, sizeof(*slots));

	for (uint64_t i = 0; i <= s->names_mask; i++)
		if (s->names[i].hash)
			*name_slot(slots, mask, s->names[i].hash) = s->names[i];
	free(s->names);
	s->names = slots;
	s->names_mask = mask;
}

/* Which connection of its name this is; false where no more names are kept. */
static bool name_claim(struct stream_files *s, struct stream_file *f)
{
	uint64_t hash = name_hash(&f->ends);
	struct name_slot *slot;

	slot = name_slot(s->names, s->names_mask, hash);
	if (!slot->hash) {
		if (s->names_used == s->limits.max_names)
			return false;
		if (++s->names_used * 4 > (s->names_mask + 1) * 3) {
			names_grow(s);
			slot = name_slot(s->names, s->names_mask, hash);
		}
		slot->hash = hash;
	}
	f->again = slot->count++;
	return true;
}

/* ---- descriptors ---- */

static void failed(struct stream_files *s, const struct stream_file *f, int error)
{
	if (s->stats.first_errno)
		return;
	s->stats.first_errno = error;
	stream_name(&f->ends, f->again, s->stats.first_name);
}

static void fd_unlink(struct stream_files *s, struct stream_file *f)
{
	if (f->fd_newer)
		f->fd_newer->fd_older = f->fd_older;
	else
		s->opened.newest = f->fd_older;
	if (f->fd_older)
		f->fd_older->fd_newer = f->fd_newer;
	else
		s->opened.oldest = f->fd_newer;
}

static void fd_use(struct stream_files *s, struct stream_file *f)
{
	f->fd_newer = NULL;
	f->fd_older = s->opened.newest;
	if (s->opened.newest)
		s->opened.newest->fd_newer = f;
	else
		s->opened.oldest = f;
	s->opened.newest = f;
}

static void fd_close(struct stream_files *s, struct stream_file *f)
{
	if (!f->fd)
		return;
	if (close(f->fd - 1) < 0)
		failed(s, f, errno);
	f->fd = 0;
	s->fds--;
	fd_unlink(s, f);
}

/* False where it can't be opened. */
static bool fd_open(struct stream_files *s, struct stream_file *f)
{
	char name[STREAM_NAME];
	int fd, flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;

	if (f->fd) {
		fd_unlink(s, f);
		fd_use(s, f);
		return true;
	}
	if (!f->made) {
		if (!name_claim(s, f)) {
			s->stats.refused++;
			failed(s, f, EOVERFLOW);
			return false;
		}
		flags |= O_CREAT | O_TRUNC;
	}
	if (s->fds == s->limits.max_fds)
		fd_close(s, s->opened.oldest);
	stream_name(&f->ends, f->again, name);
	fd = openat(s->dirfd, name, flags, 0666);
	if (fd < 0) {
		failed(s, f, errno);
		return false;
	}
	if (f->made)
		s->stats.reopened++;
	else
		s->stats.files++;
	f->made = true;
	f->fd = fd + 1;
	s->fds++;
	fd_use(s, f);
	return true;
}

/* ---- bytes ---- */

/* Whole or not at all: what was written of a piece that does not fit is cut off again. */
static bool write_piece(struct stream_files *s, struct stream_file *f, uint64_t at,
			const uint8_t *p, size_t len)
{
	size_t done = 0;

	if (!fd_open(s, f))
		return false;
	while (done < len) {
		ssize_t n = pwrite(f->fd - 1, p + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			failed(s, f, n < 0 ? errno : ENOSPC);
			if (done && ftruncate(f->fd - 1, (off_t)f->end) < 0)
				failed(s, f, errno);
			return false;
		}
		done += (size_t)n;
	}
	if (at + len > f->end)
		f->end = at + len;
	return true;
}

static void write_out(struct stream_files *s, struct stream_file *f, uint64_t at, const uint8_t *p,
		      size_t len)
{
	s->stats.in += len;
	f->lost = !write_piece(s, f, at, p, len);
	if (!f->lost)
		s->stats.written += len;
	else
		s->stats.lost += len;
}

static void buffered_unlink(struct stream_files *s, struct stream_file *f)
{
	if (f->newer)
		f->newer->older = f->older;
	else
		s->buffered.newest = f->older;
	if (f->older)
		f->older->newer = f->newer;
	else
		s->buffered.oldest = f->newer;
}

static void buffered_use(struct stream_files *s, struct stream_file *f)
{
	f->newer = NULL;
	f->older = s->buffered.newest;
	if (s->buffered.newest)
		s->buffered.newest->newer = f;
	else
		s->buffered.oldest = f;
	s->buffered.newest = f;
}

/* Writes out and gives back the buffer. */
static void flush(struct stream_files *s, struct stream_file *f)
{
	struct stream_buffer *b = f->buffer;

	if (!b)
		return;
	write_out(s, f, b->at, b->data, b->len);
	buffered_unlink(s, f);
	f->buffer = NULL;
	b->next = s->free;
	s->free = b;
}

static struct stream_buffer *buffer_take(struct stream_files *s)
{
	struct stream_buffer *b;

	if (!s->free && s->buffers == s->limits.max_buffers)
		flush(s, s->buffered.oldest);
	if (!s->free) {
		/* Touched only as far as it is used. */
		b = malloc(sizeof(*b));
		if (!b)
			die("out of memory");
		s->buffers++;
		return b;
	}
	b = s->free;
	s->free = b->next;
	return b;
}

void stream_file_add(struct stream_files *s, struct stream_file *f, struct bytes data)
{
	struct stream_buffer *b = f->buffer;

	if (b && (b->at + b->len != f->at || b->len + data.len > STREAM_BUFFER)) {
		flush(s, f);
		b = NULL;
	}
	if (data.len >= STREAM_BUFFER) {
		write_out(s, f, f->at, data.ptr, data.len);
		f->at += data.len;
		return;
	}
	if (!b) {
		b = buffer_take(s);
		b->at = f->at;
		b->len = 0;
		f->buffer = b;
		buffered_use(s, f);
	} else if (s->buffered.newest != f) {
		buffered_unlink(s, f);
		buffered_use(s, f);
	}
	memcpy(b->data + b->len, data.ptr, data.len);
	b->len += (uint32_t)data.len;
	f->at += data.len;
}

void stream_file_hole(struct stream_files *s, struct stream_file *f, uint64_t len)
{
	(void)s;
	f->at += len;
}

void stream_file_close(struct stream_files *s, struct stream_file *f)
{
	flush(s, f);
	if (f->made && !f->lost && f->at > f->end && fd_open(s, f)) {
		if (ftruncate(f->fd - 1, (off_t)f->at) < 0)
			failed(s, f, errno);
		else
			f->end = f->at;
	}
	fd_close(s, f);
}
