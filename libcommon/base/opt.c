/* opt: one table of options, from which parsing, --help and the man page check come. */
#include "libcommon/base/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libcommon/base/die.h"
#include "libcommon/base/words.h"

enum { NEAR = 2, WORD_MAX = 64 };

/* Letters put in, left out, exchanged, or two neighbours changed about, between two short words;
 * NEAR + 1 where they are farther apart or too long. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned rows[3][WORD_MAX + 1];
	unsigned *above = rows[0], *before = rows[1], *row = rows[2];

	if (n > WORD_MAX || m > WORD_MAX)
		return NEAR + 1;
	for (size_t j = 0; j <= m; j++)
		before[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *oldest = above;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

			if (before[j] + 1 < best)
				best = before[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above[j - 2] + 1 < best)
				best = above[j - 2] + 1;
			row[j] = best;
		}
		above = before;
		before = row;
		row = oldest;
	}
	return before[m];
}

const char *opt_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	unsigned least = NEAR + 1;

	for (; *names; names++) {
		unsigned d = distance(word, *names);

		if (d < least && d < strlen(*names)) {
			least = d;
			best = *names;
		}
	}
	return best;
}

static void pick_word(const char *option, const char *what, struct bytes word,
		      const char *const *names, bool *picked)
{
	char text[64];
	const char *near;

	for (size_t i = 0; names[i]; i++) {
		if (bytes_is(word, names[i])) {
			picked[i] = true;
			return;
		}
	}
	snprintf(text, sizeof(text), "%.*s", (int)word.len, (const char *)word.ptr);
	near = opt_nearest(text, names);
	if (near)
		die_usage("--%s: no %s '%s'; did you mean '%s'?", option, what, text, near);
	die_usage("--%s: no %s '%s'", option, what, text);
}

size_t opt_pick(const char *option, const char *what, const char *list, const char *const *names,
		bool *picked)
{
	struct bytes rest = bytes_str(list);
	size_t n = 0;

	if (!rest.len)
		die_usage("--%s: nothing is named", option);
	while (rest.len)
		pick_word(option, what, words_upto(&rest, ','), names, picked);
	for (size_t i = 0; names[i]; i++)
		n += picked[i];
	return n;
}

/* What every tool has beside its own. */
static struct log_config {
	int level;
	bool json;
} log_config;

static const struct opt log_options[] = {
	OPT_ROW(0, "log", OPT_CHOICE, struct log_config, level, "error|warn|info|debug",
		"what is said on stderr"),
	OPT_ROW(0, "log-json", OPT_FLAG, struct log_config, json, NULL,
		"say it in JSON, an object a line"),
	{ 0 },
};

static const struct opt_group log_group = { "log", log_options, &log_config };

/* A number with a suffix of the table; *ok is false where the text is none. */
struct suffix {
	const char *text;
	uint64_t factor;
};

/* Digits as they stand: parts of `of`, which is a power of ten. */
struct decimal {
	unsigned __int128 parts;
	uint64_t of;
	bool more; /* behind the last digit that is taken there is one that is no zero */
};

enum { DECIMALS = 18 };

static const char *decimal_read(const char *at, struct decimal *d)
{
	unsigned behind = 0;
	bool point = false;

	*d = (struct decimal){ .of = 1 };
	for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
		} else if (behind == DECIMALS) {
			d->more |= *at != '0';
		} else if (d->parts <= (unsigned __int128)UINT64_MAX * d->of) {
			d->parts = d->parts * 10 + (unsigned)(*at - '0');
			d->of *= point ? 10 : 1;
			behind += point;
		}
	}
	return at;
}

/* What the text says, cut to a whole number, but not to none: 0 often means no limit. With
 * `exactly`, nothing may be cut. */
