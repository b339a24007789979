/* weir-top: what the stages of a running pipeline do, and who waits for whom. */
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cmd/top/sample.h"
#include "libcommon/base/die.h"
#include "libcommon/base/opt.h"

struct config {
	bool once, json;
	uint64_t every;
};

static struct config config = { .every = 1000000000 };

static const struct opt options[] = {
	OPT_ROW(0, "once", OPT_FLAG, struct config, once, NULL, "print once, and end"),
	OPT_ROW(0, "json", OPT_FLAG, struct config, json, NULL, "a JSON object a time, no table"),
	OPT_ROW(0, "every", OPT_DURATION, struct config, every, "TIME",
		"between two looks; rates are over it"),
	{ 0 },
};

static void pause_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	nanosleep(&t, NULL);
}

static void print_text(const struct buf *text)
{
	if (fwrite(text->ptr, 1, text->len, stdout) < text->len || fflush(stdout) != 0)
		die_errno("cannot write the output");
}

/* False: a key was pressed that ends it. */
static bool draw(const struct buf *text)
{
	const char *at = (const char *)text->ptr, *end = at + text->len;
	int key;

	erase();
	for (int y = 0; at < end && y < LINES; y++) {
		int n = (int)strcspn(at, "\n");

		if (y == 1)
			attron(A_REVERSE);
		mvaddnstr(y, 0, at, n < COLS ? n : COLS);
		attroff(A_REVERSE);
		at += n + 1;
	}
	refresh();
	timeout((int)(config.every / 1000000));
	key = getch();
	return key != 'q' && key != 3;
}

/* One line, at most, of what there is to say of an end. */
static void watch(int dir, bool screen)
{
	static struct top_sample samples[2];
	static struct top_row rows[RUN_STAGES];
	struct buf text = { 0 };
	unsigned k = 0;
	bool more = top_take(dir, &samples[0]);

	if (!screen || config.once)
		pause_ns(config.every);
	while (more) {
		struct top_sample *before = &samples[k], *now = &samples[k ^= 1];
		size_t n;

		if (!top_take(dir, now))
			break;
		n = top_rows(before, now, rows);
		text.len = 0;
		if (config.json)
			top_json(now, rows, n, &text);
		else
			top_table(now, rows, n, &text);
		buf_add_byte(&text, 0);
		text.len--;
		if (screen) {
			more = draw(&text);
			continue;
		}
		print_text(&text);
		more = !config.once;
		if (more)
			pause_ns(config.every);
	}
	buf_release(&text);
}

int main(int argc, char **argv)
{
	static const struct opt_tool tool = { "weir-top",
					      "show what the stages of a running pipeline do",
					      "[NAME]",
					      "Without a name: the one pipeline that runs. On a "
					      "terminal the table is renewed until\n"
					      "'q' is pressed or the pipeline ends.\n\n"
					      "  weir top\n"
					      "  weir top edge --once --json" };
	static const struct opt_group group = { "options", options, &config };
	bool screen;
	int n, dir;

	tool_name = "weir-top";
	n = opt_parse(&tool, &group, 1, argc, argv);
	if (n > 1)
		die_usage("unexpected argument '%s'", argv[2]);
	if (config.every < 10000000 || config.every > 3600000000000)
		die_usage("--every: 10ms to 1h");
	dir = rundir_find(n ? argv[1] : NULL);
	screen = !config.once && !config.json && isatty(STDOUT_FILENO);
	if (screen) {
		initscr();
		raw();
		noecho();
		curs_set(0);
	}
	watch(dir, screen);
	if (screen)
		endwin();
	close(dir);
	return EXIT_DONE;
}
