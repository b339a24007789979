/* weir-conform: does a stage, in whatever language, keep to the contract? Prints TAP. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/conform/conform.h"

enum { PROBES = 40, INPUT_MAX = 64 << 20 };

struct config {
	const char *input;
	uint64_t timeout;
};

static struct config config = { .timeout = 20000000000 };

static const struct opt options[] = {
	OPT_ROW('i', "input", OPT_STRING, struct config, input, "FILE",
		"a stream for it to work on, besides ours"),
	OPT_ROW(0, "timeout", OPT_DURATION, struct config, timeout, "TIME",
		"longer than this no run may take"),
	{ 0 },
};

/* ---- TAP ------------------------------------------------------------------------------------ */

static char **command;
static unsigned count, failed;
static char why[256];

/* Notes the first reason. Returns ok, so that one line can be a condition. */
static __attribute__((format(printf, 2, 3))) bool must(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok || why[0])
		return ok;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return false;
}

static void done(const char *title)
{
	printf("%sok %u - %s\n", why[0] ? "not " : "", ++count, title);
	if (why[0]) {
		failed++;
		/* it may hold text of the stage's: printable ASCII alone */
		for (char *c = why; *c; c++)
			if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
				*c = '?';
		printf("# %s\n", why);
	}
	why[0] = '\0';
	fflush(stdout);
}

static void skip(const char *title, const char *reason)
{
	printf("ok %u - %s # skip %s\n", ++count, title, reason);
	why[0] = '\0';
	fflush(stdout);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void start(struct run *r, struct bytes input)
{
	r->argv = command;
	r->input = input;
	r->seconds = (unsigned)(config.timeout / 1000000000);
	run(r);
	must(!r->late, "it did not end within %u s", r->seconds);
}

static bool ended_with(const struct run *r, int status)
{
	return must(r->status == status, "it ended with %d, not %d: %.*s", r->status, status,
		    (int)(r->err.len < 120 ? r->err.len : 120), (const char *)r->err.ptr);
}

static void judge_run(struct verdict *v, const struct run *r, const char *probe)
{
	judge(v, buf_bytes(&r->out), probe);
	must(!v->why[0], "%s", v->why);
}

/* ---- the checks ----------------------------------------------------------------------------- */

static void check_empty(void)
{
	struct buf in = { 0 };
	struct run r = { 0 };
	struct verdict v;

	feed_stream(&in, FEED_STREAM, 0, 0);
	start(&r, buf_bytes(&in));
	ended_with(&r, 0);
	judge_run(&v, &r, "");
	must(v.hellos == 1 && v.ends == 1 && v.cause == REC_end_cause_EOF,
	     "%zu hellos, %zu ends, cause %d", v.hellos, v.ends, v.cause);
	done("an empty stream gives one: hello, end, exit code 0");
	verdict_release(&v);
	run_release(&r);
	buf_release(&in);
}

static void same_probes(const struct verdict *v, const struct verdict *want, const char *type)
{
	must(v->probes.len == want->probes.len, "of %zu bytes of %s records %zu came out",
	     want->probes.len, type, v->probes.len);
	must(v->probes.len != want->probes.len || !want->probes.len ||
		     !memcmp(v->probes.ptr, want->probes.ptr, want->probes.len),
	     "a record of type %s was changed, or moved", type);
}

/* A stage that consumes a built-in type on purpose need not pass it; the probe it can't know. */
static void check_passing(struct bytes in)
{
	struct run r = { 0 };
	struct verdict v, want;

	start(&r, in);
	ended_with(&r, 0);
	judge_run(&v, &r, "conform_probe");
	done("what comes out is a stream: well formed, types declared before use, n in order, end "
	     "last");

	judge(&want, in, "conform_probe");
	same_probes(&v, &want, "conform_probe");
	done("records of a type that nobody knows pass byte for byte, in order");
	verdict_release(&v);
	verdict_release(&want);

	judge(&v, buf_bytes(&r.out), "flow");
	judge(&want, in, "flow");
	if (v.probes.len == 0)
		skip("records with a field appended pass byte for byte", "it takes flow records");
	else
		same_probes(&v, &want, "flow");
	if (v.probes.len)
		done("records with a field appended pass byte for byte");
	verdict_release(&v);
	verdict_release(&want);
	run_release(&r);
}

static uint64_t taken(const struct books *b, uint64_t from)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->rows[i].instance != from && b->rows[i].peer == from &&
		    !strcmp(b->rows[i].counter, "in"))
			sum += b->rows[i].value;
	return sum;
}

