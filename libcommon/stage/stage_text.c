/* stage_text: the text output of a sink: whole lines, also on a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/port/endpoint.h"
#include "libcommon/stage/stage_private.h"

enum { TEXT_BATCH = 64 * 1024 };

/* Lines are for files; rings and links carry records. */
static void check_place(const char *path)
{
	static struct endpoint ep;
	char why[200];

	endpoint_parse(&ep, path, true, why, sizeof(why));
	if (ep.kind == ENDPOINT_SHM || ep.kind == ENDPOINT_LINK)
		die_usage("-o: '%s' takes records, and this tool writes lines: to a file or -",
			  path);
}

void stage_text_open(struct stage *st)
{
	const char *path = st->common.out.n ? st->common.out.v[0] : "-";
	struct stat sb;

	if (st->common.out.n > 1)
		die_usage("-o: this tool writes text to one place");
	check_place(path);
	if (strcmp(path, "-") == 0)
		st->text_fd = STDOUT_FILENO;
	else if (strncmp(path, "fd:", 3) == 0)
		st->text_fd = (int)opt_number(path + 3, "-o fd:");
	else if (strcmp(path, "null:") == 0)
		st->text_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	else
		st->text_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (st->text_fd < 0 || fcntl(st->text_fd, F_GETFD) < 0)
		die_errno("cannot open '%s'", path);
	st->text_tty = isatty(st->text_fd);
	if (fstat(st->text_fd, &sb) == 0 && S_ISREG(sb.st_mode))
		st->text_written = (uint64_t)lseek(
			st->text_fd, 0,
			fcntl(st->text_fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
	st->text_named = st->text_fd > STDERR_FILENO && strncmp(path, "fd:", 3) != 0;
	st->text_lost = stage_counter(st, "lost_lines");
}

void stage_text_begin(struct stage *st)
{
	struct stat sb;

	/* A predecessor that committed nothing may not have begun. */
	if (st->text_named && !st->text_written && fstat(st->text_fd, &sb) == 0 &&
	    S_ISREG(sb.st_mode) && ftruncate(st->text_fd, 0) < 0)
		die_errno("'%s'", st->common.out.v[0]);
}

/* A regular file keeps whole lines only: what the last write left of a line is taken back. */
static void cut_torn_line(struct stage *st, size_t written)
{
	size_t whole = written;
	struct stat sb;
	off_t at;

	while (whole && st->text.ptr[whole - 1] != '\n')
		whole--;
	at = lseek(st->text_fd, 0, SEEK_CUR);
	if (at >= 0 && fstat(st->text_fd, &sb) == 0 && S_ISREG(sb.st_mode) &&
	    ftruncate(st->text_fd, at - (off_t)(written - whole)) == 0)
		lseek(st->text_fd, at - (off_t)(written - whole), SEEK_SET);
}

static uint64_t count_lines(struct bytes text)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	return lines;
}

static void text_break(struct stage *st, size_t written)
{
	int err = errno;

	*st->text_lost += count_lines(BYTES(st->text.ptr + written, st->text.len - written));
	st->text_broken = true;
	st->broken_errno = err;
	if (err == EPIPE)
		return;
	cut_torn_line(st, written);
	errno = err;
	warn_errno("cannot write the output");
	stage_exit(st, EXIT_FAILED);
}

bool stage_text_flush(struct stage *st)
{
	size_t done = 0;

	if (st->text.len)
		stage_files_begin(st); /* books has words for no stream too */
	if (st->commit)
		st->commit->text_to = st->text_written + st->text.len;
	while (!st->text_broken && done < st->text.len) {
		ssize_t n = write(st->text_fd, st->text.ptr + done, st->text.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR && errno != EAGAIN)
			text_break(st, done);
	}
	st->text_written += done;
	st->text.len = 0;
	return !st->text_broken;
}

void stage_text(struct stage *st, struct bytes lines)
{
	if (st->text_broken) {
		*st->text_lost += count_lines(lines);
		return;
	}
	buf_add(&st->text, lines.ptr, lines.len);
	if (st->text.len >= TEXT_BATCH)
		stage_text_flush(st);
}

bool stage_text_is_tty(struct stage *st)
{
	return st->text_tty;
}

bool stage_text_in_colour(struct stage *st)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return st->text_tty && (!no || !*no) && (!term || strcmp(term, "dumb") != 0);
}
