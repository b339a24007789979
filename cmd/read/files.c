/* files: the operands of weir-read as a list of open descriptors. */
#include "cmd/read/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"

/* All files are held open at once: as many as the kernel lets this user have. */
static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && errno == EMFILE) {
		raise_limit();
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	}
	return fd;
}

static void add(struct files *l, const char *name, int fd, const struct stat *st)
{
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 16;
		l->v = realloc(l->v, l->size * sizeof(*l->v));
		if (!l->v)
			die("out of memory");
	}
	l->v[l->n++] =
		(struct file){ strdup(name), fd, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0 };
	if (!l->v[l->n - 1].name)
		die("out of memory");
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_directory(struct files *l, const char *dir)
{
	struct dirent **entries;
	struct buf path = { 0 };
	struct stat st;
	size_t before = l->n;
	int n = scandir(dir, &entries, visible, by_name);

	if (n < 0)
		die_errno("can't read directory '%s'", dir);
	for (int i = 0; i < n; i++) {
		const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
		const char *name;
		int fd;

		buf_clear(&path);
		buf_printf(&path, "%s%s%s", dir, slash, entries[i]->d_name);
		buf_add_byte(&path, 0);
		name = (const char *)path.ptr;
		free(entries[i]);
		if (stat(name, &st) == 0 && !S_ISREG(st.st_mode))
			continue;
		fd = open_path(name);
		if (fd < 0 || fstat(fd, &st) < 0)
			die_errno("can't open '%s'", name);
		add(l, name, fd, &st);
	}
	free(entries);
	buf_release(&path);
	if (l->n == before)
		die("no file in directory '%s'", dir);
}

void files_add(struct files *l, const char *operand)
{
	struct stat st;
	int fd = STDIN_FILENO;

	if (strcmp(operand, "-") != 0)
		fd = open_path(operand);
	for (size_t i = 0; fd == STDIN_FILENO && i < l->n; i++)
		if (l->v[i].fd == fd)
			die_usage("standard input is named twice");
	if (fd < 0 || fstat(fd, &st) < 0)
		die_errno("can't open '%s'", operand);
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		add_directory(l, operand);
		return;
	}
	add(l, operand, fd, &st);
}

void files_release(struct files *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	*l = (struct files){ 0 };
}
