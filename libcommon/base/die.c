/* die: exit codes, and one-line messages on stderr. */
#include "libcommon/base/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *tool_name = "weir";
const char *tool_program;

const char *tool_with_help(void)
{
	return tool_program ? tool_program : tool_name;
}

static enum log_level most = LEVEL_WARN;
static bool as_json;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* ---- levels ---- */

void log_set(enum log_level level, bool json)
{
	char text[32];

	most = level;
	as_json = json;
	snprintf(text, sizeof(text), "%s%s", level_names[level], json ? ",json" : "");
	setenv("WEIR_LOG", text, 1);
}

enum log_level log_most(void)
{
	return most;
}

bool log_json(void)
{
	return as_json;
}

void log_from_environment(void)
{
	const char *text = getenv("WEIR_LOG");
	size_t n = text ? strcspn(text, ",") : 0, level = 0;

	if (!text || !*text)
		return;
	while (level < 4 &&
	       (strlen(level_names[level]) != n || strncmp(text, level_names[level], n) != 0))
		level++;
	if (level == 4 || (text[n] && strcmp(text + n, ",json") != 0))
		die_usage("WEIR_LOG: '%s' is none of error, warn, info, debug, with ',json' or not",
			  text);
	most = (enum log_level)level;
	as_json = text[n] != 0;
}

/* ---- lines ---- */

enum { LINE = 1024, TEXT_LINE = 4 * LINE, JSON_LINE = 6 * LINE + 256 };

/* The length of the UTF-8 character at s (RFC 3629), 0 where there is none. */
static size_t rune_length(const unsigned char *s)
{
	size_t n = 0;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xf5)
		n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* A JSON string of whatever bytes a message holds; `out` has room for six times as many. */
static size_t put_json(char *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;

	out[n++] = '"';
	while (*s) {
		size_t len = rune_length(s);

		if (!len || *s < 0x20 || *s == 0x7f) {
			n += (size_t)sprintf(out + n, "\\u%04x", len ? *s : 0xfffdu);
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\')
			out[n++] = '\\';
		memcpy(out + n, s, len);
		n += len;
		s += len;
	}
	out[n++] = '"';
	return n;
}

static void write_line(const char *line, size_t n)
{
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

static void say_json(enum log_level level, const char *msg)
{
	char line[JSON_LINE];
	struct timespec t;
	int n;

	clock_gettime(CLOCK_REALTIME, &t);
	n = snprintf(line, sizeof(line),
		     "{\"ts\":%lld.%06ld,\"level\":\"%s\",\"tool\":\"%.64s\",\"pid\":%d,\"msg\":",
		     (long long)t.tv_sec, t.tv_nsec / 1000, level_names[level], tool_name,
		     (int)getpid());
	n += (int)put_json(line + n, msg);
	line[n++] = '}';
	line[n++] = '\n';
	write_line(line, (size_t)n);
}

/* A file's name, or what a stream calls itself, may hold anything: a terminal is told nothing by
 * it, and a line stays one. */
static void say_text(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char line[TEXT_LINE + 1];
	size_t n = 0;

	while (*s) {
		size_t len = rune_length(s);
		bool control = *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);

		if (len && !control) {
			memcpy(line + n, s, len);
			n += len;
			s += len;
		} else {
			n += (size_t)sprintf(line + n, "\\x%02x", *s++);
		}
	}
	line[n++] = '\n';
	write_line(line, n);
}

static void say(enum log_level level, const char *fmt, va_list ap, bool with_errno)
{
	static const char *const marks[] = { "", "", "info: ", "debug: " };
	int err = errno, n = 0;
	char line[LINE];

	if (level > most)
		return;
	if (!as_json)
		n = snprintf(line, sizeof(line), "%.64s: %s", tool_name, marks[level]);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (n > LINE - 128)
		n = LINE - 128;
	line[n] = '\0';
	if (with_errno)
		n += snprintf(line + n, sizeof(line) - (size_t)n - 1, ": %s", strerror(err));
	if (as_json)
		say_json(level, line);
	else
		say_text(line);
	errno = err;
}

#define SAY_BODY(level, with_errno)                                                                \
	va_list ap;                                                                                \
	va_start(ap, fmt);                                                                         \
	say(level, fmt, ap, with_errno);                                                           \
	va_end(ap)

void warn(const char *fmt, ...)
{
	SAY_BODY(LEVEL_WARN, false);
}

void warn_errno(const char *fmt, ...)
{
	SAY_BODY(LEVEL_WARN, true);
}

void note(const char *fmt, ...)
{
	SAY_BODY(LEVEL_INFO, false);
}

void debug(const char *fmt, ...)
{
	SAY_BODY(LEVEL_DEBUG, false);
}

/* ---- ends ---- */

#define DIE_BODY(code, with_errno)                                                                 \
	SAY_BODY(LEVEL_ERROR, with_errno);                                                         \
	exit(code)

void die(const char *fmt, ...)
{
	DIE_BODY(EXIT_FAILED, false);
}

void die_errno(const char *fmt, ...)
{
	DIE_BODY(EXIT_FAILED, true);
}

void die_usage(const char *fmt, ...)
{
	DIE_BODY(EXIT_USAGE, false);
}

void die_code(enum exit_code code, const char *fmt, ...)
{
	DIE_BODY(code, false);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("out of memory");
	return p;
}
