/* rundir: what a running pipeline shows of itself in the file system, and how it is found. */
#include "libcommon/run/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"
#include "libcommon/stage/census.h"

const char *const run_state_names[] = { "waiting", "starting", "running",
					"backoff", "ended",    "failed" };

void rundir_base(char *path, size_t size)
{
	const char *given = getenv("WEIR_RUNDIR"), *session = getenv("XDG_RUNTIME_DIR");

	if (given && *given)
		snprintf(path, size, "%s", given);
	else if (session && *session)
		snprintf(path, size, "%s/weir", session);
	else if (geteuid() == 0)
		snprintf(path, size, "/run/weir");
	else
		snprintf(path, size, "/tmp/weir-%u", (unsigned)geteuid());
}

static void die_folder(const char *path)
{
	if (errno == EPERM)
		die("cannot use the run directory '%s': another user owns it, or may write into "
		    "it; "
		    "WEIR_RUNDIR names another one",
		    path);
	die_errno("cannot use the run directory '%s'", path);
}

/* A folder that nobody else can write into, made where it is missing. */
static int open_folder(int at, const char *path, bool make)
{
	struct stat st;
	int fd;

	if (make && mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_uid == geteuid() || (!make && geteuid() == 0)) &&
	    !(st.st_mode & 022))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

int rundir_base_open(char *path, size_t size)
{
	rundir_base(path, size);
	if (strlen(path) < size - 1)
		return open_folder(AT_FDCWD, path, true);
	errno = ENAMETOOLONG;
	return -1;
}

bool rundir_alive(int dir)
{
	/* Root may look into others' folders, where this may be anything. */
	int fd = openat(dir, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool alive;

	if (fd < 0)
		return false;
	alive = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return alive;
}

/* ---- taking away --------------------------------------------------------------------------- */

/* Everything in it is a file of ours. */
static void empty_folder(int fd, bool lock_too)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && (lock_too || strcmp(e->d_name, "lock") != 0))
			unlinkat(fd, e->d_name, 0);
	if (dir)
		closedir(dir);
	else if (own >= 0)
		close(own);
}

