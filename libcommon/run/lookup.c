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
