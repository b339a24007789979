/* restart: runs a stage as the second reader of a ring, which goes on where the first one stopped.
 *     restart FILE.weir SKIP COMMAND...   adds -i to COMMAND; the first reader took SKIP records */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/record/record.h"

static uint8_t stream[8 << 20];

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

/* Writes all of the stream; gives the place behind the first `skip` data records. */
static uint64_t produce(struct ring_out *out, size_t len, unsigned long skip)
{
	uint64_t place = 0;
	int err = 0;

	for (size_t at = 0; at < len;) {
		ssize_t n = rec_measure(BYTES(stream + at, len - at), NULL);
		struct bytes raw = BYTES(stream + at, n > 0 ? (size_t)n : 0);
		uint8_t *to = ring_out_reserve(out, raw.len, 0, &err);
		uint16_t type;

		if (n <= 0 || !to)
			die("cannot put %zd bytes at %zu", n, at);
		memcpy(to, raw.ptr, raw.len);
		ring_out_commit(out, raw.len);
		type = rec_head_fast(raw.ptr).type;
		if (type == REC_hello || type == REC_schema)
			ring_out_preamble(out, raw);
		at += raw.len;
		if (type >= REC_FIRST_DATA && skip && --skip == 0)
			place = at;
	}
	return place;
}

/* Takes what lies before `place`, and dies without a word. */
static void first_reader(const struct ring_set *set, uint64_t place)
{
	const char *why;
	struct ring_in *in =
		ring_in_attach(reopen(set->fd_read, O_RDONLY), reopen(set->pages[0], O_RDWR), &why);

	if (!in)
		die("%s", why);
	ring_in_consume(in, place);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct ring_spec spec = { .size = 16 << 20, .nreaders = 1, .keep = true };
	struct ring_set set;
	struct ring_out *out;
	char *args[32] = { NULL }, input[64];
	const char *why;
	int file, page, n = 0;
	ssize_t len;
	uint64_t place;

	if (argc < 4 || argc > 24 || (file = open(argv[1], O_RDONLY)) < 0 ||
	    (len = read(file, stream, sizeof(stream))) <= 0 || !ring_create_memfd(&set, &spec))
		die_usage("restart FILE.weir SKIP COMMAND...");
	page = reopen(set.pages_read[0], O_RDONLY);
	out = ring_out_attach(reopen(set.fd, O_RDWR), &page, 1, &why);
	if (!out)
		die("%s", why);
	place = produce(out, (size_t)len, strtoul(argv[2], NULL, 10));
	ring_out_end(out, RING_CLOSED);
	if (fork() == 0)
		first_reader(&set, place);
	wait(NULL);
	snprintf(input, sizeof(input), "shm:fd=%d,page=%d", reopen(set.fd_read, O_RDONLY),
		 reopen(set.pages[0], O_RDWR));
	for (int i = 3; i < argc; i++)
		args[n++] = argv[i];
	args[n++] = "-i";
	args[n++] = input;
	execvp(args[0], args);
	die_errno("%s", args[0]);
}
