/* pattern: tests of the regular expressions, also against those of the C library. */
#include "libcommon/base/pattern.h"

#include <regex.h>
#include <time.h>

#include "tests/unit/check.h"

static struct pattern *make(const char *text)
{
	const char *why = "?";
	size_t at = 0;
	struct pattern *p = pattern_new(bytes_str(text), &why, &at);

	if (!p)
		printf("# %s: %s at %zu\n", text, why, at);
	return p;
}

static bool found(const char *pattern, struct bytes text)
{
	struct pattern *p = make(pattern);
	bool yes = p && pattern_found(p, text);

	if (p && pattern_found(p, text) != yes)
		printf("# %s: the second search differs\n", pattern);
	pattern_free(p);
	return yes;
}

static void test_matches(void)
{
	static const struct {
		const char *pattern, *text;
		bool found;
	} rows[] = {
		{ "", "", true },
		{ "", "abc", true },
		{ "b", "abc", true },
		{ "d", "abc", false },
		{ "^a", "abc", true },
		{ "^b", "abc", false },
		{ "c$", "abc", true },
		{ "b$", "abc", false },
		{ "^$", "", true },
		{ "^$", "a", false },
		{ "\\.example$", "www.example", true },
		{ "\\.example$", "wwwxexample", false },
		{ "\\.example$", "www.example.com", false },
		{ "a.c", "a\nc", true },
		{ "ab*c", "ac", true },
		{ "ab*c", "abbbbc", true },
		{ "ab+c", "ac", false },
		{ "ab?c$", "abbc", false },
		{ "^a{2,3}$", "a", false },
		{ "^a{2,3}$", "aa", true },
		{ "^a{2,3}$", "aaa", true },
		{ "^a{2,3}$", "aaaa", false },
		{ "^a{2}$", "aaa", false },
		{ "^a{2,}$", "aaaaaaaa", true },
		{ "^a{2,}$", "a", false },
		{ "^(ab|cd){2}$", "abcd", true },
		{ "^(ab|cd){2}$", "ab", false },
		{ "^a{0}b$", "b", true },
		{ "^(a|)b$", "b", true },
		{ "^(a|b|)+$", "", true },
		{ "(^|\\.)x", "a.x", true },
		{ "(^|\\.)x", "ax", false },
		{ "[a-c]", "xbx", true },
		{ "[^a-c]", "abc", false },
		{ "^[]a]+$", "]a]", true },
		{ "^[a-]+$", "a-", true },
		{ "^[\\]x]$", "]", true },
		{ "^[[:digit:]]{3}$", "123", true },
		{ "^[^[:alpha:]]+$", "12-", true },
		{ "^\\d+\\s\\w+$", "12 ab_9", true },
		{ "^\\D\\S\\W$", "a!!", true },
		{ "\\x41\\x2e", "xA.", true },
		{ "ABC", "abc", false },
		{ "(?i)ABC", "aBc", true },
		{ "(?i)[A-C]+$", "abc", true },
		{ "(?i)[^a]", "A", false },
		{ "a|b|c", "xxc", true },
		{ "^((a+)+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
	};

	check_case("patterns are found where they are");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool yes = found(rows[i].pattern, bytes_str(rows[i].text));

		if (yes != rows[i].found)
			printf("# '%s' in '%s'\n", rows[i].pattern, rows[i].text);
		CHECK(yes == rows[i].found);
	}
	check_case("bytes of any value are matched");
	CHECK(found("\\xff.\\x00", BYTES("a\xff\x80\0", 4)));
	CHECK(!found("\\xff", BYTES("\0\0", 2)));
}

static void test_refused(void)
{
	static const struct {
		const char *pattern;
		size_t at;
	} rows[] = { { "(a", 2 },         { "a)", 1 },     { "[a", 2 },     { "a**", 2 },
		     { "*a", 0 },         { "a{3,2}", 5 }, { "a{256}", 4 }, { "a{x}", 2 },
		     { "(a)\\1", 5 },     { "a\\", 2 },    { "\\q", 2 },    { "[b-a]", 4 },
		     { "[[:nope:]]", 2 }, { "(?=a)", 1 },  { "\\xg0", 4 } };
	const char *why;
	size_t at;

	check_case("what is no pattern is refused, and the place is told");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = NULL;
		at = 99;
		CHECK(!pattern_new(bytes_str(rows[i].pattern), &why, &at));
		CHECK(why != NULL);
		if (at != rows[i].at)
			printf("# '%s': %s at %zu\n", rows[i].pattern, why, at);
		CHECK_EQ(at, rows[i].at);
	}
	check_case("what is too large is refused in no time");
	CHECK(!pattern_new(BYTES_LIT("((((((a{255}){255}){255}){255}){255}){255})"), &why, &at));
	CHECK(!pattern_new(BYTES_LIT("((((((){255}){255}){255}){255}){255}){255}"), &why, &at));
	CHECK(!pattern_new(
		BYTES_LIT("((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))"
			  "))))))"),
		&why, &at));
}

