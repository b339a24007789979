/* spec: specs put together from statements, each run over bytes: as a datagram, and as a stream in
 * pieces of several sizes, which must all give the same.
 *
 * Mutation works on whole statements, or on the bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/parts.h"
#include "tests/unit/spec_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names that later statements refer to; %c is one of a..h. */
static const char *const simple[] = {
	"u8 %c",
	"u16le %c",
	"u24 %c",
	"i40le j%c",
	"u64 %c",
	"leb128 %c max 4",
	"vlq %c",
	"quicint %c",
	"berlen %c",
	"lenenc %c",
	"uint %c %c & 15",
	"int j%c %c & 7",
	"u3 %c\n%su13le %c\n%si8 j%c",
	"bytes b%c %c",
	"text x%c %c & 31 keep 5",
	"text y%c[] %c & 7",
	"text x%c until \";\" max 20",
	"text x%c until \"ab\" or end max 9",
	"number j%c until \" \" max 6",
	"oid z%c %c & 15",
	"ip4 i%c",
	"ip4 i%c = %c",
	"mac m%c",
	"time t%c ntp",
	"match \"a\"",
	"skip %c & 63",
	"skip %c",
	"let %c = %c * 3 - %c",
	"let %c = pos ^ state << %c",
	"let %c = has(%c) + dir + tcp",
	"set v = v + %c",
	"peek %c",
	"require %c != 77 \"no\"",
	"legal \"x\" in s1",
	"become s2",
	"become s1",
	"request %c",
	"response %c",
	"note \"odd\"",
	"silent",
	"u8 %c in 0..99, 200..255",
	"over",
	"u16 n%c[]",
	"bytes b%c rest keep 9",
};
static const char *const blocks[] = {
	"if %c > %c",
	"repeat %c & 7",
	"repeat until end",
	"repeat while %c < 99 max 9",
	"within %c & 63",
	"whole %c & 63 max 50\n%s\tmark mk\n%s\tu16 %c\n%s\tchecksum crc32 %c from mk",
	"within until \"\\n\" max 30",
	"repeat %c & 3 as r",
	"repeat until end max 70 as q",
	"repeat %c max 5000",
};
enum {
	SIMPLE = sizeof(simple) / sizeof(simple[0]),
	BLOCKS = sizeof(blocks) / sizeof(blocks[0]),
	DEEP = 6,
	TEXT = 6000,
};

struct source {
	const uint8_t *p, *end;
	struct buf text;
};

static uint8_t next(struct source *s)
{
	return s->p < s->end ? *s->p++ : 255;
}

static void statement(struct source *s, const char *form, const char *indent)
{
	buf_add_str(&s->text, indent);
	for (; *form; form++) {
		if (form[0] == '%' && form[1] == 'c') {
			buf_add_byte(&s->text, (uint8_t)('a' + next(s) % 8));
			form++;
		} else if (form[0] == '%' && form[1] == 's') {
			buf_add_str(&s->text, indent);
			form++;
		} else {
			buf_add_byte(&s->text, (uint8_t)*form);
		}
	}
	buf_add_byte(&s->text, '\n');
}

/* Rows hold no lists; what goes to a window's end stands in one. */
static bool fits(const char *form, bool rows, bool window)
{
	if (!window && (strstr(form, " rest") || strstr(form, "until end")))
		return false;
	return !rows || (!strstr(form, "[]") && !strstr(form, " as "));
}

static bool opens(const char *form)
{
	return strncmp(form, "within", 6) == 0 || strncmp(form, "whole", 5) == 0;
}

/* As deep as DEEP. */
static void block(struct source *s, unsigned depth, bool rows, bool window)
{
	static const char tabs[] = "\t\t\t\t\t\t\t\t";
	const char *indent = tabs + sizeof(tabs) - 1 - depth;
	uint8_t b;

	statement(s, "u8 %c", indent);
	while ((b = next(s)) < 250 && s->text.len < TEXT) {
		if (b < SIMPLE * 4) {
			if (fits(simple[b % SIMPLE], rows, window))
				statement(s, simple[b % SIMPLE], indent);
		} else if (depth < DEEP && fits(blocks[b % BLOCKS], rows, window)) {
			statement(s, blocks[b % BLOCKS], indent);
			block(s, depth + 1, rows || strstr(blocks[b % BLOCKS], " as "),
			      window || opens(blocks[b % BLOCKS]));
		}
	}
}

static void stream(const struct spec *s, struct bytes b, size_t piece, int dir, struct run *r)
{
	run_start(r, s, IPPROTO_TCP, 7);
	run_pieces(r, dir, 1, b, piece);
	run_finish(r, 2, 2);
}

