/* reader: the frames of capture files, through a weir-read of its own. */
#include "cmd/carve/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { CHUNK = 256 * 1024 };

static void run(int out, const struct opt_strings *files, bool merge)
{
	const char *dir = getenv("WEIR_EXEC_PATH");
	const char **argv = xcalloc(files->n + 8, sizeof(*argv));
	char path[4096];
	int null = open("/dev/null", O_RDONLY);
	size_t n = 0;

	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("WEIR_PAGE_FD");
	unsetenv("WEIR_READY_FD");
	argv[n++] = "weir-read";
	argv[n++] = "--quiet";
	argv[n++] = "--no-ring";
	if (merge)
		argv[n++] = "--merge";
	argv[n++] = "--";
	for (size_t i = 0; i < files->n; i++)
		argv[n++] = files->v[i];
	snprintf(path, sizeof(path), "%s/weir-read", dir ? dir : WEIR_LIBEXEC);
	execv(path, (char **)argv);
	execvp("weir-read", (char **)argv);
	warn_errno("cannot run 'weir-read'");
	_exit(EXIT_FAILED);
}

void reader_start(struct reader *r, const struct opt_strings *files, bool merge)
{
	int fds[2];
	pid_t child;

	for (size_t i = 0; i < files->n; i++)
		if (access(files->v[i], R_OK) < 0)
			die_errno("cannot open '%s'", files->v[i]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		die_errno("cannot make a pipe");
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	child = fork();
	if (child < 0)
		die_errno("cannot fork");
	if (child == 0) {
		/* Nobody's child to wait for: in the sandbox there is no waiting. */
		if (fork() == 0)
			run(fds[1], files, merge);
		_exit(0);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	close(fds[1]);
	*r = (struct reader){ .fd = fds[0] };
}

static bool more(struct reader *r)
{
	ssize_t n;

	buf_drop(&r->buf, r->pos);
	r->pos = 0;
	buf_reserve(&r->buf, CHUNK);
	do
		n = read(r->fd, r->buf.ptr + r->buf.len, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	r->buf.len += (size_t)n;
	return true;
}

/* The end says how the files were. */
static void take_end(struct reader *r, struct bytes raw)
{
	struct rec_end end;
	struct rec_head h;

	r->ended = rec_decode_own(&rec_end_desc, raw, &h, &end, NULL);
	r->truncated = r->ended && end.cause == REC_end_cause_TRUNCATED;
}

bool reader_next(struct reader *r, struct rec_head *h, struct rec_frame *f)
{
	const char *why;

	if (!r->buf.ptr && !more(r))
		return false;
	while (!r->ended) {
		struct bytes rest = BYTES(r->buf.ptr + r->pos, r->buf.len - r->pos);
		ssize_t len = rec_measure(rest, &why);
		uint32_t items;
		size_t at;

		if (len == 0 && !more(r))
			return false;
		if (len == 0)
			continue;
		if (len < 0)
			return false;
		rest.len = (size_t)len;
		r->pos += rest.len;
		if (rec_frame_get(rest, h, f))
			return true;
		if (rec_head_get(rest, h, &items, &at) && h->type == REC_end)
			take_end(r, rest);
	}
	return false;
}

void reader_close(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buf_release(&r->buf);
}
