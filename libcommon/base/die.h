/* die: exit codes, and one-line messages on stderr. The die functions end the process.
 *
 * Messages: lower case, no full stop, the subject in single quotes. Each is written with one
 * write(2), so lines of the stages of a pipeline do not mix. They have four levels, of which those
 * up to warnings are written unless --log or $WEIR_LOG say otherwise; with --log-json a line is
 * {"ts":1700000000.123456,"level":"info","tool":"weir-flow","pid":1,"msg":"..."}. */
#ifndef WEIR_DIE_H
#define WEIR_DIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_SCHEMA = 3,    /* a required field is missing, another version's stream */
	EXIT_TRUNCATED = 4, /* the input ended before its end, or is damaged */
	EXIT_LOST = 5,      /* records lost on a lossless link */
	EXIT_BOOKS = 6,     /* a law of the books does not hold */
};

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

/* From now on, and for programs that this one starts ($WEIR_LOG=LEVEL[,json]). */
void log_set(enum log_level most, bool json);
/* As $WEIR_LOG says, if it is there; ends the process (2) where it is neither. */
void log_from_environment(void);
enum log_level log_most(void);
bool log_json(void);

extern const char *tool_name; /* "weir-read"; the front of every message */
/* The program that has the --help, where messages bear another name; else NULL, and it is
 * tool_name. */
extern const char *tool_program;
const char *tool_with_help(void);

/* What is wrong, though the program goes on or can still end in order. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What went on: starts, ends, who is connected to whom. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What helps to find a mistake. */
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));       /* 1 */
void die_errno(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2))); /* 1 */
void die_usage(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2))); /* 2 */
void die_code(enum exit_code code, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* calloc that dies. n * size may not overflow. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));

#endif
