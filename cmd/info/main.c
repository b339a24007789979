/* weir-info: what a stream holds: its producer, sources, types, times, end and books. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/info/info.h"

struct config {
	bool json, schemas;
};

static struct config config;
static struct info info;

static const struct opt options[] = {
	OPT_ROW(0, "json", OPT_FLAG, struct config, json, NULL, "as one JSON object"),
	OPT_ROW(0, "schemas", OPT_FLAG, struct config, schemas, NULL,
		"the fields of each type, too (JSON has them always)"),
	{ 0 },
};

static void info_open(struct stage *st, int argc, char **argv)
{
	(void)st;
	(void)argc;
	(void)argv;
	info_init(&info);
}

static void set_text(struct buf *to, struct bytes from)
{
	buf_clear(to);
	buf_add(to, from.ptr, from.len);
}

static void on_hello(const struct rec_hello *hello)
{
	const struct rec_source *rows = hello->sources.items;

	if (!info.hello) {
		set_text(&info.program, hello->program);
		set_text(&info.version, hello->version);
		set_text(&info.command, hello->command);
		info.stream = hello->stream;
		info.continues = hello->state == REC_stream_new_CONTINUES;
	}
	info.hello = true;
	info.live |= hello->live;
	for (size_t i = 0; i < hello->sources.count; i++) {
		struct info_source *s = &info.sources[info.nsources];

		if (info.nsources == INFO_SOURCES) {
			info.more_sources++;
			continue;
		}
		*s = (struct info_source){ rows[i].source, rows[i].first_n,
					   strndup((const char *)rows[i].name.ptr,
						   rows[i].name.len) };
		if (!s->name)
			die("out of memory");
		info.nsources++;
	}
}

static void on_end(const struct rec_end *end)
{
	info.ended = true;
	info.cause = end->cause;
	books_add_ledger(&info.books, &end->ledger, false);
}

static void info_control(struct stage *st, const struct rec_head *h, struct bytes raw)
{
	struct buf arena = { 0 };
	struct rec_head head;
	struct rec_hello hello;
	struct rec_end end;

	(void)st;
	if (h->type == REC_hello && rec_decode_own(&rec_hello_desc, raw, &head, &hello, &arena))
		on_hello(&hello);
	else if (h->type == REC_end && rec_decode_own(&rec_end_desc, raw, &head, &end, &arena))
		on_end(&end);
	buf_release(&arena);
}

static void info_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		info_add(&info, stage_schema(st, recs[i].head.type), &recs[i]);
	stage_consume(st, n);
}

static void info_finish(struct stage *st)
{
	struct buf out = { 0 };

	if (!info.hello)
		return;
	if (!(config.json ? info_json(&info, &out) : info_text(&info, config.schemas, &out)))
		stage_exit(st, EXIT_BOOKS);
	stage_text(st, buf_bytes(&out));
	buf_release(&out);
	info_clear(&info);
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "info",
		.summary = "show what a stream holds",
		.operands = "[FILE]",
		.operands_are_inputs = true,
		.epilog = "    weir info trace.weir\n",
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.open = info_open,
		.batch = info_batch,
		.control = info_control,
		.finish = info_finish,
	};
	int code = stage_main(&ops, argc, argv);

	info_release(&info);
	return code;
}
