/* paths: tests of the table of tunnel paths. */
#include "libcommon/net/paths.h"

#include "tests/unit/check.h"

static const uint64_t secret[PATHS_SECRET_WORDS] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static struct paths *new_paths(uint32_t steps)
{
	size_t n = paths_size(steps);
	void *memory = malloc(n);

	memset(memory, 0xa5, n);
	return paths_init(memory, steps, secret);
}

/* A path of n steps that x decides. */
static struct layers path_of(unsigned n, uint32_t x)
{
	struct layers l = { .nsteps = (uint8_t)n };

	for (unsigned i = 0; i < n; i++) {
		l.steps[i].kind = (uint8_t)(i % LAYERS_KINDS);
		l.steps[i].has_id = 1;
		l.steps[i].id = i + 1 == n ? x : i;
		l.steps[i].ip_version = i % 2 ? 6 : 0;
		l.steps[i].src[i] = l.steps[i].ip_version;
	}
	return l;
}

static bool is_path(const struct paths *p, uint32_t path, const struct layers *l)
{
	struct layers_step steps[LAYERS_MAX];

	return paths_get(p, path, steps) == l->nsteps &&
	       !memcmp(steps, l->steps, l->nsteps * sizeof(steps[0]));
}

static void test_taking(void)
{
	struct paths *p = new_paths(64);
	struct layers none = { 0 }, a = path_of(16, 7), b = path_of(16, 8), head = path_of(15, 14);
	uint32_t ia, ib, ih;

	check_case("no steps are number 0, which holds nothing");
	CHECK_EQ(paths_take(p, &none), 0);
	CHECK(is_path(p, 0, &none));
	paths_drop(p, 0);

	check_case("a path comes back as it was taken, and equal ones have one number");
	ia = paths_take(p, &a);
	CHECK(ia);
	CHECK_EQ(paths_take(p, &a), ia);
	CHECK(is_path(p, ia, &a));

	check_case("paths that begin alike share the beginning");
	ib = paths_take(p, &b);
	ih = paths_take(p, &head);
	CHECK(ib && ib != ia && ih && ih != ia);
	CHECK(is_path(p, ib, &b) && is_path(p, ih, &head));
	CHECK_EQ(paths_steps(p), 17);

	check_case("a path stays until its last taker drops it, and its beginning until theirs");
	paths_drop(p, ia);
	CHECK(is_path(p, ia, &a));
	paths_drop(p, ia);
	CHECK_EQ(paths_steps(p), 16);
	paths_drop(p, ib);
	CHECK_EQ(paths_steps(p), 15);
	paths_drop(p, ih);
	CHECK_EQ(paths_steps(p), 0);

	check_case("every field makes another path");
	ia = paths_take(p, &a);
	for (unsigned at = 0; at < offsetof(struct layers_step, zero); at++) {
		b = a;
		((uint8_t *)&b.steps[3])[at] ^= 1;
		ib = paths_take(p, &b);
		CHECK(ib && ib != ia);
		CHECK(is_path(p, ib, &b));
		paths_drop(p, ib);
	}
	CHECK_EQ(paths_steps(p), 16);
	free(p);
}

static void test_full(void)
{
	struct paths *p = new_paths(20);
	struct layers l = path_of(16, 1), other;
	uint32_t taken[5];

	check_case("a full table refuses and counts, and keeps nothing of what it refused");
	taken[0] = paths_take(p, &l);
	for (unsigned i = 1; i < 5; i++) {
		other = path_of(16, 1 + i);
		taken[i] = paths_take(p, &other);
		CHECK(taken[i]);
	}
	CHECK_EQ(paths_steps(p), 20);
	other = path_of(16, 99);
	CHECK_EQ(paths_take(p, &other), 0);
	CHECK_EQ(paths_refused(p), 1);
	CHECK_EQ(paths_take(p, &l), taken[0]);
	paths_drop(p, taken[0]);
	paths_drop(p, taken[4]);
	other = path_of(16, 100);
	other.steps[14].id = 55; /* two new steps, and room for one */
	CHECK_EQ(paths_take(p, &other), 0);
	CHECK_EQ(paths_refused(p), 2);
	CHECK_EQ(paths_steps(p), 19);
	CHECK(is_path(p, taken[0], &l));
	other = path_of(16, 101);
	CHECK(paths_take(p, &other));
	free(p);
}

/* Against a plain list of what was taken. */
static void test_model(void)
{
	enum { TAKERS = 200 };
	struct paths *p = new_paths(300);
	struct layers l[TAKERS];
	uint32_t held[TAKERS] = { 0 }, x = 1, refused = 0;

	check_case("100,000 takes and drops: what is held is right, and at the end nothing is");
	for (unsigned i = 0; i < 100000; i++) {
		unsigned who;

		x = x * 1664525 + 1013904223;
		who = x >> 8 & 0xff;
		if (who >= TAKERS)
			continue;
		if (held[who]) {
			if (!is_path(p, held[who], &l[who])) {
				CHECK(!"another path");
				break;
			}
			paths_drop(p, held[who]);
			held[who] = 0;
		} else {
			l[who] = path_of(1 + (x >> 16 & 7), x >> 20 & 0xff);
			held[who] = paths_take(p, &l[who]);
			refused += !held[who];
		}
	}
	CHECK_EQ(paths_refused(p), refused);
	for (unsigned i = 0; i < TAKERS; i++)
		paths_drop(p, held[i]);
	CHECK_EQ(paths_steps(p), 0);
	free(p);
}

int main(void)
{
	test_taking();
	test_full();
	test_model();
	return check_end();
}
