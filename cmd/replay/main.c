/* weir-replay: passes records on at the pace at which they were made, or a multiple of it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/base/clock.h"
#include "libcommon/stage/stage.h"

struct config {
	const char *speed;
	uint64_t max_rate, max_gap, tolerance;
};

static struct config config = { .speed = "1", .tolerance = 10000000 };

static const struct opt options[] = {
	OPT_ROW('x', "speed", OPT_STRING, struct config, speed, "F",
		"so many times as fast as it was; 0: as fast as it goes"),
	OPT_ROW(0, "max-rate", OPT_UINT, struct config, max_rate, "N",
		"no more than N records a second; 0: no limit"),
	OPT_ROW(0, "max-gap", OPT_DURATION, struct config, max_gap, "TIME",
		"wait no longer than this where nothing happened for long; 0: no limit"),
	OPT_ROW(0, "tolerance", OPT_DURATION, struct config, tolerance, "TIME",
		"count records that go out so much later than planned"),
	{ 0 },
};

/* Everything is planned from the start, so that errors do not add up. */
struct plan {
	double speed;
	bool begun;
	uint64_t start;   /* CLOCK_MONOTONIC of the first record, ns */
	uint64_t first;   /* its time.. */
	uint64_t highest; /* ..and the highest so far: records are not quite in order of time */
	uint64_t cut;     /* what was left out of gaps */
	uint64_t passed;
	uint64_t *late, *worst, *held;
};

static struct plan plan;

static void replay_open(struct stage *st, int argc, char **argv)
{
	char *end;

	(void)argc;
	(void)argv;
	errno = 0;
	plan.speed = strtod(config.speed, &end);
	if (errno || end == config.speed || *end || !isfinite(plan.speed) || plan.speed < 0)
		die_usage("--speed: '%s' is no factor", config.speed);
	plan.late = stage_counter(st, "late");
	plan.worst = stage_counter(st, "worst_late_ns");
	plan.held = stage_counter(st, "held");
}

/* When the record is due, CLOCK_MONOTONIC. */
static uint64_t due_at(const struct rec_head *h)
{
	double by_time = 0, by_rate = 0, ns;

	if (!plan.begun) {
		plan.begun = true;
		plan.start = clock_ns(CLOCK_MONOTONIC);
		plan.first = plan.highest = h->ts;
	}
	if (h->ts > plan.highest) {
		uint64_t gap = h->ts - plan.highest;

		if (config.max_gap && gap > config.max_gap)
			plan.cut += gap - config.max_gap;
		plan.highest = h->ts;
	}
	if (plan.speed > 0)
		by_time = (double)(plan.highest - plan.first - plan.cut) / plan.speed;
	if (config.max_rate)
		by_rate = (double)plan.passed * 1e9 / (double)config.max_rate;
	ns = by_time > by_rate ? by_time : by_rate;
	return ns < 9e18 ? plan.start + (uint64_t)ns : UINT64_MAX / 2;
}

/* Waits until then, with so many records of the batch at hand; false where the stage is to stop. */
static bool await(struct stage *st, uint64_t due, uint64_t n, size_t left)
{
	struct timespec t = { (time_t)(due / 1000000000), (long)(due % 1000000000) };
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now >= due) {
		if (now - due > config.tolerance)
			++*plan.late;
		if (now - due > *plan.worst)
			*plan.worst = now - due;
		return true;
	}
	stage_pause(st, n);
	*plan.held = left; /* for who looks at the books meanwhile */
	while (!stage_stopping(st) && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
	*plan.held = 0;
	return !stage_stopping(st);
}

static void replay_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	bool go_on = true;

	for (size_t i = 0; i < n; i++) {
		/* What was taken goes out at once where the stage is to stop. */
		if (go_on)
			go_on = await(st, due_at(&recs[i].head), recs[i].head.n, n - i);
		stage_pass(st, recs[i].raw);
		plan.passed++;
	}
}

/* Another stream has times of its own. */
static void replay_finish(struct stage *st)
{
	(void)st;
	plan.begun = false;
	plan.cut = plan.passed = 0;
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "replay",
		.summary = "pass records on at the pace at which they were made",
		.epilog = "    weir read trace.pcap | weir replay --speed 10 | weir flow | weir "
			  "json\n",
		.kind = STAGE_FILTER,
		.pauses = true,
		.options = options,
		.config = &config,
		.open = replay_open,
		.batch = replay_batch,
		.finish = replay_finish,
	};

	return stage_main(&ops, argc, argv);
}
