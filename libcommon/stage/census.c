/* census: the flows that a stage has now, which it writes down when somebody asks. */
#include "libcommon/stage/census.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcommon/base/die.h"

_Static_assert(sizeof(struct census_flow) == 128, "row");
_Static_assert(sizeof(struct census_page) <= CENSUS_HEAD, "head");

struct census {
	struct census_page *page;
	struct census_flow *rows;
	uint64_t asked; /* that is being answered */
	struct census_flow nowhere;
};

struct census *census_open(const char *stage)
{
	const char *text = getenv("WEIR_FLOWS_FD");
	int fd = text && *text ? atoi(text) : -1;
	struct census *c;
	struct stat st;
	void *at;

	if (fd <= STDERR_FILENO || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != CENSUS_PAGE)
		return NULL;
	at = mmap(NULL, CENSUS_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	close(fd);
	c = xcalloc(1, sizeof(*c));
	c->page = at;
	c->rows = (struct census_flow *)(void *)((uint8_t *)at + CENSUS_HEAD);
	snprintf(c->page->stage, BOOKS_NAME, "%s", stage);
	/* A predecessor that died while it wrote left this odd. */
	c->page->sequence += c->page->sequence & 1;
	__atomic_store_n(&c->page->magic, CENSUS_MAGIC, __ATOMIC_RELEASE);
	return c;
}

bool census_asked(const struct census *c)
{
	return __atomic_load_n(&c->page->asked, __ATOMIC_RELAXED) != c->page->answered;
}

void census_begin(struct census *c)
{
	struct census_page *p = c->page;

	c->asked = __atomic_load_n(&p->asked, __ATOMIC_ACQUIRE);
	__atomic_store_n(&p->sequence, p->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	p->flows = p->rows = 0;
}

struct census_flow *census_add(struct census *c, uint64_t flow)
{
	struct census_flow *row = &c->nowhere;

	if (c->page->flows++ < CENSUS_ROWS)
		row = &c->rows[c->page->rows++];
	*row = (struct census_flow){ .flow = flow };
	return row;
}

void census_end(struct census *c, uint64_t now)
{
	struct census_page *p = c->page;

	p->now = now;
	__atomic_store_n(&p->sequence, p->sequence + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&p->answered, c->asked, __ATOMIC_RELEASE);
}

void census_close(struct census *c)
{
	if (c)
		munmap(c->page, CENSUS_PAGE);
	free(c);
}

void census_key(struct census_flow *row, const struct rec_key *key)
{
	row->ip_version = key->orig_h.len == 4 ? 4 : key->orig_h.len == 16 ? 6 : 0;
	memcpy(row->addr[0], key->orig_h.b, 16);
	memcpy(row->addr[1], key->resp_h.b, 16);
	row->port[0] = key->orig_p;
	row->port[1] = key->resp_p;
	row->proto = key->proto;
}
