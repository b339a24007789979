/* opt: one table of options, from which parsing, --help, the man page check and completion come.
 *
 * A row names its destination member in the tool's config struct. Defaults are what the struct
 * holds before parsing; --help prints them. Wrong use: one line on stderr with the nearest name,
 * exit 2. */
#ifndef WEIR_OPT_H
#define WEIR_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
	OPT_END,
	OPT_FLAG,     /* bool; --name, and --no-name */
	OPT_STRING,   /* const char *, borrowed from argv */
	OPT_STRINGS,  /* struct opt_strings; may be repeated */
	OPT_UINT,     /* uint64_t; suffixes k M G (1024 with i: Ki Mi Gi; for bytes K M G = 1024) */
	OPT_SIZE,     /* uint64_t bytes; suffixes K M G are powers of 1024 */
	OPT_DURATION, /* uint64_t ns; suffixes ns us ms s m h d, default s; "0" = never */
	OPT_CHOICE,   /* int; metavar "text|json": index of the chosen word */
};

struct opt_strings {
	const char **v;
	size_t n;
};

struct opt {
	char letter; /* 0 for none */
	const char *name;
	enum opt_type type;
	size_t offset; /* of the member in the config struct */
	const char *metavar, *help;
};

#define OPT_ROW(letter, name, type, config, member, metavar, help)                                 \
	{                                                                                          \
		letter, name, type, offsetof(config, member), metavar, help                        \
	}

struct opt_tool {
	const char *name;     /* "weir-flow" */
	const char *summary;  /* one line */
	const char *operands; /* "FILE..." or "" */
	const char *epilog; /* printed after the options: what goes in and out, examples; or NULL */
};

struct opt_group {         /* several tables may be parsed together, each with its own struct */
	const char *title; /* heading in --help, or NULL */
	const struct opt *options; /* ends with a zero row */
	void *config;
};

/* Parses argv; options may stand between operands, "--" ends them, "--name=value" and
 * "-nvalue" work, unambiguous prefixes do not (scripts must not break when an option is
 * added). --help and --version are handled here (stdout, exit 0), --log and --log-json too. Returns
 * the number of operands, which are moved to argv[1].. ; unknown options, bad values and missing
 * arguments end the process with 2. */
int opt_parse(const struct opt_tool *tool, const struct opt_group *groups, size_t ngroups, int argc,
	      char **argv);

/* Where the first operand stands in argv, as opt_parse() would find it; 0: nowhere. Takes no value,
 * so that a program may look at it before it knows all of its options' destinations. */
int opt_operand(const struct opt_group *groups, size_t ngroups, int argc, char **argv);

/* Each ends the process with 2 and a line naming `what` where the text is no such value. */
uint64_t opt_duration(const char *text, const char *what);
uint64_t opt_size(const char *text, const char *what);
uint64_t opt_number(const char *text, const char *what);

/* The nearest of the NULL-ended names, or NULL where none is near (edit distance <= 2). */
const char *opt_nearest(const char *word, const char *const *names);
/* Marks those of the NULL-ended names that the list, with commas, has, and returns how many there
 * are. A word that is none of them is wrong use: "--option: no WHAT 'word'", with the nearest. */
size_t opt_pick(const char *option, const char *what, const char *list, const char *const *names,
		bool *picked);

#define WEIR_VERSION "0.1.0"

#endif
