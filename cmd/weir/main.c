/* weir: runs weir's tools, and, given capture files, all of them at once. */
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/run/lookup.h"
#include "libcommon/run/pipeline.h"
#include "cmd/weir/report.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/port/file_id.h"
#include "libcommon/stage/sandbox.h"
#include "made/protocols.h"

enum { PATH_SIZE = 4096, NOT_FOUND = 127 };
enum { FORMAT_AUTO, FORMAT_TEXT, FORMAT_JSON };

struct config {
	int format, color, time, sandbox;
	const char *out, *types, *fields, *exclude, *filter_file, *protocols, *capture;
	struct opt_strings with, interfaces;
	bool infer, split, summary, quiet, merge, headers, checksum;
	uint64_t count, duration, width, ring_size, body_max;
};

static struct config config = { .checksum = true };

static const struct opt options[] = {
	OPT_ROW('I', "interface", OPT_STRINGS, struct config, interfaces, "NAME",
		"capture there instead of reading files, repeatable; any: everywhere"),
	OPT_ROW('F', "filter-file", OPT_STRING, struct config, filter_file, "FILE",
		"keep what this BPF program accepts: text of 'tcpdump -ddd', - for stdin"),
	OPT_ROW(0, "for", OPT_DURATION, struct config, duration, "TIME",
		"with -I: stop after that time (0: never)"),
	OPT_ROW(0, "capture", OPT_STRING, struct config, capture, "OPTIONS",
		"with -I: more options of weir-capture, spaces between: '-p -s 200'"),
	OPT_ROW('f', "format", OPT_CHOICE, struct config, format, "auto|text|json",
		"text for people, JSON lines for programs; auto: text on a terminal"),
	OPT_ROW(0, "color", OPT_CHOICE, struct config, color, "auto|always|never",
		"colours in text"),
	OPT_ROW(0, "width", OPT_UINT, struct config, width, "N", "columns of a text line"),
	OPT_ROW(0, "time", OPT_CHOICE, struct config, time, "epoch|iso", "times in JSON"),
	OPT_ROW('o', "out", OPT_STRING, struct config, out, "FILE", "write there [stdout]"),
	OPT_ROW('t', "types", OPT_STRING, struct config, types, "LIST",
		"print these record types only"),
	OPT_ROW(0, "fields", OPT_STRING, struct config, fields, "LIST", "print these fields only"),
	OPT_ROW(0, "exclude", OPT_STRING, struct config, exclude, "LIST", "leave these fields out"),
	OPT_ROW(0, "protocols", OPT_STRING, struct config, protocols, "LIST",
		"parse these alone [all]"),
	OPT_ROW(0, "split", OPT_FLAG, struct config, split, NULL,
		"each parser in a process of its own, instead of one for all"),
	OPT_ROW(0, "infer", OPT_FLAG, struct config, infer, NULL,
		"guess each flow's protocol first; parsers follow the guesses"),
	OPT_ROW(0, "with", OPT_STRINGS, struct config, with, "COMMAND",
		"add a parser stage of your own, repeatable"),
	OPT_ROW(0, "summary", OPT_FLAG, struct config, summary, NULL,
		"print counts and the books instead of records"),
	OPT_ROW(0, "merge", OPT_FLAG, struct config, merge, NULL,
		"merge the files by time, instead of one after the other"),
	OPT_ROW('n', "count", OPT_UINT, struct config, count, "N", "stop after N packets"),
	OPT_ROW(0, "headers", OPT_FLAG, struct config, headers, NULL, "add HTTP headers"),
	OPT_ROW(0, "body-max", OPT_SIZE, struct config, body_max, "BYTES",
		"add so much of the beginning of HTTP bodies"),
	OPT_ROW(0, "checksum", OPT_FLAG, struct config, checksum, NULL,
		"check checksums (on; --no-checksum)"),
	OPT_ROW(0, "ring-size", OPT_SIZE, struct config, ring_size, "BYTES",
		"of each ring between two stages, 256K to 1G; 0: 1M"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct config, sandbox, "require|try|off",
		"what a stage does where it can't give up rights"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct config, quiet, NULL, "no progress, no closing line"),
	{ 0 },
};

