/* sandbox: what works inside, and what ends the process. Each case is a child of its own. */
#include "libcommon/stage/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "tests/unit/check.h"

static char dir[] = "/tmp/weir-sandbox.XXXXXX";
static unsigned needs;
static int extra[2]; /* a pipe that is open before */

/* 0 = the check holds. */
static int run(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct rlimit core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &core);
		alarm(20);
		sandbox_enter(SANDBOX_REQUIRE, needs, needs & SANDBOX_WRITE_DIR ? dir : NULL);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#ifndef WEIR_SANITIZE

/* ---- what works ---- */

static int memory(void)
{
	size_t n = 64 << 20;
	uint8_t *p = malloc(n), *q;

	if (!p)
		return 1;
	memset(p, 7, n);
	q = realloc(p, 2 * n);
	if (!q || q[n - 1] != 7)
		return 2;
	memset(q, 8, 2 * n);
	q = realloc(q, 100);
	if (!q || q[99] != 8)
		return 3;
	free(q);
	for (size_t i = 1; i < 1 << 22; i *= 3)
		free(memset(malloc(i), 1, i));
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int compare(const void *a, const void *b)
{
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int library(void)
{
	static uint32_t v[1 << 20];
	time_t t = 1700000000;
	struct tm tm;
	char text[64];

	for (uint32_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		v[i] = i * 2654435761u;
	qsort(v, sizeof(v) / sizeof(v[0]), sizeof(v[0]), compare);
	if (v[0] > v[1] || !gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%F", &tm))
		return 1;
	return fprintf(stdout, "# %s\n", text) < 0 || fflush(stdout);
}

static int waiting(void)
{
	struct pollfd pfd = { .fd = extra[0], .events = POLLIN };
	struct timespec ts = { 0, 1000000 };
	char c = 0;
	uint32_t word = 1;

	if (write(extra[1], "x", 1) != 1 || poll(&pfd, 1, 1000) != 1 || read(extra[0], &c, 1) != 1)
		return 1;
	if (c != 'x' || poll(&pfd, 1, 1) != 0)
		return 2;
	if (clock_gettime(CLOCK_MONOTONIC, &ts) || syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts))
		return 3;
	ts = (struct timespec){ 0, 1000000 };
	if (nanosleep(&ts, NULL) || ring_wait(&word, 1, 1) != ETIMEDOUT)
		return 4;
	ring_wake(&word);
	/* Only an answer matters, which a pipe gives as well as a ring's file. */
	return ring_locked(extra[0], RING_OWNER) && errno == EPERM ? 5 : 0;
}

static int flag;

static void on_signal(int sig)
{
	(void)sig;
	flag = 1;
}

static int signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &act, NULL) || raise(SIGUSR1) || !flag)
		return 1;
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
	return 2;
}

/* ---- what does not ---- */

