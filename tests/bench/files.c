/* files: what the kernel takes for a set of files, whoever writes them.
 *
 *     files LIST DIR   makes the files of LIST, lines of "BYTES NAME", in DIR
 *     files            makes and removes 20,000 files of 6,000 bytes in memory; prints the CPU
 *
 * The fewest calls that can make a file: one that creates it, one for each 64 KiB, one that closes
 * it. The bytes are zeros that lie in the cache. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { PIECE = 65536, SELF_FILES = 20000, SELF_BYTES = 6000 };

static void make_file(int dir, const char *name, uint64_t bytes)
{
	static const uint8_t piece[PIECE];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);

	if (fd < 0)
		die_errno("cannot make '%s'", name);
	while (bytes) {
		ssize_t n = write(fd, piece, bytes < PIECE ? bytes : PIECE);

		if (n < 0)
			die_errno("cannot write '%s'", name);
		bytes -= (uint64_t)n;
	}
	close(fd);
}

static int open_dir(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		die_errno("'%s'", path);
	return dir;
}

static void make_listed(const char *list, int dir)
{
	FILE *f = fopen(list, "r");
	char line[512], *name;
	uint64_t bytes;

	if (!f)
		die_errno("'%s'", list);
	while (fgets(line, sizeof(line), f)) {
		bytes = strtoull(line, &name, 10);
		name[strcspn(name, "\n")] = 0;
		make_file(dir, name + 1, bytes);
	}
	fclose(f);
}

static double cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

static void make_own(void)
{
	char path[] = "/dev/shm/weir-bench-XXXXXX", name[16];
	double before, after;
	int dir;

	if (!mkdtemp(path))
		die_errno("'%s'", path);
	dir = open_dir(path);
	before = cpu_ns();
	for (int i = 0; i < SELF_FILES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make_file(dir, name, SELF_BYTES);
	}
	after = cpu_ns();
	for (int i = 0; i < SELF_FILES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		unlinkat(dir, name, 0);
	}
	close(dir);
	rmdir(path);
	printf("files: %.0f ns CPU to make a file of %d bytes in memory\n",
	       (after - before) / SELF_FILES, SELF_BYTES);
}

int main(int argc, char **argv)
{
	tool_name = "files";
	if (argc == 3)
		make_listed(argv[1], open_dir(argv[2]));
	else if (argc == 1)
		make_own();
	else
		die_usage("files [LIST DIR]");
	return EXIT_SUCCESS;
}
