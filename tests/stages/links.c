/* links: a small launcher: it holds two rings with a link between them, and kills the link's ends.
 *     links FILE.weir KILLS WHO SEND_EP RECEIVE_EP    bytes that came out go to standard output
 * WHO is send, receive or both. Each killed weir-link is started again. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/record/record.h"

struct end {
	pid_t pid;
	int ring, page;
	bool sends;
	const char *ep;
};

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void start(struct end *e)
{
	char ring[64];

	snprintf(ring, sizeof(ring), e->sends ? "shm:fd=%d,page=%d" : "shm:fd=%d,pages=%d", 100,
		 101);
	e->pid = fork();
	if (e->pid)
		return;
	dup2(e->ring, 100);
	dup2(e->page, 101);
	execlp("weir", "weir", "link", "-q", "-i", e->sends ? ring : e->ep, "-o",
	       e->sends ? e->ep : ring, (char *)NULL);
	_exit(127);
}

/* Writes the file into the ring, as a stage would: whole records, hello and schemas kept. */
static void produce(const struct ring_set *set, const char *path)
{
	int page = reopen(set->pages_read[0], O_RDONLY), file = open(path, O_RDONLY), err = 0;
	const char *why;
	struct ring_out *out = ring_out_attach(reopen(set->fd, O_RDWR), &page, 1, &why);
	static uint8_t buf[1 << 20];
	size_t have = 0;
	ssize_t got;

	while (out && (got = read(file, buf + have, sizeof(buf) - have)) > 0) {
		size_t at = 0;
		ssize_t n;

		have += (size_t)got;
		while ((n = rec_measure(BYTES(buf + at, have - at), &why)) > 0) {
			struct bytes raw = BYTES(buf + at, (size_t)n);
			uint8_t *to = ring_out_reserve(out, raw.len, 60000, &err);
			uint16_t type = rec_head_fast(raw.ptr).type;

			if (!to)
				_exit(1);
			memcpy(to, raw.ptr, raw.len);
			if (type == REC_hello || type == REC_schema)
				ring_out_preamble(out, raw);
			ring_out_commit(out, raw.len);
			at += raw.len;
		}
		memmove(buf, buf + at, have -= at);
	}
	ring_out_end(out, RING_CLOSED);
	_exit(0);
}

/* Copies what comes out to standard output; a little slower than it could be. */
static void consume(const struct ring_set *set)
{
	const char *why;
	struct ring_in *in =
		ring_in_attach(reopen(set->fd_read, O_RDONLY), reopen(set->pages[0], O_RDWR), &why);
	struct bytes view;
	enum port_state state = PORT_DATA;

	while (in && (state == PORT_DATA || state == PORT_EMPTY)) {
		size_t n;

		state = ring_in_view(in, 0, 500, &view);
		n = view.len < 64 * 1024 ? view.len : 64 * 1024;
		if (n && write(STDOUT_FILENO, view.ptr, n) != (ssize_t)n)
			_exit(1);
		ring_in_consume(in, n);
		if (n)
			usleep(6000);
	}
	_exit(state == PORT_EOF && in && view.len == 0 ? 0 : 1);
}

static pid_t child(void (*run)(const struct ring_set *set, const char *path),
		   const struct ring_set *set, const char *path)
{
	pid_t pid = fork();

	if (pid == 0)
		run(set, path);
	return pid;
}

static void run_consumer(const struct ring_set *set, const char *path)
{
	(void)path;
	consume(set);
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct ring_spec spec = { .size = 1 << 20, .nreaders = 1, .keep = true };
	struct ring_set a, b;
	struct end ends[2];
	pid_t consumer, done;
	int kills, status, bad = 0, open_ends = 2;

	if (argc != 6 || !ring_create_memfd(&a, &spec) || !ring_create_memfd(&b, &spec))
		die_usage("links FILE.weir KILLS send|receive|both SEND_EP RECEIVE_EP");
	kills = atoi(argv[2]);
	srand((unsigned)getpid());
	ends[0] = (struct end){ 0, a.fd_read, a.pages[0], true, argv[4] };
	ends[1] = (struct end){ 0, b.fd, b.pages_read[0], false, argv[5] };
	consumer = child(run_consumer, &b, NULL);
	start(&ends[1]);
	start(&ends[0]);
	child(produce, &a, argv[1]);
	while (open_ends || consumer) {
		int who = *argv[3] == 's' ? 0 : *argv[3] == 'r' ? 1 : rand() % 2;

		usleep(20000 + (unsigned)rand() % 60000);
		if (kills && ends[who].pid) {
			kill(ends[who].pid, SIGKILL);
			kills--;
		}
		while ((done = waitpid(-1, &status, WNOHANG)) > 0) {
			if (done == consumer) {
				consumer = 0;
				bad |= code_of(status);
			}
			for (int i = 0; i < 2; i++) {
				if (done != ends[i].pid)
					continue;
				ends[i].pid = 0;
				if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
					start(&ends[i]);
				} else {
					if (code_of(status))
						fprintf(stderr, "%s: %d\n", ends[i].ep,
							code_of(status));
					bad |= code_of(status);
					open_ends--;
				}
			}
		}
	}
	fprintf(stderr, "%d kills left\n", kills);
	return bad;
}
