/* port: unit tests of the endpoint grammar, and of ports over pipes and files. */
#include "libcommon/port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"
#include "libcommon/port/endpoint.h"
#include "tests/unit/check.h"

static char dir[] = "/tmp/weir-port.XXXXXX";

static char *in_dir(const char *name)
{
	static char path[4][4096];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

/* ---- grammar ---- */

static struct endpoint ep;
static char why[128];

static bool parses(const char *text, bool output)
{
	why[0] = 0;
	return endpoint_parse(&ep, text, output, why, sizeof(why));
}

static bool refused(const char *text, bool output, const char *because)
{
	bool good = !parses(text, output) && strstr(why, because);

	if (!good)
		printf("# '%s': '%s' lacks '%s'\n", text, why, because);
	return good;
}

static void test_grammar(void)
{
	check_case("the plain endpoints are told apart");
	CHECK(parses("-", true) && ep.kind == ENDPOINT_STDIO);
	CHECK(parses("fd:7", false) && ep.kind == ENDPOINT_FD && ep.fd == 7);
	CHECK(parses("fd:0", false) && ep.fd == 0);
	CHECK(parses("fd:8,from=./a,,b", false) && ep.kind == ENDPOINT_FD && ep.fd == 8);
	CHECK(parses("null:", true) && ep.kind == ENDPOINT_NULL);
	CHECK(parses("a/b.weir", false) && ep.kind == ENDPOINT_FILE &&
	      !strcmp(ep.path, "a/b.weir"));
	CHECK(parses("./tcp:x", false) && ep.kind == ENDPOINT_FILE && !strcmp(ep.path, "./tcp:x"));
	CHECK(parses("./-", false) && ep.kind == ENDPOINT_FILE);

	check_case("a doubled comma is a comma of the name");
	CHECK(parses("a,,b,,,,c", false) && !strcmp(ep.path, "a,b,,c"));
	CHECK(parses("x,,", false) && !strcmp(ep.path, "x,"));

	check_case("wrong grammar is refused, and what is wrong is named");
	CHECK(refused("", false, "empty"));
	CHECK(refused("a,b", false, "'b' is no option"));
	CHECK(refused("a,", false, "is no option"));
	CHECK(refused("-,x=1", true, "'x=1' is no option"));
	CHECK(refused("fd:", false, "descriptor"));
	CHECK(refused("fd:-1", false, "descriptor"));
	CHECK(refused("fd:07", false, "descriptor"));
	CHECK(refused("fd:99999999999999999999", false, "descriptor"));
	CHECK(refused("fd:3x", false, "descriptor"));
	CHECK(refused("fd:3,to=x", false, "'to=x' is no option"));
	CHECK(refused("fd:3,from=", false, "'from=' is no option"));
	CHECK(refused("fd:3,from=x,from=y", false, "is no option"));
	CHECK(refused("fd:3,from=x", true, "'from=x' is no option"));
	CHECK(refused("null:x", true, "nothing behind"));
	CHECK(refused("ftp:x", true, "'ftp:'"));
	CHECK(refused("C:\\x", true, "'./C:..'"));

	check_case("links are taken apart; an input listens, an output dials, unless turned round");
	CHECK(parses("ipc:x", false) && ep.kind == ENDPOINT_LINK && !ep.link.dial);
	CHECK(!strcmp(ep.name, "x") && ep.link.scheme == ENDPOINT_IPC);
	CHECK(parses("ipc:///a/b", true) && ep.link.dial && !strcmp(ep.path, "/a/b"));
	CHECK(parses("tcp://h:9,listen,insecure", true) && !ep.link.dial && ep.link.port == 9);
	CHECK(parses("tcp://[::1]:65535,dial,retry=forever,linger=500ms,size=8M", false));
	CHECK(ep.link.dial && !strcmp(ep.link.host, "::1") && ep.size == 8 << 20);
	CHECK(ep.link.retry_ms == ENDPOINT_FOREVER && ep.link.linger_ms == 500);
	CHECK(parses("tls+tcp://h:1,cert=a,key=b,,c,ca=d", false) && !strcmp(ep.link.key, "b,c"));
	CHECK(ep.link.scheme == ENDPOINT_TLS && !strcmp(ep.link.ca, "d"));

	check_case("a link that listens to the world without TLS says that it is insecure");
	CHECK(refused("tcp://0.0.0.0:9", false, "insecure") && parses("tcp://0.0.0.0:9", true));
	CHECK(parses("tcp://127.0.0.9:9", false) && parses("tcp://*:9,insecure", false));
	CHECK(refused("tls+tcp://h:1,insecure", false, "no option"));
	CHECK(refused("tls+tcp://h:1,cert=a,key=b", true, "ca= are needed"));
	CHECK(refused("tcp://h", true, "HOST:PORT") && refused("tcp://h:0", true, "port"));
	CHECK(refused("tcp://h:65536", true, "port") && refused("tcp:h:1", true, "'//'"));
	CHECK(refused("tcp://a b:1", true, "host") && refused("tcp://:1", true, "HOST:PORT"));
	CHECK(refused("ipc:x,dial,listen", true, "both") && refused("ipc:../x", true, "name"));
	CHECK(refused("ipc:x,retry=1y", true, "no time") && refused("ipc:", true, "empty"));

	check_case("a ring's readers, size and pages are taken apart");
	CHECK(parses("shm:x,readers=a,b,size=4M", true) && ep.kind == ENDPOINT_SHM && ep.fd == -1);
	CHECK(!strcmp(ep.name, "x") && ep.nreaders == 2 && ep.size == 4 << 20);
	CHECK(!strcmp(ep.readers[0], "a") && !strcmp(ep.readers[1], "b"));
	CHECK(parses("shm:x,size=2048K,readers=a,b,c", true) && ep.nreaders == 3 &&
	      ep.size == 2 << 20);
	CHECK(parses("shm:x,reader=a", false) && !strcmp(ep.reader, "a"));
	CHECK(parses("shm:fd=5,pages=6:7:8", true) && ep.fd == 5 && ep.npages == 3);
	CHECK(ep.pages[0] == 6 && ep.pages[2] == 8);
	CHECK(parses("shm:fd=5,page=6", false) && ep.fd == 5 && ep.page == 6);

	check_case("a reader that may lose records is marked, one without a name or page is a tap");
	CHECK(parses("shm:x,readers=a,b:drop,c", true) && ep.nreaders == 3);
	CHECK(!ep.drops[0] && ep.drops[1] && !ep.drops[2] && !strcmp(ep.readers[1], "b"));
	CHECK(parses("shm:x", false) && !ep.reader[0] && ep.page == -1 && ep.fd == -1);
	CHECK(parses("shm:fd=5", false) && ep.fd == 5 && ep.page == -1);

	check_case("a ring's wrong grammar is refused");
	CHECK(refused("shm:", true, "name is empty"));
	CHECK(refused("shm:x", true, "readers=NAME,.. is missing"));
	CHECK(refused("shm:x,readers=", true, "name is empty"));
	CHECK(parses("shm:x,readers=a,shard=4", true) && ep.shards == 4 && ep.nreaders == 1);
	CHECK(refused("shm:x,readers=a,shard=1", true, "2 to 64"));
	CHECK(refused("shm:x,readers=a,shard=65", true, "2 to 64"));
	CHECK(refused("shm:x,readers=a,shard=4x", true, "2 to 64"));
	CHECK(refused("shm:x,reader=a,shard=4", false, "no option"));
	CHECK(refused("shm:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,readers=a,shard=4", true,
		      "longer than 36"));
	CHECK(refused("shm:x,readers=a,a", true, "named twice"));
	CHECK(refused("shm:x,readers=a,b:loose", true, "':loose' is no mode of a reader"));
	CHECK(refused("shm:x,readers=a,:drop", true, "name is empty"));
	CHECK(refused("shm:x,readers=a,a:drop", true, "named twice"));
	CHECK(refused("shm:x,reader=a:drop", false, "may only have"));
	CHECK(refused("shm:x,readers=a,size=4M,b", true, "'b' is no option"));
	CHECK(refused("shm:x,readers=a", false, "no option"));
	CHECK(refused("shm:x,reader=a", true, "no option"));
	CHECK(refused("shm:../x,reader=a", false, "may only have"));
	CHECK(refused("shm:.x,reader=a", false, "may only have"));
	CHECK(refused("shm:x,readers=a,size=0", true, "size"));
	CHECK(refused("shm:x,readers=a,size=2G", true, "size"));
	CHECK(refused("shm:x,readers=a,size=1023K", true, "1M to 1G"));
	CHECK(refused("shm:x,readers=a,size=4MB", true, "not a size"));
	CHECK(refused("shm:x,readers=a,size=1M,size=1M", true, "there twice"));
	CHECK(refused("shm:x,readers=a,colour=red", true, "no option"));
	CHECK(refused("shm:fd=5", true, "pages=N:.. is missing"));
	CHECK(refused("shm:fd=5,pages=6:", true, "descriptor"));
	CHECK(refused("shm:fd=5,pages=6;7", true, "':' between"));
	CHECK(refused("shm:fd=5,page=6:7", false, "descriptor"));
	CHECK(refused("shm:fd=5,readers=a", true, "no option"));

	check_case("more readers than a ring has places for are refused");
	struct buf b = { 0 };

	buf_add_str(&b, "shm:x,readers=r0");
	for (int i = 1; i < ENDPOINT_READERS; i++)
		buf_printf(&b, ",r%d", i);
	buf_add_byte(&b, 0);
	CHECK(parses((char *)b.ptr, true) && ep.nreaders == ENDPOINT_READERS);
	b.len--;
	buf_printf(&b, ",one-more");
	buf_add_byte(&b, 0);
	CHECK(refused((char *)b.ptr, true, "more than"));
	buf_release(&b);
}

/* ---- a port in a child ---- */

/* Runs fn in a child with its messages in err; gives the wait status. */
static int in_child(void (*fn)(void *), void *arg, char *err, size_t size)
{
	int p[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(p) < 0 || (pid = fork()) < 0)
		abort();
	if (!pid) {
		dup2(p[1], STDERR_FILENO);
		close(p[0]);
		close(p[1]);
		fn(arg);
		_exit(0);
	}
	close(p[1]);
	while (n < size - 1 && (got = read(p[0], err + n, size - 1 - n)) > 0)
		n += (size_t)got;
	err[n] = 0;
	close(p[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void open_in(void *arg)
{
	port_in_open(arg);
}

static void open_out(void *arg)
{
	port_out_open(arg);
}

static bool dies(void (*fn)(void *), const char *text, int code, const char *because)
{
	char err[512];
	char *end;
	int status = in_child(fn, (void *)text, err, sizeof(err));
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == code && strstr(err, because);

	end = strchr(err, '\n');
	good = good && end && !end[1]; /* one line */
	if (!good)
		printf("# '%s': status %x, '%s'\n", text, status, err);
	return good;
}

static void test_refusals(void)
{
	check_case("an endpoint that can't be opened ends the process with one line");
	CHECK(dies(open_in, in_dir("missing"), 1, "No such file"));
	CHECK(dies(open_in, dir, 1, "Is a directory"));
	CHECK(dies(open_out, dir, 1, "Is a directory"));
	CHECK(dies(open_out, in_dir("no/such/dir"), 1, "No such file"));
	CHECK(dies(open_in, "fd:999", 1, "Bad file descriptor"));
	CHECK(dies(open_in, "fd:3x", 2, "input 'fd:3x': "));
	CHECK(dies(open_out, "shm:x", 2, "output 'shm:x': readers"));
}

/* ---- records through a transport ---- */

/* Record i: two bytes of length, then bytes that depend on i. */
static size_t record_length(unsigned i)
{
	uint32_t x = i * 2654435761u;

	return i % 97 == 13 ? 40000 : 2 + (x >> 8) % 700;
}

static void record_put(uint8_t *p, unsigned i)
{
	size_t n = record_length(i);

	be16_put(p, (uint16_t)n);
	for (size_t k = 2; k < n; k++)
		p[k] = (uint8_t)(i + k * 7);
}

static bool record_is(const uint8_t *p, unsigned i)
{
	size_t n = record_length(i);

	if (be16_get(p) != n)
		return false;
	for (size_t k = 2; k < n; k++)
		if (p[k] != (uint8_t)(i + k * 7))
			return false;
	return true;
}

static uint64_t produce(const char *endpoint, unsigned from, unsigned to)
{
	struct port_out *o = port_out_open(endpoint);
	uint64_t sum = 0;

	CHECK(port_out_begin(o));
	for (unsigned i = from; i < to; i++) {
		size_t n = record_length(i);
		uint8_t *p = port_out_reserve(o, n, i & 1);

		if (!p)
			p = port_out_reserve(o, n, true);
		if (!p)
			break;
		record_put(p, i);
		port_out_commit(o, n);
		sum += n;
		if (i % 1000 == 0)
			port_out_flush(o);
	}
	return port_out_written(o) == sum && port_out_close(o) ? sum : 0;
}

/* Reads records from..to and the end; false where anything differs. */
static bool consume(struct port_in *in, unsigned from, unsigned to)
{
	size_t have = 0;
	uint64_t sum = 0;
	unsigned i = from;

	for (;;) {
		struct bytes view;
		enum port_state state = port_in_view(in, have, -1, &view);
		size_t used = 0;

		if (state == PORT_EMPTY)
			continue;
		if (state == PORT_EOF)
			return i == to && !view.len && port_in_total(in) == sum;
		if (state == PORT_ERROR || view.len <= have)
			return false;
		while (view.len - used >= 2 && view.len - used >= be16_get(view.ptr + used)) {
			if (i == to || !record_is(view.ptr + used, i))
				return false;
			used += record_length(i++);
		}
		port_in_consume(in, used);
		sum += used;
		have = view.len - used;
	}
}

static void through_pipe(unsigned count)
{
	int p[2], status;
	char text[2][16];
	struct port_in *in;
	pid_t pid;

	CHECK(pipe(p) == 0);
	snprintf(text[0], sizeof(text[0]), "fd:%d", p[0]);
	snprintf(text[1], sizeof(text[1]), "fd:%d", p[1]);
	pid = fork();
	if (!pid) {
		close(p[0]);
		_exit(produce(text[1], 0, count) ? 0 : 1);
	}
	close(p[1]);
	in = port_in_open(text[0]);
	CHECK(!port_in_is_file(in));
	CHECK(!strcmp(port_in_name(in), text[0]));
	CHECK(consume(in, 0, count));
	port_in_close(in);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}

static void test_bytes(void)
{
	check_case("every byte comes through a pipe, in order");
	through_pipe(20000);

	check_case("the same with reads of one byte and writes of seven");
	setenv("WEIR_TEST_READ", "1", 1);
	setenv("WEIR_TEST_WRITE", "7", 1);
	through_pipe(300);
	unsetenv("WEIR_TEST_READ");
	unsetenv("WEIR_TEST_WRITE");
	port_test_read = port_test_write = 0;

	check_case("every byte comes through a file, and two files one after the other");
	CHECK(produce(in_dir("f"), 0, 5000) > 0);
	struct port_in *in = port_in_open(in_dir("f"));

	CHECK(port_in_is_file(in));
	CHECK(port_in_ready(in, 0));
	CHECK(consume(in, 0, 5000));
	port_in_close(in);

	check_case("a file is truncated when it is written anew");
	CHECK(produce(in_dir("f"), 0, 3) > 0);
	in = port_in_open(in_dir("f"));
	CHECK(consume(in, 0, 3));
	port_in_close(in);

	check_case("a file keeps what it holds until the output begins");
	CHECK(produce(in_dir("f"), 0, 3) > 0);
	struct stat st;
	struct port_out *o = port_out_open(in_dir("f"));

	CHECK(stat(in_dir("f"), &st) == 0 && st.st_size > 0);
	CHECK(port_out_begin(o) && stat(in_dir("f"), &st) == 0 && st.st_size == 0);
	CHECK(port_out_close(o));

	check_case("a successor cuts it to what was committed, and where that is nothing it has "
		   "not begun");
	for (unsigned held = 0; held <= 12; held += 12) {
		CHECK(produce(in_dir("f"), 0, 30) > 0);
		CHECK(stat(in_dir("f"), &st) == 0 && st.st_size > 12);
		port_resuming = true;
		o = port_out_open(in_dir("f"));
		port_resuming = false;
		off_t old = st.st_size;
		CHECK(port_out_settle(o, held));
		CHECK(stat(in_dir("f"), &st) == 0 && st.st_size == (held ? 12 : old));
		CHECK_EQ(port_out_holds(o), !held);
		CHECK(port_out_begin(o));
		CHECK(stat(in_dir("f"), &st) == 0 && st.st_size == (off_t)held);
		CHECK(port_out_close(o));
	}

	check_case("null: takes everything, and counts it");
	CHECK(produce("null:", 0, 1000) > 0);
	o = port_out_open("null:");
	CHECK(port_out_begin(o));
	CHECK(port_out_is_null(o) && !port_out_is_tty(o));
	CHECK(port_out_preamble(o, BYTES_LIT("x")));
	CHECK(port_out_close(o));
}

static void test_states(void)
{
	struct bytes view;
	int p[2];
	char text[16];
	struct port_in *in;

	check_case("an input tells data, nothing yet, the end, and a cut record apart");
	CHECK(pipe(p) == 0);
	snprintf(text, sizeof(text), "fd:%d", p[0]);
	in = port_in_open(text);
	CHECK(!port_in_ready(in, 0));
	CHECK_EQ(port_in_view(in, 0, 0, &view), PORT_EMPTY);
	CHECK_EQ(view.len, 0);
	CHECK_EQ(port_in_view(in, 0, 20, &view), PORT_EMPTY);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK(port_in_ready(in, 0));
	CHECK_EQ(port_in_view(in, 0, -1, &view), PORT_DATA);
	CHECK(bytes_is(view, "abc"));
	CHECK_EQ(port_in_view(in, 2, -1, &view), PORT_DATA);
	port_in_consume(in, 1);
	CHECK(!port_in_ready(in, 2));
	CHECK_EQ(port_in_view(in, 2, 0, &view), PORT_EMPTY);
	CHECK(bytes_is(view, "bc"));
	close(p[1]);
	CHECK(port_in_ready(in, 2));
	CHECK_EQ(port_in_view(in, 2, -1, &view), PORT_EOF);
	CHECK(bytes_is(view, "bc"));
	CHECK_EQ(port_in_view(in, 2, -1, &view), PORT_EOF);
	CHECK_EQ(port_in_view(in, 0, -1, &view), PORT_DATA);
	CHECK_EQ(port_in_total(in), 1);
	port_in_close(in);

	check_case("a record longer than any can be ends in EMSGSIZE, with memory bounded");
	int fd = open(in_dir("long"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(ftruncate(fd, 8 << 20) == 0);
	close(fd);
	in = port_in_open(in_dir("long"));
	view.len = 0;
	for (int i = 0; i < 100; i++)
		if (port_in_view(in, view.len, -1, &view) != PORT_DATA)
			break;
	CHECK(view.len >= PORT_MAX_VIEW && view.len <= PORT_MAX_VIEW + 256 * 1024);
	CHECK(port_in_view(in, view.len, -1, &view) == PORT_ERROR && errno == EMSGSIZE);
	port_in_close(in);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_signals(void)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct bytes view;
	int p[2];
	char text[16];
	struct port_in *in;
	struct port_out *o;

	check_case("a wait for input comes back when a signal arrives");
	sigaction(SIGALRM, &act, NULL);
	CHECK(pipe(p) == 0);
	snprintf(text, sizeof(text), "fd:%d", p[0]);
	in = port_in_open(text);
	ualarm(20000, 0);
	CHECK_EQ(port_in_view(in, 0, -1, &view), PORT_EMPTY);

	check_case("an output without wait gives NULL where the pipe is full, and loses nothing");
	snprintf(text, sizeof(text), "fd:%d", p[1]);
	o = port_out_open(text);
	size_t sent = 0, seen = 0;
	uint8_t *at;

	while ((at = port_out_reserve(o, 1000, false))) {
		memset(at, (int)(sent / 1000), 1000);
		port_out_commit(o, 1000);
		sent += 1000;
	}
	CHECK(sent >= 64 * 1024 && sent < 4 << 20);
	CHECK(!port_out_broken(o, NULL) && port_out_pending(o) > 0);

	check_case("a wait that is given up breaks the port with EINTR, and counts what is lost");
	int err = 0;

	port_give_up = 1;
	size_t pending = port_out_pending(o);

	CHECK(!port_out_flush(o));
	port_give_up = 0;
	CHECK(port_out_broken(o, &err) && err == EINTR);
	CHECK_EQ(port_out_lost(o), pending);
	CHECK(!port_out_close(o));
	while (port_in_view(in, 0, -1, &view) == PORT_DATA) {
		for (size_t i = 0; i < view.len; i++)
			if (view.ptr[i] != (uint8_t)((seen + i) / 1000)) {
				CHECK(!"bytes differ");
				break;
			}
		seen += view.len;
		port_in_consume(in, view.len);
	}
	CHECK_EQ(seen, sent - pending);
	port_in_close(in);
}

static void test_broken(void)
{
	struct port_out *o;
	int p[2], err = 0;
	char text[16];

	check_case(
		"a pipe without a reader breaks the port with EPIPE, and what is lost is counted");
	CHECK(pipe(p) == 0);
	snprintf(text, sizeof(text), "fd:%d", p[1]);
	o = port_out_open(text);
	close(p[0]);
	CHECK(port_out_reserve(o, 100, true) != NULL);
	port_out_commit(o, 100);
	CHECK_EQ(port_out_pending(o), 100);
	CHECK(!port_out_flush(o));
	CHECK(port_out_broken(o, &err) && err == EPIPE);
	CHECK(port_out_reserve(o, 100, true) == NULL);
	CHECK_EQ(port_out_written(o), 100);
	CHECK_EQ(port_out_lost(o), 100);
	CHECK(!port_out_close(o));

	check_case("a full disk breaks the port, and the file ends with a whole record");
	struct rlimit limit = { 150000, RLIM_INFINITY };
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	o = port_out_open(in_dir("full"));
	uint8_t *at;

	while ((at = port_out_reserve(o, 333, true))) {
		memset(at, 1, 333);
		port_out_commit(o, 333);
	}
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	CHECK(port_out_broken(o, &err) && (err == EFBIG || err == ENOSPC));
	CHECK(stat(in_dir("full"), &st) == 0 && st.st_size > 0 && st.st_size % 333 == 0);
	CHECK_EQ(port_out_lost(o) + (uint64_t)st.st_size, port_out_written(o));
	CHECK(!port_out_close(o));

	check_case("/dev/full is a full disk");
	o = port_out_open("/dev/full");
	CHECK(port_out_reserve(o, 1, true) != NULL);
	port_out_commit(o, 1);
	CHECK(!port_out_close(o));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	tool_name = "weir-test";
	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	test_grammar();
	test_refusals();
	test_bytes();
	test_states();
	test_signals();
	test_broken();
	unlink(in_dir("f"));
	unlink(in_dir("long"));
	unlink(in_dir("full"));
	rmdir(dir);
	return check_end();
}
