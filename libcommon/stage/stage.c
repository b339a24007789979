/* stage: the life of a tool: options, endpoints, sandbox, loop, books, orderly end. */
#include "libcommon/stage/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/stage/stage_private.h"

volatile sig_atomic_t stage_sigint, stage_sigterm, stage_sigusr1;
static volatile sig_atomic_t running; /* the endpoints are open */
static pid_t launcher;                /* 0: none */

/* The second one aborts. A launcher hands on to a source the one that it got, which the source may
 * have from the terminal, too: so those of the launcher count by themselves. */
static void on_interrupt(bool handed_on)
{
	static volatile sig_atomic_t got[2];

	if (++got[handed_on] > stage_sigint)
		stage_sigint = got[handed_on];
	if (stage_sigint > 1)
		_exit(128 + SIGINT);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGUSR1) {
		stage_sigusr1 = 1;
		return;
	}
	port_ending = 1;
	/* Nothing was taken yet, or a second one: no waiting for a reader or a ring any more. */
	if (!running || stage_sigterm)
		port_give_up = 1;
	if (sig == SIGTERM)
		stage_sigterm = 1;
	else
		on_interrupt(launcher && info->si_code == SI_USER && info->si_pid == launcher);
}

static void signals_set(void)
{
	static const int mine[] = { SIGINT, SIGTERM, SIGUSR1 };
	/* No SA_RESTART: waits end. */
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaction(mine[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Under a launcher: it does not outlive it (see pipeline.c). A child of a stage, which has another
 * parent, is that stage's affair. */
static void tie_to_launcher(void)
{
	const char *text = getenv("WEIR_LAUNCHER");
	pid_t named = text ? (pid_t)atoi(text) : 0;

	if (named <= 0 || getppid() != named)
		return;
	launcher = named;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		_exit(128 + SIGKILL);
}

/* ---- options ------------------------------------------------------------------------------- */

static const struct opt record_options[] = {
	OPT_ROW('i', "in", OPT_STRINGS, struct common_config, in, "EP",
		"read records from EP, repeatable [-]"),
	OPT_ROW('o', "out", OPT_STRINGS, struct common_config, out, "EP",
		"write to EP, repeatable [-]"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct common_config, sandbox, "require|try|off",
		"give up rights before reading input"),
	OPT_ROW(0, "no-ring", OPT_FLAG, struct common_config, no_ring, NULL,
		"leave pipes between tools of weir as they are"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct common_config, quiet, NULL, "no remarks on stderr"),
	{ 0 },
};
static const struct opt source_options[] = {
	OPT_ROW('o', "out", OPT_STRINGS, struct common_config, out, "EP",
		"write records to EP, repeatable [-]"),
	OPT_ROW(0, "sandbox", OPT_CHOICE, struct common_config, sandbox, "require|try|off",
		"give up rights before reading input"),
	OPT_ROW(0, "no-ring", OPT_FLAG, struct common_config, no_ring, NULL,
		"leave pipes between tools of weir as they are"),
	OPT_ROW('q', "quiet", OPT_FLAG, struct common_config, quiet, NULL, "no remarks on stderr"),
	{ 0 },
};

void stage_input_add(struct stage *st, const char *endpoint)
{
	struct opt_strings *in = &st->common.in;

	in->v = realloc(in->v, (in->n + 1) * sizeof(*in->v));
	if (!in->v)
		die("out of memory");
	in->v[in->n++] = endpoint;
}

enum { GROUPS = 3 + STAGE_PARTS };

/* How many they are. */
static size_t option_groups(const struct stage_ops *ops, struct common_config *common,
			    struct opt_group groups[GROUPS])
{
	groups[0] = (struct opt_group){ "options", ops->options, ops->config };
	groups[1] = (struct opt_group){ "more options", ops->more_options, ops->more_config };
	for (size_t i = 0; i < ops->nparts; i++)
		groups[2 + i] = ops->parts[i];
	groups[2 + ops->nparts] =
		(struct opt_group){ "options of every stage",
				    ops->kind == STAGE_SOURCE ? source_options : record_options,
				    common };
	return 3 + ops->nparts;
}

int stage_operand(const struct stage_ops *ops, int argc, char **argv)
{
	struct opt_group groups[GROUPS];

	return opt_operand(groups, option_groups(ops, NULL, groups), argc, argv);
}

static int stage_options(struct stage *st, int argc, char **argv)
{
	const struct stage_ops *ops = st->ops;
	struct opt_tool tool = { tool_name, ops->summary, ops->operands, ops->epilog };
	struct opt_group groups[GROUPS];
	size_t ngroups = option_groups(ops, &st->common, groups);
	int operands;

	st->common.sandbox = (int)sandbox_given();
	operands = opt_parse(&tool, groups, ngroups, argc, argv);
	if (ops->operands_are_inputs && operands) {
		for (int i = 1; i <= operands; i++)
			stage_input_add(st, argv[i]);
	} else if (operands && !ops->operands && access(argv[1], R_OK) == 0) {
		die_usage("unexpected argument '%s'; to read it: -i %s", argv[1], argv[1]);
	} else if (operands && !ops->operands) {
		die_usage("unexpected argument '%s'; try '%s --help'", argv[1], tool_with_help());
	}
	if (ops->inputs && !st->common.in.n)
		ops->inputs(st, operands, argv);
	return operands;
}

/* ---- a terminal gets text ------------------------------------------------------------------ */

/* Records never go to a terminal: this process becomes the printer, and its child goes on as the
 * stage, writing into a pipe to it. */
static void print_to_terminal(void)
{
	const char *dir = getenv("WEIR_EXEC_PATH");
	char path[4096];
	int fds[2];
	pid_t child;

	if (pipe(fds) < 0)
		die_errno("cannot make a pipe");
	child = fork();
	if (child < 0)
		die_errno("cannot fork");
	if (child == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		return;
	}
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	snprintf(path, sizeof(path), "%s/weir-json", dir ? dir : WEIR_LIBEXEC);
	execl(path, "weir-json", "--format", "text", (char *)NULL);
	execlp("weir-json", "weir-json", "--format", "text", (char *)NULL);
	die_errno("records are not written to a terminal, and cannot run 'weir-json'");
}

/* ---- start --------------------------------------------------------------------------------- */

static uint64_t instance_id(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec << 30 ^ (uint64_t)t.tv_nsec) << 10 ^ (uint64_t)getpid();
}

static const char *command_line(int argc, char **argv)
{
	static char line[512];
	size_t n = 0;

	for (int i = 0; i < argc && n < sizeof(line) - 1; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);
	return line;
}

/* The descriptor on which a launcher waits for this stage's word that it is ready, or -1. */
static int ready_fd(void)
{
	const char *text = getenv("WEIR_READY_FD");
	char *end;
	long fd;

	if (!text || !*text)
		return -1;
	errno = 0;
	fd = strtol(text, &end, 10);
	return errno || *end || fd <= STDERR_FILENO || fd > 1 << 20 ? -1 : (int)fd;
}

/* The endpoints are open and the rights are gone: what comes from here on is work. */
static void say_ready(int fd)
{
	if (fd < 0)
		return;
	/* A launcher that has gone away is no reason not to go on: its other signs will come. */
	if (write(fd, "\n", 1) == 1)
		close(fd);
}

static void stage_open(struct stage *st, int argc, char **argv)
{
	const struct stage_ops *ops = st->ops;
	int operands = stage_options(st, argc, argv);
	const char *dir = NULL;
	int ready = ready_fd();

	if (ops->kind != STAGE_SOURCE && st->common.in.n == 0 && isatty(STDIN_FILENO))
		die_usage("standard input is a terminal; use -i, or pipe records in");
	if (ops->kind != STAGE_SINK && st->common.out.n == 0 && isatty(STDOUT_FILENO))
		print_to_terminal();
	st->stream = instance_id();
	st->page = books_open(ops->name, st->stream);
	if (ops->census)
		st->census = census_open(ops->name);
	stage_commit_open(st);
	st->made = books_counter(st->page, "made", 0);
	st->out = books_counter(st->page, "out", 0);
	st->consumed = books_counter(st->page, "consumed", 0);
	st->filtered = books_counter(st->page, "filtered", 0);
	if (ops->kind == STAGE_SINK)
		stage_text_open(st);
	else
		stage_outputs_open(st);
	if (ops->kind != STAGE_SOURCE)
		stage_inputs_open(st);
	if (ops->open)
		ops->open(st, operands, argv);
	stage_files_check(st);
	stage_commit_resume(st);
	if (ops->sandbox_dir)
		dir = ops->sandbox_dir(st);
	tzset();
	running = 1;
	/* A launcher has chosen the ways, and waits for our word before it starts others. */
	if (ready < 0)
		stage_offers(st);
	sandbox_enter((enum sandbox_mode)st->common.sandbox, ops->sandbox, dir);
	say_ready(ready);
	if (ops->kind == STAGE_SOURCE) {
		stage_files_begin(st);
		st->pipeline = st->stream;
		stage_hello(st, false);
	}
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Is this a source in the sense of signals: nothing feeds it but files, or rings that it taps, or
 * nothing any more? */
static bool acts_as_source(const struct stage *st)
{
	for (size_t i = 0; i < st->ninputs; i++)
		if (!st->inputs[i].eof && !port_in_is_file(st->inputs[i].port) &&
		    !port_in_taps(st->inputs[i].port))
			return false;
	return true;
}

bool stage_stopping(struct stage *st)
{
	return stage_sigterm || (stage_sigint && acts_as_source(st)) || st->text_broken ||
	       stage_outputs_broken(st) || st->enough;
}

void stage_enough(struct stage *st)
{
	st->enough = true;
}

void stage_print_books(struct stage *st)
{
	struct books all = { 0 };
	struct buf text = { 0 };

	books_add_page(&all, st->page);
	books_print(&all, &text);
	if (write(STDERR_FILENO, text.ptr, text.len) < 0)
		text.len = 0;
	buf_release(&text);
	books_release(&all);
}

static void answer_census(struct stage *st)
{
	census_begin(st->census);
	st->ops->census(st, st->census);
	census_end(st->census, stage_last_ts(st));
}

/* A launcher is about to put another program here: see stage_ops.leave. */
static bool is_leaving(const struct stage *st)
{
	bool more = false;

	for (size_t i = 0; i < st->ninputs; i++)
		more |= !st->inputs[i].ended;
	return more && stage_sigterm && st->commit && st->commit->leave && !st->finished &&
	       !st->text_broken && !stage_outputs_broken(st);
}

static void stage_run(struct stage *st)
{
	bool more = true;

	st->wait_ms = -1;
	stage_inputs_begin(st);
	while (more && !st->finished && !stage_stopping(st)) {
		uint64_t made = *st->made;

		more = st->ops->kind == STAGE_SOURCE ? st->ops->produce(st) : stage_inputs_step(st);
		if (st->ops->kind == STAGE_SOURCE && more && *st->made == made)
			stage_mark(st); /* a source that waits: what it has made goes out */
		st->wait_ms = st->ops->turn && more ? st->ops->turn(st) : -1;
		if (st->census && census_asked(st->census))
			answer_census(st);
		if (stage_sigusr1) {
			stage_sigusr1 = 0;
			stage_print_books(st);
		}
	}
	if (more && !st->finished && !is_leaving(st)) {
		*stage_counter(st, "stopped_early") = 1;
		if (st->cause == REC_end_cause_EOF)
			st->cause = st->enough ? REC_end_cause_LIMIT : REC_end_cause_SIGNAL;
	}
}

/* A planted error, so that tests can see the books catch it: WEIR_TEST_BOOKS=flow:in:1 */
static void plant_error(struct stage *st)
{
	const char *plant = getenv("WEIR_TEST_BOOKS");
	char stage[BOOKS_NAME], counter[BOOKS_NAME];
	long long by;

	if (!plant || sscanf(plant, "%39[^:]:%39[^:]:%lld", stage, counter, &by) != 3 ||
	    strcmp(stage, st->ops->name) != 0)
		return;
	for (uint32_t i = 0; i < st->page->nslots; i++) {
		if (strcmp(st->page->slots[i].name, counter) == 0) {
			st->page->slots[i].value += (uint64_t)by;
			return;
		}
	}
}

static void check_own_books(struct stage *st)
{
	struct books all = { 0 };
	struct buf why = { 0 };

	books_add_page(&all, st->page);
	if (books_check(&all, &why)) {
		warn("books are off: %.*s", (int)strcspn((const char *)why.ptr, "\n"),
		     (const char *)why.ptr);
		stage_exit(st, EXIT_BOOKS);
	}
	buf_release(&why);
	books_release(&all);
}

/* Signal > 2 > 6 > 5 > 3 > 1 > 4 > 0. */
void stage_exit(struct stage *st, enum exit_code code)
{
	static const int rank[] = {
		[EXIT_DONE] = 0, [EXIT_TRUNCATED] = 1, [EXIT_FAILED] = 2, [EXIT_SCHEMA] = 3,
		[EXIT_LOST] = 4, [EXIT_BOOKS] = 5,     [EXIT_USAGE] = 6
	};

	if (rank[code] > rank[st->code])
		st->code = code;
}

/* What was taken is done, what is in progress is brought to an end, and all of it is committed. The
 * stream goes on: its ends stay open, as a death would leave them. */
static void stage_leave(struct stage *st)
{
	uint64_t n = stage_last_n(st);

	if (st->marked_n != UINT64_MAX && st->marked_n > n)
		n = st->marked_n;
	if (st->ops->leave && st->hello_sent)
		st->ops->leave(st, n, stage_last_ts(st));
	stage_commit_now(st);
	note("leave: another program takes this place");
	_exit(EXIT_DONE);
}

static int stage_close(struct stage *st)
{
	bool delivered = true, reader_gone, done = st->finished; /* by a predecessor */

	if (!done)
		stage_files_keep(st);
	if (st->ops->finish && !done)
		st->ops->finish(st);
	plant_error(st);
	note("stop: %s, %llu records in, %llu made, %llu out",
	     books_value(st->page, "stopped_early") ? "before the end of the input"
						    : "end of the input",
	     (unsigned long long)books_value(st->page, "in"), (unsigned long long)*st->made,
	     (unsigned long long)*st->out);
	st->page->state = 1;
	check_own_books(st);
	if (st->ops->kind == STAGE_SINK) {
		stage_text_flush(st);
		st->finished = true;
		if (st->commit)
			stage_commit_now(st);
		reader_gone = st->text_broken && st->broken_errno == EPIPE;
		if (st->text_fd > STDERR_FILENO && close(st->text_fd) < 0 && !st->text_broken) {
			warn_errno("cannot write the output");
			stage_exit(st, EXIT_FAILED);
		}
	} else {
		if (!done)
			stage_write_end(st);
		st->finished = true;
		if (st->commit)
			stage_commit_now(st);
		reader_gone = stage_outputs_broken(st) && st->broken_errno == EPIPE;
		delivered = stage_outputs_close(st);
		reader_gone |= st->all_broken && st->broken_errno == EPIPE;
		if (st->shares && !delivered && !st->all_broken)
			stage_exit(st, EXIT_LOST); /* the others went on without its part */
	}
	stage_inputs_close(st);
	/* A reader that left, alone or beside others, has its own code. */
	if (!delivered && st->broken_errno && st->broken_errno != EPIPE && st->code == EXIT_DONE)
		stage_exit(st, EXIT_FAILED);
	if (reader_gone && st->code == EXIT_DONE) {
		signal(SIGPIPE, SIG_DFL); /* the reader went away: so do we, quietly */
		raise(SIGPIPE);
	}
	if (stage_sigterm && !(st->commit && st->commit->leave)) {
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
	}
	if (stage_sigint && st->broken_errno == EINTR) {
		signal(SIGINT, SIG_DFL); /* it did not drain: some reader never came */
		raise(SIGINT);
	}
	return st->code;
}

int stage_main(const struct stage_ops *ops, int argc, char **argv)
{
	struct stage *st = xcalloc(1, sizeof(*st));
	static char name[64];
	/* Outlives the stage: a page on the heap is given back by the exit alone. */
	static struct books_page *volatile page;
	int code;

	snprintf(name, sizeof(name), "weir-%s", ops->name);
	tool_name = name;
	tie_to_launcher();
	signals_set();
	st->ops = ops;
	st->command = command_line(argc, argv);
	stage_open(st, argc, argv);
	page = st->page;
	(void)page;
	note("start: %s", st->command);
	stage_run(st);
	if (is_leaving(st))
		stage_leave(st);
	code = stage_close(st);
	for (size_t i = 0; i < st->nnames; i++)
		free(st->names[i].name);
	free(st->names);
	free(st->common.in.v);
	free(st->common.out.v);
	census_close(st->census);
	books_release(&st->upstream);
	buf_release(&st->odd);
	buf_release(&st->packed);
	buf_release(&st->scratch);
	buf_release(&st->arena);
	buf_release(&st->text);
	free(st);
	return code;
}

/* ---- for the tool -------------------------------------------------------------------------- */

void *stage_config(struct stage *st)
{
	return st->ops->config;
}

void **stage_user(struct stage *st)
{
	return &st->user;
}

void stage_consume(struct stage *st, uint64_t n)
{
	*st->consumed += n;
}

void stage_filter(struct stage *st, uint64_t n)
{
	*st->filtered += n;
}

void stage_drop(struct stage *st, const char *reason, uint64_t n)
{
	char name[BOOKS_NAME];

	snprintf(name, sizeof(name), "dropped.%s", reason);
	*books_counter(st->page, name, 0) += n;
}

void stage_undeclared(struct stage *st, uint16_t type)
{
	if (books_value(st->page, "dropped.no_schema") == 0)
		warn("records of type %u came without a schema", type);
	stage_drop(st, "no_schema", 1);
	stage_exit(st, EXIT_SCHEMA);
}

uint64_t *stage_counter(struct stage *st, const char *name)
{
	return books_counter(st->page, name, 0);
}

void stage_truncated(struct stage *st, const char *file, uint64_t offset, const char *what)
{
	warn("%s: offset %llu: %s", file, (unsigned long long)offset, what);
	st->cause = REC_end_cause_TRUNCATED;
	stage_exit(st, EXIT_TRUNCATED);
}

void stage_at(struct stage *st, uint64_t source, uint64_t n, uint64_t ts)
{
	st->at_source = source;
	st->at_n = n;
	if (ts > st->at_ts)
		st->at_ts = ts;
	if (n > st->last_n)
		st->last_n = n;
	if (st->commit)
		stage_frame_end(st);
}

uint64_t stage_last_n(struct stage *st)
{
	return st->last_n;
}

uint64_t stage_last_ts(const struct stage *st)
{
	uint64_t ts = st->at_ts;

	for (size_t i = 0; i < st->ninputs; i++)
		if (st->inputs[i].low_ts > ts)
			ts = st->inputs[i].low_ts;
	return ts;
}

void stage_source_add(struct stage *st, uint64_t source, struct bytes name, uint64_t first_n)
{
	struct source_name *s;

	for (size_t i = 0; i < st->nnames; i++)
		if (st->names[i].source == source && st->names[i].first_n == first_n &&
		    bytes_is(name, st->names[i].name))
			return;
	st->names = realloc(st->names, (st->nnames + 1) * sizeof(*st->names));
	if (!st->names)
		die("out of memory");
	s = &st->names[st->nnames++];
	*s = (struct source_name){ source, first_n, strndup((const char *)name.ptr, name.len) };
	if (!s->name)
		die("out of memory");
}

void stage_live(struct stage *st)
{
	st->live = true;
}

void stage_sorts(struct stage *st)
{
	st->sorts = true;
}

bool stage_in_sorted(const struct stage *st)
{
	return st->in_sorted;
}

void stage_source(struct stage *st, uint64_t source, const char *name, uint64_t first_n)
{
	size_t known = st->nnames;

	stage_source_add(st, source, bytes_str(name), first_n);
	if (st->hello_sent && st->nnames > known)
		stage_hello(st, true);
}
