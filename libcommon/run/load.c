/* load: a pipeline from what stands on a command line, checked against this machine. */
#include "libcommon/run/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/run/lookup.h"

_Static_assert((int)CHECK_MISSING == LOOKUP_MISSING && (int)CHECK_OWN == LOOKUP_OWN &&
		       (int)CHECK_OTHER == LOOKUP_OTHER,
	       "the same kinds of program");

static enum check_program program_here(void *ctx, const char *name)
{
	char path[4096];

	(void)ctx;
	return (enum check_program)lookup_program(name, path, sizeof(path));
}

static const char *near_here(void *ctx, const char *name)
{
	(void)ctx;
	return lookup_near(name, NULL);
}

static const char *const *options_here(void *ctx, const char *name, const bool **takes)
{
	(void)ctx;
	return lookup_options(name, takes);
}

const struct check_world *load_world(void)
{
	static struct check_world world = { NULL, program_here, near_here, options_here, false };
	struct stat st;

	world.mixes = fstat(STDOUT_FILENO, &st) == 0 && !S_ISCHR(st.st_mode);
	return &world;
}

static bool is_line(const char *text)
{
	struct stat st;

	if (stat(text, &st) == 0)
		return false;
	return strchr(text, '|') || strchr(text, ' ') || !strpbrk(text, "/.");
}

static void read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die_errno("cannot open '%s'", path);
	do {
		n = read(fd, buf_reserve(text, 4096), 4096);
		if (n < 0 && errno != EINTR)
			die_errno("cannot read '%s'", path);
		text->len += n > 0 ? (size_t)n : 0;
	} while (n && text->len <= GRAPH_TEXT);
	close(fd);
}

struct graph *load_graph(const char *arg)
{
	static struct graph g;
	struct buf text = { 0 }, why = { 0 };
	bool good;

	if (is_line(arg)) {
		good = graph_from_line(&g, arg, &why);
	} else {
		read_file(arg, &text);
		good = graph_from_ini(&g, buf_bytes(&text), arg, &why);
	}
	if (good)
		good = graph_check(&g, load_world()) && graph_shard(&g);
	buf_release(&text);
	buf_add_byte(&why, 0);
	why.len--;
	for (size_t at = 0, n; at < why.len; at += n + 1) {
		n = strcspn((const char *)why.ptr + at, "\n");
		warn("%.*s", (int)n, (const char *)why.ptr + at);
	}
	buf_release(&why);
	g.why = NULL;
	if (!good)
		exit(EXIT_USAGE);
	return &g;
}
