/* carve: tests of what weir-carve keeps in mind: numbers, flows that are followed, the pre-roll. */
#include "tests/unit/check.h"

#include <unistd.h>

#include "cmd/carve/followed.h"
#include "cmd/carve/numbers.h"
#include "cmd/carve/preroll.h"

static uint64_t seed = 1;

static uint64_t next(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % below;
}

static void test_numbers(void)
{
	struct numbers s = { .max = 5000 };
	static bool in[4000];
	bool agree = true;
	size_t count = 0;

	check_case("a set of numbers has what was put in, each once, whatever the order");
	for (int i = 0; i < 100000; i++) {
		uint64_t v = next(4000);

		if (v % 3)
			continue;
		in[v] = true;
		agree &= numbers_add(&s, v);
	}
	numbers_sort(&s);
	for (uint64_t v = 0; v < 4000; v++) {
		agree &= (numbers_find(&s, v) >= 0) == in[v];
		count += in[v];
	}
	CHECK(agree);
	CHECK_EQ(s.n, count);
	numbers_release(&s);

	check_case("a full set refuses new numbers, and no others");
	s = (struct numbers){ .max = 100 };
	for (uint64_t v = 0; v < 100; v++)
		CHECK(numbers_add(&s, 7 * v));
	CHECK(!numbers_add(&s, 1));
	CHECK(!numbers_add(&s, 1));
	CHECK(numbers_add(&s, 14));
	CHECK_EQ(s.n, 100);
	numbers_release(&s);

	check_case("a set that is nearly full takes numbers that it has as fast as another");
	s = (struct numbers){ .max = 65536 };
	for (uint64_t v = 0; v < 65535; v++)
		CHECK(numbers_add(&s, 7 * v));
	alarm(20); /* a sort for each takes minutes */
	for (uint64_t i = 0; i < 300000; i++)
		CHECK(numbers_add(&s, 7 * (i % 2)));
	alarm(0);
	numbers_sort(&s);
	CHECK_EQ(s.n, 65535);
	numbers_release(&s);
}

static void test_followed(void)
{
	struct followed *f = followed_new(4);

	check_case("flows are followed until their time, the newest that there is room for");
	CHECK(followed_add(f, 10, 100));
	CHECK(!followed_add(f, 10, 50));
	CHECK(followed_has(f, 10, 100));
	CHECK(!followed_has(f, 10, 101));
	CHECK(!followed_add(f, 10, 200));
	CHECK(followed_has(f, 10, 101));
	for (uint64_t flow = 11; flow < 15; flow++)
		CHECK(followed_add(f, flow, 100));
	CHECK(!followed_has(f, 10, 1));
	for (uint64_t flow = 11; flow < 15; flow++)
		CHECK(followed_has(f, flow, 1));
	CHECK_EQ(followed_given_up(f), 1);
	for (uint64_t flow = 100; flow < 1100; flow++)
		followed_add(f, flow, 100);
	CHECK(followed_has(f, 1099, 1) && followed_has(f, 1096, 1) && !followed_has(f, 1095, 1));
	followed_free(f);
}

/* ---- the pre-roll beside a model that keeps everything ----------------------------------- */

enum { FRAMES = 20000, FLOWS = 50 };

static struct model {
	uint64_t ts, flow;
	bool chosen, left, was_chosen;
	uint32_t len;
} model[FRAMES + 1];
static uint64_t left_up_to;
static bool in_order = true, intact = true;

static void leave(void *user, const struct preroll_frame *f)
{
	struct model *m = &model[f->n];

	(void)user;
	in_order &= f->n == ++left_up_to;
	m->left = true;
	m->was_chosen = f->chosen;
	intact &= f->raw.len == m->len && f->ts == m->ts;
	for (size_t i = 0; i < f->raw.len; i++)
		intact &= f->raw.ptr[i] == (uint8_t)(f->n + i);
}

static void choose_model(uint64_t flow, uint64_t n)
{
	for (uint64_t i = left_up_to + 1; i <= n; i++)
		model[i].chosen |= model[i].flow == flow;
}

static void test_preroll(size_t bytes, uint32_t longest, const char *title)
{
	struct preroll *p = preroll_new(bytes, leave, NULL);
	static uint8_t data[4096];
	bool agree = true;

	check_case(title);
	memset(model, 0, sizeof(model));
	left_up_to = 0;
	for (uint64_t n = 1; n <= FRAMES; n++) {
		struct model *m = &model[n];
		uint64_t late = next(20), flow;

		m->len = 1 + (uint32_t)next(longest);
		m->ts = n * 10;
		for (uint32_t i = 0; i < m->len; i++)
			data[i] = (uint8_t)(n + i);
		preroll_expire(p, m->ts > 3000 ? m->ts - 3000 : 0);
		CHECK(preroll_add(p, BYTES(data, m->len), n, m->ts));
		/* Some frames' flows are known later, some never. */
		if (late < 15 && n > late && !model[n - late].flow) {
			flow = 1 + next(FLOWS);
			if (!model[n - late].left)
				model[n - late].flow = flow;
			preroll_member(p, n - late, flow, false);
		}
		if (next(100) == 0) {
			flow = 1 + next(FLOWS);
			choose_model(flow, n);
			preroll_choose_flow(p, flow);
		}
		if (next(500) == 0) {
			for (uint64_t i = n;
			     i > left_up_to && model[i].ts + 200 >= m->ts && !model[i].chosen; i--)
				model[i].chosen = true;
			preroll_choose_since(p, m->ts - 200);
		}
	}
	preroll_flush(p);
	CHECK_EQ(left_up_to, FRAMES);
	for (uint64_t n = 1; n <= FRAMES; n++)
		agree &= model[n].chosen == model[n].was_chosen;
	CHECK(agree);
	CHECK(in_order);
	CHECK(intact);
	CHECK_EQ(preroll_count(p), 0);
	CHECK((preroll_early(p) > 0) == (bytes < 100000));
	preroll_free(p);
}

int main(void)
{
	test_numbers();
	test_followed();
	test_preroll(1 << 20, 200,
		     "each frame leaves once, in order, whole, chosen as a model says");
	test_preroll(20000, 1500, "the same where there is no room for all of the time");
	test_preroll(8192, 4000, "the same where there is room for a few frames only");
	return check_end();
}