static bool has_ledger(const struct books *b, uint64_t instance)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->rows[i].instance == instance)
			return true;
	return false;
}

static void check_books(struct bytes in)
{
	struct run r = { 0 };
	struct verdict v;
	struct buf text = { 0 };

	start(&r, in);
	judge(&v, buf_bytes(&r.out), "");
	must(has_ledger(&v.books, FEED_STREAM), "the ledger of the stage before is missing");
	must(taken(&v.books, FEED_STREAM) == 2 * PROBES,
	     "its own ledger says in{%d} %" PRIu64 ", and it was given %d", FEED_STREAM,
	     taken(&v.books, FEED_STREAM), 2 * PROBES);
	if (books_check(&v.books, &text))
		must(false, "%.*s", (int)text.len, (const char *)text.ptr);
	done("its end has its ledger and those before, and the books balance");
	verdict_release(&v);
	run_release(&r);
	buf_release(&text);
}

static void check_bytewise(struct bytes in, const char *title)
{
	struct run whole = { 0 }, bytes = { .step = 1 };
	struct verdict v, want;

	start(&whole, in);
	start(&bytes, in);
	must(bytes.status == whole.status, "it ended with %d, not %d", bytes.status, whole.status);
	judge(&want, buf_bytes(&whole.out), "");
	judge_run(&v, &bytes, "");
	must(v.all.len == want.all.len && v.data == want.data &&
		     (!v.all.len || !memcmp(v.all.ptr, want.all.ptr, v.all.len)),
	     "%zu records came out, or others than the %zu of whole reads", v.data, want.data);
	done(title);
	verdict_release(&v);
	verdict_release(&want);
	run_release(&whole);
	run_release(&bytes);
}

/* Up to the mark and no further, the input left open. */
static void check_open(struct bytes in)
{
	struct buf head = { 0 };
	struct run r = { .hold_open = true };
	struct verdict v, want;

	buf_add(&head, in.ptr, feed_end_at(in));
	feed_mark(&head, 5000, 2000000000);
	start(&r, buf_bytes(&head));
	judge(&v, BYTES(r.out.ptr, r.out_open), "conform_probe");
	judge(&want, buf_bytes(&head), "conform_probe");
	same_probes(&v, &want, "conform_probe");
	done("what was read has come out when it waits for more");
	must(v.highest_mark >= 5000, "the highest mark was %" PRIu64 ", not 5000", v.highest_mark);
	done("a mark has come out when it waits for more");
	verdict_release(&v);
	verdict_release(&want);
	run_release(&r);
	buf_release(&head);
}

static void check_cut(struct bytes in)
{
	struct run r = { 0 };
	struct verdict v, want;

	start(&r, BYTES(in.ptr, feed_end_at(in) - 5)); /* within the last record */
	ended_with(&r, 4);
	judge_run(&v, &r, "conform_probe");
	must(v.cause == REC_end_cause_TRUNCATED, "its end says cause %d, not truncated", v.cause);
	judge(&want, in, "conform_probe");
	same_probes(&v, &want, "conform_probe");
	done("a cut input: all whole records, an end that says truncated, exit code 4");
	verdict_release(&v);
	verdict_release(&want);
	run_release(&r);
}

static void check_garbage(struct bytes in)
{
	struct run r = { 0 };
	struct buf bad = { 0 };

	buf_add(&bad, in.ptr, in.len / 2);
	for (unsigned i = 0; i < 4096; i++)
		buf_add_byte(&bad, (uint8_t)(0xc1 ^ (i * 37u >> 3)));
	start(&r, buf_bytes(&bad));
	must(r.status > 0 && r.status < 128, "it ended with %d", r.status);
	done("garbage in the input ends it with an exit code, not a signal");
	run_release(&r);
	buf_release(&bad);
}

static void check_two(struct bytes in)
{
	struct buf both = { 0 };
	struct run r = { 0 };
	struct verdict v, want;

	buf_add(&both, in.ptr, in.len);
	feed_stream(&both, FEED_STREAM + 1, PROBES, 20);
	start(&r, buf_bytes(&both));
	ended_with(&r, 0);
	judge_run(&v, &r, "conform_probe");
	must(v.hellos >= 2 && v.ends >= 1, "%zu hellos, %zu ends", v.hellos, v.ends);
	judge(&want, buf_bytes(&both), "conform_probe");
	same_probes(&v, &want, "conform_probe");
	verdict_release(&want);
	done("two streams one after the other stay two");
	verdict_release(&v);
	run_release(&r);
	buf_release(&both);
}

