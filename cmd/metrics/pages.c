/* pages: finds and reads the pages of counters that a run directory, or the command line, names. */
#include "cmd/metrics/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/metrics/rings.h"
#include "libcommon/base/die.h"
#include "libcommon/run/rundir.h"

enum { ENTRIES_MAX = 4096 /* of a folder that are looked at */ };

static const char suffix[] = ".page";

/* ---- where ---- */

void pages_open_dir(struct pages *p, const char *given)
{
	struct stat st;
	int fd;

	if (given)
		snprintf(p->dir, sizeof(p->dir), "%s", given);
	else
		rundir_base(p->dir, sizeof(p->dir));
	if (!given && stat(p->dir, &st) < 0 && errno == ENOENT) {
		fd = rundir_base_open(p->dir, sizeof(p->dir));
		if (fd < 0)
			die_errno("cannot make the run directory '%s'", p->dir);
		close(fd);
	}
	if (stat(p->dir, &st) < 0)
		die_errno("no run directory '%s'", p->dir);
	if (!S_ISDIR(st.st_mode))
		die("'%s' is no directory", p->dir);
}

static void name_put(char to[EXPOSITION_NAME], const char *from, size_t n)
{
	snprintf(to, EXPOSITION_NAME, "%.*s", (int)(n < EXPOSITION_NAME ? n : EXPOSITION_NAME - 1),
		 from);
}

/* Labels from a path: .../PIPELINE/COPY.page */
static void names_of(struct exposition_page *page, const char *path)
{
	const char *base = strrchr(path, '/'), *dir;
	size_t len;

	if (base && base > path) {
		for (dir = base; dir > path && dir[-1] != '/'; dir--)
			;
		name_put(page->pipeline, dir, (size_t)(base - dir));
	}
	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > strlen(suffix) && strcmp(base + len - strlen(suffix), suffix) == 0)
		len -= strlen(suffix);
	name_put(page->copy, base, len);
}

void pages_open_files(struct pages *p, const struct opt_strings *files)
{
	if (files->n > PAGES_MAX)
		die_usage("--page: at most %d pages", PAGES_MAX);
	for (size_t i = 0; i < files->n; i++) {
		p->fds[i] = open(files->v[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (p->fds[i] < 0)
			die_errno("cannot open '%s'", files->v[i]);
		names_of(&p->v[i], files->v[i]);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(p->v[k].pipeline, p->v[i].pipeline) &&
			    !strcmp(p->v[k].copy, p->v[i].copy))
				die_usage("--page: '%s' and '%s' would have the same labels",
					  files->v[k], files->v[i]);
		p->nfds++;
	}
}

/* ---- reading ---- */

/* Names that would read the same must be the same: a series may not be there twice. */
static void name_clean(char name[BOOKS_NAME])
{
	name[BOOKS_NAME - 1] = '\0';
	for (char *p = name; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

/* False: it is no page. */
static bool page_read(struct exposition_page *page, int fd)
{
	struct books_page *copy = books_page_copy(fd);

	if (!copy)
		return false;
	name_clean(copy->stage);
	for (size_t i = 0; i < BOOKS_SLOTS; i++)
		name_clean(copy->slots[i].name);
	books_release(&page->books);
	books_add_page(&page->books, copy);
	free(copy);
	return true;
}

static int page_order(const void *a, const void *b)
{
	const struct exposition_page *x = a, *y = b;
	int order = strcmp(x->pipeline, y->pipeline);

	return order ? order : strcmp(x->copy, y->copy);
}

static void page_add(struct pages *p, int dir, const char *pipeline, const char *file)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct exposition_page *page = &p->v[p->n];

	if (p->n < PAGES_MAX && fd >= 0 && page_read(page, fd)) {
		name_put(page->pipeline, pipeline, strlen(pipeline));
		name_put(page->copy, file, strlen(file) - strlen(suffix));
		p->n++;
	} else {
		p->left_out++;
	}
	if (fd >= 0)
		close(fd);
}

/* What its launcher says of the stages whose pages these are. */
static void launcher_read(struct exposition_page *pages, size_t n, int fd)
{
	static struct run_page run;

	if (n && rundir_read(fd, &run))
		rings_add(&run, pages, n);
}

/* One pipeline's folder, or with deeper the folder of all pipelines. */
static void dir_read(struct pages *p, int fd, const char *name, bool deeper)
{
	DIR *d = fdopendir(fd);
	size_t first = p->n;
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	for (int i = 0; i < ENTRIES_MAX && (e = readdir(d)); i++) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.')
			continue;
		if (deeper) {
			int sub = openat(fd, e->d_name,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			if (sub >= 0)
				dir_read(p, sub, e->d_name, false);
		} else if (len > strlen(suffix) &&
			   strcmp(e->d_name + len - strlen(suffix), suffix) == 0) {
			page_add(p, fd, name, e->d_name);
		}
	}
	if (!deeper)
		launcher_read(&p->v[first], p->n - first, fd);
	closedir(d);
}

void pages_read(struct pages *p)
{
	int fd;

	p->left_out = 0;
	if (!*p->dir) {
		p->n = p->nfds;
		for (size_t i = 0; i < p->n; i++) {
			if (!page_read(&p->v[i], p->fds[i])) {
				books_release(&p->v[i].books);
				p->left_out++;
			}
		}
		return;
	}
	for (size_t i = 0; i < p->n; i++)
		books_release(&p->v[i].books);
	p->n = 0;
	fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir_read(p, fd, "", true);
	qsort(p->v, p->n, sizeof(p->v[0]), page_order);
	/* Names that were cut may be equal: a series may not be there twice. */
	for (size_t i = 1; i < p->n; i++) {
		if (page_order(&p->v[i - 1], &p->v[i]) == 0) {
			books_release(&p->v[i].books);
			memmove(&p->v[i], &p->v[i + 1], (--p->n - i) * sizeof(p->v[0]));
			p->v[p->n] = (struct exposition_page){ 0 };
			p->left_out++;
			i--;
		}
	}
}

void pages_release(struct pages *p)
{
	for (size_t i = 0; i < p->n; i++)
		books_release(&p->v[i].books);
	for (size_t i = 0; i < p->nfds; i++)
		close(p->fds[i]);
	p->n = p->nfds = 0;
}
