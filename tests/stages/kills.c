/* kills: a chain of stages over rings, of which one is killed now and then and started again.
 *     kills SEED KILLS MS COMMAND... -- COMMAND... [-- COMMAND...]
 * Each stage gets -i and -o but for the ends of the chain. MS: the longest time between two kills.
 * The books of all stages are checked in the end; their table goes to standard error. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "libcommon/stage/commit.h"

enum { STAGES = 8, ARGS = 40 };

struct chain_stage {
	char *argv[ARGS];
	int argc, page_fd;
	struct books_page *page;
	pid_t pid;
	bool over;
	unsigned restarts;
};

static struct chain_stage stages[STAGES];
static struct ring_set rings[STAGES];
static size_t nstages;

static void add(struct chain_stage *s, const char *fmt, int a, int b)
{
	if (s->argc >= ARGS - 1 || asprintf(&s->argv[s->argc++], fmt, a, b) < 0)
		die("too many arguments");
}

static void keep_open(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static void make(int argc, char **argv)
{
	struct ring_spec spec = { .nreaders = 1, .keep = true };
	const char *size = getenv("KILLS_RING");

	spec.size = size ? strtoull(size, NULL, 10) : 0;
	nstages = 1;
	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			nstages++;
		else
			stages[nstages - 1].argv[stages[nstages - 1].argc++] = argv[i];
	}
	for (size_t i = 0; i < nstages; i++) {
		struct chain_stage *s = &stages[i];

		s->page_fd = memfd_create("page", 0);
		if (s->page_fd < 0 || ftruncate(s->page_fd, COMMIT_PAGE) < 0)
			die_errno("page");
		s->page =
			mmap(NULL, COMMIT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->page_fd, 0);
		if (i + 1 == nstages)
			break;
		if (!ring_create_memfd(&rings[i], &spec))
			die_errno("ring");
		keep_open(rings[i].fd);
		keep_open(rings[i].fd_read);
		keep_open(rings[i].pages[0]);
		keep_open(rings[i].pages_read[0]);
		add(s, "-oshm:fd=%d,pages=%d", rings[i].fd, rings[i].pages_read[0]);
		add(s + 1, "-ishm:fd=%d,page=%d", rings[i].fd_read, rings[i].pages[0]);
	}
}

static void start(struct chain_stage *s)
{
	char page[16];

	s->pid = fork();
	if (s->pid < 0)
		die_errno("fork");
	if (s->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(page, sizeof(page), "%d", s->page_fd);
	setenv("WEIR_PAGE_FD", page, 1);
	execvp(s->argv[0], s->argv);
	die_errno("cannot run '%s'", s->argv[0]);
}

/* Waits for a death, at most ms; false: nobody is left. */
static bool look(int ms)
{
	struct timespec wait = { ms / 1000, (long)(ms % 1000) * 1000000 };
	sigset_t set;
	size_t running = 0;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &wait);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < nstages; i++) {
			struct chain_stage *s = &stages[i];

			if (s->pid != pid)
				continue;
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
				s->restarts++;
				start(s);
			} else {
				s->over = true;
				if (!WIFEXITED(status) || WEXITSTATUS(status))
					die("stage %zu (%s) ended with status %x", i, s->argv[0],
					    status);
			}
		}
	}
	for (size_t i = 0; i < nstages; i++)
		running += !stages[i].over;
	return running > 0;
}

int main(int argc, char **argv)
{
	struct books all = { 0 };
	struct buf text = { 0 };
	unsigned kills, longest;
	sigset_t set;
	size_t wrong;

	if (argc < 7)
		die_usage("kills SEED KILLS MS COMMAND... -- COMMAND...");
	srand((unsigned)atoi(argv[1]));
	kills = (unsigned)atoi(argv[2]);
	longest = (unsigned)atoi(argv[3]);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	make(argc, argv);
	for (size_t i = nstages; i-- > 0;)
		start(&stages[i]);
	while (look(kills ? 1 + rand() % (int)longest : 1000)) {
		struct chain_stage *s = &stages[(size_t)rand() % nstages];

		if (kills && !s->over) {
			kills--;
			kill(s->pid, SIGKILL);
		}
	}
	for (size_t i = 0; i < nstages; i++)
		books_add_page(&all, stages[i].page);
	books_print(&all, &text);
	wrong = books_check(&all, &text);
	for (size_t i = 0; i < nstages; i++)
		buf_printf(&text, "%s: %u restarts\n", stages[i].argv[0], stages[i].restarts);
	fprintf(stderr, "%.*s", (int)text.len, (const char *)text.ptr);
	buf_release(&text);
	books_release(&all);
	return wrong ? 6 : 0;
}
