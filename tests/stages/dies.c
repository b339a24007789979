/* weir-dies: a source that kills itself with SIGKILL at its record number WEIR_DIES_AT, behind what
 * it committed last. Its successor makes the rest and waits; with WEIR_DIES_AGAIN it dies there
 * too. */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "libcommon/stage/stage.h"

static uint64_t n, at;
static bool spared;

static void dies_open(struct stage *st, int argc, char **argv)
{
	const char *text = getenv("WEIR_DIES_AT");

	(void)st;
	(void)argc;
	(void)argv;
	at = text ? strtoull(text, NULL, 10) : 0;
}

static void dies_resume(struct stage *st, uint64_t made)
{
	(void)st;
	n = made;
	spared = !getenv("WEIR_DIES_AGAIN");
}

static bool dies_produce(struct stage *st)
{
	static const struct timespec nap = { 0, 10000000 };
	struct rec_head h = { .type = REC_anomaly, .ts = n + 1, .n = n + 1 };
	struct rec_anomaly r = { .name = bytes_str("tick"), .stage = bytes_str("dies") };

	if (n == at) {
		nanosleep(&nap, NULL);
		return true;
	}
	n++;
	stage_emit(st, &rec_anomaly_desc, &h, &r);
	stage_at(st, 0, h.n, h.ts);
	if (n == at && !spared)
		raise(SIGKILL);
	return true;
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "dies",
		.summary = "make records, and die",
		.kind = STAGE_SOURCE,
		.open = dies_open,
		.produce = dies_produce,
		.resume = dies_resume,
	};

	return stage_main(&ops, argc, argv);
}