static const char epilog[] =
	"commands:\n"
	"  weir NAME ...     run the tool weir-NAME\n"
	"  weir help [NAME]  the manual page\n"
	"  weir list         all tools, a line each\n"
	"  weir version      the version\n"
	"\n"
	"examples:\n"
	"  weir trace.pcap\n"
	"  weir trace.pcap --types dns | jq -r .query\n"
	"  weir -I eth0 --types dns,tls\n"
	"  weir read trace.pcap | weir flow | weir reasm | weir http | weir json";

/* ---- the whole pipeline -------------------------------------------------------------------- */

static struct pipe_stage *own_stage(struct pipeline *p, const char *name)
{
	char path[PATH_SIZE];

	if (!lookup_tool(name, path, sizeof(path)))
		die("cannot find 'weir-%s' in '%s'", name, lookup_libexec());
	return pipeline_stage(p, name, path);
}

/* A word each, spaces between; words is written to, NULL for strtok_r to go on. */
static void words_args(struct pipe_stage *s, char *words, char **save)
{
	for (char *w = strtok_r(words, " ", save); w; w = strtok_r(NULL, " ", save))
		stage_arg(s, "%s", w);
}

static void source_args(struct pipe_stage *s, int n, char **files)
{
	char *more = config.capture ? strdup(config.capture) : NULL, *save = NULL;

	if (more)
		words_args(s, more, &save);
	free(more);
	if (config.merge)
		stage_arg(s, "--merge");
	if (config.count)
		stage_arg(s, "--count=%llu", (unsigned long long)config.count);
	if (config.filter_file)
		stage_arg(s, "--filter-file=%s", config.filter_file);
	if (config.duration)
		stage_arg(s, "--for=%lluns", (unsigned long long)config.duration);
	for (size_t i = 0; i < config.interfaces.n; i++)
		stage_arg(s, "--interface=%s", config.interfaces.v[i]);
	stage_arg(s, "--");
	for (int i = 0; i < n; i++)
		stage_arg(s, "%s", files[i]);
}

static void json_args(struct pipe_stage *s)
{
	static const char *const colors[] = { "auto", "always", "never" };
	bool text = config.format == FORMAT_TEXT ||
		    (config.format == FORMAT_AUTO && !config.out && isatty(STDOUT_FILENO));

	stage_arg(s, "--format=%s", text ? "text" : "json");
	stage_arg(s, "--color=%s", colors[config.color]);
	stage_arg(s, "--time=%s", config.time ? "iso" : "epoch");
	if (config.width)
		stage_arg(s, "--width=%llu", (unsigned long long)config.width);
	if (config.types)
		stage_arg(s, "--types=%s", config.types);
	if (config.fields)
		stage_arg(s, "--fields=%s", config.fields);
	if (config.exclude)
		stage_arg(s, "--exclude=%s", config.exclude);
	stage_arg(s, "-o");
	stage_arg(s, "%s", config.summary ? "null:" : config.out ? config.out : "-");
}

static bool in_libexec(const char *path)
{
	const char *own = lookup_libexec();

	return strncmp(path, own, strlen(own)) == 0 && path[strlen(own)] == '/';
}

/* A stage of the user's own: a program that reads and writes a weir stream on its standard input
 * and output, and knows --only. *rings: it is one of weir's, which know more ways. */
static struct pipe_stage *with_stage(struct pipeline *p, const char *command, bool *rings)
{
	char *words = strdup(command), *save = NULL, *word = strtok_r(words, " ", &save);
	char path[PATH_SIZE];
	struct pipe_stage *s;

	if (!word)
		die_usage("--with: no command");
	if (!lookup_tool(word, path, sizeof(path)))
		snprintf(path, sizeof(path), "%s", word);
	*rings = in_libexec(path);
	if (access(path, X_OK) < 0)
		die_usage("--with: '%s' is no tool of weir's, nor the path of a program", word);
	s = pipeline_stage(p, strdup(word), path);
	words_args(s, NULL, &save);
	stage_arg(s, "--only");
	free(words);
	return s;
}

