/* books: the counters of a page, and every law of the books with a planted off-by-one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libcommon/stage/books.h"
#include "tests/unit/check.h"

static void add(struct books *b, const char *stage, uint64_t instance, const char *counter,
		uint64_t peer, uint64_t value)
{
	struct books_row r = { .instance = instance, .peer = peer, .value = value };

	snprintf(r.stage, sizeof(r.stage), "%s", stage);
	snprintf(r.counter, sizeof(r.counter), "%s", counter);
	books_add(b, &r);
}

/* A source, a filter and two readers of the filter, all in balance. */
static void balanced(struct books *b)
{
	add(b, "read", 1, "made", 0, 100);
	add(b, "read", 1, "out", 0, 100);
	add(b, "read", 1, "out_to", 1, 100);
	add(b, "flow", 2, "in", 1, 100);
	add(b, "flow", 2, "made", 0, 120);
	add(b, "flow", 2, "out", 0, 120);
	add(b, "flow", 2, "consumed", 0, 90);
	add(b, "flow", 2, "filtered", 0, 4);
	add(b, "flow", 2, "dropped.malformed", 0, 5);
	add(b, "flow", 2, "dropped.cap", 0, 1);
	add(b, "flow", 2, "held", 0, 0);
	add(b, "flow", 2, "frames.in", 0, 100);
	add(b, "flow", 2, "frames.packet", 0, 94);
	add(b, "flow", 2, "frames.non_ip", 0, 6);
	add(b, "flow", 2, "out_to", 1, 120);
	add(b, "flow", 2, "out_to", 2, 120);
	add(b, "flow", 2, "lost", 2, 7);
	add(b, "json", 3, "in", 2, 120);
	add(b, "json", 3, "consumed", 0, 120);
	add(b, "tee", 4, "in", 2, 113);
	add(b, "tee", 4, "consumed", 0, 113);
}

static size_t broken(const struct books *b, char *why, size_t size)
{
	struct buf text = { 0 };
	size_t n = books_check(b, &text);

	snprintf(why, size, "%.*s", (int)text.len, text.ptr ? (const char *)text.ptr : "");
	buf_release(&text);
	return n;
}

static void test_page(void)
{
	struct books_page *p = books_open("flow", 0x1234);
	uint64_t *a, *b;
	char name[64];

	check_case("a counter is found again by name and peer, and stays where it is");
	a = books_counter(p, "in", 7);
	b = books_counter(p, "in", 8);
	CHECK(a != b);
	*a += 3;
	*b += 4;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "counter.%d", i);
		*books_counter(p, name, 0) = 1;
	}
	CHECK(books_counter(p, "in", 7) == a);
	CHECK(books_counter(p, "in", 8) == b);
	CHECK_EQ(books_value(p, "in"), 7);
	CHECK_EQ(books_value(p, "counter.99"), 1);
	CHECK_EQ(books_value(p, "none"), 0);

	check_case("a long name is cut at 39 bytes and found by its cut form");
	a = books_counter(p, "a_name_that_is_longer_than_a_slot_has_room_for", 0);
	CHECK(a == books_counter(p, "a_name_that_is_longer_than_a_slot_has_room_for", 0));
	CHECK_EQ(strlen(p->slots[p->nslots - 1].name), 39);

	check_case("a full page shares its last slot, other");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "more.%d", i);
		(*books_counter(p, name, 0))++;
	}
	CHECK_EQ(p->nslots, BOOKS_SLOTS);
	CHECK_EQ(books_value(p, "other"), 1000 - (BOOKS_SLOTS - 1 - 103));
	CHECK((const uint8_t *)&p->slots[BOOKS_SLOTS] <= (const uint8_t *)p + BOOKS_PAGE);
	free(p);
}