static int opens(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int connects(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int executes(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int forks(void)
{
	return fork() < 0;
}

static int maps_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int kills(void)
{
	return kill(1, 0);
}

static int traces(void)
{
	return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int remaps(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mprotect(p, 4096, PROT_READ) == 0 || errno != EACCES)
		return 1;
	return mremap(p, 4096, 8192, MREMAP_MAYMOVE) != MAP_FAILED || errno != ENOMEM;
}

/* ---- files ---- */

static int writes_dir(void)
{
	char path[128], to[128];
	int fd;

	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(to, sizeof(to), "%s/b", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, "abc", 3) != 3 || pwrite(fd, "x", 1, 100) != 1)
		return 1;
	if (ftruncate(fd, 50) || fsync(fd) || close(fd))
		return 2;
	if (renameat(AT_FDCWD, path, AT_FDCWD, to) || unlinkat(AT_FDCWD, to, 0))
		return 3;
	return 0;
}

static int writes_elsewhere(void)
{
	errno = 0;
	if (open("/tmp/weir-sandbox-outside", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 1;
	return open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES;
}

static int reads_files(void)
{
	char line[64];
	FILE *f = fopen("/etc/passwd", "r");
	struct stat st;

	if (!f || !fgets(line, sizeof(line), f) || fclose(f) || stat("/etc", &st))
		return 1;
	return 0;
}

static int reads_to_write(void)
{
	return open("/tmp/weir-sandbox-outside", O_WRONLY | O_CREAT, 0600) < 0;
}

/* /proc/PID/status of a child in the sandbox. */
static void status_of(unsigned wanted, char *text, size_t size)
{
	int ready[2], hold[2];
	char path[64], c = 0;
	pid_t pid;
	ssize_t n = -1;
	int fd;

	if (pipe(ready) < 0 || pipe(hold) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		close(hold[1]);
		sandbox_enter(SANDBOX_REQUIRE, wanted, wanted & SANDBOX_WRITE_DIR ? dir : NULL);
		if (write(ready[1], "x", 1) != 1 || read(hold[0], &c, 1) != 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(hold[0]);
	if (read(ready[0], &c, 1) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
		fd = open(path, O_RDONLY);
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = 0;
	close(ready[0]);
	close(hold[1]);
	waitpid(pid, NULL, 0);
}

static void test_status(void)
{
	char text[4096];

	check_case("inside there is no capability, no new privilege, and a filter");
	status_of(SANDBOX_BASE, text, sizeof(text));
	CHECK(strstr(text, "CapEff:\t0000000000000000"));
	CHECK(strstr(text, "CapPrm:\t0000000000000000"));
	CHECK(strstr(text, "NoNewPrivs:\t1"));
	CHECK(strstr(text, "Seccomp:\t2"));
	if (geteuid() == 0) {
		CHECK(strstr(text, "CapBnd:\t0000000000000000"));
		CHECK(strstr(text, "Uid:\t65534\t65534\t65534\t65534"));
		CHECK(strstr(text, "Gid:\t65534\t65534\t65534\t65534"));
		CHECK(strstr(text, "Groups:\t \n") || strstr(text, "Groups:\t\n"));
	}

	check_case("a stage that opens files keeps its user, without a capability");
	status_of(SANDBOX_WRITE_DIR, text, sizeof(text));
	char uid[64];

	snprintf(uid, sizeof(uid), "Uid:\t%u\t%u", (unsigned)geteuid(), (unsigned)geteuid());
	CHECK(strstr(text, uid));
	CHECK(strstr(text, "CapEff:\t0000000000000000"));
}

static void test_base(void)
{
	static const struct {
		const char *title;
		int (*fn)(void);
		int result;
	} rows[] = {
		{ "memory of any size can be had, grown and given back", memory, 0 },
		{ "sorting, time and stdio work", library, 0 },
		{ "reading, writing, polling, futexes and clocks work", waiting, 0 },
		{ "a process can end itself by SIGPIPE", signals, 128 + SIGPIPE },
		{ "opening a file kills", opens, 128 + SIGSYS },
		{ "a socket kills", connects, 128 + SIGSYS },
		{ "execve kills", executes, 128 + SIGSYS },
		{ "fork kills", forks, 128 + SIGSYS },
		{ "executable memory kills", maps_code, 128 + SIGSYS },
		{ "a signal to another process kills", kills, 128 + SIGSYS },
		{ "ptrace kills", traces, 128 + SIGSYS },
		{ "mprotect and mremap are refused", remaps, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_case(rows[i].title);
		CHECK_EQ(run(rows[i].fn), rows[i].result);
	}
}

static void test_files(void)
{
	needs = SANDBOX_WRITE_DIR;
	check_case("with a directory, files in it can be made, changed, renamed and removed");
	CHECK_EQ(run(writes_dir), 0);
	check_case("and nothing outside it can be opened");
	CHECK_EQ(run(writes_elsewhere), 0);
	check_case("and a socket still kills");
	CHECK_EQ(run(connects), 128 + SIGSYS);
	needs = SANDBOX_READ_FILES;
	check_case("with files to read, they can be opened");
	CHECK_EQ(run(reads_files), 0);
	check_case("and opening one to write kills");
	CHECK_EQ(run(reads_to_write), 128 + SIGSYS);
	needs = SANDBOX_BASE;
}

#else

static int no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

#endif

int main(void)
{
	int status;
	pid_t pid;

	tool_name = "weir-test";
	tzset(); /* as a stage does: inside, the time zone can no longer be read */
	if (!mkdtemp(dir) || pipe(extra) < 0)
		return EXIT_FAILURE;
#ifdef WEIR_SANITIZE
	check_case("under a sanitizer there is no_new_privs alone");
	CHECK_EQ(run(no_new_privs), 0);
#else
	test_status();
	test_base();
	test_files();
#endif
	check_case("off is off");
	pid = fork();
	if (pid == 0) {
		sandbox_enter(SANDBOX_OFF, 0, NULL);
		_exit(open("/etc/passwd", O_RDONLY) < 0);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	rmdir(dir);
	return check_end();
}
