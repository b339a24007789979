/* weir-books: one table of what every stage did with every record, and whether it adds up. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libcommon/stage/books.h"
#include "libcommon/stage/sandbox.h"
#include "libcommon/stage/stage.h"

struct config {
	struct opt_strings pages;
};

static struct config config;
static struct books books;

static const struct opt options[] = {
	OPT_ROW(0, "page", OPT_STRINGS, struct config, pages, "FILE",
		"read a stage's page of counters instead of streams; may be repeated"),
	{ 0 },
};

static const char summary[] = "show what every stage did with every record, and whether it adds up";
static const char epilog[] =
	"Exit status 6 where a law does not hold.\n"
	"\n"
	"    weir read trace.pcap | weir flow | weir reasm | weir dns | weir books\n";

/* ---- from streams ---- */

static void books_control(struct stage *st, const struct rec_head *h, struct bytes raw)
{
	struct buf arena = { 0 };
	struct rec_head head;
	struct rec_end end;
	struct rec_books so_far;

	(void)st;
	if (h->type == REC_end && rec_decode_own(&rec_end_desc, raw, &head, &end, &arena))
		books_add_ledger(&books, &end.ledger, false);
	else if (h->type == REC_books &&
		 rec_decode_own(&rec_books_desc, raw, &head, &so_far, &arena))
		books_add_ledger(&books, &so_far.ledger, true);
	buf_release(&arena);
}

static void books_batch(struct stage *st, const struct stage_rec *recs, size_t n)
{
	(void)recs;
	stage_consume(st, n);
}

/* At the end of each stream: of streams one after the other, each gets its table. */
static void books_finish(struct stage *st)
{
	struct buf text = { 0 };

	books_print(&books, &text);
	stage_text(st, buf_bytes(&text));
	if (!books.n)
		stage_exit(st, EXIT_FAILED);
	else if (books_check(&books, NULL))
		stage_exit(st, EXIT_BOOKS);
	buf_release(&text);
	books_release(&books);
}

/* ---- from pages ---- */

static void page_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct books_page *p;

	if (fd < 0)
		die_errno("cannot open '%s'", path);
	p = books_page_copy(fd);
	if (!p && errno)
		die_errno("cannot read '%s'", path);
	if (!p)
		die_code(EXIT_TRUNCATED, "'%s' is no page of counters", path);
	close(fd);
	books_add_page(&books, p);
	free(p);
}

static int pages_main(int argc, char **argv)
{
	const struct opt_tool tool = { "weir-books", summary, "", epilog };
	const struct opt_group group = { "options", options, &config };
	struct buf text = { 0 };
	int code = EXIT_DONE;

	tool_name = "weir-books";
	if (opt_parse(&tool, &group, 1, argc, argv))
		die_usage("unexpected argument '%s'", argv[1]);
	for (size_t i = 0; i < config.pages.n; i++)
		page_read(config.pages.v[i]);
	free(config.pages.v);
	books_print(&books, &text);
	if (books_check(&books, NULL))
		code = EXIT_BOOKS;
	fwrite(text.ptr, 1, text.len, stdout);
	if (fflush(stdout) == EOF)
		die_errno("cannot write the output");
	buf_release(&text);
	books_release(&books);
	return code;
}

int main(int argc, char **argv)
{
	static const struct stage_ops ops = {
		.name = "books",
		.summary = summary,
		.epilog = epilog,
		.kind = STAGE_SINK,
		.options = options,
		.config = &config,
		.batch = books_batch,
		.control = books_control,
		.finish = books_finish,
	};

	/* Pages are files of this host, there is no stream to read: no stage. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--page") || !strncmp(argv[i], "--page=", 7))
			return pages_main(argc, argv);
	return stage_main(&ops, argc, argv);
}
