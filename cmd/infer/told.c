/* told: lines from outside, read as they come and never waited for. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cmd/infer/infer.h"
#include "libcommon/base/die.h"

enum { LINE_MOST = 4096 };

static struct {
	const char *name;
	int fd;
	bool warned;
	struct buf rest; /* a line that has no end yet */
	uint64_t *facts, *wrong;
} told = { .fd = -1 };

void told_open(struct stage *st, const char *path)
{
	char nothing;

	told.name = path;
	told.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (told.fd < 0)
		die_errno("cannot open '%s'", path);
	if (read(told.fd, &nothing, 0) < 0) /* a directory is opened, and not read */
		die_errno("cannot read '%s'", path);
	told.facts = stage_counter(st, "facts_told");
	told.wrong = stage_counter(st, "facts_wrong");
}

static void line_take(struct infer *engine, uint64_t now, struct bytes line)
{
	const char *why = "a line is longer than 4096 bytes";

	if (line.len <= LINE_MOST && infer_tell(engine, now, line, &why)) {
		++*told.facts;
		return;
	}
	if (!told.warned)
		warn("%s: %s: '%.*s'", told.name, why, (int)(line.len < 80 ? line.len : 80),
		     (const char *)line.ptr);
	told.warned = true;
	++*told.wrong;
}

/* What has no end yet stays; too much of it is a wrong line, whose rest is another. */
static void lines_take(struct infer *engine, uint64_t now)
{
	struct bytes all = buf_bytes(&told.rest);
	const uint8_t *end;

	while ((end = memchr(all.ptr, '\n', all.len)) || all.len > LINE_MOST) {
		size_t n = end ? (size_t)(end - all.ptr) : all.len;
		size_t used = n + (end != NULL);

		if (n)
			line_take(engine, now, BYTES(all.ptr, n));
		all = BYTES(all.ptr + used, all.len - used);
	}
	if (all.len)
		memmove(told.rest.ptr, all.ptr, all.len);
	told.rest.len = all.len;
}

void told_read(struct infer *engine, uint64_t now)
{
	ssize_t n;

	while (told.fd >= 0) {
		n = read(told.fd, buf_reserve(&told.rest, LINE_MOST), LINE_MOST);
		if (n <= 0)
			break;
		told.rest.len += (size_t)n;
		lines_take(engine, now);
	}
	if (told.fd >= 0 && n < 0 && errno != EAGAIN && errno != EINTR) {
		warn_errno("cannot read '%s'", told.name);
		close(told.fd);
		told.fd = -1;
	}
}

void told_finish(struct infer *engine, uint64_t now)
{
	told_read(engine, now);
	if (told.rest.len)
		line_take(engine, now, buf_bytes(&told.rest));
	told.rest.len = 0;
}
