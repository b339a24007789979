/* commit: two slots in a page, of which one holds what a stage has done for good. */
#include "libcommon/stage/commit.h"

#include <string.h>

_Static_assert(sizeof(struct commit_slot) <= COMMIT_SLOT, "slot");
_Static_assert(offsetof(struct commit, slots) == 4096, "slots");
_Static_assert(COMMIT_AT + sizeof(struct commit) == COMMIT_PAGE, "page");

void commit_begin(struct books_page *page)
{
	commit_of(page)->magic = COMMIT_MAGIC;
}

bool commit_resumes(struct books_page *page)
{
	return commit_of(page)->magic == COMMIT_MAGIC && commit_of(page)->number > 0;
}

const struct commit_slot *commit_valid(struct books_page *page)
{
	struct commit *c = commit_of(page);
	uint64_t number = __atomic_load_n(&c->number, __ATOMIC_ACQUIRE);

	return c->magic == COMMIT_MAGIC && number ? &c->slots[number & 1].slot : NULL;
}

struct commit_slot *commit_prepare(struct books_page *page)
{
	struct commit *c = commit_of(page);
	struct commit_slot *slot = &c->slots[(c->number + 1) & 1].slot;

	slot->nvalues = page->nslots;
	for (uint32_t i = 0; i < page->nslots; i++)
		slot->values[i] = page->slots[i].value;
	return slot;
}

void commit_store(struct books_page *page)
{
	struct commit *c = commit_of(page);

	__atomic_store_n(&c->number, c->number + 1, __ATOMIC_RELEASE);
}

/* Records that came in, or were made, and met no end. */
static uint64_t without_fate(const struct books_page *page)
{
	uint64_t in = books_value(page, "in") + books_value(page, "made");
	uint64_t out = books_value(page, "out") + books_value(page, "consumed") +
		       books_value(page, "filtered");

	for (uint32_t i = 0; i < page->nslots; i++)
		if (strncmp(page->slots[i].name, "dropped.", 8) == 0)
			out += page->slots[i].value;
	return in > out ? in - out : 0;
}

bool commit_restore(struct books_page *page)
{
	const struct commit_slot *slot = commit_valid(page);
	uint64_t lost;

	if (!slot || slot->nvalues > page->nslots || page->nslots > BOOKS_SLOTS ||
	    slot->nin > COMMIT_ENDS || slot->nout > COMMIT_ENDS)
		return false;
	for (uint32_t i = 0; i < page->nslots; i++)
		page->slots[i].value = i < slot->nvalues ? slot->values[i] : 0;
	*books_counter(page, "held", 0) = 0;
	lost = without_fate(page);
	if (lost)
		*books_counter(page, slot->cut ? "dropped.cut" : "dropped.held", 0) += lost;
	return true;
}
