/* weir-meter: passes everything on and shows on standard error how fast it goes. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "libcommon/base/clock.h"
#include "libcommon/stage/stage.h"

struct config {
	uint64_t every;
	const char *label;
};

static struct config config;

static const struct opt options[] = {
	OPT_ROW('e', "every", OPT_DURATION, struct config, every, "TIME",
		"show the rate so often; without it every second, on a terminal only"),
	OPT_ROW(0, "label", OPT_STRING, struct config, label, "TEXT", "in front of each line"),
	{ 0 },
};

struct point {
	uint64_t ns, records, bytes;
};

static struct point now, last, start;
static volatile sig_atomic_t due;
static bool on, tty;

static void on_alarm(int sig)
{
	(void)sig;
	due = 1;
}

static void meter_open(struct stage *st, int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART: waits end */
	struct itimerval timer = { 0 };

	(void)st;
	(void)argc;
	(void)argv;
	tty = isatty(STDERR_FILENO);
	on = config.every || tty;
	if (!config.every)
		config.every = 1000000000;
	if (config.every < 10000000)
		die_usage("--every: at least 10ms");
	timer.it_interval.tv_sec = (time_t)(config.every / 1000000000);
	timer.it_interval.tv_usec = (suseconds_t)(config.every % 1000000000 / 1000);
	timer.it_value = timer.it_interval;
	start.ns = last.ns = clock_ns(CLOCK_MONOTONIC);
	if (!on)
		return;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void meter_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	now.records += n;
	for (size_t i = 0; i < n; i++) {
		now.bytes += recs[i].raw.len;
		stage_pass(st, recs[i].raw);
	}
}

/* 12345678 as "12.3M". */
static void put_scaled(struct buf *out, double v)
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	while (v >= 999.95 && units[unit + 1]) {
		v /= 1000;
		unit++;
	}
	if (unit == 0)
		buf_printf(out, "%.0f", v);
	else
		buf_printf(out, "%.1f%c", v, units[unit]);
}

static void show(const struct point *from, bool last_one)
{
	double seconds = (double)(now.ns - from->ns) / 1e9;
	uint64_t elapsed = (now.ns - start.ns) / 1000000000;
	struct buf line = { 0 };

	if (seconds <= 0)
		seconds = 1e-9;
	if (tty)
		buf_add_str(&line, "\r");
	buf_printf(&line, "%s%s%" PRIu64 " records  ", config.label ? config.label : "",
		   config.label ? ": " : "", now.records);
	put_scaled(&line, (double)now.bytes);
	buf_printf(&line, "B  %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "  ", elapsed / 3600,
		   elapsed / 60 % 60, elapsed % 60);
	put_scaled(&line, (double)(now.records - from->records) / seconds);
	buf_add_str(&line, "/s  ");
	put_scaled(&line, (double)(now.bytes - from->bytes) / seconds);
	buf_add_str(&line, last_one ? "B/s on average" : "B/s");
	buf_add_str(&line, tty ? "\033[K" : "\n");
	if (tty && last_one)
		buf_add_byte(&line, '\n');
	if (write(STDERR_FILENO, line.ptr, line.len) < 0)
		on = false; /* nobody looks any more */
	buf_release(&line);
}

static int meter_turn(struct stage *st)
{
	(void)st;
	if (due && on) {
		due = 0;
		now.ns = clock_ns(CLOCK_MONOTONIC);
		show(&last, false);
		last = now;
	}
	return -1;
}

static void meter_finish(struct stage *st)
{
	(void)st;
	now.ns = clock_ns(CLOCK_MONOTONIC);
	if (on)
		show(&start, true);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "meter",
		.summary = "pass everything on and show how fast it goes",
		.epilog = "    weir read trace.pcap | weir meter | weir flow | weir json\n",
		.kind = STAGE_FILTER,
		.options = options,
		.config = &config,
		.open = meter_open,
		.batch = meter_batch,
		.turn = meter_turn,
		.finish = meter_finish,
		.skims = true,
	};

	return stage_main(&ops, argc, argv);
}
