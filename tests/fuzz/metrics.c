/* metrics: whatever a page holds, the text keeps to its lines: printable, each a comment or a
 * sample of a name that is ours, and the end is there once. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/metrics/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_line(const char *line, size_t n, bool last)
{
	MUST(n > 0);
	for (size_t i = 0; i < n; i++)
		MUST(isprint((unsigned char)line[i]));
	if (last) {
		MUST(n == 5 && !memcmp(line, "# EOF", 5));
		return;
	}
	if (line[0] == '#') {
		MUST(n > 7 && (!memcmp(line, "# TYPE ", 7) || !memcmp(line, "# UNIT ", 7) ||
			       !memcmp(line, "# HELP ", 7)));
		return;
	}
	MUST(n > 5 && !memcmp(line, "weir_", 5));
	MUST(memchr(line, '{', n) && isdigit((unsigned char)line[n - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		struct books_page page;
		uint8_t bytes[BOOKS_PAGE];
	} *copy = calloc(1, sizeof(*copy));
	struct exposition_page page = { .pipeline = "p", .copy = "c" };
	struct buf out = { 0 };
	const char *at, *end;

	MUST(copy);
	memcpy(copy->bytes, data, size < BOOKS_PAGE ? size : BOOKS_PAGE);
	copy->page.magic = BOOKS_MAGIC;
	copy->page.stage[BOOKS_NAME - 1] = '\0';
	for (size_t i = 0; i < BOOKS_SLOTS; i++)
		copy->page.slots[i].name[BOOKS_NAME - 1] = '\0';
	books_add_page(&page.books, &copy->page);
	exposition_write(&page, 1, 0, &out);
	end = (const char *)out.ptr + out.len;
	for (at = (const char *)out.ptr; at < end;) {
		const char *line = memchr(at, '\n', (size_t)(end - at));

		MUST(line);
		check_line(at, (size_t)(line - at), line + 1 == end);
		at = line + 1;
	}
	books_release(&page.books);
	buf_release(&out);
	free(copy);
	return 0;
}
