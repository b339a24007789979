/* die: exit codes, and one-line messages on stderr. */
#include "libcommon/base/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *tool_name = "weir";

static void say(const char *fmt, va_list ap, bool with_errno)
{
	int err = errno;
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s: ", tool_name);

	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (n > (int)sizeof(line) - 128)
		n = (int)sizeof(line) - 128;
	if (with_errno)
		n += snprintf(line + n, sizeof(line) - (size_t)n - 1, ": %s", strerror(err));
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, false);
	va_end(ap);
}

void warn_errno(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap, true);
	va_end(ap);
}

#define DIE_BODY(code, with_errno)                                                                 \
	va_list ap;                                                                                \
	va_start(ap, fmt);                                                                         \
	say(fmt, ap, with_errno);                                                                  \
	va_end(ap);                                                                                \
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
