/* lookup: finds the programs behind `weir NAME`: the libexec directory first, then PATH. */
#include "libcommon/run/lookup.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libcommon/base/die.h"

enum { PATH_SIZE = 4096, MAX_TOOLS = 512 };

const char *lookup_libexec(void)
{
	static char dir[PATH_SIZE];
	const char *given = getenv("WEIR_EXEC_PATH");
	ssize_t n;
	char *slash;

	if (dir[0])
		return dir;
	if (given) {
		snprintf(dir, sizeof(dir), "%s", given);
		return dir;
	}
	n = readlink("/proc/self/exe", dir, sizeof(dir) - 32);
	if (n > 0) {
		dir[n] = 0;
		slash = strrchr(dir, '/');
		/* A tool of that directory itself. */
		if (slash - dir >= 13 && strncmp(slash - 13, "/libexec/weir", 13) == 0) {
			*slash = 0;
			return dir;
		}
		for (int i = 0; i < 2 && (slash = strrchr(dir, '/')); i++)
			*slash = 0;
		strcat(dir, "/libexec/weir");
		if (access(dir, X_OK) == 0)
			return dir;
	}
	snprintf(dir, sizeof(dir), "%s", WEIR_LIBEXEC);
	return dir;
}

void lookup_export(void)
{
	const char *old = getenv("PATH"), *dir = lookup_libexec();
	size_t n = strlen(dir) + (old ? strlen(old) : 0) + 32;
	char *path = xcalloc(1, n);

	snprintf(path, n, "%s:%s", dir, old ? old : "/usr/local/bin:/usr/bin:/bin");
	setenv("PATH", path, 1);
	setenv("WEIR_EXEC_PATH", dir, 1);
	free(path);
}

bool lookup_tool(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH");
	char *list, *save = NULL;
	bool found;

	if (strchr(name, '/') || !*name)
		return false;
	snprintf(path, size, "%s/weir-%s", lookup_libexec(), name);
	if (access(path, X_OK) == 0)
		return true;
	list = strdup(dirs ? dirs : "");
	found = false;
	for (char *dir = strtok_r(list, ":", &save); dir && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		snprintf(path, size, "%s/weir-%s", dir, name);
		found = access(path, X_OK) == 0;
	}
	free(list);
	return found;
}

enum lookup_kind lookup_program(const char *word, char *path, size_t size)
{
	const char *own = lookup_libexec();
	const char *dirs = getenv("PATH");
	char *list, *save = NULL;
	enum lookup_kind kind = LOOKUP_MISSING;

	if (strchr(word, '/')) {
		snprintf(path, size, "%s", word);
		return access(path, X_OK) == 0 ? LOOKUP_OTHER : LOOKUP_MISSING;
	}
	if (lookup_tool(word, path, size))
		return strncmp(path, own, strlen(own)) == 0 && path[strlen(own)] == '/'
			       ? LOOKUP_OWN
			       : LOOKUP_OTHER;
	list = strdup(dirs ? dirs : "");
	for (char *dir = strtok_r(list, ":", &save); dir && *word && kind == LOOKUP_MISSING;
	     dir = strtok_r(NULL, ":", &save)) {
		snprintf(path, size, "%s/%s", dir, word);
		if (access(path, X_OK) == 0)
			kind = LOOKUP_OTHER;
	}
	free(list);
	return kind;
}

struct seen {
	char *names[MAX_TOOLS];
	size_t n;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void each_in(const char *dir, struct seen *seen,
		    void (*fn)(void *ctx, const char *name, const char *path), void *ctx)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, by_name);

	for (int i = 0; i < n; i++) {
		const char *file = list[i]->d_name;
		char path[PATH_SIZE];
		bool known = strncmp(file, "weir-", 5) != 0 || seen->n == MAX_TOOLS;

		for (size_t k = 0; k < seen->n && !known; k++)
			known = strcmp(seen->names[k], file + 5) == 0;
		snprintf(path, sizeof(path), "%s/%s", dir, file);
		if (!known && access(path, X_OK) == 0) {
			seen->names[seen->n++] = strdup(file + 5);
			fn(ctx, file + 5, path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

void lookup_each(void (*fn)(void *ctx, const char *name, const char *path), void *ctx)
{
	const char *dirs = getenv("PATH");
	char *list = strdup(dirs ? dirs : ""), *save = NULL;
	struct seen seen = { .n = 0 };

	each_in(lookup_libexec(), &seen, fn, ctx);
	for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save))
		each_in(dir, &seen, fn, ctx);
	for (size_t i = 0; i < seen.n; i++)
		free(seen.names[i]);
	free(list);
}