static void run(const struct spec *s, struct bytes b)
{
	static const size_t pieces[] = { 1, 2, 7, 100 };
	struct run whole, r;

	if (b.len == 0)
		return;
	stream(s, b, b.len, b.ptr[0] & 1, &whole);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		stream(s, b, pieces[i], b.ptr[0] & 1, &r);
		/* Not byte for byte: an anomaly's offset is that of the bytes at hand. */
		if (!bytes_equal(buf_bytes(&r.log), buf_bytes(&whole.log))) {
			if (getenv("SPEC_SHOW"))
				fprintf(stderr, "whole:\n%s\n%zu:\n%s\n", run_log(&whole),
					pieces[i], run_log(&r));
			abort();
		}
		run_free(&r);
	}
	run_free(&whole);
	run_start(&r, s, IPPROTO_UDP, 7);
	for (size_t at = 0, n; at < b.len; at += n) {
		n = b.len - at < 60 ? b.len - at : 60;
		run_packet(&r, b.ptr[at] >> 7, 1 + (double)(b.ptr[at] & 7), 1,
			   BYTES(b.ptr + at, n));
	}
	run_finish(&r, 20, 2);
	run_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = { data, data + size, { 0 } };
	struct spec_error e;
	struct spec *s;

	buf_add_str(&source.text,
		    "protocol p \"x\"\ntcp 7\nudp 7\nstates s1, s2\nflow v\nmessage\n");
	for (char c = 'a'; c <= 'h'; c++)
		buf_printf(&source.text, "\tlet %c = %d\n", c, c - 'a');
	block(&source, 1, false, false);
	s = spec_compile(buf_bytes(&source.text), &e);
	if (getenv("SPEC_SHOW"))
		fprintf(stderr, "%.*s", (int)source.text.len, (const char *)source.text.ptr);
	if (s)
		run(s, BYTES(source.p, (size_t)(source.end - source.p)));
	spec_free(s);
	buf_release(&source.text);
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

/* How many bytes a form takes. */
static size_t form_len(const char *form)
{
	size_t n = 0;

	for (; *form; form++)
		n += form[0] == '%' && form[1] == 'c';
	return n;
}

static bool is_close(uint8_t b)
{
	return b >= 250;
}

static bool is_block(uint8_t b)
{
	return b >= SIMPLE * 4 && !is_close(b);
}

/* A block begins with its form and its first statement, which takes a byte. */
static size_t statement_next(const uint8_t *data, size_t size, size_t at)
{
	uint8_t b = data[at];
	size_t n = is_close(b)   ? 1
		   : is_block(b) ? 2 + form_len(blocks[b % BLOCKS])
				 : 1 + form_len(simple[b % SIMPLE]);

	return size - at > n ? at + n : size;
}

/* A block ends behind its close. */
static size_t statement_end(const uint8_t *data, size_t size, size_t at)
{
	unsigned depth = 0;

	do {
		if (is_close(data[at]))
			depth -= depth != 0;
		else
			depth += is_block(data[at]);
		at = statement_next(data, size, at);
	} while (depth && at < size);
	return at;
}

static size_t simple_make(uint8_t *out, unsigned *seed)
{
	size_t n;

	out[0] = (uint8_t)draw(seed, SIMPLE);
	n = 1 + form_len(simple[out[0]]);
	for (size_t i = 1; i < n; i++)
		out[i] = (uint8_t)draw(seed, 8);
	return n;
}

static size_t statement_make(uint8_t *out, unsigned *seed)
{
	size_t n = 1;

	if (draw(seed, 5))
		return simple_make(out, seed);
	out[0] = (uint8_t)(SIMPLE * 4 + draw(seed, 250 - SIMPLE * 4));
	for (size_t i = form_len(blocks[out[0] % BLOCKS]) + 1; i; i--)
		out[n++] = (uint8_t)draw(seed, 8);
	for (unsigned i = 1 + draw(seed, 3); i; i--)
		n += simple_make(out + n, seed);
	out[n++] = 255;
	return n;
}

/* Other names in the same statement. */
static void statement_tweak(uint8_t *part, size_t len, unsigned *seed)
{
	size_t n = statement_next(part, len, 0);

	if (n > 1)
		part[1 + draw(seed, (unsigned)n - 1)] = (uint8_t)draw(seed, 8);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts statements = { .head = 1,
						 .next = statement_next,
						 .end = statement_end,
						 .make = statement_make,
						 .tweak = statement_tweak };
	size_t at = 1;

	while (at < size && !is_close(data[at]))
		at = statement_end(data, size, at);
	at = at < size ? at + 1 : size;
	return parts_mutate_front(&statements, data, size, max, at, at, seed);
}
