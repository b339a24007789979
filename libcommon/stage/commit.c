/* commit: two slots in a page, of which one holds what a stage has done for good. */
#include "libcommon/stage/commit.h"

#include <stdio.h>
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

/* A group's gauge of what the process had in its memory (GROUP.open, GROUP.held) is gone with it:
 * from now on that is a fate of its own, GROUP.lost. */
static void lose_gauges(struct books_page *page)
{
	uint32_t n = page->nslots;

	for (uint32_t i = 0; i < n; i++) {
		struct books_slot *slot = &page->slots[i];
		size_t len = strnlen(slot->name, sizeof(slot->name));
		char name[BOOKS_NAME];
		uint64_t lost = slot->value;

		if (!lost || len <= 5 || len == sizeof(slot->name) ||
		    (strcmp(slot->name + len - 5, ".open") &&
		     strcmp(slot->name + len - 5, ".held")))
			continue;
		if (strncmp(slot->name, "dropped.", 8) == 0)
			continue; /* a fate, not a gauge */
		snprintf(name, sizeof(name), "%.*s.lost", (int)(len - 5), slot->name);
		slot->value = 0;
		*books_counter(page, name, 0) += lost;
	}
}

/* Flows in progress that the process knew, and whose state is gone with it. */
static void lose_flows(struct books_page *page)
{
	uint64_t lost = books_value(page, "flows.open") + books_value(page, "flows_known");

	if (!lost)
		return;
	*books_counter(page, "flows_lost", 0) += lost;
	*books_counter(page, "flows_known", 0) = 0;
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
	lose_flows(page);
	lose_gauges(page);
	if (lost)
		*books_counter(page, slot->cut ? "dropped.cut" : "dropped.held", 0) += lost;
	return true;
}
