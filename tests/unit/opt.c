/* opt: every type of option, the words of an error, and what --help says. */
#include "libcommon/base/opt.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "tests/unit/check.h"

struct config {
	bool flag, other;
	const char *text;
	struct opt_strings list;
	uint64_t number, size, duration;
	int choice;
};

static const struct opt options[] = {
	OPT_ROW('f', "flag", OPT_FLAG, struct config, flag, NULL, "a flag"),
	OPT_ROW('t', "text", OPT_STRING, struct config, text, "WORD", "a text"),
	OPT_ROW('l', "list", OPT_STRINGS, struct config, list, "X", "a list"),
	OPT_ROW('n', "number", OPT_UINT, struct config, number, "N", "a number"),
	OPT_ROW(0, "size", OPT_SIZE, struct config, size, "BYTES", "a size"),
	OPT_ROW(0, "duration", OPT_DURATION, struct config, duration, "TIME", "a duration"),
	OPT_ROW('c', "choice", OPT_CHOICE, struct config, choice, "text|json|text-like",
		"a choice"),
	{ 0 },
};
static const struct opt more[] = {
	OPT_ROW(0, "span", OPT_DURATION, struct config, duration, "TIME", "a span"),
	OPT_ROW(0, "great", OPT_SIZE, struct config, size, "BYTES", "a great size"),
	OPT_ROW('o', "other", OPT_FLAG, struct config, other, NULL, "of another table"),
	{ 0 },
};

static struct config config, second;
static char *operand[16];
static int operands;

/* The words of a command line, in place. */
static void parse_here(char *line)
{
	static const struct opt_tool tool = { "weir-test", "tests", "FILE...", "an epilog" };
	const struct opt_group groups[] = { { "first", options, &config },
					    { "second", more, &second },
					    { "none", NULL, NULL } };
	static char *argv[32];
	int argc = 0;

	free(config.list.v);
	config = (struct config){ .number = 7, .size = 2 << 20, .duration = 1500, .text = "plain" };
	second = (struct config){ .duration = 4000000, .size = 1 << 30 };
	argv[argc++] = "weir-test";
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "''") ? word : "";
	argv[argc] = NULL;
	operands = opt_parse(&tool, groups, 3, argc, argv);
	for (int i = 0; i <= operands; i++)
		operand[i] = argv[i];
}

static void parse(const char *line)
{
	static char copy[256];

	snprintf(copy, sizeof(copy), "%s", line);
	parse_here(copy);
}

static char said[8192];

/* Runs it in a child; its exit code, and in `said` what it wrote. -1: it returned. */
static int parse_ends(const char *line)
{
	size_t n = 0;
	ssize_t got;
	int fds[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds) < 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		parse(line);
		_exit(99);
	}
	close(fds[1]);
	while ((got = read(fds[0], said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = 0;
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status))
		return -2;
	return WEXITSTATUS(status) == 99 ? -1 : WEXITSTATUS(status);
}

/* Ends with 2 and one line that has `words` in it. */
#define WRONG(line, words)                                                                         \
	do {                                                                                       \
		CHECK_EQ(parse_ends(line), 2);                                                     \
		if (!strstr(said, words) || strchr(said, '\n') != strrchr(said, '\n') ||           \
		    strncmp(said, "weir-test: ", 11)) {                                            \
			printf("# %s:%d: '%s' said: %s", __FILE__, __LINE__, line, said);          \
			check_bad = 1;                                                             \
		}                                                                                  \
	} while (0)