static void test_page_fd(void)
{
	int fd = memfd_create("page", 0);
	struct books_page *own, *seen, *copy;
	struct books set = { 0 };
	char text[16];

	check_case("the page of $WEIR_PAGE_FD is seen by whoever else maps it");
	CHECK_EQ(ftruncate(fd, BOOKS_PAGE), 0);
	snprintf(text, sizeof(text), "%d", fd);
	setenv("WEIR_PAGE_FD", text, 1);
	own = books_open("reasm", 99);
	seen = mmap(NULL, BOOKS_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	*books_counter(own, "in", 5) = 11;
	*books_counter(own, "held", 0) = 11;
	CHECK_EQ(seen->magic, BOOKS_MAGIC);
	CHECK_EQ(seen->pid, getpid());
	CHECK_EQ(books_value(seen, "in"), 11);

	check_case("a running stage may hold records, one that ended may not");
	books_add_page(&set, seen);
	CHECK_EQ(books_check(&set, NULL), 0);
	own->state = 1;
	books_add_page(&set, seen);
	CHECK_EQ(books_check(&set, NULL), 1);
	books_release(&set);

	check_case("a copy of it stays as it is whatever becomes of the file");
	copy = books_page_copy(fd);
	CHECK(copy != NULL);
	*books_counter(own, "in", 5) = 12;
	CHECK_EQ(books_value(copy, "in"), 11);
	free(copy);

	check_case("a page with absurd figures is read within its bounds");
	own->nslots = UINT32_MAX;
	memset(own->slots, 'x', BOOKS_PAGE - sizeof(*own));
	books_add_page(&set, seen);
	CHECK_EQ(set.n, 2);
	books_release(&set);
	own->magic = 1;
	books_add_page(&set, seen);
	CHECK_EQ(set.n, 0);
	munmap(own, BOOKS_PAGE);
	munmap(seen, BOOKS_PAGE);

	check_case("no copy is made of what is no page, and why is told apart");
	CHECK(!books_page_copy(fd) && errno == 0);
	CHECK(!books_page_copy(-1) && errno == EBADF);

	check_case("a descriptor too small for a page is not mapped");
	CHECK_EQ(ftruncate(fd, 100), 0);
	CHECK(!books_page_copy(fd) && errno == 0);
	own = books_open("reasm", 99);
	*books_counter(own, "in", 5) = 11;
	free(own);
	unsetenv("WEIR_PAGE_FD");
	close(fd);
}

static void test_laws(void)
{
	struct books b = { 0 };
	char why[1024];

	check_case("a balanced set breaks no law");
	balanced(&b);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	CHECK(!*why);

	check_case("each counter that is one too high or too low is caught");
	for (size_t i = 0; i < b.n; i++) {
		for (int d = -1; d <= 1; d += 2) {
			b.rows[i].value += (uint64_t)d;
			if (!broken(&b, why, sizeof(why)) || !*why) {
				printf("# %s %s %+d\n", b.rows[i].stage, b.rows[i].counter, d);
				CHECK(!"caught");
			}
			b.rows[i].value -= (uint64_t)d;
		}
	}
	CHECK_EQ(books_check(&b, NULL), 0);

	check_case("a reader that stopped early may have taken less, never more");
	add(&b, "json", 3, "in", 2, 50);
	add(&b, "json", 3, "consumed", 0, 50);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);
	CHECK(strstr(why, "json: took or lost 50 of the") != NULL);
	add(&b, "json", 3, "stopped_early", 0, 1);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	add(&b, "json", 3, "in", 2, 121);
	add(&b, "json", 3, "consumed", 0, 121);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);

	check_case("a row that comes again is kept once, with its last value");
	CHECK_EQ(b.n, 22);
	books_release(&b);

	check_case("a link whose producer is not in the set is not checked");
	add(&b, "json", 3, "in", 2, 120);
	add(&b, "json", 3, "consumed", 0, 120);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	books_release(&b);

	check_case("shards share what went out");
	add(&b, "read", 1, "made", 0, 10);
	add(&b, "read", 1, "out", 0, 10);
	add(&b, "read", 1, "out_to", 1, 4);
	add(&b, "read", 1, "out_to", 2, 6);
	add(&b, "flow", 2, "in", 1, 6);
	add(&b, "flow", 2, "consumed", 0, 6);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	add(&b, "read", 1, "out_to", 2, 5);
	CHECK_EQ(broken(&b, why, sizeof(why)), 2);
	books_release(&b);

	check_case("who reads several shards took what they were given in all, of some a possible "
		   "sum");
	add(&b, "shard", 1, "made", 0, 16);
	add(&b, "shard", 1, "out", 0, 16);
	add(&b, "shard", 1, "out_to", 0, 4);
	add(&b, "shard", 1, "out_to", 1, 6);
	add(&b, "shard", 1, "out_to", 2, 6);
	add(&b, "merge", 2, "in_links", 1, 3);
	add(&b, "merge", 2, "in", 1, 16);
	add(&b, "merge", 2, "consumed", 0, 16);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	add(&b, "merge", 2, "in", 1, 15);
	add(&b, "merge", 2, "consumed", 0, 15);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);
	add(&b, "shard", 1, "lost", 2, 1);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	add(&b, "merge", 2, "in_links", 1, 2);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);
	add(&b, "merge", 2, "in", 1, 10);
	add(&b, "merge", 2, "consumed", 0, 10);
	CHECK_EQ(broken(&b, why, sizeof(why)), 0);
	add(&b, "merge", 2, "in_links", 1, 70);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);
	books_release(&b);

	check_case("a set with more rows than are kept says so");
	for (uint64_t i = 0; i < 17000; i++)
		add(&b, "x", 1, "frames.in", i, 0);
	CHECK_EQ(broken(&b, why, sizeof(why)), 1);
	CHECK(strstr(why, "left out") != NULL);
	books_release(&b);
}

