/* weir-buffer: takes what comes at once and hands it on as fast as it is taken, from memory, then
 * from a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/queue.h"
#include "libcommon/stage/stage.h"

enum { LOOK_MS = 2 };

struct config {
	uint64_t memory;
	const char *disk;
};

static struct config config = { .memory = 64 << 20 };

static const struct opt options[] = {
	OPT_ROW('m', "memory", OPT_SIZE, struct config, memory, "BYTES", "hold so much in memory"),
	OPT_ROW(0, "disk", OPT_STRING, struct config, disk, "DIR,BYTES",
		"then so much more in a file there, which is reserved at the start"),
	{ 0 },
};

/* First in first out over both: what is in memory is older than what is in the file, so while the
 * file holds anything all that comes goes there. */
static struct queue memory, file;
static size_t file_size;
static uint64_t *held, *bytes_held, *most_held, *spilled, *waited;

/* ---- the file: nameless, and mapped before the sandbox closes ---- */

static int file_open(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char path[4096];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/.weir-buffer-XXXXXX", dir) >= sizeof(path))
		die("'%s': the name is too long", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static void file_make(const char *text)
{
	const char *comma = strrchr(text, ',');
	char *dir;
	void *at;
	int fd;

	if (!comma || comma == text || !comma[1])
		die_usage("--disk: '%s' is not DIR,BYTES", text);
	file_size = opt_size(comma + 1, "--disk");
	if (file_size < 1 << 20)
		die_usage("--disk: at least 1 MiB");
	dir = strndup(text, (size_t)(comma - text));
	if (!dir)
		die("out of memory");
	fd = file_open(dir);
	if (fd < 0)
		die_errno("cannot make a file in '%s'", dir);
	errno = posix_fallocate(fd, 0, (off_t)file_size);
	if (errno)
		die_errno("cannot reserve %s bytes in '%s'", comma + 1, dir);
	at = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die_errno("cannot map a file in '%s'", dir);
	queue_init(&file, at, file_size);
	close(fd);
	free(dir);
}

static void buffer_open(struct stage *st, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (config.memory < 1 << 20)
		die_usage("--memory: at least 1 MiB");
	queue_init(&memory, xcalloc(1, config.memory), config.memory);
	if (config.disk)
		file_make(config.disk);
	held = stage_counter(st, "held");
	bytes_held = stage_counter(st, "held_bytes");
	most_held = stage_counter(st, "most_held_bytes");
	spilled = stage_counter(st, "spilled");
	waited = stage_counter(st, "waited");
}

/* ---- in and out ---- */

static struct queue *first_queue(void)
{
	return memory.count ? &memory : &file;
}

/* Says what is held: to the books, and to whoever asks how far the order stands. */
static void tell(struct stage *st)
{
	uint64_t tag, n = UINT64_MAX;
	struct bytes raw;

	*held = memory.count + file.count;
	*bytes_held = memory.used + file.used;
	if (*bytes_held > *most_held)
		*most_held = *bytes_held;
	if (queue_first(first_queue(), &tag, &raw))
		n = rec_head_fast(raw.ptr).n;
	stage_hold(st, n, n == UINT64_MAX ? n : 0);
}

/* Hands the oldest record on; false where nothing is held, or it would have to wait. */
static bool hand_on(struct stage *st, bool wait)
{
	struct queue *q = first_queue();
	const struct schema *s;
	struct bytes raw;
	uint64_t tag;

	if (!queue_first(q, &tag, &raw))
		return false;
	s = (const struct schema *)(uintptr_t)tag;
	if (wait)
		stage_pass_held(st, s, raw);
	else if (!stage_try_held(st, s, raw))
		return false;
	queue_drop(q);
	return true;
}

static void hold(struct stage *st, const struct schema *s, struct bytes raw)
{
	uint64_t tag = (uintptr_t)s;

	for (;;) {
		if (!file.count && queue_push(&memory, tag, raw))
			return;
		if (file.size && queue_push(&file, tag, raw)) {
			++*spilled;
			return;
		}
		/* Full: the producer waits with us. */
		++*waited;
		if (!hand_on(st, true)) {
			stage_pass_held(st, s, raw); /* longer than either can hold */
			return;
		}
	}
}

static void buffer_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	while (hand_on(st, false))
		;
	for (size_t i = 0; i < n; i++) {
		const struct schema *s = stage_schema(st, recs[i].head.type);

		if (memory.count || file.count || !stage_try_held(st, s, recs[i].raw))
			hold(st, s, recs[i].raw);
	}
	tell(st);
}

static int buffer_turn(struct stage *st)
{
	while (hand_on(st, false))
		;
	tell(st);
	return memory.count || file.count ? LOOK_MS : -1;
}

static void buffer_finish(struct stage *st)
{
	while (hand_on(st, true))
		;
	tell(st);
}

static void buffer_leave(struct stage *st, uint64_t n, uint64_t ts)
{
	(void)n;
	(void)ts;
	buffer_finish(st);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "buffer",
		.summary = "hold what a slow reader has not taken yet, in memory, then in a file",
		.epilog = "    weir read trace.pcap | weir buffer --disk /var/tmp,4G | weir flow | "
			  "weir json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.decouples = true,
		.open = buffer_open,
		.batch = buffer_batch,
		.turn = buffer_turn,
		.leave = buffer_leave,
		.finish = buffer_finish,
		.skims = true,
	};
	int code = stage_main(&ops, argc, argv);

	free(memory.mem);
	if (file.mem)
		munmap(file.mem, file_size);
	return code;
}
