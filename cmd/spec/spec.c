/* spec: the tool weir-spec: finds and compiles the spec, then is a parser like any other. */
#include "cmd/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/spec/session.h"
#include "cmd/spec/shipped.h"
#include "libcommon/base/die.h"

enum { PATH = 4200 };

#define SUMMARY "make records of a protocol that a text describes"

static struct spec_config config = { .timeout = 30000000000ull,
				     .max_pending = 256,
				     .max_memory = 64ull << 20 };

static const char epilog[] =
	"SPEC is a file, or the name of one that came with weir (--list):\n"
	"  weir spec SPEC [OPTION...]\n"
	"docs/write-a-spec.md says how one is written.\n"
	"\n"
	"examples:\n"
	"  weir spec --check mine.spec\n"
	"  weir read trace.pcap | weir flow | weir reasm | weir spec modbus | weir json --types "
	"modbus\n"
	"  weir trace.pcap --with 'spec ./mine.spec'";

static struct spec *compile(const char *what)
{
	char path[PATH];
	struct buf text = shipped_read(what, path, sizeof(path));
	struct spec_error e;
	struct spec *s = spec_compile(buf_bytes(&text), &e);

	buf_release(&text);
	if (!s)
		die_usage("%s:%u:%u: %s", path, e.line, e.column, e.text);
	return s;
}

static void list_one(const char *name)
{
	struct spec *s = compile(name);

	printf("%-12s %s\n", name, s->summary);
	spec_free(s);
}

static void fields_print(const struct rec_desc *d, unsigned depth)
{
	for (size_t i = 0; i < d->nfields; i++) {
		const struct rec_field *f = &d->fields[i];
		bool list = f->shape == REC_LIST;

		printf("%*s%-*s %s%s%s%s%s\n", (int)(2 * depth), "", (int)(22 - 2 * depth), f->name,
		       list ? "list<" : "",
		       f->kind == REC_SUB ? f->sub->name : rec_kind_name(f->kind), list ? ">" : "",
		       *f->what ? "  " : "", f->what);
		if (f->kind == REC_SUB)
			fields_print(f->sub, depth + 1);
	}
}

static int check(const char *what)
{
	struct spec *s = compile(what);

	printf("%s: %s\n", s->name, s->summary);
	fields_print(&s->desc, 1);
	spec_free(s);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* Takes `word` out of argv where it stands. */
static bool taken(int *argc, char **argv, const char *word)
{
	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], word) != 0)
			continue;
		memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(argv[0]));
		--*argc;
		return true;
	}
	return false;
}

static void no_spec(void *shared, const void *c)
{
	(void)shared;
	(void)c;
	die_usage("no spec; try 'weir spec --list'");
}

int spec_main(int argc, char **argv)
{
	struct l7_parser parser = {
		.name = "spec", .summary = SUMMARY, .options = spec_options, .config = &config
	};
	struct spec *s;
	int at, code;

	tool_name = tool_program = "weir-spec";
	if (taken(&argc, argv, "--list")) {
		shipped_each(list_one);
		return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (taken(&argc, argv, "--check")) {
		if (argc != 2)
			die_usage("--check: one spec is expected");
		return check(argv[1]);
	}
	at = l7_operand(&parser, argc, argv);
	if (!at) { /* there may be --help */
		parser.epilog = epilog;
		parser.open = no_spec;
		return l7_main(&parser, argc, argv);
	}
	s = compile(argv[at]);
	memmove(&argv[at], &argv[at + 1], (size_t)(argc - at) * sizeof(argv[0]));
	config.spec = s;
	parser = spec_parser(&config);
	parser.epilog = epilog;
	code = l7_main(&parser, argc - 1, argv);
	spec_free(s);
	return code;
}
