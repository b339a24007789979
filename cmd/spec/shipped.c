/* shipped: the specs that came with weir: of the checkout that this was built in, else of the
 * installation. */
#include "cmd/spec/shipped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/lookup.h"

enum { PATH = 4096, LONGEST = 1024 * 1024, MOST = 256 };

static const char *directory(void)
{
	static const char *const places[] = { "../../../../proto/specs", "../../share/weir/specs" };
	static char path[PATH + 64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", lookup_libexec(), places[i]);
		if (access(path, R_OK) == 0)
			return path;
	}
	return path;
}

struct names {
	char *v[MOST + 1];
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct names names(void)
{
	struct names all = { 0 };
	DIR *d = opendir(directory());
	struct dirent *e;

	while (d && (e = readdir(d)) && all.n < MOST) {
		size_t n = strlen(e->d_name);

		if (n > 5 && strcmp(e->d_name + n - 5, ".spec") == 0)
			all.v[all.n++] = strndup(e->d_name, n - 5);
	}
	if (d)
		closedir(d);
	qsort(all.v, all.n, sizeof(all.v[0]), by_name);
	return all;
}

void shipped_each(void (*fn)(const char *name))
{
	struct names all = names();

	for (size_t i = 0; i < all.n; i++) {
		fn(all.v[i]);
		free(all.v[i]);
	}
}

static void unknown(const char *what)
{
	struct names all = names();
	const char *near = opt_nearest(what, (const char *const *)all.v);

	if (near)
		die_usage("no spec '%s'; did you mean '%s'?", what, near);
	die_usage("no spec '%s'; try 'weir spec --list'", what);
}

struct buf shipped_read(const char *what, char *path, size_t size)
{
	struct buf text = { 0 };
	int fd;
	ssize_t n;

	snprintf(path, size, "%s", what);
	if (!strchr(what, '/') && !strchr(what, '.'))
		snprintf(path, size, "%s/%s.spec", directory(), what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && path[0] && strcmp(path, what) != 0)
		unknown(what);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		die_usage("cannot open '%s': %s", path, strerror(errno));
	if (fd < 0)
		die_errno("cannot open '%s'", path);
	while ((n = read(fd, buf_reserve(&text, 65536), 65536)) > 0) {
		text.len += (size_t)n;
		if (text.len > LONGEST)
			die_usage("'%s': more than 1 MiB", path);
	}
	if (n < 0)
		die_errno("cannot read '%s'", path);
	close(fd);
	return text;
}
