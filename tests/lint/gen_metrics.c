/* gen_metrics: prints docs/observability.md from the table that the programs use. */
#include <stdio.h>
#include <string.h>

#include "libcommon/stage/metrics.h"

static const char intro[] =
	"# Observability\n"
	"\n"
	"Written by `make docs` from `proto/metrics.def`; change that, not this page.\n"
	"\n"
	"Each stage counts in a page of memory that others can read while it runs: its books\n"
	"([architecture.md](architecture.md), section 4). `weir books` prints them as a table with "
	"the\n"
	"laws they obey; `weir metrics` ([manual](man/weir-metrics.1)) serves the same numbers as\n"
	"OpenMetrics text, over HTTP on the loopback interface or once on standard output:\n"
	"\n"
	"    weir metrics                        # http://127.0.0.1:9273/metrics\n"
	"    weir metrics --once --page flow.page\n"
	"\n"
	"It opens the pages to read them and nothing else: no stage knows of it, and nothing is "
	"done\n"
	"for it per packet. What is said of flows is counted when a flow begins or ends, so a "
	"flow\n"
	"that still goes on is in `weir_flows_active` alone.\n"
	"\n"
	"Labels on all but weir-metrics' own: `pipeline` (the folder of the run directory), "
	"`stage`\n"
	"(the tool's name) and `copy` (the page's name; tells the shards of a stage apart). They "
	"are\n"
	"coarse, and never an address, a port or a name from the wire. `l4` is tcp, udp, icmp, "
	"sctp\n"
	"or other; `side` is orig or resp, who sent; `reason`, `fate` and `kind` are values that\n"
	"[records.md](records.md) lists, or names of anomalies; `ring` and `reader` are names in "
	"the\n"
	"pipeline's file.\n"
	"\n"
	"Of a pipeline that `weir run` looks after, its launcher writes a page, too, five times a\n"
	"second: processes, rings, readers. What it says is with the stage that it is about, as "
	"the\n"
	"metrics `weir_process_*` and `weir_ring_*`: how full a ring is for a reader, how far it "
	"is\n"
	"behind, and who holds up whom. `weir top` shows the same as a table.\n"
	"\n"
	"Samples of counters end with `_total`. A counter that no row names is in\n"
	"`weir_stage_counter`, so the metrics hold all that the books hold.\n"
	"\n"
	"What a tool says on standard error has four levels: `--log error|warn|info|debug`, and\n"
	"`--log-json` for a JSON object a line ([weir-stage(7)](man/weir-stage.7)).\n";

static void print_labels(const char *source)
{
	const char *at = strchr(source, '@'), *sep = "";

	for (const char *p = source; (p = strchr(p, '{')); p++) {
		printf("%s`%.*s`", sep, (int)strcspn(p + 1, "*}"), p + 1);
		sep = ", ";
	}
	if (at)
		printf("%s`%s`", sep, at + 1);
}

static void print_row(const struct metric *m)
{
	static const char *const types[] = { "counter", "gauge", "unknown", "histogram" };

	printf("| `weir_%s` | %s | %s | ", m->name, types[m->type], m->unit);
	print_labels(m->source);
	printf(" | %s%s`%.*s%s` | %s |\n", m->stage, *m->stage ? " " : "",
	       (int)strcspn(m->source, "@*"), m->source,
	       strchr(m->source, '*')        ? "}"
	       : m->type == METRIC_HISTOGRAM ? ".*"
					     : "",
	       m->what);
}

int main(void)
{
	fputs(intro, stdout);
	printf("\n## Metrics\n\n| name | type | unit | labels | counter in the books | meaning "
	       "|\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < metric_count; i++)
		print_row(&metric_table[i]);
	printf("\n## Buckets\n\nUpper bounds, inclusive, and one without a bound.\n\n"
	       "| name | buckets |\n|---|---|\n");
	for (size_t i = 0; i < metric_count; i++) {
		const struct metric_buckets *b = metric_table[i].buckets;

		if (!b)
			continue;
		printf("| `weir_%s` | ", metric_table[i].name);
		for (size_t k = 0; k < b->n; k++)
			printf("%s%s", k ? ", " : "", b->bounds[k].le);
		printf(" |\n");
	}
	return fflush(stdout) || ferror(stdout);
}
