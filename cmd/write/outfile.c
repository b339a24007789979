/* outfile: one file, or a row of numbered ones, that hold whole units alone. */
#include "cmd/write/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/die.h"

/* ---- names ------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *outfile_directory(const struct outfile *o)
{
	static char dir[OUTFILE_NAME];
	size_t n = (size_t)(base_name(o->path) - o->path);

	if (n == 0)
		return ".";
	snprintf(dir, sizeof(dir), "%.*s", (int)(n > 1 ? n - 1 : 1), o->path);
	return dir;
}

/* Of file `number`, within its directory. */
static void numbered_name(const struct outfile *o, uint64_t number, char name[OUTFILE_NAME])
{
	const char *base = base_name(o->path), *dot = strrchr(base, '.');
	size_t stem = dot && dot != base ? (size_t)(dot - base) : strlen(base);

	snprintf(name, OUTFILE_NAME, "%.*s-%06llu%s", (int)stem, base, (unsigned long long)number,
		 base + stem);
}

const char *outfile_name(const struct outfile *o)
{
	static char full[2 * OUTFILE_NAME];
	char name[OUTFILE_NAME];

	if (!o->numbered)
		return strcmp(o->path, "-") == 0 ? "standard output" : o->path;
	numbered_name(o, o->number, name);
	snprintf(full, sizeof(full), "%.*s%s", (int)(base_name(o->path) - o->path), o->path, name);
	return full;
}

/* ---- descriptors ------------------------------------------------------------------------- */

static void look_at(struct outfile *o)
{
	struct stat sb;
	off_t at;

	o->regular = fstat(o->fd, &sb) == 0 && S_ISREG(sb.st_mode);
	if (!o->regular || strcmp(o->path, "-") != 0)
		return;
	at = lseek(o->fd, 0, fcntl(o->fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
	o->base = at > 0 ? (uint64_t)at : 0;
}

void outfile_open(struct outfile *o, const char *path, bool numbered, uint32_t keep)
{
	o->path = path;
	o->numbered = numbered;
	o->keep = keep;
	o->fd = o->dirfd = -1;
	o->number = 1;
	if (strlen(path) > OUTFILE_NAME - 32 || !*base_name(path))
		die("'%.80s' is no name of a file", path);
	if (numbered) {
		o->dirfd = open(outfile_directory(o), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (o->dirfd < 0)
			die_errno("cannot open the directory '%s'", outfile_directory(o));
		return;
	}
	o->fd = strcmp(path, "-") == 0 ? STDOUT_FILENO
				       : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (o->fd < 0)
		die_errno("cannot open '%s'", path);
	look_at(o);
}

/* One of the numbered files, at its first write. */
static bool open_numbered(struct outfile *o, int flags)
{
	char name[OUTFILE_NAME];

	numbered_name(o, o->number, name);
	o->fd = openat(o->dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
	if (o->fd < 0)
		return false;
	look_at(o);
	if (o->keep && o->number > o->keep) {
		numbered_name(o, o->number - o->keep, name);
		unlinkat(o->dirfd, name, 0); /* perhaps somebody else has */
	}
	return true;
}

bool outfile_resume(struct outfile *o, uint64_t number, uint64_t size)
{
	if (number)
		o->number = number;
	if (!size)
		return true;
	if (o->numbered && !open_numbered(o, 0))
		return false;
	if (o->regular && (ftruncate(o->fd, (off_t)(o->base + size)) < 0 ||
			   lseek(o->fd, (off_t)(o->base + size), SEEK_SET) < 0))
		return false;
	o->begun = true;
	o->size = size;
	return true;
}

/* Before the first write: what the file held goes. */
static bool begin(struct outfile *o)
{
	if (o->fd < 0 && !open_numbered(o, O_CREAT | O_TRUNC))
		return false;
	if (!o->begun && o->regular && strcmp(o->path, "-") != 0 && ftruncate(o->fd, 0) < 0)
		return false;
	o->begun = true;
	return true;
}

void outfile_next(struct outfile *o)
{
	if (o->fd >= 0 && close(o->fd) < 0 && !o->error)
		o->error = errno;
	o->fd = -1;
	o->begun = false;
	o->size = 0;
	o->number++;
}

bool outfile_close(struct outfile *o)
{
	int fd = o->fd;

	o->fd = -1;
	buf_release(&o->pending);
	if (o->dirfd >= 0)
		close(o->dirfd);
	o->dirfd = -1;
	if (fd <= STDERR_FILENO || close(fd) == 0)
		return true;
	o->error = errno;
	return false;
}

/* ---- units ------------------------------------------------------------------------------- */

void outfile_unit(struct outfile *o, uint32_t frames)
{
	o->units[o->nunits].end = (uint32_t)o->pending.len;
	o->units[o->nunits].frames = frames;
	o->nunits++;
}

static void failed(struct outfile *o, int error)
{
	if (!o->error)
		o->error = error;
}

/* How many bytes of pending got out. */
static size_t write_out(struct outfile *o)
{
	struct pollfd writable = { .fd = o->fd, .events = POLLOUT };
	size_t done = 0;

	while (done < o->pending.len) {
		ssize_t n = write(o->fd, o->pending.ptr + done, o->pending.len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&writable, 1, 1000);
		} else if (n == 0 || errno != EINTR) {
			failed(o, n == 0 ? ENOSPC : errno);
			o->broken = !o->regular; /* half a unit may be out: nothing can follow */
			break;
		}
	}
	return done;
}

struct outfile_result outfile_flush(struct outfile *o)
{
	struct outfile_result r = { 0, 0 };
	size_t done = 0, whole = 0;

	if (!o->nunits)
		return r;
	if (!o->broken) {
		if (begin(o))
			done = write_out(o);
		else
			failed(o, errno);
	}
	for (size_t i = 0; i < o->nunits; i++) {
		if (o->units[i].end <= done) {
			whole = o->units[i].end;
			r.written += o->units[i].frames;
		} else {
			r.lost += o->units[i].frames;
		}
	}
	o->size += whole;
	if (whole < done && o->regular &&
	    (ftruncate(o->fd, (off_t)(o->base + o->size)) < 0 ||
	     lseek(o->fd, (off_t)(o->base + o->size), SEEK_SET) < 0)) {
		o->broken = true;
		failed(o, errno);
	}
	buf_clear(&o->pending);
	o->nunits = 0;
	return r;
}