static void values(void)
{
	check_case("without options the defaults stay");
	parse("");
	CHECK(!config.flag && !config.list.n && config.number == 7 && config.duration == 1500);
	CHECK_EQ(operands, 0);

	check_case("flags go on with --name and -n, and off with --no-name; the last one holds");
	parse("--flag");
	CHECK(config.flag);
	parse("-f");
	CHECK(config.flag);
	parse("-f --no-flag");
	CHECK(!config.flag);
	parse("--no-flag -fo");
	CHECK(config.flag && second.other);

	check_case("values come after a space, a =, or right behind the letter");
	parse("--text one");
	CHECK(!strcmp(config.text, "one"));
	parse("--text=two=three");
	CHECK(!strcmp(config.text, "two=three"));
	parse("-tfour");
	CHECK(!strcmp(config.text, "four"));
	parse("-ft five");
	CHECK(config.flag && !strcmp(config.text, "five"));
	parse("--text=");
	CHECK(!strcmp(config.text, ""));
	parse("--text ''");
	CHECK(!strcmp(config.text, ""));
	parse("-t --flag");
	CHECK(!strcmp(config.text, "--flag") && !config.flag);

	check_case("a list keeps its order");
	parse("-l a --list=b x -lc");
	CHECK_EQ(config.list.n, 3);
	CHECK(!strcmp(config.list.v[0], "a") && !strcmp(config.list.v[1], "b") &&
	      !strcmp(config.list.v[2], "c"));

	check_case("operands stand anywhere, - is one, -- ends the options");
	parse("a -f - b -- --flag -x");
	CHECK_EQ(operands, 5);
	CHECK(!strcmp(operand[1], "a") && !strcmp(operand[2], "-") && !strcmp(operand[3], "b") &&
	      !strcmp(operand[4], "--flag") && !strcmp(operand[5], "-x"));

	check_case("a choice is the index of its word");
	parse("-c text");
	CHECK_EQ(config.choice, 0);
	parse("--choice=json");
	CHECK_EQ(config.choice, 1);
	parse("--choice text-like");
	CHECK_EQ(config.choice, 2);
}

static void suffixes(void)
{
	static const struct {
		const char *text;
		uint64_t number, size, duration; /* 1: wrong use */
	} v[] = {
		{ "0", 0, 0, 0 },
		{ "5", 5, 5, 5000000000 },
		{ "2k", 2000, 2048, 1 },
		{ "2K", 2000, 2048, 1 },
		{ "3M", 3000000, 3 << 20, 1 },
		{ "2G", 2000000000, 2ull << 30, 1 },
		{ "2Ki", 2048, 1, 1 },
		{ "2Mi", 2 << 20, 1, 1 },
		{ "2Gi", 2ull << 30, 1, 1 },
		{ "1T", 1, 1ull << 40, 1 },
		{ "1.5M", 1500000, 3 << 19, 1 },
		{ "1.5k", 1500, 1536, 1 },
		{ "1.005k", 1005, 1029, 1 },
		{ "0.5", 1, 1, 500000000 },
		{ "2.5", 1, 2, 2500000000 },
		{ "1.50Ki", 1536, 1, 1 },
		{ "1.0005k", 1, 1024, 1 },
		{ "1.0000000000000000001k", 1, 1024, 1 },
		{ "0.0000000000000000001", 1, 1, 1 },
		{ "0.0", 0, 0, 0 },
		{ "1.5.5", 1, 1, 1 },
		{ "1.5e3", 1, 1, 1 },
		{ "0.5ns", 1, 1, 1 },
		{ "2.5ns", 1, 1, 2 },
		{ "7ns", 1, 1, 7 },
		{ "7us", 1, 1, 7000 },
		{ "7ms", 1, 1, 7000000 },
		{ "0.5s", 1, 1, 500000000 },
		{ "2m", 1, 1, 120000000000 },
		{ "2h", 1, 1, 7200000000000 },
		{ "2d", 1, 1, 172800000000000 },
		{ "18446744073709549568", UINT64_MAX - 2047, UINT64_MAX - 2047, 1 },
		{ "18446744073709551616", 1, 1, 1 },
		{ "99999999999999999999999", 1, 1, 1 },
		{ "-1", 1, 1, 1 },
		{ "+1", 1, 1, 1 },
		{ "0x10", 1, 1, 1 },
		{ "1e3", 1, 1, 1 },
		{ "", 1, 1, 1 },
		{ "nan", 1, 1, 1 },
		{ "k", 1, 1, 1 },
	};
	char line[64];

	check_case("numbers, sizes and durations take their suffixes and nothing else");
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		static const char *const names[] = { "--number", "--size", "--duration" };
		const uint64_t *want = &v[i].number;

		for (int k = 0; k < 3; k++) {
			const uint64_t *at = k == 0   ? &config.number
					     : k == 1 ? &config.size
						      : &config.duration;

			snprintf(line, sizeof(line), "%s=%s", names[k], v[i].text);
			if (want[k] == 1) {
				WRONG(line, names[k]);
			} else {
				parse(line);
				if (*at != want[k])
					printf("# %s is %llu\n", line, (unsigned long long)*at);
				CHECK(*at == want[k]);
			}
		}
	}
}