static uint64_t scaled(const char *text, const struct suffix *suffixes, bool exactly, bool *ok)
{
	const struct suffix *s;
	unsigned __int128 v;
	struct decimal d;
	const char *end;
	bool cut;

	*ok = false;
	if (*text < '0' || *text > '9')
		return 0;
	end = decimal_read(text, &d);
	for (s = suffixes; s->text && strcmp(s->text, end) != 0; s++)
		;
	if (!s->text || d.parts / d.of > UINT64_MAX / s->factor)
		return 0;
	v = d.parts / d.of * s->factor;
	cut = d.more || d.parts % d.of * s->factor % d.of;
	v += d.parts % d.of * s->factor / d.of;
	*ok = v < UINT64_MAX && !(cut && (exactly || !v));
	return (uint64_t)v;
}

static const struct suffix counts[] = { { "", 1 },         { "k", 1000 },       { "K", 1000 },
					{ "M", 1000000 },  { "G", 1000000000 }, { "Ki", 1 << 10 },
					{ "Mi", 1 << 20 }, { "Gi", 1 << 30 },   { NULL, 0 } };
static const struct suffix sizes[] = { { "", 1 },        { "k", 1 << 10 }, { "K", 1 << 10 },
				       { "M", 1 << 20 }, { "G", 1 << 30 }, { "T", 1ull << 40 },
				       { NULL, 0 } };
static const struct suffix times[] = {
	{ "", 1000000000 },  { "ns", 1 },          { "us", 1000 },         { "ms", 1000000 },
	{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 }, { "d", 86400000000000 },
	{ NULL, 0 }
};

uint64_t opt_number(const char *text, const char *what)
{
	bool ok;
	uint64_t v = scaled(text, counts, true, &ok);

	if (!ok)
		die_usage("%s: '%s' is no number", what, text);
	return v;
}

uint64_t opt_size(const char *text, const char *what)
{
	bool ok;
	uint64_t v = scaled(text, sizes, false, &ok);

	if (!ok)
		die_usage("%s: '%s' is no size (like 512, 64K or 4M)", what, text);
	return v;
}

uint64_t opt_duration(const char *text, const char *what)
{
	bool ok;
	uint64_t v = scaled(text, times, false, &ok);

	if (!ok)
		die_usage("%s: '%s' is no duration (like 500ms, 60s or 5m)", what, text);
	return v;
}

/* ---- help ---------------------------------------------------------------------------------- */

/* A value in the greatest of these units that it is a whole number of; 0 has no default to show. */
static void print_in(uint64_t v, const struct suffix *units)
{
	while (units[1].text && v % units->factor)
		units++;
	if (v)
		printf(" [%llu%s]", (unsigned long long)(v / units->factor), units->text);
}

static void print_default(const struct opt *o, const void *config)
{
	static const struct suffix bytes[] = {
		{ "G", 1 << 30 }, { "M", 1 << 20 }, { "", 1 }, { NULL, 0 }
	};
	static const struct suffix spans[] = {
		{ "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 }, { NULL, 0 }
	};
	static const struct suffix plain[] = { { "", 1 }, { NULL, 0 } };

	const void *at = (const char *)config + o->offset;

	switch (o->type) {
	case OPT_STRING:
		if (*(const char *const *)at)
			printf(" [%s]", *(const char *const *)at);
		break;
	case OPT_UINT:
		print_in(*(const uint64_t *)at, plain);
		break;
	case OPT_SIZE:
		print_in(*(const uint64_t *)at, bytes);
		break;
	case OPT_DURATION:
		print_in(*(const uint64_t *)at, spans);
		break;
	case OPT_CHOICE: {
		const char *word = o->metavar;

		for (int i = *(const int *)at; i > 0 && word; i--)
			word = strchr(word, '|') ? strchr(word, '|') + 1 : NULL;
		if (word)
			printf(" [%.*s]", (int)strcspn(word, "|"), word);
		break;
	}
	default:
		break;
	}
}

static void print_row(const struct opt *o, const void *config)
{
	char left[80];
	int n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->metavar ? " " : "", o->metavar ? o->metavar : "");

	printf(n < 30 ? "%-30s" : "%s\n                              ", left);
	fputs(o->help, stdout);
	print_default(o, config);
	putchar('\n');
}

