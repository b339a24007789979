/* ring_port: tests of rings as endpoints, each end in a process of its own. */
#include "libcommon/port/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/port/ring.h"
#include "tests/unit/check.h"

static char name[32]; /* of this run's rings */

static const char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *text(const char *fmt, ...)
{
	static char room[4][256];
	static unsigned turn;
	char *p = room[turn++ % 4];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p, sizeof(room[0]), fmt, ap);
	va_end(ap);
	return p;
}

/* ---- children ---- */

static int errors; /* a pipe with what the children say */

static pid_t child_begin(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(240);
	}
	if (pid < 0)
		abort();
	return pid;
}

static int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void nap(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* stderr is redirected for the whole program. What was said until now is of no interest: to be
 * called before a child begins, which may speak before its parent runs again. */
static void said_reset(void)
{
	char room[4096];

	while (read(errors, room, sizeof(room)) > 0)
		;
}

/* Whether this is said, within a minute; takes it and all before it. */
static bool said(const char *what)
{
	static char room[4096];
	size_t len = 0;

	for (int ms = 0; ms < 60000; ms += 10) {
		ssize_t n = read(errors, room + len, sizeof(room) - 1 - len);

		len += n > 0 ? (size_t)n : 0;
		room[len] = 0;
		if (strstr(room, what))
			return true;
		nap(10);
	}
	return false;
}

/* ---- records: two bytes of length, then bytes that depend on the number ---- */

static size_t record_put(uint8_t *p, unsigned i, size_t max)
{
	size_t n = 2 + (i * 2654435761u >> 8) % (max - 2);

	be16_put(p, (uint16_t)n);
	for (size_t k = 2; k < n; k++)
		p[k] = (uint8_t)(i * 31 + k);
	return n;
}

static bool put_one(struct port_out *o, unsigned i, size_t max)
{
	uint8_t *at = port_out_reserve(o, max, true);

	if (!at)
		return false;
	port_out_commit(o, record_put(at, i, max));
	return true;
}

/* Exit code of a producer: 0 all delivered, 1 not. pause: sleep a little every so many. */
static int produce(const char *endpoint, unsigned from, unsigned to, size_t max, unsigned pause)
{
	struct port_out *o = port_out_open(endpoint);

	port_out_preamble(o, BYTES_LIT("preamble"));
	for (unsigned i = from; i < to; i++) {
		if (!put_one(o, i, max))
			break;
		if (pause && i % pause == 0) {
			port_out_flush(o);
			nap(1);
		}
	}
	return port_out_close(o) ? 0 : 1;
}

/* Reads record `from` and on. Gives how many were right, or -1. */
static int consume(struct port_in *in, unsigned from, size_t max, unsigned limit,
		   enum port_state *how)
{
	static uint8_t want[65536];
	unsigned i = from;
	size_t have = 0;

	while (i - from < limit) {
		struct bytes view;
		size_t used = 0;

		*how = port_in_view(in, have, -1, &view);
		if (*how == PORT_EMPTY)
			continue;
		if (*how != PORT_DATA)
			return view.len ? -1 : (int)(i - from);
		while (i - from < limit && view.len - used >= 2 &&
		       view.len - used >= be16_get(view.ptr + used)) {
			size_t n = record_put(want, i++, max);

			if (be16_get(view.ptr + used) != n || memcmp(view.ptr + used, want, n))
				return -1;
			used += n;
		}
		port_in_consume(in, used);
		have = view.len - used;
	}
	return (int)(i - from);
}

/* Exit code of a reader: 0 all `count` records and the end. */
static int read_all(const char *endpoint, unsigned count, size_t max)
{
	struct port_in *in = port_in_open(endpoint);
	enum port_state how;
	int n = consume(in, 0, max, UINT32_MAX, &how);

	port_in_close(in);
	return n == (int)count && how == PORT_EOF ? 0 : 1;
}

static pid_t start_reader(const char *endpoint, unsigned count, size_t max)
{
	pid_t pid = child_begin();

	if (!pid)
		_exit(read_all(endpoint, count, max));
	return pid;
}

static pid_t start_producer(const char *endpoint, unsigned count, size_t max)
{
	pid_t pid = child_begin();

	if (!pid)
		_exit(produce(endpoint, 0, count, max, 0));
	return pid;
}

static const char *out(const char *rest)
{
	return text("shm:%s,%s", name, rest);
}

/* Nothing of ours is left in /dev/shm; the janitor may need a moment. */
static bool all_gone(void)
{
	for (int i = 0; i < 200; i++, nap(10)) {
		DIR *d = opendir("/dev/shm");
		struct dirent *e;
		bool found = false;

		while (d && (e = readdir(d)))
			found = found || strstr(e->d_name, name);
		if (d)
			closedir(d);
		if (!found)
			return true;
	}
	return false;
}

/* ---- by name ---- */

static void test_named(void)
{
	pid_t p, r[3];

	check_case("every record comes through a named ring, whoever starts first");
	p = start_producer(out("readers=a"), 50000, 700);
	r[0] = start_reader(out("reader=a"), 50000, 700);
	CHECK_EQ(child_status(r[0]), 0);
	CHECK_EQ(child_status(p), 0);
	r[0] = start_reader(out("reader=a"), 50000, 700);
	nap(50);
	p = start_producer(out("readers=a"), 50000, 700);
	CHECK_EQ(child_status(r[0]), 0);
	CHECK_EQ(child_status(p), 0);
	CHECK(all_gone());

	check_case("three readers of the smallest ring each get everything");
	setenv("WEIR_TEST_RING", "4096", 1);
	p = start_producer(out("readers=a,b,c"), 20000, 700);
	r[0] = start_reader(out("reader=a"), 20000, 700);
	r[1] = start_reader(out("reader=b"), 20000, 700);
	nap(30);
	r[2] = start_reader(out("reader=c"), 20000, 700);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(child_status(r[i]), 0);
	CHECK_EQ(child_status(p), 0);

	check_case("the same with a byte at a time");
	setenv("WEIR_TEST_READ", "1", 1);
	p = start_producer(out("readers=a"), 300, 700);
	r[0] = start_reader(out("reader=a"), 300, 700);
	CHECK_EQ(child_status(r[0]), 0);
	CHECK_EQ(child_status(p), 0);
	unsetenv("WEIR_TEST_READ");

	check_case("a record longer than half the ring is an error with one line, not a hang");
	said_reset();
	p = child_begin();
	if (!p)
		_exit(produce(out("readers=a"), 0, 10, 2049, 0));
	CHECK_EQ(child_status(p), 1);
	CHECK(said("longer than half the ring"));
	unsetenv("WEIR_TEST_RING");
	CHECK(all_gone());

	check_case("a reader that comes when the producer is done still gets everything");
	said_reset();
	p = start_producer(out("readers=a"), 1000, 700);
	CHECK(said("waiting for the reader 'a'"));
	r[0] = start_reader(out("reader=a"), 1000, 700);
	CHECK_EQ(child_status(r[0]), 0);
	CHECK_EQ(child_status(p), 0);
}

static void test_names(void)
{
	pid_t p;
	struct port_in *in;

	check_case("a second producer is refused while the first lives, and says who has it");
	p = start_producer(out("readers=a,b"), 10, 700);
	in = port_in_open(out("reader=a"));
	said_reset();
	CHECK_EQ(child_status(start_producer(out("readers=a"), 1, 700)), 1);
	CHECK(said(text("in use by process %d", (int)p)));

	check_case("an unknown reader is refused, and the known ones are named");
	CHECK_EQ(child_status(start_reader(out("reader=x"), 1, 700)), 1);
	CHECK(said("no reader 'x', it has: a, b"));

	check_case("a reader's name is refused while a live process has it");
	CHECK_EQ(child_status(start_reader(out("reader=a"), 1, 700)), 1);
	CHECK(said("attached already"));

	check_case("a ring whose producer was killed is taken over, and leaves nothing behind");
	kill(p, SIGKILL);
	child_status(p);
	port_in_close(in);
	p = start_producer(out("readers=c"), 1000, 700);
	CHECK_EQ(child_status(start_reader(out("reader=c"), 1000, 700)), 0);
	CHECK_EQ(child_status(p), 0);
	CHECK(all_gone());

	check_case("names that a killed producer and its janitor left are taken over");
	char path[128];
	int fd;
	struct ring_spec spec = { .nreaders = 0 };

	snprintf(path, sizeof(path), "/dev/shm/weir.%u.%s", (unsigned)getuid(), name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && ring_format(fd, &spec, 99));
	close(fd);
	p = start_producer(out("readers=c"), 10, 700);
	CHECK_EQ(child_status(start_reader(out("reader=c"), 10, 700)), 0);
	CHECK_EQ(child_status(p), 0);
	CHECK(all_gone());
}

static void test_deaths(void)
{
	struct port_in *in;
	enum port_state how;
	pid_t p, r;

	check_case("a producer killed -9 ends in EPIPE, after everything that it had published");
	p = child_begin();
	if (!p) {
		struct port_out *o = port_out_open(out("readers=a"));

		for (unsigned i = 0; i < 100; i++)
			put_one(o, i, 700);
		port_out_flush(o);
		pause();
	}
	in = port_in_open(out("reader=a"));
	CHECK_EQ(consume(in, 0, 700, 50, &how), 50);
	kill(p, SIGKILL);
	child_status(p);
	CHECK_EQ(consume(in, 50, 700, 1000, &how), 50);
	CHECK(how == PORT_ERROR && errno == EPIPE);
	port_in_close(in);

	check_case(
		"a reader killed -9 is released: the other one gets everything, the loss is said");
	setenv("WEIR_TEST_RING", "4096", 1);
	p = start_producer(out("readers=a,b"), 5000, 700);
	r = child_begin();
	if (!r) {
		in = port_in_open(out("reader=b"));
		consume(in, 0, 700, 100, &how);
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(child_status(start_reader(out("reader=a"), 5000, 700)), 0);
	CHECK_EQ(child_status(r), 128 + SIGKILL);
	CHECK_EQ(child_status(p), 1);

	check_case("when all readers are gone the producer ends with EPIPE");
	p = child_begin();
	if (!p) {
		struct port_out *o = port_out_open(out("readers=a"));
		int err = 0;
		unsigned i = 0;

		while (put_one(o, i, 700))
			i++;
		_exit(port_out_broken(o, &err) && err == EPIPE && port_out_lost(o) > 0 &&
				      port_out_lost(o) <= port_out_written(o) && !port_out_close(o)
			      ? 0
			      : 1);
	}
	in = port_in_open(out("reader=a"));
	CHECK_EQ(consume(in, 0, 700, 500, &how), 500);
	port_in_close(in);
	CHECK_EQ(child_status(p), 0);
	unsetenv("WEIR_TEST_RING");
	CHECK(all_gone());
}

/* ---- from a launcher ---- */

static const char *set_out(const struct ring_set *set)
{
	static char room[256];
	int n = snprintf(room, sizeof(room), "shm:fd=%d,pages=", set->fd);

	for (unsigned i = 0; i < set->nreaders; i++)
		n += snprintf(room + n, sizeof(room) - (size_t)n, "%s%d", i ? ":" : "",
			      set->pages_read[i]);
	return room;
}

static const char *set_in(const struct ring_set *set, unsigned i)
{
	return text("shm:fd=%d,page=%d", set->fd_read, set->pages[i]);
}

static void test_launcher(void)
{
	struct ring_spec spec = { .size = 1, .nreaders = 2, .keep = true };
	struct ring_set set;
	struct port_in *in;
	enum port_state how;
	uint64_t head, second;
	uint8_t bytes[700];
	pid_t p, r;

	check_case("a launcher's ring has read-only descriptors for those who only read");
	CHECK(ring_create_memfd(&set, &spec));
	CHECK(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, set.fd_read, 0) == MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, set.pages_read[0], 0) == MAP_FAILED);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, set.fd_read, 0);

	CHECK(mprotect(map, 4096, PROT_READ | PROT_WRITE) < 0);
	munmap(map, 4096);
	CHECK(ftruncate(set.fd, 0) < 0);
	CHECK(ftruncate(set.pages[0], 0) < 0);

	check_case("a reader killed in the middle goes on from its tail, with the preamble");
	p = start_producer(set_out(&set), 3000, 700);
	r = child_begin();
	if (!r) {
		in = port_in_open(set_in(&set, 0));
		_exit(!(port_in_preamble(in).len == 0 && consume(in, 0, 700, 5, &how) == 5 &&
			raise(SIGKILL)));
	}
	CHECK_EQ(child_status(r), 128 + SIGKILL);
	CHECK(ring_set_reader_dead(&set, 0));
	CHECK(!ring_set_reader_dead(&set, 1));
	nap(250); /* the producer has noticed by now, and must not have given it up */
	uint64_t tail = ring_set_tail(&set, 0);

	CHECK(tail > 0 && ring_set_tail(&set, 1) == 0);
	CHECK(ring_set_head(&set) <= 4096);
	r = start_reader(set_in(&set, 1), 3000, 700);
	in = port_in_open(set_in(&set, 0));
	CHECK(bytes_is(port_in_preamble(in), "preamble"));
	CHECK_EQ(consume(in, 5, 700, 100000, &how), 2995);
	CHECK_EQ(how, PORT_EOF);
	port_in_close(in);
	CHECK_EQ(child_status(r), 0);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(ring_set_state(&set), RING_CLOSED);
	CHECK_EQ(ring_set_tail(&set, 0), ring_set_head(&set));
	ring_set_free(&set);

	check_case("a reader that its launcher gives up is not waited for");
	CHECK(ring_create_memfd(&set, &spec));
	p = start_producer(set_out(&set), 3000, 700);
	r = start_reader(set_in(&set, 1), 3000, 700);
	nap(100);
	ring_set_release(&set, 0);
	CHECK_EQ(child_status(r), 0);
	CHECK_EQ(child_status(p), 1); /* reader 0 has got nothing */
	said_reset();
	CHECK_EQ(child_status(start_reader(set_in(&set, 0), 3000, 700)), 1);
	CHECK(said("its bytes are gone"));
	ring_set_free(&set);

	check_case("a producer killed in the middle has a successor, which goes on from head");
	spec.nreaders = 1;
	CHECK(ring_create_memfd(&set, &spec));
	r = start_reader(set_in(&set, 0), 2000, 700);
	p = child_begin();
	if (!p) {
		struct port_out *o = port_out_open(set_out(&set));

		for (unsigned i = 0; i < 1000; i++)
			put_one(o, i, 700);
		port_out_flush(o);
		raise(SIGKILL);
	}
	child_status(p);
	CHECK(ring_set_producer_dead(&set));
	nap(150);
	p = child_begin();
	if (!p)
		_exit(produce(set_out(&set), 1000, 2000, 700, 0));
	CHECK_EQ(child_status(r), 0);
	CHECK_EQ(child_status(p), 0);
	ring_set_free(&set);

	check_case("a producer that has no successor: the launcher ends the stream");
	CHECK(ring_create_memfd(&set, &spec));
	in = port_in_open(set_in(&set, 0));
	p = child_begin();
	if (!p) {
		struct port_out *o = port_out_open(set_out(&set));

		put_one(o, 0, 700);
		port_out_flush(o);
		put_one(o, 1, 700);
		raise(SIGKILL);
	}
	child_status(p);
	head = ring_set_head(&set);
	second = record_put(bytes, 1, 700);
	CHECK(!ring_set_settle(&set, head - 1) && !ring_set_settle(&set, head + set.header->size));
	CHECK_EQ(ring_set_head(&set), head);
	CHECK(ring_set_settle(&set, head) && ring_set_settle(&set, head + second));
	ring_set_end(&set, RING_ABORTED);
	ring_set_end(&set, RING_CLOSED); /* too late */
	CHECK_EQ(consume(in, 0, 700, 100, &how), 2);
	CHECK(how == PORT_ERROR && errno == ECONNABORTED);
	port_in_close(in);
	ring_set_free(&set);
}