static void mistakes(void)
{
	check_case("a wrong option is one line with the nearest name, exit 2");
	WRONG("--flga", "unknown option '--flga'; did you mean '--flag'?");
	WRONG("--numbers", "did you mean '--number'?");
	WRONG("--othr", "did you mean '--other'?");
	WRONG("--hlep", "did you mean '--help'?");
	WRONG("--versoin=3", "did you mean '--version'?");
	WRONG("--no-flga", "unknown option '--no-flga'");
	WRONG("--nothing-like-it", "try 'weir-test --help'");
	WRONG("-x", "unknown option '-x'");
	WRONG("-fx", "unknown option '-x'");

	check_case("a prefix is no option: scripts must not break when one is added");
	WRONG("--fla", "unknown option '--fla'");
	WRONG("--dur 5", "unknown option '--dur'");

	check_case("missing, superfluous and wrong values are one line, exit 2");
	WRONG("--text", "--text needs a value");
	WRONG("-t", "-t needs a value");
	WRONG("--flag=yes", "--flag takes no value");
	WRONG("--no-text", "unknown option '--no-text'");
	WRONG("--no-flag=1", "unknown option '--no-flag'");
	WRONG("-c xml", "'xml' is none of text|json|text-like");
	WRONG("-c tex", "none of");
	WRONG("-c text|json", "none of");
	WRONG("-c ''", "none of");

	check_case("an option that is far too long is named and refused");
	{
		char line[200] = "--";

		memset(line + 2, 'x', 150);
		line[152] = 0;
		WRONG(line, "unknown option");
	}

	check_case("near is a distance of at most two, and not the whole word");
	{
		static const char *const names[] = { "read", "flow", "reasm", "ab", NULL };

		CHECK(!strcmp(opt_nearest("raed", names), "read"));
		CHECK(!strcmp(opt_nearest("resm", names), "reasm"));
		/* Two letters changed about are nearer than two others. */
		CHECK(!strcmp(opt_nearest("raed", (const char *[]){ "rank", "read", NULL }),
			      "read"));
		CHECK(!strcmp(opt_nearest("flow", names), "flow"));
		CHECK(opt_nearest("xyz", names) == NULL);
		CHECK(opt_nearest("xy", names) == NULL);
		CHECK(opt_nearest("readers", names) == NULL);
		CHECK(opt_nearest("", names) == NULL);
	}
}

/* Where opt_operand() finds the first operand of these words. */
static int operand_at(const char *line)
{
	const struct opt_group groups[] = { { "first", options, NULL }, { "second", more, NULL } };
	char copy[128], *argv[16], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return opt_operand(groups, 2, argc, argv);
}

static void first_operand(void)
{
	check_case("the first operand is found among options without taking their values");
	CHECK_EQ(operand_at("x one"), 1);
	CHECK_EQ(operand_at("x -f one"), 2);
	CHECK_EQ(operand_at("x -t one two"), 3);
	CHECK_EQ(operand_at("x -tone two"), 2);
	CHECK_EQ(operand_at("x -ft one two"), 3);
	CHECK_EQ(operand_at("x --text one --flag two"), 4);
	CHECK_EQ(operand_at("x --text=one two"), 2);
	CHECK_EQ(operand_at("x --log info --other two"), 4);
	CHECK_EQ(operand_at("x -- -f"), 2);
	CHECK_EQ(operand_at("x -f --"), 0);
	CHECK_EQ(operand_at("x --text one"), 0);
	CHECK_EQ(operand_at("x --nonsense one"), 2);
}

static void help(void)
{
	check_case("--help has every option with its default, the operands and the exit codes");
	CHECK_EQ(parse_ends("--help"), 0);
	CHECK(strstr(said, "usage: weir-test [OPTION...] FILE..."));
	CHECK(strstr(said, "-f, --flag"));
	CHECK(strstr(said, "--text WORD"));
	CHECK(strstr(said, "a number [7]"));
	CHECK(strstr(said, "a size [2M]"));
	CHECK(strstr(said, "a duration [1500ns]"));
	CHECK(strstr(said, "a span [4ms]") && strstr(said, "a great size [1G]"));
	CHECK(strstr(said, "an epilog\n\nexit status"));
	CHECK(strstr(said, "a choice [text]"));
	CHECK(strstr(said, "second:") && strstr(said, "--other"));
	CHECK(!strstr(said, "none:"));
	CHECK(strstr(said, "an epilog"));
	CHECK(strstr(said, "3 schema mismatch"));

	check_case("--version is the name and the version");
	CHECK_EQ(parse_ends("-f --version"), 0);
	CHECK(!strcmp(said, "weir-test " WEIR_VERSION "\n"));
}

int main(void)
{
	tool_name = "weir-test";
	values();
	suffixes();
	mistakes();
	first_operand();
	help();
	free(config.list.v);
	return check_end();
}
