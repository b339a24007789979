/* take: asks the stages of a pipeline for their flows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/flows/flows.h"
#include "libcommon/base/clock.h"
#include "libcommon/base/die.h"

enum { LOOKS = 1000 /* at a page that is being written */ };

struct asked {
	const char *stage;
	int fd;
	struct census_page *page;
	uint64_t number;
};

/* False: this stage has no flows, or no file for them. */
static bool ask(int dir, const char *stage, struct asked *a)
{
	char file[RUN_NAME + 8];
	struct stat st;
	int err;

	snprintf(file, sizeof(file), "%s.flows", stage);
	*a = (struct asked){ .stage = stage,
			     .fd = openat(dir, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW) };
	if (a->fd < 0)
		return false;
	a->page = MAP_FAILED;
	if (fstat(a->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == CENSUS_PAGE)
		a->page = mmap(NULL, CENSUS_HEAD, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (a->page == MAP_FAILED ||
	    __atomic_load_n(&a->page->magic, __ATOMIC_ACQUIRE) != CENSUS_MAGIC) {
		if (a->page != MAP_FAILED)
			munmap(a->page, CENSUS_HEAD);
		close(a->fd);
		return false;
	}
	/* The stage writes into memory that is there, or is not asked. */
	err = posix_fallocate(a->fd, 0, CENSUS_PAGE);
	if (err) {
		errno = err;
		die_errno("no room in the run directory for the flows of '%s'", stage);
	}
	a->number = __atomic_add_fetch(&a->page->asked, 1, __ATOMIC_SEQ_CST);
	return true;
}

static bool answered(const struct asked *a)
{
	return __atomic_load_n(&a->page->answered, __ATOMIC_ACQUIRE) >= a->number;
}

/* Copies an answer that nobody writes over meanwhile. */
static bool copy(const struct asked *a, struct flows_part *part)
{
	struct census_flow *rows = xcalloc(CENSUS_ROWS, sizeof(*rows));

	for (int i = 0; i < LOOKS; i++) {
		uint32_t before = __atomic_load_n(&a->page->sequence, __ATOMIC_ACQUIRE);
		uint64_t n = a->page->rows;
		size_t want = (n < CENSUS_ROWS ? n : CENSUS_ROWS) * sizeof(*rows), have = 0;

		part->now = a->page->now;
		part->flows = a->page->flows;
		while (have < want) {
			ssize_t got = pread(a->fd, (uint8_t *)rows + have, want - have,
					    (off_t)(CENSUS_HEAD + have));

			if (got <= 0)
				break;
			have += (size_t)got;
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (have == want && !(before & 1) &&
		    before == __atomic_load_n(&a->page->sequence, __ATOMIC_RELAXED)) {
			snprintf(part->stage, sizeof(part->stage), "%s", a->stage);
			part->rows = rows;
			part->nrows = want / sizeof(*rows);
			return true;
		}
		usleep(100);
	}
	free(rows);
	return false;
}

size_t flows_take(int dir, uint64_t wait_ns, struct flows_part *parts, size_t *silent)
{
	static struct asked asked[RUN_STAGES];
	static struct run_page run;
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + wait_ns;
	size_t n = 0, got = 0;

	if (!rundir_read(dir, &run))
		die("the pipeline has ended");
	for (uint32_t i = 0; i < run.nstages; i++) {
		struct run_stage *s = &run.stages[i];

		s->name[RUN_NAME - 1] = 0;
		if (s->pid && s->state < RUN_ENDED && !strchr(s->name, '/'))
			n += ask(dir, s->name, &asked[n]);
	}
	*silent = 0;
	for (size_t i = 0; i < n; i++) {
		while (!answered(&asked[i]) && clock_ns(CLOCK_MONOTONIC) < until &&
		       rundir_alive(dir))
			usleep(2000);
		if (answered(&asked[i]) && copy(&asked[i], &parts[got])) {
			got++;
		} else {
			warn("stage '%s' does not answer: it waits, for space or a restart",
			     asked[i].stage);
			++*silent;
		}
		munmap(asked[i].page, CENSUS_HEAD);
		close(asked[i].fd);
	}
	return got;
}

void flows_release(struct flows_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(parts[i].rows);
}
