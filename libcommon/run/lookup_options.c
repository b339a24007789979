/* lookup_options: what a tool says of itself by --help, and which name is near another. */
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcommon/base/buf.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"
#include "libcommon/run/lookup.h"

enum { TOOLS = 128, OPTIONS = 128, HELP_MAX = 64 * 1024 };

struct known {
	char word[64];
	const char *names[OPTIONS + 1];
	bool takes[OPTIONS + 1];
	size_t n;
};

/* What `PATH --help` prints. */
static void help_of(const char *path, struct buf *text)
{
	int fds[2], null;
	ssize_t n = 1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		die_errno("cannot make a pipe");
	pid = fork();
	if (pid < 0)
		die_errno("cannot fork");
	if (pid == 0) {
		null = open("/dev/null", O_RDWR);
		dup2(null, STDIN_FILENO);
		dup2(null, STDERR_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		execl(path, path, "--help", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	while (n > 0 && text->len < HELP_MAX) {
		n = read(fds[0], buf_reserve(text, 4096), 4096);
		text->len += n > 0 ? (size_t)n : 0;
	}
	close(fds[0]);
	waitpid(pid, NULL, 0);
	buf_add_byte(text, 0);
}

static void add(struct known *k, const char *name, size_t len, bool takes)
{
	if (k->n >= OPTIONS)
		return;
	k->names[k->n] = strndup(name, len);
	if (!k->names[k->n])
		die("out of memory");
	k->takes[k->n++] = takes;
}

/* A line of an option: "  -n, --count N   what it does". */
static void one_line(struct known *k, const char *line)
{
	bool letter = line[0] == ' ' && line[1] == ' ' && line[2] == '-' &&
		      isalnum((unsigned char)line[3]) && line[4] == ',' && line[5] == ' ';
	const char *name = line + 6;
	size_t len;
	bool takes;

	if (strncmp(line, "      ", 6) != 0 && !letter)
		return;
	if (strncmp(name, "--", 2) != 0)
		return;
	len = strcspn(name, " =\n");
	/* The text of help stands two blanks or more behind. */
	takes = name[len] == '=' || (name[len] == ' ' && name[len + 1] != ' ' && name[len + 1]);
	add(k, name, len, takes);
	if (letter)
		add(k, line + 2, 2, takes);
}

const char *const *lookup_options(const char *word, const bool **takes)
{
	static struct known known[TOOLS];
	static size_t n;
	struct known *k;
	struct buf text = { 0 };
	char path[4096];

	for (size_t i = 0; i < n; i++)
		if (strcmp(known[i].word, word) == 0) {
			*takes = known[i].takes;
			return known[i].n ? known[i].names : NULL;
		}
	if (n == TOOLS || strlen(word) >= sizeof(known[0].word) ||
	    lookup_program(word, path, sizeof(path)) != LOOKUP_OWN)
		return NULL;
	k = &known[n++];
	memcpy(k->word, word, strlen(word) + 1);
	help_of(path, &text);
	for (const char *line = (const char *)text.ptr; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		one_line(k, line);
	}
	buf_release(&text);
	*takes = k->takes;
	return k->n ? k->names : NULL;
}

/* The first line: "weir-read: read capture files and write their frames". */
bool lookup_summary(const char *path, char *text, size_t size)
{
	struct buf help = { 0 };
	const char *colon;
	size_t len = 0;

	help_of(path, &help);
	colon = strstr((const char *)help.ptr, ": ");
	if (colon && strncmp((const char *)help.ptr, "weir-", 5) == 0)
		len = strcspn(colon + 2, "\n");
	if (len && len < size)
		snprintf(text, size, "%.*s", (int)len, colon + 2);
	buf_release(&help);
	return len && len < size;
}

struct names {
	const char *v[512];
	size_t n;
};

static void name_one(void *ctx, const char *name, const char *path)
{
	struct names *names = ctx;

	(void)path;
	if (names->n < 511)
		names->v[names->n++] = strdup(name);
}

const char *lookup_near(const char *word, const char *const *others)
{
	struct names names = { 0 };
	size_t given;
	const char *near;

	while (others && others[names.n]) {
		names.v[names.n] = others[names.n];
		names.n++;
	}
	given = names.n;
	lookup_each(name_one, &names);
	near = opt_nearest(word, names.v);
	for (size_t i = given; i < names.n; i++)
		if (names.v[i] != near)
			free((char *)names.v[i]);
	return near;
}
