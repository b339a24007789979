/* weir-metrics: the books of running pipelines as OpenMetrics, over HTTP or once on stdout. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cmd/metrics/exposition.h"
#include "cmd/metrics/pages.h"
#include "cmd/metrics/server.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/stage/sandbox.h"

enum { TEND_MS = 100 };

struct config {
	const char *listen, *rundir;
	struct opt_strings pages;
	bool once, quiet;
	int sandbox;
};

static struct config config = { .listen = "127.0.0.1:9273" };
static struct pages pages;
static volatile sig_atomic_t stop;

static const struct opt options[] = {
	OPT_ROW(0, "listen", OPT_STRING, struct config, listen, "ADDRESS:PORT",
		"serve there; numbers, IPv6 in brackets"),
	OPT_ROW(0, "rundir", OPT_STRING, struct config, rundir, "DIR",
		"folder of the running pipelines [$WEIR_RUNDIR, $XDG_RUNTIME_DIR/weir, ..]"),
	OPT_ROW(0, "page", OPT_STRINGS, struct config, pages, "FILE",
		"read this page of counters instead of a folder; may be repeated"),
	OPT_ROW(0, "once", OPT_FLAG, struct config, once, NULL,
		"print the metrics on standard output, and end"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct config, sandbox, "require|try|off",
		"give up rights before serving"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL, "no remarks on stderr"),
	{ 0 },
};

static const char epilog[] = "Reads the pages in which stages keep their books, and nothing else.\n"
			     "Example: weir metrics --once";

static void on_signal(int sig)
{
	stop = sig;
}

static void make_text(void *ctx, struct buf *out)
{
	(void)ctx;
	pages_read(&pages);
	exposition_write(pages.v, pages.n, pages.left_out, out);
}

static int print_once(void)
{
	struct buf text = { 0 };

	make_text(NULL, &text);
	if (fwrite(text.ptr, 1, text.len, stdout) != text.len || fflush(stdout) == EOF)
		die_errno("cannot write the output");
	buf_release(&text);
	pages_release(&pages);
	return EXIT_DONE;
}

static int serve(unsigned needs)
{
	struct server *s = server_start(config.listen, make_text, NULL);
	struct timespec wait = { 0, TEND_MS * 1000000L };

	sandbox_finish((enum sandbox_mode)config.sandbox, needs | SANDBOX_SERVE);
	if (!config.quiet)
		warn("http://%s/metrics", server_address(s));
	while (!stop) {
		server_tend(s);
		nanosleep(&wait, NULL);
	}
	server_stop(s);
	pages_release(&pages);
	if (stop == SIGTERM) {
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = { "weir-metrics",
					      "serve the books of running pipelines as OpenMetrics",
					      "", epilog };
	const struct opt_group group = { "options", options, &config };
	unsigned needs;

	tool_name = "weir-metrics";
	config.sandbox = (int)sandbox_given();
	if (opt_parse(&tool, &group, 1, argc, argv))
		die_usage("unexpected argument '%s'", argv[1]);
	if (config.pages.n && config.rundir)
		die_usage("--page and --rundir exclude each other");
	if (config.pages.n)
		pages_open_files(&pages, &config.pages);
	else
		pages_open_dir(&pages, config.rundir);
	needs = config.pages.n ? SANDBOX_BASE : SANDBOX_READ_DIR;
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	signal(SIGPIPE, config.once ? SIG_DFL : SIG_IGN);
	sandbox_begin((enum sandbox_mode)config.sandbox, needs, pages.dir);
	if (!config.once)
		return serve(needs);
	sandbox_finish((enum sandbox_mode)config.sandbox, needs);
	return print_once();
}
