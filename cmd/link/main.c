/* link: weir-link, one end of a link between hosts: records in, NNG out, or the other way round. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cmd/link/link.h"
#include "libcommon/base/opt.h"
#include "libcommon/stage/sandbox.h"

struct config {
	struct opt_strings in, out;
	const char *report;
	int sandbox;
	bool quiet;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('i', "in", OPT_STRINGS, struct config, in, "EP", "read records from EP [-]"),
	OPT_ROW('o', "out", OPT_STRINGS, struct config, out, "EP", "write them to EP [-]"),
	OPT_ROW(0, "report", OPT_STRING, struct config, report, "FD:FD",
		"tell the tool that started it, by a page and a pipe"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct config, sandbox, "require|try|off",
		"give up rights before reading input"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL, "no remarks on stderr"),
	{ 0 },
};

static const struct opt_tool tool = {
	"weir-link",
	"carry a stream of records to another host, or take one in, and lose nothing",
	NULL,
	"One of the two is a link: ipc:NAME, tcp://HOST:PORT or\n"
	"tls+tcp://HOST:PORT,cert=F,key=F,ca=F. An input listens, an output dials.\n"
	"  weir read x.pcap | weir flow | weir link -o tcp://collector:9000\n"
	"  weir link -i 'tcp://*:9000,insecure' | weir json\n",
};

static volatile sig_atomic_t interrupts, stopped, wants_books;

static void on_signal(int sig)
{
	if (sig == SIGUSR1) {
		wants_books = 1;
		return;
	}
	if (sig == SIGTERM)
		stopped = 1;
	else if (interrupts++)
		_exit(128 + SIGINT);
	if (stopped)
		port_give_up = 1;
}

static void print_books(const struct books_page *page)
{
	struct books all = { 0 };
	struct buf text = { 0 };

	books_add_page(&all, page);
	books_print(&all, &text);
	if (write(STDERR_FILENO, text.ptr, text.len) < 0)
		text.len = 0;
	buf_release(&text);
	books_release(&all);
}

enum link_signal link_signal(const struct link *l)
{
	if (wants_books) {
		wants_books = 0;
		print_books(l->books);
	}
	return stopped ? LINK_STOP : interrupts ? LINK_STOP_SOURCE : LINK_NO_SIGNAL;
}

static void signals_set(void)
{
	static const int mine[] = { SIGINT, SIGTERM, SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaction(mine[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The page of the tool that started us; its pipe's descriptor. */
static int report_open(struct link *l)
{
	int page, pipe;
	char more;

	if (!config.report) {
		l->page = xcalloc(1, sizeof(*l->page));
		return -1;
	}
	if (sscanf(config.report, "%d:%d%c", &page, &pipe, &more) != 2)
		die_usage("--report: '%s' is not FD:FD", config.report);
	l->page = mmap(NULL, LINK_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	if (l->page == MAP_FAILED || l->page->magic != LINK_PAGE_MAGIC)
		die("--report: no page of ours");
	close(page);
	fcntl(pipe, F_SETFD, FD_CLOEXEC);
	return pipe;
}

static uint64_t instance_id(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec << 30 ^ (uint64_t)t.tv_nsec) << 10 ^ (uint64_t)getpid();
}

static void books_begin(struct link *l)
{
	struct books_page *b = books_open("link", instance_id());

	l->books = b;
	l->in = books_counter(b, "in", 0);
	l->out = books_counter(b, "out", 0);
	l->batches = books_counter(b, "batches", 0);
	l->resent = books_counter(b, "resent_bytes", 0);
	l->duplicates = books_counter(b, "duplicates", 0);
	l->connections = books_counter(b, "connections", 0);
	l->refused = books_counter(b, "refused_peers", 0);
}

static bool is_link(const char *text, bool output, struct endpoint *ep)
{
	char why[256];

	if (!endpoint_parse(ep, text, output, why, sizeof(why)))
		die_usage("%s '%s': %s", output ? "output" : "input", text, why);
	return ep->kind == ENDPOINT_LINK;
}

static const char *only(const struct opt_strings *list, const char *what)
{
	if (list->n > 1)
		die_usage("%s: a link has one input and one output; start one for each", what);
	return list->n ? list->v[0] : "-";
}

/* Which of the two is the link, and does this side of it send? */
static bool find_link(struct link *l, const char **in, const char **out)
{
	bool sends;

	*in = only(&config.in, "-i");
	*out = only(&config.out, "-o");
	l->ep = xcalloc(1, sizeof(*l->ep));
	sends = is_link(*out, true, l->ep);
	if (!sends && !is_link(*in, false, l->ep))
		die_usage("neither '%s' nor '%s' is a link (ipc:, tcp://, tls+tcp://)", *in, *out);
	if (sends && !config.in.n && isatty(STDIN_FILENO))
		die_usage("standard input is a terminal; use -i, or pipe records in");
	l->text = sends ? *out : *in;
	l->quiet = config.quiet;
	l->no_acks = getenv("WEIR_TEST_NO_ACKS") != NULL;
	return sends;
}

static enum exit_code run(struct link *l)
{
	const char *in, *out;
	bool sends = find_link(l, &in, &out);
	struct port_in *from = NULL;
	struct port_out *to = NULL;
	enum exit_code code;

	l->report = report_open(l);
	/* Before NNG's first thread: these may fork. */
	if (sends)
		from = port_in_open(in);
	else
		to = port_out_open(out);
	if (to && port_out_is_tty(to))
		die_usage("records are not written to a terminal; pipe them into 'weir json'");
	books_begin(l);
	l->gone = l->looked = wire_now();
	l->wire = wire_open(l->ep, l->text);
	/* Before NNG's threads, as far as it is a thread's own. */
	sandbox_begin((enum sandbox_mode)config.sandbox, SANDBOX_LINK, wire_dir(l->wire));
	wire_listen(l->wire);
	sandbox_finish((enum sandbox_mode)config.sandbox, SANDBOX_LINK);
	if (to && !port_out_begin(to))
		die_errno("'%s'", out);
	link_state(l, LINK_READY);
	if (l->report >= 0 && write(l->report, "", 1) < 0)
		return EXIT_FAILED;
	wire_dial(l->wire);
	code = sends ? link_send(l, from) : link_receive(l, to);
	if (from)
		port_in_close(from);
	if (to && !port_out_close(to) && code == EXIT_DONE && l->page->state != LINK_LEFT)
		code = EXIT_FAILED;
	wire_leave(l->wire);
	return code;
}

int main(int argc, char **argv)
{
	static struct link link; /* what it holds is given back by the exit */
	struct link *l = &link;
	struct opt_group groups[] = { { "options", options, &config } };
	enum exit_code code;

	tool_name = "weir-link";
	/* NNG's threads allocate: another arena would grow by mprotect(), which the sandbox
	 * refuses. */
	mallopt(M_ARENA_MAX, 1);
	config.sandbox = (int)sandbox_given();
	if (opt_parse(&tool, groups, 1, argc, argv))
		die_usage("unexpected argument '%s'; try 'weir-link --help'", argv[1]);
	signals_set();
	code = run(l);
	if (l->page->state == LINK_LEFT && code == EXIT_DONE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (stopped) {
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
	}
	_exit((int)code);
}
