/* launch_poison: a record that kills a stage twice is set aside in a file, and the stage goes on
 * behind it.
 *
 * The first death tells only the unit that the stage was at. Its successor is careful: a record is
 * a unit (commit.h), so where it dies in turn without having got on, the record is known. What the
 * stage's page says is checked: it was written by whoever took it over. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/base/die.h"
#include "libcommon/record/record.h"
#include "libcommon/run/launch_private.h"
#include "libcommon/stage/commit.h"

enum { POISON_FILES = 100 };

void launch_poison_open(struct runner *r)
{
	void *at =
		mmap(NULL, COMMIT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r->process->page_fd, 0);

	if (at == MAP_FAILED)
		die_errno("cannot map the page of '%s'", r->stage->name);
	r->page = at;
}

/* Bytes of a ring from `at` on, at most n, as far as they are published. */
static size_t ring_copy(const struct ring_set *ring, uint64_t at, uint8_t *to, size_t n)
{
	uint64_t size = ring->header->size, head = ring_set_head(ring), from = at & (size - 1);
	size_t first;

	if (at >= head || head - at > size)
		return 0;
	n = n < head - at ? n : (size_t)(head - at);
	first = n < size - from ? n : (size_t)(size - from);
	if (pread(ring->fd, to, first, (off_t)(RING_DATA_AT + from)) != (ssize_t)first ||
	    pread(ring->fd, to + first, n - first, RING_DATA_AT) != (ssize_t)(n - first))
		return 0;
	return n;
}

/* The record, behind the head of its stream, as a file that weir's tools read. */
static void set_aside(const struct runner *r, const struct ring_set *ring, struct bytes raw)
{
	uint64_t head = __atomic_load_n(&ring_live(ring->header)->preamble, __ATOMIC_ACQUIRE);
	struct rec_head h = { .type = REC_end };
	struct buf end = { 0 };
	char path[160];
	FILE *f = NULL;

	for (int i = 1; !f && i <= POISON_FILES; i++) {
		snprintf(path, sizeof(path), "poison-%.40s-%d.weir", r->stage->name, i);
		f = fopen(path, "wxe");
	}
	if (!f) {
		warn_errno("cannot set the record aside in '%s'", path);
		return;
	}
	rec_pack(&end, &rec_end_desc, &h, &(struct rec_end){ .records = 1 });
	if (head <= RING_PREAMBLE)
		fwrite((const uint8_t *)ring->header + RING_PREAMBLE_AT, 1, head, f);
	fwrite(raw.ptr, 1, raw.len, f);
	fwrite(end.ptr, 1, end.len, f);
	if (fclose(f) != 0)
		warn_errno("cannot write '%s'", path);
	else
		warn("stage '%s': a record killed it twice, and was set aside in '%s'",
		     r->stage->name, path);
	buf_release(&end);
}

/* The record that a careful stage was at when it died. */
static void skip_record(struct runner *r, const struct commit_slot *slot)
{
	struct commit *c = commit_of(r->page);
	uint32_t input = c->at_input;
	uint64_t at = c->at_position;
	uint8_t *bytes;
	ssize_t len;

	if (input >= r->nin || input >= slot->nin || input >= COMMIT_ENDS || slot->in[input] != at)
		return;
	bytes = xcalloc(1, REC_MAX);
	len = rec_measure(BYTES(bytes, ring_copy(r->in[input].ring, at, bytes, REC_MAX)), NULL);
	if (len > 0) {
		set_aside(r, r->in[input].ring, BYTES(bytes, (size_t)len));
		c->poison_input = input;
		c->poison_len = (uint32_t)len;
		c->poison_number = c->number;
	}
	free(bytes);
}

void launch_poison_death(struct runner *r)
{
	const struct commit_slot *slot;
	struct commit *c;
	bool stuck;

	if (!r->page || !(slot = commit_valid(r->page)))
		return;
	c = commit_of(r->page);
	stuck = r->died && r->died_at == c->number;
	if (stuck && c->careful)
		skip_record(r, slot);
	c->careful = 1;
	r->died = true;
	r->died_at = c->number;
}

void launch_poison_tick(struct runner *r)
{
	struct commit *c;

	if (!r->page || !r->died)
		return;
	c = commit_of(r->page);
	if (c->number < r->died_at + CAREFUL_UNITS)
		return;
	c->careful = 0;
	r->died = false;
}
