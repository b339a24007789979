/* commit: what a predecessor committed, and nothing else, is what its successor finds. */
#include <stdlib.h>
#include <string.h>

#include "libcommon/stage/commit.h"
#include "tests/unit/check.h"

static struct books_page *page_new(void)
{
	struct books_page *page = calloc(1, COMMIT_PAGE);

	page->magic = BOOKS_MAGIC;
	commit_begin(page);
	return page;
}

static void test_slots(void)
{
	struct books_page *page = page_new();
	uint64_t *in = books_counter(page, "in", 7), *out = books_counter(page, "out", 0);

	check_case("a page without a commit is a new one");
	CHECK(!commit_resumes(page));
	CHECK(!commit_valid(page));
	CHECK(!commit_restore(page));

	check_case("what was prepared is not committed before it is stored");
	*in = *out = 10;
	commit_prepare(page)->in[0] = 100;
	CHECK(!commit_resumes(page));
	commit_store(page);
	CHECK(commit_resumes(page));
	CHECK_EQ(commit_valid(page)->in[0], 100);

	check_case("a slot that is being filled leaves the valid one alone");
	*in = *out = 25;
	*books_counter(page, "later", 0) = 3;
	commit_prepare(page)->in[0] = 250;
	CHECK_EQ(commit_valid(page)->in[0], 100);
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "in"), 10);
	CHECK_EQ(books_value(page, "out"), 10);
	CHECK_EQ(books_value(page, "later"), 0);

	check_case("each store makes the other slot valid");
	for (uint64_t i = 1; i <= 5; i++) {
		*in = *out = 10 * i;
		commit_prepare(page)->in[0] = i;
		commit_store(page);
		CHECK_EQ(commit_valid(page)->in[0], i);
	}
	*in = 1000;
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "in"), 50);
	free(page);
}

static void test_cut(void)
{
	struct books_page *page = page_new();
	struct commit_slot *slot;

	check_case("the records of a unit that was cut are booked");
	*books_counter(page, "in", 7) = 64;
	*books_counter(page, "made", 0) = 10;
	*books_counter(page, "out", 0) = 40;
	*books_counter(page, "consumed", 0) = 20;
	*books_counter(page, "dropped.malformed", 0) = 1;
	slot = commit_prepare(page);
	slot->cut = 1;
	commit_store(page);
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "dropped.cut"), 64 + 10 - 40 - 20 - 1);

	check_case("what a stage held back is booked, too");
	*books_counter(page, "in", 7) += 5;
	slot = commit_prepare(page);
	slot->cut = 0;
	commit_store(page);
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "dropped.cut"), 64 + 10 - 40 - 20 - 1);
	CHECK_EQ(books_value(page, "dropped.held"), 5);
	free(page);
}

static void test_flows(void)
{
	struct books_page *page = page_new();
	struct commit_slot *slot;
	uint64_t *open = books_counter(page, "flows.open", 0);

	check_case("flows in progress are counted as lost, once");
	*books_counter(page, "flows.in", 0) = 9;
	*books_counter(page, "flows.fin", 0) = 4;
	*open = 5;
	commit_prepare(page);
	commit_store(page);
	for (int again = 0; again < 2; again++) { /* the first successor dies at once */
		CHECK(commit_restore(page));
		CHECK_EQ(books_value(page, "flows_lost"), 5);
		CHECK_EQ(books_value(page, "flows.lost"), 5);
		CHECK_EQ(*open, 0);
	}

	check_case("those of the successor come on top");
	*books_counter(page, "flows.in", 0) += 2;
	*open = 2;
	commit_prepare(page);
	commit_store(page);
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "flows_lost"), 7);
	CHECK_EQ(books_value(page, "flows.lost"), 7);

	check_case("a gauge that is no fate, and one of another group");
	*books_counter(page, "flows_known", 0) = 3;
	*books_counter(page, "frames.held", 0) = 1;
	*books_counter(page, "dropped.held", 0) = 4;
	slot = commit_prepare(page);
	slot->cut = 0;
	commit_store(page);
	CHECK(commit_restore(page));
	CHECK_EQ(books_value(page, "flows_lost"), 10);
	CHECK_EQ(books_value(page, "flows_known"), 0);
	CHECK_EQ(books_value(page, "frames.lost"), 1);
	CHECK_EQ(books_value(page, "dropped.held"), 4);
	free(page);
}

static void test_nonsense(void)
{
	struct books_page *page = page_new();
	struct commit_slot *slot;

	check_case("a slot that cannot be one of this page is refused");
	*books_counter(page, "in", 7) = 1;
	slot = commit_prepare(page);
	commit_store(page);
	slot->nvalues = 2;
	CHECK(!commit_restore(page));
	slot->nvalues = 1;
	slot->nin = COMMIT_ENDS + 1;
	CHECK(!commit_restore(page));
	slot->nin = 0;
	slot->nout = UINT32_MAX;
	CHECK(!commit_restore(page));
	slot->nout = 0;
	page->nslots = UINT32_MAX;
	CHECK(!commit_restore(page));
	page->nslots = 1;
	CHECK(commit_restore(page));
	commit_of(page)->magic++;
	CHECK(!commit_restore(page));
	free(page);
}

int main(void)
{
	test_slots();
	test_cut();
	test_flows();
	test_nonsense();
	return check_end();
}
