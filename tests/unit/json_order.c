/* json_order: the lines of one frame number come out in an order that no timing changes. */
#include "cmd/json/order.h"
#include "tests/unit/check.h"

struct line {
	uint16_t type;
	const char *name;
	uint64_t flow;
	const char *producer, *text;
};

static void add(struct order *o, const struct line *l)
{
	size_t from = o->lines.len;

	buf_add_str(&o->lines, l->text);
	order_add(o, l->type, l->name, l->flow, bytes_str(l->producer), from);
}

static bool gives(struct order *o, const char *want)
{
	bool same;

	order_settle(o);
	same = bytes_is(order_lines(o), want);
	if (!same)
		printf("# got %.*s, not %s\n", (int)order_lines(o).len, (const char *)o->lines.ptr,
		       want);
	order_take(o);
	return same;
}

/* The runs of three producers, mixed in every way that keeps each one's own order. */
enum { RUNS = 3, RUN = 3 };

static const struct line runs[RUNS][RUN] = {
	{ { 34, "flow", 2, "", "f" },
	  { 38, "anomaly", 1, "flow", "1" },
	  { 38, "anomaly", 1, "flow", "3" } },
	{ { 38, "anomaly", 1, "reasm", "2" },
	  { 38, "anomaly", 1, "reasm", "4" },
	  { 36, "stream_end", 1, "", "s" } },
	{ { 1000, "zebra", 1, "", "z" }, { 40, "dns", 2, "", "e" }, { 40, "dns", 1, "", "d" } },
};
static const char want[] = "fs1234dez";

static void mix(struct line *sofar, size_t n, size_t taken[RUNS], int *ways, int *wrong)
{
	bool any = false;

	for (size_t r = 0; r < RUNS; r++) {
		if (taken[r] == RUN)
			continue;
		any = true;
		sofar[n] = runs[r][taken[r]++];
		mix(sofar, n + 1, taken, ways, wrong);
		taken[r]--;
	}
	if (!any) {
		struct order o = { 0 };

		for (size_t i = 0; i < n; i++)
			add(&o, &sofar[i]);
		*wrong += !gives(&o, want);
		++*ways;
		order_release(&o);
	}
}

int main(void)
{
	struct order o = { 0 };
	struct line sofar[RUNS * RUN];
	size_t taken[RUNS] = { 0 };
	int ways = 0, wrong = 0;

	check_case("however the producers' lines are mixed, one order comes out");
	mix(sofar, 0, taken, &ways, &wrong);
	CHECK_EQ(ways, 1680); /* 9! / (3! 3! 3!) */
	CHECK_EQ(wrong, 0);

	check_case("built-in types go by number, custom ones after them by name");
	add(&o, &(struct line){ 1000, "zebra", 1, "", "z" });
	add(&o, &(struct line){ 1001, "ant", 1, "", "a" });
	add(&o, &(struct line){ 42, "tls", 1, "", "t" });
	add(&o, &(struct line){ 40, "dns", 1, "", "d" });
	CHECK(gives(&o, "dtaz"));

	check_case("equal type: the lower flow first, then one producer's own order");
	add(&o, &(struct line){ 40, "dns", 9, "", "3" });
	add(&o, &(struct line){ 40, "dns", 1, "", "1" });
	add(&o, &(struct line){ 40, "dns", 1, "", "2" });
	CHECK(gives(&o, "123"));

	check_case("the first of each producer comes before the second of any");
	add(&o, &(struct line){ 38, "anomaly", 1, "tls", "2" });
	add(&o, &(struct line){ 38, "anomaly", 1, "tls", "3" });
	add(&o, &(struct line){ 38, "anomaly", 1, "flow", "1" });
	CHECK(gives(&o, "123"));

	check_case("many records of one frame number are sorted as few are");
	for (uint64_t i = 0; i < 100; i++)
		add(&o, &(struct line){ 40, "dns", 99 - i, "", i % 2 ? "a" : "b" });
	order_settle(&o);
	CHECK_EQ(order_lines(&o).len, 100);
	for (size_t i = 0; i < 100; i += 2)
		CHECK(memcmp(order_lines(&o).ptr + i, "ab", 2) == 0);
	order_take(&o);

	check_case("what is settled can be taken while the next lines are held");
	add(&o, &(struct line){ 40, "dns", 1, "", "1" });
	order_settle(&o);
	add(&o, &(struct line){ 40, "dns", 2, "", "33" });
	add(&o, &(struct line){ 36, "stream_end", 2, "", "2" });
	CHECK(bytes_is(order_lines(&o), "1"));
	order_take(&o);
	CHECK_EQ(order_lines(&o).len, 0);
	add(&o, &(struct line){ 34, "flow", 2, "", "4" });
	CHECK(gives(&o, "4233"));

	check_case("after that nothing is held");
	CHECK_EQ(o.count, 0);
	CHECK(gives(&o, ""));
	order_release(&o);
	return check_end();
}