static uint64_t seed = 1;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* A pattern of the part of the syntax that both know. */
static size_t random_pattern(char *out, int depth)
{
	static const char *const atoms[] = { "a", "b", "c", ".", "[ab]", "[^a]", "^", "$" };
	static const char *const repeats[] = { "", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}" };
	size_t n = 0;
	unsigned parts = 1 + random_below(3);

	for (unsigned i = 0; i < parts; i++) {
		unsigned kind = random_below(10);

		if (i && random_below(4) == 0)
			out[n++] = '|';
		if (kind < 3 && depth < 3) {
			out[n++] = '(';
			n += random_pattern(out + n, depth + 1);
			out[n++] = ')';
			n += (size_t)sprintf(out + n, "%s", repeats[random_below(9)]);
		} else {
			unsigned a = random_below(8);

			n += (size_t)sprintf(out + n, "%s", atoms[a]);
			if (a < 6)
				n += (size_t)sprintf(out + n, "%s", repeats[random_below(9)]);
		}
	}
	out[n] = '\0';
	return n;
}

/* The start behind the end is found by the C library, where the text is empty: not by us. And an
 * anchor within what is repeated is something else to both. */
static bool differs(const char *pattern)
{
	const char *end = strchr(pattern, '$'), *at = strpbrk(pattern, "^$");

	if (end && strchr(end, '^'))
		return true;
	for (; at; at = strpbrk(at + 1, "^$"))
		if ((at == pattern || at[-1] != '[') && strpbrk(pattern, "*+{?"))
			return true;
	return false;
}

static void test_library(void)
{
	char pattern[4096], text[16];
	size_t compared = 0, matches = 0;

	check_case("searches find what those of the C library find");
	for (int i = 0; i < 20000 && !check_bad; i++) {
		const char *why;
		struct pattern *p;
		regex_t re;
		size_t at;

		random_pattern(pattern, 0);
		if (differs(pattern) || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
			continue;
		p = pattern_new(bytes_str(pattern), &why, &at);
		for (int k = 0; k < 8 && p; k++) {
			size_t n = random_below(10);
			bool yes;

			for (size_t c = 0; c < n; c++)
				text[c] = (char)('a' + random_below(4));
			text[n] = '\0';
			yes = pattern_found(p, BYTES(text, n));
			if (yes != (regexec(&re, text, 0, NULL, 0) == 0)) {
				printf("# '%s' in '%s': %d\n", pattern, text, yes);
				check_bad = 1;
			}
			compared++;
			matches += yes;
		}
		pattern_free(p);
		regfree(&re);
	}
	printf("# %zu compared, %zu of them matches\n", compared, matches);
	CHECK(compared > 20000 && matches > 2000 && matches < compared - 2000);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Each pattern has more sets of places than can be kept: the states are thrown away all the time.
 */
static void test_cost(void)
{
	static const char *const bad[] = { "(a|aa)+$",          "(a*)*b",   "(x+x+)+y",
					   "(.*)(.*)(.*)(.*)z", "a.{100}b", "(a|b)*a(a|b){60}c" };
	enum { TEXT = 1 << 18 };
	static uint8_t text[TEXT];

	check_case("no text makes a search slow: steps grow with the text, not with its form");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pattern *p = make(bad[i]);
		double before = seconds();

		for (size_t k = 0; k < TEXT; k++)
			text[k] = (uint8_t)('a' + random_below(2));
		pattern_found(p, BYTES(text, TEXT));
		memset(text, 'a', TEXT);
		pattern_found(p, BYTES(text, TEXT));
		printf("# %s: %.0f ns a byte\n", bad[i], (seconds() - before) * 1e9 / (2 * TEXT));
		/* at most: a set of 256 places, a word at a time, with a sanitizer in between */
		CHECK(seconds() - before < 20e-6 * 2 * TEXT);
		pattern_free(p);
	}
}

int main(void)
{
	test_matches();
	test_refused();
	test_library();
	test_cost();
	return check_end();
}