/* An option of a parser, in its own process or, with its name in front, in that of all. */
static void parser_arg(struct pipe_stage *s, const char *parser, const char *option)
{
	if (!config.split)
		stage_arg(s, "--%s-%s", parser, option);
	else if (strcmp(s->name, parser) == 0)
		stage_arg(s, "--%s", option);
}

/* Is this record type one of those that --types lists? */
static bool printed(const char *type)
{
	size_t n = strlen(type);

	for (const char *at = config.types; at && *at; at += *at == ',') {
		size_t word = strcspn(at, ",");

		if (word == n && strncmp(at, type, n) == 0)
			return true;
		at += word;
	}
	return false;
}

static bool payload_printed(void)
{
	return printed("stream") || printed("packet") || printed("frame");
}

/* One parser stage can pass on what is printed beside its own records, as long as that is none of
 * the many with payload. */
static bool in_line(void)
{
	return !config.split && !payload_printed();
}

/* What guesses has the parsers in its process. Not beside a parser of the user's own: that one is
 * to be told of guesses, too, ahead of the payload. */
static bool guess_and_parse(void)
{
	return config.infer && in_line() && !config.with.n;
}

/* The parsers: one process reads each record once for all of them, or each by itself. Returns how
 * many stages they are. */
static size_t parsers(struct pipeline *p, struct pipe_stage **to)
{
	static const char *const names[] = { WEIR_PROTOCOLS NULL };
	bool picked[sizeof(names) / sizeof(names[0])] = { false };
	char option[64];
	size_t n = 0;

	if (config.protocols)
		opt_pick("protocols", "parser of", config.protocols, names, picked);
	else
		memset(picked, true, sizeof(picked));
	if (!config.split)
		to[n++] = own_stage(p, guess_and_parse() ? "infer" : "parse");
	if (guess_and_parse())
		stage_arg(to[0], "--parse");
	for (size_t i = 0; config.split && names[i]; i++)
		if (picked[i])
			to[n++] = own_stage(p, names[i]);
	if (!config.split && config.protocols)
		stage_arg(to[0], "--protocols=%s", config.protocols);
	snprintf(option, sizeof(option), "body-max=%llu", (unsigned long long)config.body_max);
	for (size_t i = 0; i < n; i++) {
		stage_arg(to[i], in_line() ? "--no-payload" : "--only");
		if (config.headers)
			parser_arg(to[i], "http", "headers");
		if (config.body_max)
			parser_arg(to[i], "http", option);
	}
	return n;
}

/* read, or capture -> flow -> reasm -> parse -> json, each its own process over rings. Where the
 * parsers are several processes, or records with payload are printed, the printer reads reasm's
 * ring as well, and the parsers pass nothing on. A stage of the user's own is one more parser:
 * beside them on reasm's ring if it knows how, else by pipes. */
static void build(struct pipeline *p, int n, char **files)
{
	struct pipe_stage *source = own_stage(p, n ? "read" : "capture");
	struct pipe_stage *flow = own_stage(p, "flow");
	struct pipe_stage *reasm = own_stage(p, "reasm"), *infer = NULL, *json;
	struct pipe_stage *readers[PIPELINE_STAGES], *with[PIPELINE_STAGES];
	size_t nreaders = parsers(p, readers), nwith = 0;

	for (size_t i = 0; i < config.with.n; i++) {
		bool rings;
		struct pipe_stage *s = with_stage(p, config.with.v[i], &rings);

		if (rings)
			readers[nreaders++] = s;
		else
			with[nwith++] = s;
	}
	json = own_stage(p, "json");
	pipeline_ring(p, source, &flow, 1, 0);
	pipeline_ring(p, flow, &reasm, 1, 0);
	if (config.infer && !guess_and_parse()) { /* in line: a guess is read before the bytes */
		infer = own_stage(p, "infer");
		/* A parser of the user's own may want what no guess gives it, and a summary counts
		 * all there is. */
		if (!config.with.n && !payload_printed() && !config.summary)
			stage_arg(infer, "--protocols=%s",
				  config.protocols ? config.protocols : "all");
		pipeline_ring(p, reasm, &infer, 1, 0);
		reasm = infer;
	}
	readers[nreaders] = json;
	pipeline_ring(p, reasm, readers, nreaders + !in_line(), 0);
	for (size_t i = 0; i < nreaders; i++)
		pipeline_ring(p, readers[i], &json, 1, 0);
	for (size_t i = 0; i < nwith; i++) {
		pipeline_pipe_in(p, reasm, with[i]);
		pipeline_pipe_out(p, with[i], json);
	}
	if (!config.checksum)
		stage_arg(flow, "--no-checksum");
	json_args(json);
	source_args(source, n, files);
}