static void check_reader_gone(void)
{
	struct buf in = { 0 };
	struct run r = { .close_at = 1000 };

	feed_stream(&in, FEED_STREAM, 4000, 1000);
	start(&r, buf_bytes(&in));
	must(r.status == 0 || r.status == 128 + SIGPIPE, "it ended with %d", r.status);
	must(r.err.len == 0, "it says: %.*s", (int)(r.err.len < 120 ? r.err.len : 120),
	     (const char *)r.err.ptr);
	done("when its reader leaves it ends, quietly");
	run_release(&r);
	buf_release(&in);
}

static void check_sigint(struct bytes in)
{
	struct run r = { .signal_at = in.len / 2 };
	struct verdict v, want;

	start(&r, in);
	ended_with(&r, 0);
	judge_run(&v, &r, "conform_probe");
	judge(&want, in, "conform_probe");
	same_probes(&v, &want, "conform_probe");
	done("the first SIGINT changes nothing while something feeds it");
	verdict_release(&v);
	verdict_release(&want);
	run_release(&r);
}

static void check_only(struct bytes in, int argc)
{
	static const char title[] = "--only passes nothing on";
	char **with = xcalloc((size_t)argc + 2, sizeof(*with)), **plain = command;
	struct run r = { 0 };
	struct verdict v;

	memcpy(with, command, (size_t)argc * sizeof(*with));
	with[argc] = (char *)"--only";
	command = with;
	start(&r, in);
	command = plain;
	judge(&v, buf_bytes(&r.out), "conform_probe");
	if (r.status == EXIT_USAGE) {
		skip(title, "it has no such option");
	} else {
		ended_with(&r, 0);
		must(!v.why[0], "%s", v.why);
		must(!v.probes.len, "records of a type that nobody knows came out");
		if (books_check(&v.books, NULL))
			must(false, "the books are off");
		done(title);
	}
	verdict_release(&v);
	run_release(&r);
	free(with);
}

/* ---- a stream of the user's ---- */

static void input_read(struct buf *in)
{
	int fd = open(config.input, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		die_errno("cannot open '%s'", config.input);
	while (in->len <= INPUT_MAX && (n = read(fd, buf_reserve(in, 65536), 65536)) > 0)
		in->len += (size_t)n;
	if (n < 0)
		die_errno("cannot read '%s'", config.input);
	if (in->len > INPUT_MAX)
		die("'%s': more than 64 MiB", config.input);
	close(fd);
}

static void check_input(struct bytes in)
{
	struct run r = { 0 };
	struct verdict v;
	struct buf text = { 0 };

	start(&r, in);
	ended_with(&r, 0);
	judge_run(&v, &r, "");
	if (books_check(&v.books, &text))
		must(false, "%.*s", (int)text.len, (const char *)text.ptr);
	done("your input gives a stream whose books balance");
	check_bytewise(in, "your input read a byte at a time gives the same records");
	verdict_release(&v);
	run_release(&r);
	buf_release(&text);
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = {
		"weir-conform", "check a stage against the contract", "[--] COMMAND [ARGUMENT...]",
		"Exit status 1 where a check fails.\n\n    weir conform ./my-parser.py\n"
	};
	const struct opt_group group = { "options", options, &config };
	struct buf in = { 0 }, own = { 0 };
	int operands;

	tool_name = "weir-conform";
	operands = opt_parse(&tool, &group, 1, argc, argv);
	if (operands < 1)
		die_usage("name a command; try 'weir-conform --help'");
	if (config.timeout < 1000000000)
		die_usage("--timeout: at least 1s");
	command = xcalloc((size_t)operands + 1, sizeof(*command));
	memcpy(command, argv + 1, (size_t)operands * sizeof(*command));
	signal(SIGPIPE, SIG_IGN);
	if (config.input)
		input_read(&own);
	feed_stream(&in, FEED_STREAM, PROBES, 20);
	check_empty();
	check_passing(buf_bytes(&in));
	check_books(buf_bytes(&in));
	check_bytewise(buf_bytes(&in), "read a byte at a time it writes the same records");
	check_open(buf_bytes(&in));
	check_cut(buf_bytes(&in));
	check_garbage(buf_bytes(&in));
	check_two(buf_bytes(&in));
	check_reader_gone();
	check_sigint(buf_bytes(&in));
	check_only(buf_bytes(&in), operands);
	if (config.input)
		check_input(buf_bytes(&own));
	printf("1..%u\n", count);
	buf_release(&in);
	buf_release(&own);
	free(command);
	return failed ? EXIT_FAILED : EXIT_DONE;
}
