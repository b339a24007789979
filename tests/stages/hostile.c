/* weir-hostile: a parser that was taken over. With WEIR_HOSTILE it tries one thing on its first
 * records, or by the record of the frame number in WEIR_HOSTILE_AT, as an exploit would; what came
 * of it is said, where it lives to say it. Else it passes everything on. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libcommon/stage/stage.h"

enum { RANGES = 64, DESCRIPTORS = 64 };

static const char *wanted;
static uint64_t wanted_at; /* 0: at once */
/* What it reads of others' memory: mappings that are shared and read-only, seen before. */
static struct range {
	char *at;
	size_t len;
} ranges[RANGES];
static size_t nranges;
static pid_t parent;

static void look_round(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	unsigned long from, to;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || nranges == RANGES)
			continue;
		if (strcmp(rights, "r--s") == 0)
			ranges[nranges++] = (struct range){ (char *)from, to - from };
	}
	if (maps)
		fclose(maps);
	parent = getppid();
}

/* ---- what a filter kills for ---- */

static long reads_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long reads_memory(void)
{
	return open("/proc/self/mem", O_RDWR);
}

static long connects(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long sends(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };

	return sendto(0, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
}

static long signals_parent(void)
{
	return kill(parent, SIGKILL);
}

static long signals_group(void)
{
	return kill(0, SIGTERM);
}

static long traces(void)
{
	return syscall(SYS_ptrace, 16 /* attach */, parent, 0, 0);
}

static long writes_process(void)
{
	struct iovec iov = { &parent, sizeof(parent) };

	return process_vm_writev(parent, &iov, 1, &iov, 1, 0);
}

static long executes(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long makes_memory_file(void)
{
	return memfd_create("x", 0);
}

static long writes_at(void)
{
	return pwrite(3, "x", 1, 0);
}

/* ---- what is refused: 0 where all was ---- */

static long changes_rights(void)
{
	long bad = nranges == 0;

	for (size_t i = 0; i < nranges; i++) {
		bad += mprotect(ranges[i].at, ranges[i].len, PROT_READ | PROT_WRITE) == 0;
		bad += mprotect(ranges[i].at, 4096, PROT_WRITE) == 0;
		bad += mremap(ranges[i].at, ranges[i].len, ranges[i].len,
			      MREMAP_MAYMOVE | MREMAP_FIXED,
			      ranges[i].at + (1 << 30)) != MAP_FAILED;
		bad += mremap(ranges[i].at, 4096, 8192, MREMAP_MAYMOVE) != MAP_FAILED;
	}
	return bad;
}

/* Maps every descriptor anew to write: its own page of the ring can be, and its books where they
 * came by one; nothing else. */
static long maps_to_write(void)
{
	long writable = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		writable += at != MAP_FAILED;
	}
	return nranges && writable <= 1 ? 0 : 100 + writable;
}

static long writes_ring(void)
{
	*(volatile char *)ranges[0].at = 1;
	return 0;
}

static const struct {
	const char *name;
	long (*fn)(void);
} tries[] = {
	{ "file", reads_file },       { "mem", reads_memory },
	{ "socket", connects },       { "send", sends },
	{ "signal", signals_parent }, { "group", signals_group },
	{ "trace", traces },          { "process", writes_process },
	{ "exec", executes },         { "memfd", makes_memory_file },
	{ "pwrite", writes_at },      { "rights", changes_rights },
	{ "map", maps_to_write },     { "store", writes_ring },
};

static void hostile_open(struct stage *st, int argc, char **argv)
{
	const char *at = getenv("WEIR_HOSTILE_AT");

	(void)st;
	(void)argc;
	(void)argv;
	wanted = getenv("WEIR_HOSTILE");
	wanted_at = at ? strtoull(at, NULL, 10) : 0;
	look_round();
}

static void hostile_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	bool now = !wanted_at;

	for (size_t i = 0; i < n; i++)
		now |= recs[i].head.n == wanted_at;
	for (size_t i = 0; now && wanted && i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (strcmp(wanted, tries[i].name) == 0) {
			wanted = NULL;
			warn("%s: got %ld", tries[i].name, tries[i].fn());
		}
	}
	for (size_t i = 0; i < n; i++)
		stage_pass(st, recs[i].raw);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "hostile",
		.summary = "try what no stage may",
		.kind = STAGE_FILTER,
		.open = hostile_open,
		.batch = hostile_batch,
	};
	static char only[] = "--only";

	for (int i = 1; i < argc; i++) /* as `weir --with` gives it */
		if (strcmp(argv[i], only) == 0)
			argv[i--] = argv[--argc];
	argv[argc] = NULL;
	return stage_main(&ops, argc, argv);
}
