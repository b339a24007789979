/* spec_text: hostile texts of specs; one that is right is run over the bytes behind its first NUL.
 *
 * Mutation works on whole lines, on words of the language within them, and on the bytes. */
#include <stdlib.h>

#include "tests/fuzz/parts.h"
#include "tests/unit/spec_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct spec *s, struct bytes b, uint8_t proto, size_t piece)
{
	struct run r;

	run_start(&r, s, proto,
		  proto == IPPROTO_TCP ? (s->ntcp ? s->tcp_ports[0] : 0)
				       : (s->nudp ? s->udp_ports[0] : 0));
	if (proto == IPPROTO_UDP)
		for (int dir = 0; dir < 2; dir++)
			run_packet(&r, dir, 1, 1, b);
	else
		for (int dir = 0; dir < 2; dir++)
			run_pieces(&r, dir, 1, b, piece);
	run_finish(&r, 20, 2);
	run_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	struct bytes rest = nul ? BYTES(nul + 1, size - n - 1) : BYTES_LIT("0123456789abcdef");
	struct spec_error e;
	struct spec *s = spec_compile(BYTES(data, n), &e);

	if (!s) {
		if (e.line == 0 || e.column == 0 || !e.text[0])
			abort();
		return 0;
	}
	run(s, rest, IPPROTO_TCP, rest.len ? rest.len : 1);
	run(s, rest, IPPROTO_TCP, 3);
	run(s, rest, IPPROTO_UDP, 1);
	spec_free(s);
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static size_t line_next(const uint8_t *data, size_t size, size_t at)
{
	const uint8_t *end = memchr(data + at, '\n', size - at);

	return end ? (size_t)(end - data) + 1 : size;
}

static const char *const words[] = {
	"_n",   "a",   "b[]",   "c",      "0",      "1",    "7",          "255",   "65536",
	"x",    "=",   "==",    "!=",     "<",      "<<",   "&",          "-",     "(",
	")",    "..",  ",",     "/",      "%",      "keep", "max",        "until", "or end",
	"rest", "as",  "in",    "from",   "\"a\"",  "'z'",  "\"\\r\\n\"", "pos",   "left",
	"dir",  "tcp", "state", "has(a)", "len(c)", "hex",  "le",         "utf8",  "ntp",
};

static size_t word_put(uint8_t *out, size_t n, unsigned *seed)
{
	const char *word = words[draw(seed, sizeof(words) / sizeof(words[0]))];

	out[n++] = ' ';
	memcpy(out + n, word, strlen(word));
	return n + strlen(word);
}

static size_t line_make(uint8_t *out, unsigned *seed)
{
	static const char *const heads[] = {
		"u8",           "u16",          "u24le",
		"i40",          "u3",           "leb128",
		"vlq",          "quicint",      "berlen",
		"lenenc",       "uint",         "int",
		"bytes",        "text",         "number",
		"oid",          "ip4",          "ip6",
		"mac",          "time",         "match",
		"skip",         "let",          "set",
		"peek",         "require",      "legal",
		"become",       "request",      "response",
		"note",         "silent",       "over",
		"if",           "else",         "repeat",
		"switch",       "case",         "default",
		"within",       "whole",        "mark",
		"checksum",     "names",        "states",
		"flow",         "part",         "message",
		"message orig", "message resp", "protocol",
		"tcp",          "udp",          "first",
		"part x",       "use x",        "repeat until end",
		"repeat while", "within until", "else if",
		"guess",
	};
	const char *head = heads[draw(seed, sizeof(heads) / sizeof(heads[0]))];
	size_t n = 0;

	for (unsigned tabs = draw(seed, 5); tabs; tabs--)
		out[n++] = '\t';
	memcpy(out + n, head, strlen(head));
	n += strlen(head);
	for (unsigned k = draw(seed, 6); k; k--)
		n = word_put(out, n, seed);
	out[n++] = '\n';
	return n;
}

/* A word becomes another as long or shorter, or a tab and what follows it change places. */
static void line_tweak(uint8_t *line, size_t len, unsigned *seed)
{
	const char *word = words[draw(seed, sizeof(words) / sizeof(words[0]))];
	size_t from = draw(seed, (unsigned)len), to;

	while (from > 0 && line[from - 1] != ' ' && line[from - 1] != '\t')
		from--;
	for (to = from; to < len && line[to] != ' ' && line[to] != '\n';)
		to++;
	if (to - from < strlen(word))
		return;
	memset(line + from, ' ', to - from);
	memcpy(line + from, word, strlen(word));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const struct parts lines = { .next = line_next,
					    .make = line_make,
					    .tweak = line_tweak };
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t end = nul ? (size_t)(nul - data) : size, at;
	uint8_t word[32];

	if (!nul && draw(&seed, 8) == 0)
		return splice(data, size, max, size, 0, "\0abcdefgh", 9);
	if (draw(&seed, 8) == 0) { /* a word between others */
		at = draw(&seed, (unsigned)end + 1);
		while (at < end && data[at] != ' ' && data[at] != '\n')
			at++;
		return splice(data, size, max, at, 0, word, word_put(word, 0, &seed));
	}
	return parts_mutate_front(&lines, data, size, max, end, end + 1, seed);
}