static void test_print(void)
{
	struct books b = { 0 };
	struct buf out = { 0 };

	check_case("the table has a row per stage, reasons below it, and a verdict");
	balanced(&b);
	books_print(&b, &out);
	buf_add_byte(&out, 0);
	CHECK(strstr((const char *)out.ptr, "flow                     100         120") != NULL);
	CHECK(strstr((const char *)out.ptr, "dropped.malformed 5") != NULL);
	CHECK(strstr((const char *)out.ptr, "books balance: 14 laws\n") != NULL);
	for (char *l = strtok((char *)out.ptr, "\n"); l; l = strtok(NULL, "\n"))
		CHECK(strlen(l) <= 100);

	check_case("names from elsewhere reach the terminal as printable ASCII only");
	buf_clear(&out);
	add(&b, "e\033[2J", 5, "\033]0;x\a", 0, 1);
	add(&b, "e\033[2J", 5, "made", 0, 1);
	books_print(&b, &out);
	CHECK(memchr(out.ptr, 033, out.len) == NULL);
	CHECK(memchr(out.ptr, '\a', out.len) == NULL);
	buf_add_byte(&out, 0);
	CHECK(strstr((const char *)out.ptr, "books are off: 1 of ") != NULL);
	buf_release(&out);
	books_release(&b);
}

static void test_kinds(void)
{
	struct books_page *p = books_open("flow", 1);
	char name[64];
	uint64_t *first, *other;

	check_case("kinds that come up get a counter each, up to a number; the rest share one");
	first = books_kind(p, "anomalies", BYTES_LIT("PAWS"));
	CHECK(first == books_kind(p, "anomalies", BYTES_LIT("PAWS")));
	CHECK_EQ(strcmp(p->slots[0].name, "anomalies.PAWS"), 0);
	CHECK(books_kind(p, "anomalies", BYTES_LIT("a b.c")) != first);
	CHECK_EQ(strcmp(p->slots[1].name, "anomalies.a_b_c"), 0);
	for (int i = 0; i < 3 * BOOKS_KINDS; i++) {
		snprintf(name, sizeof(name), "kind-%d", i);
		++*books_kind(p, "anomalies", bytes_str(name));
	}
	other = books_kind(p, "anomalies", BYTES_LIT("one more"));
	CHECK_EQ(strcmp((char *)other - offsetof(struct books_slot, value), "anomalies.other"), 0);
	CHECK_EQ(*other, 3 * BOOKS_KINDS - (BOOKS_KINDS - 3));
	CHECK_EQ(p->nslots, BOOKS_KINDS);
	CHECK(books_kind(p, "others", BYTES_LIT("x")) != other);
	free(p);
}

int main(void)
{
	test_page();
	test_page_fd();
	test_laws();
	test_print();
	test_kinds();
	return check_end();
}