static void print_help(const struct opt_tool *tool, const struct opt_group *groups, size_t ngroups)
{
	printf("%s: %s\n\nusage: %s [OPTION...]%s%s\n", tool->name, tool->summary, tool->name,
	       tool->operands && *tool->operands ? " " : "", tool->operands ? tool->operands : "");
	for (size_t g = 0; g < ngroups; g++) {
		if (!groups[g].options || groups[g].options->type == OPT_END)
			continue;
		printf("\n%s:\n", groups[g].title ? groups[g].title : "options");
		for (const struct opt *o = groups[g].options; o->type != OPT_END; o++)
			print_row(o, groups[g].config);
	}
	for (const struct opt *o = log_options; o->type != OPT_END; o++)
		print_row(o, &log_config);
	printf("      --help                  print this\n"
	       "      --version               print the version\n");
	if (tool->epilog)
		printf("\n%s%s", tool->epilog,
		       tool->epilog[strlen(tool->epilog) - 1] == '\n' ? "" : "\n");
	printf("\nexit status: 0 done, 1 failed, 2 wrong use, 3 schema mismatch, 4 input "
	       "truncated,\n"
	       "5 records lost, 6 books off, 128+n killed by signal n\n");
}

/* ---- parsing ------------------------------------------------------------------------------- */

static void choice_set(const struct opt *o, int *at, const char *text, const char *shown)
{
	const char *word = o->metavar;

	for (int i = 0; word; i++) {
		size_t n = strcspn(word, "|");

		if (strlen(text) == n && strncmp(word, text, n) == 0) {
			*at = i;
			return;
		}
		word = word[n] ? word + n + 1 : NULL;
	}
	die_usage("%s: '%s' is none of %s", shown, text, o->metavar);
}

static void value_set(const struct opt *o, void *config, const char *text, const char *shown)
{
	void *at = (char *)config + o->offset;
	struct opt_strings *list = at;

	switch (o->type) {
	case OPT_STRING:
		*(const char **)at = text;
		break;
	case OPT_STRINGS:
		list->v = realloc(list->v, (list->n + 1) * sizeof(char *));
		if (!list->v)
			die("out of memory");
		list->v[list->n++] = text;
		break;
	case OPT_UINT:
		*(uint64_t *)at = opt_number(text, shown);
		break;
	case OPT_SIZE:
		*(uint64_t *)at = opt_size(text, shown);
		break;
	case OPT_DURATION:
		*(uint64_t *)at = opt_duration(text, shown);
		break;
	case OPT_CHOICE:
		choice_set(o, at, text, shown);
		break;
	default:
		break;
	}
}

static const struct opt *find(const struct opt_group *groups, size_t ngroups, char letter,
			      const char *name, size_t len, void **config)
{
	for (size_t g = 0; g < ngroups; g++) {
		for (const struct opt *o = groups[g].options; o && o->type != OPT_END; o++) {
			if (name ? strlen(o->name) == len && strncmp(o->name, name, len) == 0
				 : o->letter && o->letter == letter) {
				*config = groups[g].config;
				return o;
			}
		}
	}
	return groups == &log_group ? NULL : find(&log_group, 1, letter, name, len, config);
}

static void unknown(const struct opt_group *groups, size_t ngroups, const char *name)
{
	const char *names[256];
	const char *near;
	size_t n = 0;

	for (size_t g = 0; g < ngroups; g++)
		for (const struct opt *o = groups[g].options; o && o->type != OPT_END && n < 250;
		     o++)
			names[n++] = o->name;
	names[n++] = "log";
	names[n++] = "log-json";
	names[n++] = "help";
	names[n++] = "version";
	names[n] = NULL;
	near = opt_nearest(name, names);
	if (near)
		die_usage("unknown option '--%s'; did you mean '--%s'?", name, near);
	die_usage("unknown option '--%s'; try '%s --help'", name, tool_with_help());
}

