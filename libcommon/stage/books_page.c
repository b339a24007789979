/* books_page: a stage's own counters, in a page that can outlive it. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/books.h"
#include "libcommon/stage/commit.h"

void books_name(char to[BOOKS_NAME], const char *from, size_t n)
{
	n = n < BOOKS_NAME ? n : BOOKS_NAME - 1;
	memset(to, 0, BOOKS_NAME);
	if (n)
		memcpy(to, from, strnlen(from, n));
}

static bool can_commit;

bool books_can_commit(void)
{
	return can_commit;
}

/* The page handed down by a launcher, or NULL where there is none that can be used. */
static struct books_page *page_inherited(void)
{
	const char *text = getenv("WEIR_PAGE_FD");
	struct stat st;
	size_t size;
	char *end;
	long fd;
	void *at;

	if (!text || !*text)
		return NULL;
	errno = 0;
	fd = strtol(text, &end, 10);
	if (errno || *end || fd < 0 || fd > 1 << 20) {
		warn("$WEIR_PAGE_FD '%s' is no descriptor: counters stay in the process", text);
		return NULL;
	}
	if (fstat((int)fd, &st) < 0 || st.st_size < BOOKS_PAGE) {
		warn("$WEIR_PAGE_FD '%s' is no page of %d bytes: counters stay in the process",
		     text, BOOKS_PAGE);
		return NULL;
	}
	size = st.st_size < COMMIT_PAGE ? BOOKS_PAGE : COMMIT_PAGE;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
	if (at == MAP_FAILED) {
		warn_errno("can't map the page of $WEIR_PAGE_FD '%s'", text);
		return NULL;
	}
	can_commit = size == COMMIT_PAGE;
	if (!can_commit || !commit_resumes(at)) {
		memset(at, 0, size);
		if (can_commit)
			commit_begin(at);
	}
	return at;
}

struct books_page *books_open(const char *stage, uint64_t instance)
{
	struct books_page *b = page_inherited();

	if (!b)
		b = xcalloc(1, BOOKS_PAGE);
	books_name(b->stage, stage, BOOKS_NAME);
	b->state = 0;
	if (!b->instance)
		b->instance = instance;
	b->pid = (uint32_t)getpid();
	/* Whoever looks at the page from outside sees the magic last. */
	__atomic_store_n(&b->magic, BOOKS_MAGIC, __ATOMIC_RELEASE);
	return b;
}

struct books_page *books_page_copy(int fd)
{
	struct books_page *copy = xcalloc(1, BOOKS_PAGE);
	size_t have = 0;
	ssize_t n = 1;

	while (have < BOOKS_PAGE && n > 0) {
		n = pread(fd, (uint8_t *)copy + have, BOOKS_PAGE - have, (off_t)have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (n >= 0)
		errno = 0;
	if (have == BOOKS_PAGE && copy->magic == BOOKS_MAGIC)
		return copy;
	free(copy);
	return NULL;
}

uint64_t *books_counter(struct books_page *b, const char *name, uint64_t peer)
{
	char cut[BOOKS_NAME];
	struct books_slot *s;
	uint32_t i;

	books_name(cut, name, BOOKS_NAME);
	for (i = 0; i < b->nslots; i++)
		if (b->slots[i].peer == peer && !memcmp(b->slots[i].name, cut, BOOKS_NAME))
			return &b->slots[i].value;
	if (b->nslots == BOOKS_SLOTS)
		return &b->slots[BOOKS_SLOTS - 1].value;
	if (b->nslots == BOOKS_SLOTS - 1)
		warn("the page of counters is full: '%s' and later ones are counted together", cut);
	s = &b->slots[b->nslots];
	if (b->nslots == BOOKS_SLOTS - 1) {
		books_name(cut, "other", BOOKS_NAME);
		peer = 0;
	}
	memcpy(s->name, cut, BOOKS_NAME);
	s->peer = peer;
	s->value = 0;
	__atomic_store_n(&b->nslots, b->nslots + 1, __ATOMIC_RELEASE);
	return &s->value;
}

uint64_t *books_kind(struct books_page *b, const char *group, struct bytes kind)
{
	char name[BOOKS_NAME];
	size_t front = (size_t)snprintf(name, sizeof(name), "%.20s.", group), n = front;
	uint32_t of_group = 0;

	for (size_t i = 0; i < kind.len && n < sizeof(name) - 1; i++) {
		uint8_t c = kind.ptr[i];

		name[n++] = (char)(isalnum(c) || c == '-' ? c : '_');
	}
	memset(name + n, 0, sizeof(name) - n);
	for (uint32_t i = 0; i < b->nslots; i++) {
		if (memcmp(b->slots[i].name, name, front) != 0)
			continue;
		if (!memcmp(b->slots[i].name, name, BOOKS_NAME))
			return &b->slots[i].value;
		of_group++;
	}
	if (of_group >= BOOKS_KINDS - 1)
		snprintf(name + front, sizeof(name) - front, "other");
	return books_counter(b, name, 0);
}

uint64_t books_value(const struct books_page *b, const char *name)
{
	char cut[BOOKS_NAME];
	uint64_t sum = 0;

	books_name(cut, name, BOOKS_NAME);
	for (uint32_t i = 0; i < b->nslots; i++)
		if (!memcmp(b->slots[i].name, cut, BOOKS_NAME))
			sum += b->slots[i].value;
	return sum;
}