/* A program of the user's own may have said nothing, or not that it is a stage of this. */
static void say_failed(const struct pipeline *p)
{
	for (size_t i = 0; i < p->nstages; i++) {
		const struct pipe_stage *s = &p->stages[i];

		if (s->out_fd >= 0 && WIFEXITED(s->status) && WEXITSTATUS(s->status))
			warn("stage '%s' ended with %d", s->name, WEXITSTATUS(s->status));
	}
}

/* What the stages' pages say in sum. A stage that was killed has said nothing final. */
static int check_books(const struct pipeline *p, int code)
{
	struct books b = { 0 };
	struct buf why = { 0 };

	pipeline_books(p, &b);
	if (code == 0 && books_check(&b, &why)) {
		warn("books are off: %.*s", (int)strcspn((const char *)why.ptr, "\n"),
		     (const char *)why.ptr);
		code = EXIT_BOOKS;
	}
	buf_release(&why);
	books_release(&b);
	return code;
}

/* The signal that ended the reading of files before their end, or 0. A capture has no other end. */
static int cut_short(const struct pipeline *p)
{
	return pipeline_counter(p, "read", "stopped_early") ? p->stopped : 0;
}

/* The end that the signal would have made at once. */
static void end_by(int sig)
{
	sigset_t set;

	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, sig);
	signal(sig, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

/* Files, or interfaces. */
static void check_sources(int n)
{
	if (n == 0 && config.interfaces.n == 0)
		die_usage("no capture file given, and no interface; try 'weir --help'");
	if (n && config.interfaces.n)
		die_usage("either files or interfaces, not both");
	if (config.merge && config.interfaces.n)
		die_usage("--merge is for files");
	if (n && (config.duration || config.capture))
		die_usage("%s is for interfaces", config.duration ? "--for" : "--capture");
}

/* The printer starts before the source: by the time that finds nothing to read, the file that is
 * written to would have lost what it held. */
static void check_before_writing(int n, char **files)
{
	for (int i = 0; i < n; i++)
		if (strcmp(files[i], "-") != 0 && access(files[i], R_OK) < 0)
			die_errno("can't open '%s'", files[i]);
	if (config.filter_file && strcmp(config.filter_file, "-") != 0 &&
	    access(config.filter_file, R_OK) < 0)
		die_errno("cannot open '%s'", config.filter_file);
	for (size_t i = 0; i < config.interfaces.n; i++)
		if (strcmp(config.interfaces.v[i], "any") != 0 &&
		    !if_nametoindex(config.interfaces.v[i]))
			die("no interface '%s'; try 'weir interfaces'", config.interfaces.v[i]);
}

static struct file_id file_of(const char *name, int standard)
{
	return strcmp(name, "-") == 0 ? file_id_open(standard) : file_id_path(name);
}

/* As each stage does by itself: here one of them reads, and another one writes. */
static void check_apart(int n, char **files)
{
	struct file_id out = file_of(config.out ? config.out : "-", STDOUT_FILENO);

	for (int i = 0; i < n; i++)
		if (file_id_same(file_of(files[i], STDIN_FILENO), out))
			die_usage("'%s': input file is output file", files[i]);
}

static int run_all(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir", "show what is in a capture: flows, and what they carry", "FILE...", epilog
	};
	static struct pipeline p;
	struct opt_group group = { "options", options, &config };
	int n, code, cut;

	config.sandbox = (int)sandbox_given();
	n = opt_parse(&tool, &group, 1, argc, argv);
	check_sources(n);
	sandbox_hand_on((enum sandbox_mode)config.sandbox);
	if (config.ring_size && (config.ring_size < 256 << 10 || config.ring_size > 1 << 30))
		die_usage("--ring-size: 256K to 1G");
	check_apart(n, argv + 1);
	if (config.out)
		check_before_writing(n, argv + 1);
	p.ring_size = config.ring_size;
	build(&p, n, argv + 1);
	pipeline_start(&p);
	pipeline_wait(&p, config.quiet ? NULL : report_progress);
	report_progress_end();
	say_failed(&p);
	code = pipeline_code(&p);
	if (code < 0)
		end_by(SIGPIPE);
	code = check_books(&p, code);
	cut = cut_short(&p);
	if (config.summary)
		report_summary(&p);
	else if (!config.quiet)
		report_closing(&p, cut);
	pipeline_free(&p);
	if (cut)
		end_by(cut);
	return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* ---- commands ------------------------------------------------------------------------------ */

/* Own tools with what they are for, others with where they are: they are not run to be asked. */
static void list_one(void *ctx, const char *name, const char *path)
{
	char summary[PATH_SIZE];

	(void)ctx;
	if (!in_libexec(path) || !lookup_summary(path, summary, sizeof(summary)))
		snprintf(summary, sizeof(summary), "%s", path);
	printf("%-12s %s\n", name, summary);
}

/* Commands that are no tools. */
static const char *const commands[] = { "help", "list", "version", NULL };

static _Noreturn void no_tool(const char *name)
{
	const char *near = lookup_near(name, commands);

	if (near)
		die_usage("no tool 'weir-%s'; did you mean '%s'?", name, near);
	die_usage("no tool 'weir-%s'; try 'weir list'", name);
}

/* The manual page: of the checkout that this was built in, else the one installed with it, else
 * what the tool itself says. */
static int show_help(const char *name)
{
	static const char *const places[] = { "../../../../docs/man", "../../share/man/man1" };
	char page[PATH_SIZE + 128], path[PATH_SIZE];

	if (*name && !lookup_tool(name, path, sizeof(path)))
		no_tool(name);
	if (!*name)
		snprintf(path, sizeof(path), "/proc/self/exe");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(page, sizeof(page), "%s/%s/weir%s%s.1", lookup_libexec(), places[i],
			 *name ? "-" : "", name);
		if (access(page, R_OK) == 0)
			execlp("man", "man", page, (char *)NULL);
	}
	execl(path, path, "--help", (char *)NULL);
	die_errno("cannot run '%s'", path);
}

