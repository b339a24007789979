/* launch_page: the launcher's page: stages, rings, readers, as they stand. */
#include <stdio.h>
#include <time.h>

#include "libcommon/run/launch_private.h"

/* Of a process that may just have gone. */
static uint64_t cpu_of(pid_t pid, uint64_t before)
{
	struct timespec t;
	clockid_t clock;

	if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t) < 0)
		return before;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void show_stage(struct run_stage *to, struct runner *r)
{
	snprintf(to->name, sizeof(to->name), "%s", r->stage->name);
	to->state = r->state;
	to->pid = (uint32_t)r->process->pid;
	to->restarts = r->restarts;
	to->status = (uint32_t)r->process->status;
	r->cpu_now = cpu_of(r->process->pid, r->cpu_now);
	to->cpu_ns = r->cpu_dead + r->cpu_now;
}

static void show_ring(const struct launch *l, struct run_page *page, size_t at)
{
	const struct ring_set *ring = &l->pipeline.rings[at];
	const struct ring_live *live = ring_live(ring->header);
	struct run_link *to = &page->links[at];

	snprintf(to->name, sizeof(to->name), "%s", l->ring_names[at]);
	to->writer = (uint32_t)l->ring_writer[at];
	to->state = ring_set_state(ring);
	to->size = ring->header->size;
	to->head = ring_set_head(ring);
	to->writer_waits = __atomic_load_n(&live->want, __ATOMIC_RELAXED) & 1;
}

static void show_reader(struct run_reader *to, const struct place *p, size_t stage, size_t link)
{
	const struct ring_page *page = p->ring->page[p->reader];
	const struct ring_reader *row = &ring_table(p->ring->header)[p->reader];

	to->link = (uint32_t)link;
	to->stage = (uint32_t)stage;
	to->gone = __atomic_load_n(&page->state, __ATOMIC_RELAXED) == RING_GONE ||
		   __atomic_load_n(&row->released, __ATOMIC_RELAXED);
	to->waits = !to->gone && (__atomic_load_n(&page->sleep, __ATOMIC_RELAXED) & 1);
	to->tail = ring_set_tail(p->ring, p->reader);
}

void launch_show(struct launch *l)
{
	struct run_page *page = l->dir.page;
	uint32_t readers = 0;

	rundir_begin(page);
	page->stopping = l->phase != STOP_NONE;
	for (size_t i = 0; i < l->n; i++)
		show_stage(&page->stages[i], &l->runners[i]);
	for (size_t i = 0; i < l->pipeline.nrings; i++)
		show_ring(l, page, i);
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->runners[i].nin && readers < RUN_READERS; k++) {
			const struct place *p = &l->runners[i].in[k];

			show_reader(&page->readers[readers++], p, i,
				    (size_t)(p->ring - l->pipeline.rings));
		}
	page->nstages = (uint32_t)l->n;
	page->nlinks = (uint32_t)l->pipeline.nrings;
	page->nreaders = readers;
	rundir_end(page);
}
