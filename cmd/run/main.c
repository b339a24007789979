/* weir-run: starts a pipeline, looks after its stages, and stops it in order. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/launch.h"
#include "libcommon/run/load.h"
#include "libcommon/run/lookup.h"
#include "libcommon/stage/sandbox.h"

struct config {
	const char *name, *host;
	uint64_t ring_size, stop_timeout, backoff, backoff_max;
	int sandbox;
	bool quiet;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW(0, "name", OPT_STRING, struct config, name, "NAME",
		"the pipeline's name [the file's, else the process number]"),
	OPT_ROW(0, "host", OPT_STRING, struct config, host, "HOST",
		"start the stages of that host [this host's name]"),
	OPT_ROW(0, "ring-size", OPT_SIZE, struct config, ring_size, "BYTES",
		"of each ring between two stages; 0: the file's, else 1M"),
	OPT_ROW(0, "stop-timeout", OPT_DURATION, struct config, stop_timeout, "TIME",
		"how long an orderly stop may take; 0: the file's, else 10s"),
	OPT_ROW(0, "backoff", OPT_DURATION, struct config, backoff, "TIME",
		"before a stage that died is started again; 0: the file's, else 50ms"),
	OPT_ROW(0, "backoff-max", OPT_DURATION, struct config, backoff_max, "TIME",
		"that which doubles with each death up to here; 0: the file's, else 30s"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct config, sandbox, "require|try|off",
		"what a stage does where it can't give up rights"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL, "no books at the end"),
	{ 0 },
};

static const char epilog[] =
	"Runs in the foreground. The first SIGINT or SIGTERM stops the sources and lets the rest\n"
	"drain, a second ends all stages, a third kills them.\n\n"
	"  weir run 'read x.pcap | flow | reasm | { dns, http, ./mine.py } | json'\n"
	"  weir run edge.weir";

static void options_take(int argc, char **argv)
{
	static const struct opt_tool tool = { "weir-run", "start a pipeline and look after it",
					      "FILE|LINE", epilog };
	static const struct opt_group group = { "options", options, &config };

	config.sandbox = (int)sandbox_given();
	if (opt_parse(&tool, &group, 1, argc, argv) != 1)
		die_usage("one file or one line is needed; try 'weir-run --help'");
	if (config.name && !graph_name_valid(config.name))
		die_usage("--name: '%s' is no name: 1 to %d letters, digits, '-' and '_'",
			  config.name, GRAPH_NAME - 1);
	if (config.ring_size && (config.ring_size < 1 << 20 || config.ring_size > 1 << 30))
		die_usage("--ring-size: 1M to 1G");
	sandbox_hand_on((enum sandbox_mode)config.sandbox);
}

static uint64_t ms(uint64_t ns)
{
	return ns && ns < 1000000 ? 1 : ns / 1000000;
}

static void backoff_take(struct launch_options *o, const struct graph *g)
{
	uint64_t first, most;

	o->backoff_ms = ms(config.backoff);
	o->backoff_max_ms = ms(config.backoff_max);
	first = o->backoff_ms ? o->backoff_ms : g->backoff_ms ? g->backoff_ms : GRAPH_BACKOFF_MS;
	most = o->backoff_max_ms ? o->backoff_max_ms : g->backoff_max_ms;
	if (most && most < first)
		die_usage("--backoff-max: %llu ms is less than the back-off, %llu ms",
			  (unsigned long long)most, (unsigned long long)first);
}

int main(int argc, char **argv)
{
	static char host[256];
	struct launch_options o = { 0 };
	struct graph *g;
	int code;

	tool_name = "weir-run";
	options_take(argc, argv);
	lookup_export();
	g = load_graph(argv[1]);
	if (config.name)
		snprintf(g->name, sizeof(g->name), "%s", config.name);
	if (!config.host && gethostname(host, sizeof(host) - 1) == 0)
		config.host = host;
	o.host = config.host;
	o.ring_size = config.ring_size;
	o.stop_ms = ms(config.stop_timeout);
	backoff_take(&o, g);
	o.quiet = config.quiet;
	code = launch_run(g, load_world(), &o);
	graph_free(g);
	if (code < 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code;
}