/* Kills readers and producers at random moments; nothing may be lost, doubled or torn but what
 * lies between an effect and the tail's move: the test's reader moves it after each record. */
static void test_kills(void)
{
	struct ring_spec spec = { .size = 4096, .nreaders = 1, .keep = true };
	struct ring_set set;
	unsigned *seen =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned kills = 0;
	pid_t p, r = -1;

	check_case("a reader killed sixty times misses no record");
	CHECK(ring_create_memfd(&set, &spec));
	p = child_begin();
	if (!p)
		_exit(produce(set_out(&set), 0, 60000, 300, 20));
	while (ring_set_state(&set) == RING_OPEN || ring_set_tail(&set, 0) < ring_set_head(&set)) {
		r = child_begin();
		if (!r) {
			struct port_in *in = port_in_open(set_in(&set, 0));
			uint8_t want[300];
			struct bytes view;

			for (;;) {
				enum port_state how = port_in_view(in, 0, -1, &view);
				size_t n;

				if (how == PORT_EOF)
					_exit(0);
				if (how != PORT_DATA)
					continue;
				n = record_put(want, seen[0], 300);
				if (view.len < n || memcmp(view.ptr, want, n)) {
					/* once more what the last one had in hand */
					n = record_put(want, seen[0] - 1, 300);
					if (memcmp(view.ptr, want, n))
						_exit(1);
					seen[1]++;
				} else {
					seen[0]++;
				}
				port_in_consume(in, n);
			}
		}
		if (kills == 60)
			break;
		usleep((useconds_t)(1000 + kills * 2654435761u % 20000));
		kill(r, SIGKILL);
		CHECK_EQ(child_status(r), 128 + SIGKILL);
		kills++;
	}
	CHECK_EQ(child_status(r), 0);
	CHECK_EQ(child_status(p), 0);
	CHECK_EQ(seen[0], 60000);
	CHECK(seen[1] <= kills);
	ring_set_free(&set);
	munmap(seen, 4096);
}

/* ---- a full /dev/shm ---- */

static void test_full(void)
{
	pid_t p;
	int status;

	said_reset();
	p = child_begin();
	if (!p) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", "/dev/shm", "tmpfs", 0, "size=1M") < 0)
			_exit(77);
		port_out_open(out("readers=a,size=4M"));
		_exit(0);
	}
	status = child_status(p);
	if (status == 77) {
		check_case("a full /dev/shm is refused at the start # SKIP needs a mount");
		return;
	}
	check_case("a full /dev/shm is refused at the start, with one line");
	CHECK_EQ(status, 1);
	CHECK(said("no room for it in /dev/shm: No space left"));
}

int main(void)
{
	int p[2];

	alarm(280);
	signal(SIGPIPE, SIG_IGN);
	tool_name = "weir-test";
	snprintf(name, sizeof(name), "test%d", (int)getpid());
	if (pipe(p) < 0)
		return EXIT_FAILURE;
	errors = p[0];
	fcntl(errors, F_SETFL, O_NONBLOCK);
	dup2(p[1], STDERR_FILENO);
	test_named();
	test_names();
	test_deaths();
	test_launcher();
	test_kills();
	test_full();
	return check_end();
}
