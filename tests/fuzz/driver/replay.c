/* replay: main() for a fuzz target without libFuzzer: runs it over the files, folders and packs
 * (tests/fuzz/pack) named. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int runs;

/* An exact-size copy, so that a sanitizer sees a read past the end. */
static void input(const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);

	if (n)
		memcpy(exact, data, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	runs++;
}

/* Each input behind its length, four bytes with the highest first. */
static void pack(const char *path, const uint8_t *data, size_t n)
{
	size_t at = 0;

	while (n - at >= 4) {
		size_t len = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
			     (size_t)data[at + 2] << 8 | data[at + 3];

		at += 4;
		if (len > n - at)
			break;
		input(data + at, len);
		at += len;
	}
	if (at != n) {
		fprintf(stderr, "%s: it is cut\n", path);
		exit(1);
	}
}

static void one(const char *path)
{
	struct stat st;
	FILE *f;
	uint8_t *data;
	size_t n;

	if (stat(path, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		DIR *d = opendir(path);
		struct dirent *e;

		while (d && (e = readdir(d))) {
			char sub[4096];

			if (e->d_name[0] == '.')
				continue;
			snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
			one(sub);
		}
		if (d)
			closedir(d);
		return;
	}
	f = fopen(path, "rb");
	if (!f)
		return;
	data = malloc((size_t)st.st_size + 1);
	n = fread(data, 1, (size_t)st.st_size, f);
	fclose(f);
	if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".pack") == 0)
		pack(path, data, n);
	else
		input(data, n);
	free(data);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		one(argv[i]);
	printf("%d inputs\n", runs);
	return 0;
}