/* One long option; returns how many further arguments it took. */
static int long_option(const struct opt_tool *tool, const struct opt_group *groups, size_t ngroups,
		       char *arg, char *next)
{
	char *name = arg + 2, *value = strchr(name, '='), shown[WORD_MAX + 8];
	size_t len = value ? (size_t)(value++ - name) : strlen(name);
	void *config;
	const struct opt *o = find(groups, ngroups, 0, name, len, &config);

	if (!o && !value && strcmp(name, "help") == 0) {
		print_help(tool, groups, ngroups);
		exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED);
	}
	if (!o && !value && strcmp(name, "version") == 0) {
		printf("%s %s\n", tool->name, WEIR_VERSION);
		exit(fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED);
	}
	if (!o && len > 3 && strncmp(name, "no-", 3) == 0) {
		o = find(groups, ngroups, 0, name + 3, len - 3, &config);
		if (o && o->type == OPT_FLAG && !value) {
			*(bool *)((char *)config + o->offset) = false;
			return 0;
		}
		o = NULL;
	}
	if (!o) {
		name[len] = 0;
		unknown(groups, ngroups, name);
		return 0;
	}
	snprintf(shown, sizeof(shown), "--%s", o->name);
	if (o->type == OPT_FLAG) {
		if (value)
			die_usage("%s takes no value", shown);
		*(bool *)((char *)config + o->offset) = true;
		return 0;
	}
	if (value) {
		value_set(o, config, value, shown);
		return 0;
	}
	if (!next)
		die_usage("%s needs a value: %s", shown, o->metavar);
	value_set(o, config, next, shown);
	return 1;
}

static int short_options(const struct opt_group *groups, size_t ngroups, const char *arg,
			 char *next)
{
	for (const char *c = arg + 1; *c; c++) {
		char shown[] = { '-', *c, 0 };
		void *config;
		const struct opt *o = find(groups, ngroups, *c, NULL, 0, &config);

		if (!o)
			die_usage("unknown option '%s'; try '%s --help'", shown, tool_with_help());
		if (o->type == OPT_FLAG) {
			*(bool *)((char *)config + o->offset) = true;
			continue;
		}
		if (c[1]) {
			value_set(o, config, c + 1, shown);
			return 0;
		}
		if (!next)
			die_usage("%s needs a value: %s", shown, o->metavar);
		value_set(o, config, next, shown);
		return 1;
	}
	return 0;
}

int opt_parse(const struct opt_tool *tool, const struct opt_group *groups, size_t ngroups, int argc,
	      char **argv)
{
	int operands = 0;
	bool over = false;

	log_from_environment();
	log_config.level = log_most();
	log_config.json = log_json();
	for (int i = 1; i < argc; i++) {
		char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;

		if (over || arg[0] != '-' || arg[1] == 0)
			argv[++operands] = arg;
		else if (strcmp(arg, "--") == 0)
			over = true;
		else if (arg[1] == '-')
			i += long_option(tool, groups, ngroups, arg, next);
		else
			i += short_options(groups, ngroups, arg, next);
		if (log_config.level != (int)log_most() || log_config.json != log_json())
			log_set((enum log_level)log_config.level, log_config.json);
	}
	return operands;
}

/* Does the argument behind this option belong to it? */
static bool takes_next(const struct opt_group *groups, size_t ngroups, const char *arg)
{
	const struct opt *o;
	void *config;

	if (arg[1] == '-') {
		o = find(groups, ngroups, 0, arg + 2, strlen(arg + 2), &config);
		return o && o->type != OPT_FLAG; /* with a value in it, it is not found */
	}
	for (const char *c = arg + 1; *c; c++) {
		o = find(groups, ngroups, *c, NULL, 0, &config);
		if (!o || o->type != OPT_FLAG)
			return o && !c[1];
	}
	return false;
}

int opt_operand(const struct opt_group *groups, size_t ngroups, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1 < argc ? i + 1 : 0;
		if (argv[i][0] != '-' || argv[i][1] == 0)
			return i;
		i += takes_next(groups, ngroups, argv[i]);
	}
	return 0;
}
