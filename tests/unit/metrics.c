/* metrics: the table obeys the format's rules, counters find their row, pages become text. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/metrics/exposition.h"
#include "libcommon/stage/metrics.h"
#include "tests/unit/check.h"

static const struct metric *metric_of(const char *name)
{
	for (size_t i = 0; i < metric_count; i++)
		if (!strcmp(metric_table[i].name, name))
			return &metric_table[i];
	abort();
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static void test_names(void)
{
	static const char *const reserved[] = { "_total", "_created", "_bucket",
						"_count", "_sum",     "_info" };

	check_case("names are lower case, there once, end with their unit and no reserved suffix");
	for (size_t i = 0; i < metric_count; i++) {
		const struct metric *m = &metric_table[i];

		for (const char *p = m->name; *p; p++)
			CHECK(islower(*p) || isdigit(*p) || *p == '_');
		if (*m->unit) {
			CHECK(ends_with(m->name, m->unit));
			CHECK(m->name[strlen(m->name) - strlen(m->unit) - 1] == '_');
		}
		for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
			CHECK(!ends_with(m->name, reserved[k]));
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(m->name, metric_table[k].name) != 0);
		CHECK(!strpbrk(m->what, "\\\n\""));
		CHECK((m->type == METRIC_HISTOGRAM) == (m->buckets != NULL));
	}
	check_case("the bounds of buckets rise, and their text is their number");
	for (size_t i = 0; i < metric_count; i++) {
		const struct metric_buckets *b = metric_table[i].buckets;

		for (size_t k = 0; b && k < b->n; k++) {
			double le = strtod(b->bounds[k].le, NULL) * (double)b->scale;

			CHECK(!k || b->bounds[k].upper > b->bounds[k - 1].upper);
			CHECK((uint64_t)(le + 0.5) == b->bounds[k].upper);
		}
	}
}

static bool match(const char *source, const char *counter, const char *want)
{
	struct exposition_label l[EXPOSITION_LABELS];
	char got[256] = "";
	size_t n;

	if (!exposition_match(source, counter, l, &n))
		return !want;
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s=%.*s;",
			 (int)l[i].name_len, l[i].name, (int)l[i].value_len, l[i].value);
	return want && !strcmp(got, want);
}

static void test_match(void)
{
	check_case("a source fits a counter whole, and its labels hold no dot");
	CHECK(match("in", "in", ""));
	CHECK(match("in", "inn", NULL));
	CHECK(match("in", "i", NULL));
	CHECK(match("out_to@output", "out_to", ""));
	CHECK(match("dropped.{reason}", "dropped.malformed", "reason=malformed;"));
	CHECK(match("dropped.{reason}", "dropped.", NULL));
	CHECK(match("dropped.{reason}", "dropped.a.b", NULL));
	CHECK(match("flows_{l4}.{reason}", "flows_tcp.end_of_input",
		    "l4=tcp;reason=end_of_input;"));
	CHECK(match("flows_{l4}.in", "flows_tcp.fin", NULL));
	CHECK(match("{counter*}", "a.b.c", "counter=a.b.c;"));
	CHECK(match("{counter*}", "", NULL));
}

static void test_histogram(void)
{
	struct histogram h = { 0 };
	const struct metric_buckets *b = &metric_buckets_flow_packets;

	check_case(
		"a value on a bound is in its bucket, one above in the next, the rest in the last");
	histogram_add(&h, b, 0);
	histogram_add(&h, b, 1);
	histogram_add(&h, b, 2);
	histogram_add(&h, b, 10);
	histogram_add(&h, b, 100000);
	histogram_add(&h, b, 100001);
	CHECK_EQ(h.in, 6);
	CHECK_EQ(h.sum, 200014);
	CHECK_EQ(h.count[0], 2);
	CHECK_EQ(h.count[1], 2);
	CHECK_EQ(h.count[5], 1);
	CHECK_EQ(h.count[6], 1);
	CHECK(metric_of("flow_packets")->buckets == b);
}

static void add(struct exposition_page *p, const char *stage, const char *counter, uint64_t peer,
		uint64_t value)
{
	struct books_row r = { .instance = 1, .peer = peer, .value = value };

	snprintf(r.stage, sizeof(r.stage), "%s", stage);
	snprintf(r.counter, sizeof(r.counter), "%s", counter);
	books_add(&p->books, &r);
}

/* The page's text has the line. */
static bool has(const struct buf *out, const char *line)
{
	char want[512];

	snprintf(want, sizeof(want), "\n%s\n", line);
	return memmem(out->ptr, out->len, want, strlen(want)) != NULL;
}

static void test_text(void)
{
	struct exposition_page p[2] = { { .pipeline = "a\"b\\", .copy = "flow-1" },
					{ .pipeline = "", .copy = "x" } };
	struct buf out = { 0 };

	check_case("a page becomes series with its labels; peers are summed, or a label");
	add(&p[0], "flow", "in", 7, 10);
	add(&p[0], "flow", "in", 8, 5);
	add(&p[0], "flow", "out_to", 0, 3);
	add(&p[0], "flow", "out_to", 1, 4);
	add(&p[1], "mine", "bytes.in", 0, 9);
	exposition_write(p, 2, 1, &out);
	CHECK(has(&out, "weir_records_in_total{pipeline=\"a\\\"b\\\\\",stage=\"flow\","
			"copy=\"flow-1\"} 15"));
	CHECK(has(&out, "weir_records_sent_total{pipeline=\"a\\\"b\\\\\",stage=\"flow\","
			"copy=\"flow-1\",output=\"1\"} 4"));
	check_case("a row of another stage's does not take a counter; what no row takes is there");
	CHECK(has(&out, "weir_stage_counter{stage=\"mine\",copy=\"x\",counter=\"bytes.in\"} 9"));
	CHECK(has(&out, "weir_pages{stage=\"metrics\"} 2"));
	CHECK(has(&out, "weir_pages_left_out{stage=\"metrics\"} 1"));
	check_case("the text ends with # EOF");
	CHECK(out.len > 6 && !memcmp(out.ptr + out.len - 6, "# EOF\n", 6));
	books_release(&p[0].books);
	check_case("a histogram's buckets add up, and its sum is in the metric's unit");
	out.len = 0;
	add(&p[0], "flow", "flow_duration.in", 0, 4);
	add(&p[0], "flow", "flow_duration.le_0.1", 0, 1);
	add(&p[0], "flow", "flow_duration.le_10.0", 0, 2);
	add(&p[0], "flow", "flow_duration.le_inf", 0, 1);
	add(&p[0], "flow", "flow_duration_sum", 0, 4000000123);
	p[0].pipeline[0] = p[0].copy[0] = '\0';
	exposition_write(p, 1, 0, &out);
	CHECK(has(&out, "weir_flow_duration_seconds_bucket{stage=\"flow\",le=\"1.0\"} 1"));
	CHECK(has(&out, "weir_flow_duration_seconds_bucket{stage=\"flow\",le=\"3600.0\"} 3"));
	CHECK(has(&out, "weir_flow_duration_seconds_bucket{stage=\"flow\",le=\"+Inf\"} 4"));
	CHECK(has(&out, "weir_flow_duration_seconds_count{stage=\"flow\"} 4"));
	CHECK(has(&out, "weir_flow_duration_seconds_sum{stage=\"flow\"} 4000.000123"));
	CHECK(!memmem(out.ptr, out.len, "flow_duration.", 14));
	books_release(&p[0].books);
	books_release(&p[1].books);
	buf_release(&out);
}

int main(void)
{
	test_names();
	test_match();
	test_histogram();
	test_text();
	return check_end();
}
