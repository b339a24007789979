/* Tests of what all flows of a parser may hold together, and of who gives way. */
#include <string.h>

#include "libcommon/stage/l7_holders.h"
#include "tests/unit/check.h"
#include "tests/unit/l7_run.h"

static struct l7 *l7;
static struct buf ended; /* flows whose session has ended, in that order */
static uint64_t frame, last_n;
static enum l7_claim answer;

static void emitted(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	const struct rec_session_end *e = rec;

	(void)ctx;
	if (desc != &rec_session_end_desc || e->reason != REC_session_reason_EVICTED)
		return;
	buf_printf(&ended, "%llu ", (unsigned long long)h->flow);
	last_n = h->n;
}

static enum l7_claim claims(const struct l7_first *first)
{
	(void)first;
	return answer;
}

/* Reads lines. A number in front is what the parser holds from then on; '*' makes the flow silent
 * for longest go. */
static size_t feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	const uint8_t *end = memchr(data.ptr, '\n', data.len);

	(void)dir;
	if (!end)
		return 0;
	if (data.ptr[0] == '*')
		CHECK(l7_evict_oldest(f));
	else if (data.ptr[0] >= '0' && data.ptr[0] <= '9')
		l7_hold(f, strtoull((const char *)data.ptr, NULL, 10), 1000);
	return (size_t)(end - data.ptr) + 1;
}

static void over(struct l7_flow *f, enum l7_end why)
{
	(void)why;
	l7_hold(f, 0, 1000);
}

static const struct l7_parser hoarder = {
	.name = "hoarder", .claims = claims, .feed = feed, .end = over
};

static void begin(const char *title, size_t max_memory)
{
	check_case(title);
	answer = L7_YES;
	frame = 0;
	l7 = l7_new(&hoarder, &(struct l7_host){ NULL, emitted },
		    &(struct l7_limits){ .max_flows = 1000, .max_memory = max_memory });
}

static void finish(void)
{
	l7_finish(l7, frame);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	CHECK_EQ(l7_stats(l7)->held, 0);
	l7_free(l7);
	buf_clear(&ended);
}

/* n bytes of a line; at: what the flow has sent before. */
static bool say(uint64_t flow, uint64_t at, const char *text, size_t n)
{
	struct rec_head h = { REC_stream, 1, flow, ++frame };
	struct rec_stream s = { .ip_version = 4, .proto = IPPROTO_TCP, .offset = at };
	uint8_t *copy = malloc(n);
	bool taken;

	memset(copy, 'x', n);
	memcpy(copy, text, strlen(text) < n ? strlen(text) : n);
	s.payload = BYTES(copy, n);
	taken = l7_stream(l7, &h, &s);
	free(copy);
	return taken;
}

static bool ends(const char *want)
{
	bool same;

	buf_add_byte(&ended, 0);
	same = strcmp((const char *)ended.ptr, want) == 0;
	if (!same)
		printf("# ended: %s\n", (const char *)ended.ptr);
	buf_clear(&ended);
	return same;
}

static void test_unread(void)
{
	begin("a crowd of idle flows with much that is unread does not push out those at work",
	      100000);
	for (uint64_t flow = 1; flow <= 40; flow++)
		say(flow, 0, "", 4000);
	CHECK(strncmp((const char *)ended.ptr, "1 2 3 ", 6) == 0);
	CHECK(l7_stats(l7)->memory <= 100000);
	buf_clear(&ended);
	for (uint64_t flow = 100; flow < 150; flow++) {
		CHECK(say(flow, 0, "", 100));
		CHECK(say(flow, 100, "\n", 1));
	}
	/* Only idle ones went: none of three digits, of which each was still there at its end. */
	buf_add_byte(&ended, 0);
	for (const char *at = (const char *)ended.ptr; *at; at = strchr(at, ' ') + 1)
		CHECK(atoi(at) < 100);
	CHECK(l7_stats(l7)->memory <= 100000);
	finish();

	begin("flows that nobody has claimed yet count, and go as well", 20000);
	answer = L7_MAYBE;
	for (uint64_t flow = 1; flow <= 200; flow++)
		CHECK(!say(flow, 0, "", 900));
	CHECK(l7_stats(l7)->memory <= 20000);
	CHECK(l7_stats(l7)->evicted > 150);
	answer = L7_YES;
	CHECK(say(300, 0, "", 100));
	CHECK(say(300, 100, "\n", 1));
	CHECK(!say(1, 900, "\n", 1)); /* given up */
	CHECK(say(200, 900, "\n", 1));
	CHECK(ends(""));
	finish();

	begin("room that is empty is given back before anybody goes", 20000);
	for (uint64_t flow = 1; flow <= 100; flow++) {
		CHECK(say(flow, 0, "", 900));
		CHECK(say(flow, 900, "\n", 1));
	}
	CHECK(l7_stats(l7)->memory <= 20000);
	CHECK_EQ(l7_stats(l7)->evicted, 0);
	CHECK(ends(""));
	finish();
}

static void test_held(void)
{
	begin("who holds most goes, of about as much the oldest, and the flow at hand as well", 0);
	say(1, 0, "300\n", 4);
	say(2, 0, "400\n", 4);
	say(3, 0, "200\n", 4);
	CHECK(ends(""));
	say(4, 0, "150\n", 4);
	CHECK(ends("1 "));
	CHECK_EQ(last_n, 4);
	say(3, 4, "20\n", 3);
	say(5, 0, "800\n", 4);
	CHECK(ends("5 "));
	CHECK_EQ(l7_stats(l7)->held, 400 + 20 + 150);
	finish();

	begin("the flow silent for longest makes room, never the one that asks", 0);
	say(1, 0, "a\n", 2);
	say(2, 0, "b\n", 2);
	for (unsigned i = 0; i < 200; i++)
		say(1, 2 + 2 * i, "a\n", 2);
	say(3, 0, "*\n", 2);
	CHECK(ends("2 "));
	say(3, 2, "*\n", 2);
	CHECK(ends("1 "));
	CHECK_EQ(last_n, frame);
	finish();
}

/* Whether the one that gives way is among the largest, by the rule itself. */
static void test_holders(void)
{
	struct l7_holding all[50] = { { .bytes = 0 } };
	struct l7_holders h = { .bytes = 0 };
	uint64_t sum = 0;
	unsigned seed = 7;

	check_case("whoever is named holds more than half of what anybody does");
	CHECK(!l7_holders_most(&h));
	for (unsigned i = 0; i < 20000; i++) {
		struct l7_holding *x = &all[(seed = seed * 1103515245 + 12345) >> 16 & 31], *most;
		uint64_t bytes = i % 3 ? (uint64_t)1 << (seed >> 8) % 40 | seed % 1000 : 0, top = 0;

		sum += bytes - x->bytes;
		l7_holders_set(&h, x, bytes);
		for (size_t k = 0; k < 50; k++)
			top = all[k].bytes > top ? all[k].bytes : top;
		most = l7_holders_most(&h);
		CHECK(most ? most->bytes * 2 > top : !top);
		CHECK(h.bytes == sum);
	}
}

int main(void)
{
	test_unread();
	test_held();
	test_holders();
	buf_release(&ended);
	return check_end();
}