static int unknown(const char *word)
{
	const char *near = lookup_near(word, commands);

	if (near)
		warn("'%s' is no weir command; did you mean '%s'?", word, near);
	else
		warn("'%s' is neither a file nor a weir command; try 'weir list'", word);
	return NOT_FOUND;
}

int main(int argc, char **argv)
{
	char path[PATH_SIZE];
	struct stat sb;
	const char *word = argc > 1 ? argv[1] : "";

	lookup_export();
	if (argc < 2)
		die_usage("no command and no file; try 'weir --help'");
	if (strcmp(word, "help") == 0)
		return show_help(argc > 2 ? argv[2] : "");
	if (strcmp(word, "version") == 0) {
		printf("weir %s\n", WEIR_VERSION);
		return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (strcmp(word, "list") == 0) {
		if (argc > 2)
			die_usage("list takes no argument, '%s' is one", argv[2]);
		lookup_each(list_one, NULL);
		return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (lookup_tool(word, path, sizeof(path))) {
		argv[1] = path;
		execv(path, argv + 1);
		die_errno("cannot run '%s'", path);
	}
	if (word[0] != '-' && stat(word, &sb) < 0 && !strchr(word, '/') && !strchr(word, '.'))
		return unknown(word);
	return run_all(argc, argv);
}
