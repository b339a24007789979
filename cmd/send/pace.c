/* pace: when each frame is due, and how late those were that were late. */
#include "cmd/send/pace.h"

static const uint64_t second = 1000000000;

/* What was recorded, without what was too long in its gaps. */
static uint64_t recorded(struct pace *p, uint64_t ts)
{
	if (!p->begun)
		p->first = p->highest = ts;
	p->begun = true;
	if (ts > p->highest) {
		uint64_t gap = ts - p->highest;

		if (p->max_gap && gap > p->max_gap)
			p->cut += gap - p->max_gap;
		p->highest = ts;
	}
	return p->highest - p->first - p->cut;
}

uint64_t pace_due(struct pace *p, uint64_t ts, uint32_t bytes)
{
	uint64_t due = 0, offset = recorded(p, ts);
	double scaled;

	if (p->pps)
		due = (uint64_t)((unsigned __int128)p->frames * second / p->pps);
	else if (p->bps)
		due = (uint64_t)(p->bits * second / p->bps);
	else if (p->speed == 1)
		due = offset;
	else if (p->speed > 0) {
		scaled = (double)offset / p->speed;
		due = scaled < 9e18 ? (uint64_t)scaled : INT64_MAX;
	}
	if (p->burst > 1 && p->frames % p->burst)
		due = p->due;
	if (due > p->due)
		p->due = due;
	p->frames++;
	p->bits += (unsigned __int128)bytes * 8;
	return p->due;
}

void pace_again(struct pace *p)
{
	uint64_t length = p->highest - p->first - p->cut;
	uint64_t gap = p->frames > 1 ? length / (p->frames - 1) : 0;

	/* The first frame of the next round comes a mean gap behind the last: its time is `first`
	 * of a recording that began so much earlier. */
	p->cut = 0;
	p->highest = p->first;
	p->first -= length + gap;
}

void lateness_add(struct lateness *l, uint64_t ns)
{
	unsigned b = ns < 1000 ? 0 : 64 - (unsigned)__builtin_clzll(ns / 1000);

	l->frames++;
	l->late += ns > l->limit;
	if (ns > l->worst)
		l->worst = ns;
	l->buckets[b < LATE_BUCKETS ? b : LATE_BUCKETS - 1]++;
}

uint64_t lateness_share(const struct lateness *l, double share)
{
	uint64_t sum = 0;

	for (unsigned b = 0; b < LATE_BUCKETS - 1; b++) {
		sum += l->buckets[b];
		if ((double)sum >= share * (double)l->frames)
			return 1000ull << b;
	}
	return l->worst;
}

static void put_time(struct buf *out, uint64_t us)
{
	if (us < 1000)
		buf_printf(out, "%4llu us", (unsigned long long)us);
	else if (us < 1000000)
		buf_printf(out, "%4llu ms", (unsigned long long)us / 1000);
	else
		buf_printf(out, "%4llu s ", (unsigned long long)us / 1000000);
}

void lateness_text(const struct lateness *l, struct buf *out)
{
	if (!l->frames)
		return;
	buf_printf(out, "late by          frames\n");
	for (unsigned b = 0; b < LATE_BUCKETS; b++) {
		if (!l->buckets[b])
			continue;
		buf_add_str(out, b == LATE_BUCKETS - 1 ? ">= " : " < ");
		put_time(out, 1ull << (b == LATE_BUCKETS - 1 ? b - 1 : b));
		buf_printf(out, " %12llu\n", (unsigned long long)l->buckets[b]);
	}
}

void lateness_json(const struct lateness *l, struct buf *out)
{
	const char *comma = "";

	buf_printf(out, "\"paced\":%llu,\"late\":%llu,\"worst_late_ns\":%llu,\"p99_late_ns\":%llu",
		   (unsigned long long)l->frames, (unsigned long long)l->late,
		   (unsigned long long)l->worst, (unsigned long long)lateness_share(l, 0.99));
	buf_add_str(out, ",\"late_below_us\":{");
	for (unsigned b = 0; b < LATE_BUCKETS; b++) {
		if (!l->buckets[b])
			continue;
		if (b == LATE_BUCKETS - 1)
			buf_printf(out, "%s\"inf\":", comma);
		else
			buf_printf(out, "%s\"%llu\":", comma, 1ull << b);
		buf_printf(out, "%llu", (unsigned long long)l->buckets[b]);
		comma = ",";
	}
	buf_add_str(out, "}");
}