/* Takes the lock of a folder: -1 where somebody has it, or took the folder away meanwhile. */
static int take_lock(int fd)
{
	int lock = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat mine, there;

	if (lock < 0)
		return -1;
	if (flock(lock, LOCK_EX | LOCK_NB) == 0 && fstat(lock, &mine) == 0 &&
	    fstatat(fd, "lock", &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino)
		return lock;
	close(lock);
	errno = EBUSY;
	return -1;
}

static void reclaim(int base)
{
	int own = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct stat st;
		int fd, lock;

		if (e->d_name[0] == '.')
			continue;
		fd = open_folder(base, e->d_name, false);
		/* What has no lock file is not ours, or is being made at this moment. */
		if (fd < 0 || fstatat(fd, "lock", &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		lock = take_lock(fd);
		if (lock >= 0) {
			empty_folder(fd, true);
			unlinkat(base, e->d_name, AT_REMOVEDIR);
			close(lock);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
	else if (own >= 0)
		close(own);
}

/* ---- the launcher's side ------------------------------------------------------------------- */

static void make_page(struct rundir *d, const char *name)
{
	int fd = openat(d->fd, "launcher", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*d->page)) < 0)
		die_errno("cannot make '%s/launcher'", d->path);
	d->page = mmap(NULL, sizeof(*d->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (d->page == MAP_FAILED)
		die_errno("cannot map '%s/launcher'", d->path);
	close(fd);
	d->page->version = RUN_VERSION;
	d->page->pid = (uint32_t)getpid();
	d->page->started_ns = clock_ns(CLOCK_REALTIME);
	snprintf(d->page->name, sizeof(d->page->name), "%s", name);
}

void rundir_make(struct rundir *d, const char *name)
{
	char base_name[RUN_PATH - 64];
	int base;

	base = rundir_base_open(base_name, sizeof(base_name));
	if (base < 0)
		die_folder(base_name);
	snprintf(d->path, sizeof(d->path), "%s/%s", base_name, name);
	reclaim(base);
	d->lock = -1;
	for (int i = 0; i < 3 && d->lock < 0; i++) {
		d->fd = open_folder(base, name, true);
		if (d->fd < 0)
			die_errno("cannot make '%s'", d->path);
		d->lock = take_lock(d->fd);
		if (d->lock < 0)
			close(d->fd);
	}
	if (d->lock < 0)
		die("a pipeline '%s' is running already", name);
	close(base);
	empty_folder(d->fd, false);
	make_page(d, name);
}

int rundir_stage_page(const struct rundir *d, const char *stage)
{
	char file[RUN_NAME + 8];

	snprintf(file, sizeof(file), "%s.page", stage);
	return openat(d->fd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

int rundir_stage_flows(const struct rundir *d, const char *stage)
{
	char file[RUN_NAME + 8];
	int fd;

	snprintf(file, sizeof(file), "%s.flows", stage);
	fd = openat(d->fd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 &&
	    (posix_fallocate(fd, 0, CENSUS_HEAD) != 0 || ftruncate(fd, CENSUS_PAGE) < 0)) {
		close(fd);
		unlinkat(d->fd, file, 0);
		return -1;
	}
	return fd;
}

void rundir_remove(struct rundir *d)
{
	munmap(d->page, sizeof(*d->page));
	empty_folder(d->fd, true);
	rmdir(d->path);
	close(d->fd);
	close(d->lock);
}

void rundir_begin(struct run_page *page)
{
	__atomic_store_n(&page->sequence, page->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void rundir_end(struct run_page *page)
{
	page->updated_ns = clock_ns(CLOCK_REALTIME);
	__atomic_store_n(&page->magic, RUN_MAGIC, __ATOMIC_RELAXED);
	__atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
}

/* ---- for those that look ------------------------------------------------------------------- */

/* The only pipeline that runs. */
static int find_only(int base, const char *base_name)
{
	int own = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = -1;
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	const struct dirent *e;

	if (!dir)
		die_errno("cannot read '%s'", base_name);
	while ((e = readdir(dir))) {
		int fd = e->d_name[0] == '.' ? -1 : open_folder(base, e->d_name, false);

		if (fd < 0 || !rundir_alive(fd)) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		if (found >= 0)
			die_usage("more than one pipeline runs: name one");
		found = fd;
	}
	closedir(dir);
	if (found < 0)
		die("no pipeline runs in '%s'", base_name);
	return found;
}

int rundir_find(const char *name)
{
	char base_name[RUN_PATH];
	int base, fd;

	if (name && strchr(name, '/')) {
		fd = open_folder(AT_FDCWD, name, false);
		if (fd < 0)
			die_errno("cannot use '%s'", name);
	} else {
		rundir_base(base_name, sizeof(base_name));
		base = open_folder(AT_FDCWD, base_name, false);
		if (base < 0 && errno == ENOENT)
			die("no pipeline runs in '%s'", base_name);
		if (base < 0)
			die_folder(base_name);
		fd = name ? open_folder(base, name, false) : find_only(base, base_name);
		close(base);
	}
	if (fd < 0 || !rundir_alive(fd))
		die("no pipeline '%s' runs", name);
	return fd;
}

static bool sequence_read(int fd, uint32_t *sequence)
{
	return pread(fd, sequence, sizeof(*sequence), offsetof(struct run_page, sequence)) ==
	       sizeof(*sequence);
}

/* By reading, not by a mapping: its file may be another user's, and be cut at any moment. */
bool rundir_read(int dir, struct run_page *to)
{
	int fd = openat(dir, "launcher", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool there = fd >= 0, good = false;

	for (int i = 0; i < 1000 && there && !good; i++) {
		uint32_t before, after;

		there = sequence_read(fd, &before) &&
			pread(fd, to, sizeof(*to), 0) == sizeof(*to) && sequence_read(fd, &after);
		good = there && !(before & 1) && before == after;
		if (there && !good)
			usleep(100);
	}
	if (fd >= 0)
		close(fd);
	return good && to->magic == RUN_MAGIC && to->version == RUN_VERSION &&
	       to->nstages <= RUN_STAGES && to->nlinks <= RUN_LINKS && to->nreaders <= RUN_READERS;
}
