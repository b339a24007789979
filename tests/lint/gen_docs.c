/* gen_docs: prints docs/records.md from the tables that the programs use. */
#include <stdio.h>

#include "libcommon/record/record.h"

#define ENUM(name, what) &rec_enum_##name,
#define VALUE(name, id, num, text)
#define ENUM_END(name)
static const struct rec_enum *const enums[] = {
#include "proto/enums.def"
};

static const char intro[] =
	"# Records\n"
	"\n"
	"Every record type that weir's own programs write, its fields in the order in which they\n"
	"stand on the wire, and the values of the enumerations. Written by `make docs` from\n"
	"`proto/*.def`; change those, not this page.\n"
	"\n"
	"A record is one msgpack array: `[type, ts, flow, n, field, field, ...]`. The first four "
	"are\n"
	"the same in all of them and stand in no table:\n"
	"\n"
	"| field | type | meaning |\n"
	"|---|---|---|\n"
	"| `type` | u16 | the number in the heading; a stream's `schema` record gives the fields "
	"|\n"
	"| `ts` | time | when it happened, packet time |\n"
	"| `flow` | u64 | number of the flow's first frame, source in the top 16 bits |\n"
	"| `n` | u64 | number of the input frame at which the record was emitted |\n"
	"\n"
	"Printers use the same names as keys. A field is *required* where a reader may rely on it; "
	"an\n"
	"*optional* one is nil on the wire and left out by printers where it is unknown.\n"
	"\n"
	"| type | on the wire |\n"
	"|---|---|\n"
	"| bool | true or false |\n"
	"| u8 u16 u32 u64 i64 | integer of any msgpack width; the value must fit |\n"
	"| f64 | float, or an integer |\n"
	"| str | str; bin where the bytes are not UTF-8 |\n"
	"| bytes | bin |\n"
	"| ip | bin of 4 or 16 bytes; nil for none |\n"
	"| ip16 | bin of 16 bytes, IPv4 in the first 4 |\n"
	"| mac | bin of 6 bytes |\n"
	"| time | integer, ns since the epoch |\n"
	"| dur | integer, ns |\n"
	"| enum | integer, named by the schema |\n"
	"| raw | any one value |\n"
	"| list of T | array of T; nil for an empty one |\n";

static void print_text(const char *s)
{
	for (; *s; s++)
		printf(*s == '|' ? "\\|" : "%c", *s);
}

static void print_type(const struct rec_field *f)
{
	if (f->shape == REC_LIST)
		printf("list of ");
	if (f->en)
		printf("[%s](#enum-%s)", f->en->name, f->en->name);
	else if (f->sub)
		printf("[%s](#%s)", f->sub->name, f->sub->name);
	else
		printf("%s", rec_kind_name(f->kind));
}

static void print_fields(const struct rec_desc *d)
{
	printf("\n| field | type | | meaning |\n|---|---|---|---|\n");
	for (size_t i = 0; i < d->nfields; i++) {
		const struct rec_field *f = &d->fields[i];

		printf("| `%s` | ", f->name);
		print_type(f);
		printf(" | %s | ", f->shape == REC_ONE ? "required" : "optional");
		print_text(f->what);
		printf(" |\n");
	}
}

/* A sub-record is described behind the first record that has it. */
static void print_subs(const struct rec_desc *d, const struct rec_desc **seen, size_t *nseen)
{
	for (size_t i = 0; i < d->nfields; i++) {
		const struct rec_desc *sub = d->fields[i].sub;
		size_t j = 0;

		while (j < *nseen && seen[j] != sub)
			j++;
		if (!sub || j < *nseen || *nseen == 64)
			continue;
		seen[(*nseen)++] = sub;
		printf("\n### %s\n\n", sub->name);
		print_text(sub->what);
		printf("; an item of a list.\n");
		print_fields(sub);
		print_subs(sub, seen, nseen);
	}
}

static void print_enum(const struct rec_enum *e)
{
	printf("\n### enum %s\n\n", e->name);
	print_text(e->what);
	printf("\n\n| value | name |\n|---|---|\n");
	for (size_t i = 0; i < e->count; i++)
		if (e->values[i])
			printf("| %zu | `%s` |\n", i, e->values[i]);
}

int main(void)
{
	const struct rec_desc *seen[64];
	size_t nseen = 0;

	fputs(intro, stdout);
	printf("\n| id | record | what it says |\n|---|---|---|\n");
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];

		printf("| %u | [%s](#%s) | ", d->id, d->name, d->name);
		print_text(d->what);
		printf(" |\n");
	}
	for (size_t i = 0; i < rec_builtin_count; i++) {
		const struct rec_desc *d = rec_builtin[i];

		printf("\n## %s\n\nType %u, version %u: ", d->name, d->id, d->major);
		print_text(d->what);
		printf(".%s\n", d->hot ? " Fixed layout: every number at full width." : "");
		print_fields(d);
		print_subs(d, seen, &nseen);
	}
	printf("\n## Enumerations\n\nValues are never reused; one that a reader does not know is "
	       "passed on and printed as its\nnumber.\n");
	for (size_t i = 0; i < sizeof(enums) / sizeof(enums[0]); i++)
		print_enum(enums[i]);
	return fflush(stdout) || ferror(stdout);
}
