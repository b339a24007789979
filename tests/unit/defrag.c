/* Tests of libcommon/net/defrag.c: known vectors, floods, and a per-byte model. Malloc is off. */
#include "tests/unit/check.h"

#include <time.h>

#include "libcommon/net/defrag.h"
#include "tests/unit/defrag_model.h"
#include "tests/unit/poison.h"

#define SECOND 1000000000ull

enum { MEMORY = 32 << 20 };

static uint64_t memory[MEMORY / 8];
static uint64_t gone[DEFRAG_REASONS], gone_calls;
static struct defrag_gone last_gone;
static struct defrag *d;
static struct defrag_answer answer;
static uint64_t frames;

static void on_gone(void *user, const struct defrag_gone *g)
{
	(void)user;
	gone[g->reason] += g->frames;
	gone_calls++;
	last_gone = *g;
}

static struct defrag *start(struct defrag_config config)
{
	memset(gone, 0, sizeof(gone));
	gone_calls = frames = 0;
	config.gone = on_gone;
	config.memory = config.memory ? config.memory : MEMORY;
	return d = defrag_init(memory, &config);
}

static const uint8_t host_a[16] = { 192, 0, 2, 1 }, host_b[16] = { 198, 51, 100, 7 };

static struct defrag_piece piece(uint8_t version, uint32_t id, uint32_t offset, const void *data,
				 size_t len, bool more)
{
	return (struct defrag_piece){
		.ip_version = version,
		.proto = 200,
		.more = more,
		.src = host_a,
		.dst = host_b,
		.id = id,
		.offset = offset,
		.before = version == 4 ? 20 : 0,
		.claimed = (uint32_t)len,
		.data = BYTES(data, len),
		.n = ++frames,
		.ts = SECOND,
		.wire_len = (uint32_t)len + 34,
	};
}

static enum defrag_result push(struct defrag_piece p)
{
	return defrag_push(d, &p, &answer);
}

static uint64_t all_gone(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DEFRAG_REASONS; i++)
		sum += gone[i];
	return sum;
}

/* ---- vectors ---------------------------------------------------------------------------- */

/* The overlap set of Novak and Sturges: letter, offset, length. */
static const struct {
	char letter;
	uint8_t offset, len;
} novak[] = {
	{ 'A', 0, 24 },   { 'B', 32, 16 },  { 'C', 48, 24 },  { 'D', 80, 8 },  { 'E', 104, 16 },
	{ 'F', 120, 24 }, { 'G', 144, 16 }, { 'H', 160, 16 }, { 'I', 176, 8 }, { 'J', 8, 32 },
	{ 'K', 48, 24 },  { 'L', 72, 24 },  { 'M', 96, 24 },  { 'N', 128, 8 }, { 'O', 152, 8 },
	{ 'P', 160, 8 },  { 'Q', 176, 16 },
};
enum { NOVAK = sizeof(novak) / sizeof(novak[0]) };

/* Pushes the set; returns the datagram as a letter per eight bytes, or "". */
static const char *novak_run(uint8_t version, uint32_t *anomalies)
{
	static char out[25];
	uint8_t data[32];

	out[0] = 0;
	*anomalies = 0;
	for (unsigned i = 0; i < NOVAK; i++) {
		enum defrag_result r;

		memset(data, novak[i].letter, sizeof(data));
		r = push(piece(version, 1, novak[i].offset, data, novak[i].len,
			       novak[i].letter != 'Q'));
		*anomalies |= answer.anomalies;
		if (r != DEFRAG_WHOLE)
			continue;
		CHECK_EQ(i, NOVAK - 1);
		CHECK_EQ(answer.data.len, 192);
		CHECK_EQ(answer.frames, NOVAK);
		for (unsigned u = 0; u < 24; u++)
			out[u] = (char)answer.data.ptr[u * 8];
		out[24] = 0;
	}
	return out;
}

static void test_novak(void)
{
	uint32_t anomalies;

	check_case("F2: the overlap set gives what a first-wins host sees");
	start((struct defrag_config){ .policy = DEFRAG_FIRST });
	CHECK(!strcmp(novak_run(4, &anomalies), "AAAJBBCCCLDLMEEFFFGGHHIQ"));
	CHECK(anomalies >> DEFRAG_A_OVERLAP & 1);
	CHECK(anomalies >> DEFRAG_A_INCONSISTENCY & 1);
	CHECK_EQ(defrag_held(d), 0);
	CHECK_EQ(defrag_datagrams(d), 0);
	CHECK_EQ(all_gone(), 0);

	check_case("F2: the overlap set gives what a last-wins host sees");
	start((struct defrag_config){ .policy = DEFRAG_LAST });
	CHECK(!strcmp(novak_run(4, &anomalies), "AJJJJBKKKLLLMMMFNFGOPHQQ"));
	CHECK(anomalies >> DEFRAG_A_INCONSISTENCY & 1);

	check_case("F2: in IPv6 one overlap discards the datagram, and what comes of it later");
	start((struct defrag_config){ .policy = DEFRAG_FIRST });
	CHECK(!strcmp(novak_run(6, &anomalies), ""));
	CHECK(anomalies >> DEFRAG_A_OVERLAP & 1);
	CHECK_EQ(gone[DEFRAG_OVERLAP], NOVAK);
	CHECK_EQ(defrag_held(d), 0);
	CHECK_EQ(defrag_bytes(d), 0);

	check_case("F2: policy drop does the same for IPv4");
	start((struct defrag_config){ .policy = DEFRAG_DROP });
	CHECK(!strcmp(novak_run(4, &anomalies), ""));
	CHECK_EQ(gone[DEFRAG_OVERLAP], NOVAK);
}

static void test_orders(void)
{
	/* Six pieces of a datagram of 3,021 bytes. */
	static const uint32_t cut[7] = { 0, 8, 1032, 1480, 2048, 2992, 3021 };
	uint8_t text[3021];
	unsigned order[6] = { 0, 1, 2, 3, 4, 5 }, runs = 0;

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 31 >> 3);
	check_case("six pieces give the datagram in each of their 720 orders, both versions");
	for (uint8_t version = 4; version <= 6; version += 2) {
		start((struct defrag_config){ 0 });
		for (unsigned code = 0; code < 46656; code++) {
			unsigned seen = 0, rest = code;

			for (unsigned i = 0; i < 6; i++, rest /= 6)
				seen |= 1u << (order[i] = rest % 6);
			if (seen != 63)
				continue;
			runs++;
			for (unsigned i = 0; i < 6; i++) {
				unsigned k = order[i];
				enum defrag_result r = push(piece(version, 7, cut[k], text + cut[k],
								  cut[k + 1] - cut[k], k != 5));

				CHECK_EQ(r, i == 5 ? DEFRAG_WHOLE : DEFRAG_HELD);
			}
			CHECK(bytes_equal(answer.data, BYTES(text, sizeof(text))));
			CHECK_EQ(answer.frames, 6);
			CHECK_EQ(answer.wire_bytes, sizeof(text) + 6 * 34);
			CHECK_EQ(answer.first_n, frames - 5);
		}
		CHECK_EQ(defrag_datagrams(d), 0);
		CHECK_EQ(all_gone(), 0);
	}
	CHECK_EQ(runs, 1440);

	check_case("F3: without one of its six pieces a datagram is never whole");
	for (unsigned without = 0; without < 6; without++) {
		start((struct defrag_config){ 0 });
		for (unsigned round = 0; round < 3; round++) {
			for (unsigned k = 0; k < 6; k++) {
				if (k != without)
					CHECK(push(piece(4, 7, cut[k], text + cut[k],
							 cut[k + 1] - cut[k], k != 5)) !=
					      DEFRAG_WHOLE);
			}
		}
		CHECK_EQ(gone[DEFRAG_DUPLICATE], 10);
		CHECK_EQ(defrag_held(d), 5);
	}
}

/* Pushes a datagram of `len` bytes in two pieces, the one of the first header first or last. */
static enum defrag_result two_pieces(uint8_t version, uint32_t id, uint32_t before, size_t len,
				     const uint8_t *zero, bool first)
{
	struct defrag_piece head = piece(version, id, 0, zero, 65000, true);
	struct defrag_piece tail = piece(version, id, 65000, zero, len - 65000, false);

	head.before = before;
	tail.before = version == 4 ? 20 : 0;
	push(first ? head : tail);
	return push(first ? tail : head);
}

static void test_largest(const uint8_t *zero)
{
	static const struct {
		uint8_t version;
		uint32_t before;
		size_t most;
	} cases[] = { { 4, 20, 65515 }, { 4, 60, 65475 }, { 6, 0, 65535 }, { 6, 16, 65519 } };

	check_case(
		"RFC 791 3.1, 8200 4.5: the largest datagram is as long as its length field says");
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t v = cases[i / 2].version;
		uint32_t before = cases[i / 2].before;
		size_t most = cases[i / 2].most;

		start((struct defrag_config){ 0 });
		CHECK_EQ(two_pieces(v, 1, before, most, zero, i & 1), DEFRAG_WHOLE);
		CHECK_EQ(answer.data.len, most);
		CHECK_EQ(two_pieces(v, 2, before, most + 1, zero, i & 1), DEFRAG_DROPPED);
		CHECK_EQ(answer.reason, DEFRAG_TOO_LARGE);
		CHECK_EQ(gone[DEFRAG_TOO_LARGE], 2);
		CHECK_EQ(defrag_bytes(d), 0);
	}
	check_case("options of another piece than the first do not count");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 0, zero, 65000, true));
	{
		struct defrag_piece tail = piece(4, 1, 65000, zero, 515, false);

		tail.before = 60;
		CHECK_EQ(push(tail), DEFRAG_WHOLE);
	}
}

static void test_attacks(void)
{
	static uint8_t zero[70000];
	uint8_t small[8] = "headers";

	check_case("teardrop, bonk and nestea are discarded or give the first bytes");
	start((struct defrag_config){ 0 });
	CHECK_EQ(push(piece(4, 242, 0, zero, 28, true)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_BAD_LENGTH);
	CHECK_EQ(push(piece(4, 242, 24, zero, 4, false)), DEFRAG_HELD);
	CHECK_EQ(push(piece(4, 1, 0, zero, 40, true)), DEFRAG_HELD);
	CHECK_EQ(push(piece(4, 1, 24, "\1\1\1\1", 4, false)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_SIZE_INCONSISTENCY);
	CHECK(answer.anomalies >> DEFRAG_A_SIZE_INCONSISTENCY & 1);
	CHECK_EQ(push(piece(4, 2, 0, zero, 32, true)), DEFRAG_HELD); /* nestea */
	CHECK_EQ(push(piece(4, 2, 24, "12345678", 8, true)), DEFRAG_HELD);
	CHECK(answer.anomalies >> DEFRAG_A_INCONSISTENCY & 1);
	CHECK_EQ(push(piece(4, 2, 32, "ABCDEFGH", 8, false)), DEFRAG_WHOLE);
	CHECK_EQ(answer.data.len, 40);
	CHECK_EQ(answer.data.ptr[24], 0);

	check_case("F3: a datagram that would end beyond 65,535 bytes is discarded");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 0, zero, 65512, true));
	CHECK_EQ(push(piece(4, 1, 65512, zero, 100, false)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_TOO_LARGE);
	CHECK(answer.anomalies >> DEFRAG_A_EXCESSIVELY_LARGE & 1);
	CHECK_EQ(gone[DEFRAG_TOO_LARGE], 2);
	CHECK_EQ(defrag_bytes(d), 0);

	test_largest(zero);

	check_case("F3: two different ends discard the datagram; bytes behind the end do, too");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 16, zero, 8, false));
	CHECK_EQ(push(piece(4, 1, 16, zero, 7, false)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_SIZE_INCONSISTENCY);
	push(piece(4, 2, 16, zero, 8, false));
	CHECK_EQ(push(piece(4, 2, 24, zero, 8, true)), DEFRAG_DROPPED);
	push(piece(6, 3, 24, zero, 8, true));
	CHECK_EQ(push(piece(6, 3, 8, zero, 8, false)), DEFRAG_DROPPED);
	CHECK_EQ(gone[DEFRAG_SIZE_INCONSISTENCY], 6);
	CHECK_EQ(gone_calls, 3);

	check_case("F5: an id that is used again is another datagram");
	start((struct defrag_config){ 0 });
	push(piece(4, 5, 0, "aaaaaaaa", 8, true));
	CHECK_EQ(push(piece(4, 5, 8, "aa", 2, false)), DEFRAG_WHOLE);
	push(piece(4, 5, 8, "bb", 2, false));
	CHECK_EQ(push(piece(4, 5, 0, "bbbbbbbb", 8, true)), DEFRAG_WHOLE);
	CHECK(bytes_equal(answer.data, BYTES_LIT("bbbbbbbbbb")));
	CHECK_EQ(answer.frames, 2);

	check_case("F4: pieces of eight bytes are taken and reported");
	start((struct defrag_config){ 0 });
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(push(piece(4, 5, i * 8, small, 8, true)), DEFRAG_HELD);
	CHECK(answer.anomalies >> DEFRAG_A_EXCESSIVELY_SMALL & 1);
	CHECK_EQ(push(piece(4, 5, 24, small, 4, false)), DEFRAG_WHOLE);
	CHECK(!(answer.anomalies >> DEFRAG_A_EXCESSIVELY_SMALL & 1));
	CHECK_EQ(answer.data.len, 28);

	check_case("more pieces than the limit discard the datagram");
	start((struct defrag_config){ 0 });
	for (unsigned i = 0; i < 256; i++)
		CHECK_EQ(push(piece(4, 5, i * 8, small, 8, true)), DEFRAG_HELD);
	CHECK_EQ(push(piece(4, 5, 0, small, 8, true)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_DUPLICATE);
	CHECK_EQ(push(piece(4, 5, 256 * 8, small, 8, true)), DEFRAG_DROPPED);
	CHECK_EQ(gone[DEFRAG_TOO_MANY_FRAGMENTS], 257);
	CHECK(answer.anomalies >> DEFRAG_A_TOO_MANY & 1);

	check_case("F4: a piece that is empty or no multiple of eight is dropped alone");
	start((struct defrag_config){ 0 });
	push(piece(4, 5, 0, small, 8, true));
	CHECK_EQ(push(piece(4, 5, 8, small, 0, true)), DEFRAG_DROPPED);
	CHECK_EQ(push(piece(4, 5, 8, small, 0, false)), DEFRAG_DROPPED);
	CHECK_EQ(push(piece(4, 5, 8, small, 7, true)), DEFRAG_DROPPED);
	CHECK_EQ(gone[DEFRAG_BAD_LENGTH], 3);
	CHECK_EQ(push(piece(4, 5, 8, small, 7, false)), DEFRAG_WHOLE);
}

static void test_damaged(void)
{
	struct defrag_piece p;

	check_case("T15: a piece whose IP header is damaged is dropped alone, an atomic one, too");
	start((struct defrag_config){ 0 });
	p = piece(4, 5, 0, "evilevil", 8, true);
	p.damaged = true;
	CHECK_EQ(push(p), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_BAD_CHECKSUM);
	CHECK_EQ(answer.anomalies, 1u << DEFRAG_A_BAD_CHECKSUM);
	CHECK_EQ(defrag_datagrams(d), 0);
	p.more = false;
	CHECK_EQ(push(p), DEFRAG_DROPPED);
	CHECK_EQ(gone[DEFRAG_BAD_CHECKSUM], 2);
	push(piece(4, 5, 0, "goodgood", 8, true));
	CHECK_EQ(push(piece(4, 5, 8, "good", 4, false)), DEFRAG_WHOLE);
	CHECK(bytes_equal(answer.data, BYTES_LIT("goodgoodgood")));
	CHECK_EQ(answer.all_anomalies >> DEFRAG_A_BAD_CHECKSUM & 1, 0);
}

/* ---- keys, versions, captures ------------------------------------------------------------ */

static void test_keys(void)
{
	struct defrag_piece p;

	check_case("F1: pieces with another version, protocol, scope, id or address never meet");
	start((struct defrag_config){ 0 });
	push(piece(4, 5, 0, "aaaaaaaa", 8, true));
	CHECK_EQ(push(piece(6, 5, 8, "a", 1, false)), DEFRAG_HELD);
	CHECK_EQ(push(piece(4, 6, 8, "a", 1, false)), DEFRAG_HELD);
	p = piece(4, 5, 8, "a", 1, false);
	p.proto = 201;
	CHECK_EQ(push(p), DEFRAG_HELD);
	p = piece(4, 5, 8, "a", 1, false);
	p.scope = 9;
	CHECK_EQ(push(p), DEFRAG_HELD);
	p = piece(4, 5, 8, "a", 1, false);
	p.src = host_b;
	CHECK_EQ(push(p), DEFRAG_HELD);
	p = piece(4, 5, 8, "a", 1, false);
	p.dst = host_a;
	CHECK_EQ(push(p), DEFRAG_HELD);
	CHECK_EQ(defrag_datagrams(d), 7);
	CHECK_EQ(push(piece(4, 5, 8, "a", 1, false)), DEFRAG_WHOLE);

	check_case("F1: of an IPv4 address four bytes count, of an IPv6 address sixteen");
	start((struct defrag_config){ 0 });
	p = piece(4, 5, 0, "aaaaaaaa", 8, true);
	p.src = (const uint8_t *)"\1\2\3\4xxxxxxxxxxxx";
	push(p);
	p = piece(4, 5, 8, "a", 1, false);
	p.src = (const uint8_t *)"\1\2\3\4yyyyyyyyyyyy";
	CHECK_EQ(push(p), DEFRAG_WHOLE);
	p = piece(6, 5, 0, "aaaaaaaa", 8, true);
	p.src = (const uint8_t *)"\1\2\3\4xxxxxxxxxxxx";
	push(p);
	p = piece(6, 5, 8, "a", 1, false);
	p.src = (const uint8_t *)"\1\2\3\4yyyyyyyyyyyy";
	CHECK_EQ(push(p), DEFRAG_HELD);

	check_case("in IPv6 the first piece's next header counts, and another is reported");
	start((struct defrag_config){ 0 });
	p = piece(6, 5, 8, "a", 1, false);
	p.proto = 99;
	push(p);
	CHECK_EQ(push(piece(6, 5, 0, "aaaaaaaa", 8, true)), DEFRAG_WHOLE);
	CHECK_EQ(answer.proto, 200);
	CHECK(answer.all_anomalies >> DEFRAG_A_PROTOCOL_INCONSISTENCY & 1);

	check_case("F4: a fragment that is first and last stays alone");
	start((struct defrag_config){ 0 });
	push(piece(6, 5, 0, "aaaaaaaa", 8, true));
	CHECK_EQ(push(piece(6, 5, 0, "bbbb", 4, false)), DEFRAG_WHOLE);
	CHECK(bytes_equal(answer.data, BYTES_LIT("bbbb")));
	CHECK_EQ(defrag_held(d), 1);
	CHECK_EQ(push(piece(6, 5, 8, "a", 1, false)), DEFRAG_WHOLE);

	check_case("an exact duplicate harms no datagram, in either version");
	for (uint8_t version = 4; version <= 6; version += 2) {
		start((struct defrag_config){ 0 });
		for (unsigned i = 0; i < 3; i++)
			push(piece(version, 5, 0, "aaaaaaaabbbbbbbb", 16, true));
		CHECK_EQ(answer.reason, DEFRAG_DUPLICATE);
		CHECK_EQ(answer.anomalies >> DEFRAG_A_OVERLAP & 1, 0);
		CHECK_EQ(push(piece(version, 5, 16, "c", 1, false)), DEFRAG_WHOLE);
		CHECK_EQ(answer.frames, 2);
		CHECK_EQ(gone[DEFRAG_DUPLICATE], 2);
	}

	check_case("in IPv6 a repeat that is cut elsewhere or differs is an overlap");
	start((struct defrag_config){ 0 });
	push(piece(6, 5, 0, "aaaaaaaabbbbbbbb", 16, true));
	CHECK_EQ(push(piece(6, 5, 8, "bbbbbbbb", 8, true)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_OVERLAP);
	push(piece(6, 6, 0, "aaaaaaaabbbbbbbb", 16, true));
	CHECK_EQ(push(piece(6, 6, 0, "aaaaaaaabbbbbbbx", 16, true)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_OVERLAP);
	CHECK(answer.anomalies >> DEFRAG_A_INCONSISTENCY & 1);

	check_case("a piece that was not captured whole leaves a hole");
	start((struct defrag_config){ 0 });
	p = piece(4, 5, 0, "aaaaaaaabbbbbbbb", 16, true);
	p.data.len = 9;
	CHECK_EQ(push(p), DEFRAG_HELD);
	CHECK(answer.anomalies >> DEFRAG_A_INCOMPLETELY_CAPTURED & 1);
	CHECK_EQ(push(piece(4, 5, 16, "c", 1, false)), DEFRAG_HELD);
	defrag_time(d, 31 * SECOND);
	CHECK_EQ(gone[DEFRAG_TIMEOUT], 2);
	CHECK(last_gone.anomalies >> DEFRAG_A_INCOMPLETELY_CAPTURED & 1);
	p = piece(4, 5, 0, "aaaaaaaabbbbbbbb", 16, false);
	p.data.len = 9;
	CHECK_EQ(push(p), DEFRAG_WHOLE);
	CHECK_EQ(answer.missing, 7);

	check_case("the don't-fragment bit on a fragment is reported");
	p = piece(4, 5, 0, "aaaaaaaa", 8, true);
	p.df = true;
	push(p);
	CHECK(answer.anomalies >> DEFRAG_A_WITH_DF & 1);
}

static enum defrag_result first_v6(uint8_t proto, const void *data, size_t len, size_t captured)
{
	struct defrag_piece p = piece(6, (uint32_t)frames, 0, data, len, true);

	p.proto = proto;
	p.data.len = captured;
	return push(p);
}

static void test_header_chain(void)
{
	uint8_t tcp[64] = { [12] = 0x80 }, options[64] = { 6, 1, [28] = 0x50 };
	uint8_t long_tcp[40] = { [12] = 0xf0 }, endless[64] = { 60, 0, [8] = 60, [16] = 60 };

	start((struct defrag_config){ 0 });
	check_case("F4: the first piece of an IPv6 datagram must hold the whole header chain");
	CHECK_EQ(first_v6(6, tcp, 16, 16), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_HEADER_CHAIN);
	CHECK_EQ(first_v6(6, tcp, 24, 24), DEFRAG_DROPPED); /* options up to 32 */
	CHECK_EQ(first_v6(6, tcp, 32, 32), DEFRAG_HELD);
	CHECK_EQ(first_v6(60, options, 32, 32), DEFRAG_DROPPED);
	CHECK_EQ(first_v6(60, options, 40, 40), DEFRAG_HELD);
	CHECK_EQ(first_v6(60, endless, 24, 24), DEFRAG_DROPPED);
	CHECK_EQ(first_v6(60, "\73\377aaaaaa", 8, 8), DEFRAG_DROPPED);
	CHECK_EQ(first_v6(17, tcp, 8, 8), DEFRAG_HELD);
	CHECK_EQ(first_v6(132, tcp, 8, 8), DEFRAG_DROPPED);
	CHECK_EQ(first_v6(132, tcp, 16, 16), DEFRAG_HELD);
	CHECK_EQ(first_v6(51, "\73\4aaaaaa", 16, 8), DEFRAG_DROPPED);
	CHECK_EQ(first_v6(6, long_tcp, 40, 40), DEFRAG_DROPPED);

	check_case("what the capture lacks may hold the rest of the chain");
	CHECK_EQ(first_v6(60, options, 32, 1), DEFRAG_HELD);
	CHECK_EQ(first_v6(6, tcp, 24, 12), DEFRAG_HELD);
	CHECK_EQ(first_v6(6, tcp, 16, 12), DEFRAG_DROPPED);
}

/* ---- time and floods -------------------------------------------------------------------- */

static void test_time(void)
{
	struct defrag_piece p;

	check_case(
		"F5: a datagram is given up 30 s (IPv4) or 60 s (IPv6) after its first piece, to "
		"the nanosecond");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 0, "aaaaaaaa", 8, true)); /* at 1 s */
	push(piece(6, 1, 0, "aaaaaaaa", 8, true));
	p = piece(4, 1, 8, "aaaaaaaa", 8, true);
	p.ts = 30 * SECOND;
	push(p);
	defrag_time(d, 31 * SECOND - 1);
	CHECK_EQ(defrag_held(d), 3);
	defrag_time(d, 31 * SECOND);
	CHECK_EQ(defrag_held(d), 1);
	CHECK_EQ(gone[DEFRAG_TIMEOUT], 2);
	CHECK_EQ(last_gone.first_ts, SECOND);
	CHECK_EQ(last_gone.first_n, 1);
	CHECK_EQ(last_gone.id, 1);
	CHECK_EQ(last_gone.wire_bytes, 2 * 42);
	CHECK(!memcmp(last_gone.src, host_a, 4) && !memcmp(last_gone.dst, host_b, 4));
	defrag_time(d, 61 * SECOND - 1);
	CHECK_EQ(defrag_held(d), 1);
	defrag_time(d, 61 * SECOND);
	CHECK_EQ(defrag_held(d), 0);

	check_case("F5: the piece that comes when the time is over starts another datagram");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 0, "aaaaaaaa", 8, true));
	p = piece(4, 1, 8, "a", 1, false);
	p.ts = 31 * SECOND;
	CHECK_EQ(push(p), DEFRAG_HELD);
	CHECK_EQ(gone[DEFRAG_TIMEOUT], 1);
	p = piece(4, 1, 0, "aaaaaaaa", 8, true);
	p.ts = 2 * SECOND; /* a clock that goes back does not make anything younger */
	CHECK_EQ(push(p), DEFRAG_WHOLE);

	check_case("a datagram that was discarded is forgotten when its time is over");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 16, "aa", 2, false));
	push(piece(4, 1, 16, "a", 1, false));
	CHECK_EQ(push(piece(4, 1, 0, "aaaaaaaa", 8, true)), DEFRAG_DROPPED);
	CHECK_EQ(answer.reason, DEFRAG_SIZE_INCONSISTENCY);
	CHECK_EQ(defrag_datagrams(d), 1);
	defrag_time(d, 31 * SECOND);
	CHECK_EQ(defrag_datagrams(d), 0);
	CHECK_EQ(all_gone(), 3);

	check_case("the end of input gives up the rest, oldest first");
	start((struct defrag_config){ 0 });
	push(piece(4, 1, 16, "aa", 2, false));
	push(piece(6, 2, 16, "aa", 2, false));
	defrag_finish(d);
	CHECK_EQ(gone[DEFRAG_END_OF_INPUT], 2);
	CHECK_EQ(last_gone.id, 2);
}

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One source sends first fragments, to one address or to many; a second one sends datagrams of
 * three pieces that come far apart. Returns how many of a thousand of these were whole. */
static unsigned flood(unsigned pieces, bool many_targets, size_t len)
{
	static uint8_t zero[1480], target[16], victim[16] = { 10, 9, 8, 7 };
	unsigned whole = 0, every = pieces / 3000;

	for (unsigned i = 0; i < pieces; i++) {
		struct defrag_piece p = piece(4, (uint32_t)next_random(), 0, zero, len, true);

		p.ts = SECOND + i * 10000ull;
		if (many_targets)
			be32_put(target, (uint32_t)next_random());
		p.dst = target;
		push(p);
		if (i % every || i / every >= 3000)
			continue;
		p = piece(4, i / every / 30 * 10 + i / every % 10, i / every % 30 / 10 * 1480, zero,
			  1480, i / every % 30 / 10 != 2);
		p.src = victim;
		p.ts = SECOND + i * 10000ull;
		whole += push(p) == DEFRAG_WHOLE;
		CHECK(defrag_bytes(d) <= MEMORY);
	}
	return whole;
}

/* As many sources as pieces: each sends one first fragment. Among them somebody sends datagrams of
 * three pieces, ten at a time, each piece a thousandth of a second behind the last. Returns how
 * many of 200 were whole. */
static unsigned spoofed_flood(uint8_t version, size_t len)
{
	static uint8_t zero[1480], source[16], victim[16] = { 10, 9, 8, 7 };
	unsigned whole = 0;

	for (uint32_t i = 0; i < 16384 + 600; i++) {
		struct defrag_piece p = piece(version, i, 0, zero, len, true);
		uint32_t at = i - 16384;

		be32_put(source, 0x20000000 + i);
		p.src = source;
		p.ts = SECOND + i * 1000000ull;
		push(p);
		if (i < 16384)
			continue;
		p = piece(4, at / 30 * 10 + at % 10, at % 30 / 10 * 1480, zero, 1480,
			  at % 30 / 10 != 2);
		p.src = victim;
		p.ts = SECOND + i * 1000000ull;
		whole += push(p) == DEFRAG_WHOLE;
	}
	return whole;
}

static void test_spoofed_flood(void)
{
	check_case("a flood of first fragments from as many sources leaves other datagrams whole");
	for (uint8_t version = 4; version <= 6; version += 2) {
		start((struct defrag_config){ .secret = { 1, 2 } });
		CHECK_EQ(spoofed_flood(version, 64), 200);
		CHECK(gone[DEFRAG_EVICTED_DATAGRAMS] >= 600);
		CHECK_EQ(gone[DEFRAG_EVICTED_MEMORY], 0);
		CHECK_EQ(all_gone() + defrag_held(d) + 600, frames);
		check_case("so does one of pieces so large that memory is what lacks");
		start((struct defrag_config){ .secret = { 1, 2 } });
		CHECK_EQ(spoofed_flood(version, 1480), 200);
		CHECK(gone[DEFRAG_EVICTED_MEMORY] > 0);
		CHECK_EQ(all_gone() + defrag_held(d) + 600, frames);
		check_case("and one of IPv6");
	}
}

static void test_flood(void)
{
	unsigned pieces = 1000000;
	double begun = now_s();

#ifdef WEIR_SANITIZE
	pieces = 100000;
#endif
	check_case("a million first fragments leave the other source's datagrams whole");
	start((struct defrag_config){ .secret = { 1, 2 } });
	CHECK(flood(pieces, false, 1480) >= 900);
	CHECK(defrag_datagrams(d) <= 64 + 100);
	CHECK(gone[DEFRAG_EVICTED_PAIR] >= pieces - 200);
	CHECK_EQ(all_gone() + defrag_held(d) + 3000, frames);
	printf("# %.0f ns each\n", (now_s() - begun) * 1e9 / pieces);

	check_case("so do a million to as many addresses, where memory is what lacks");
	begun = now_s();
	start((struct defrag_config){ .secret = { 1, 2 } });
	CHECK(flood(pieces, true, 1480) >= 900);
	CHECK(gone[DEFRAG_EVICTED_MEMORY] > 0);
	CHECK(gone[DEFRAG_EVICTED_MEMORY] >= pieces - 20000);
	CHECK_EQ(all_gone() + defrag_held(d) + 3000, frames);
	printf("# %.0f ns each\n", (now_s() - begun) * 1e9 / pieces);

	check_case("and where the number of datagrams is what lacks");
	begun = now_s();
	start((struct defrag_config){ .secret = { 1, 2 }, .datagrams = 1024 });
	CHECK(flood(pieces, true, 64) >= 900);
	CHECK(gone[DEFRAG_EVICTED_DATAGRAMS] >= pieces - 2000);
	CHECK(defrag_datagrams(d) <= 1024);
	CHECK_EQ(all_gone() + defrag_held(d) + 3000, frames);
	printf("# %.0f ns each\n", (now_s() - begun) * 1e9 / pieces);
	defrag_finish(d);
	CHECK_EQ(all_gone() + 3000, frames);

	check_case("a source alone loses its own oldest, and the latest of it still gets whole");
	start((struct defrag_config){ .per_pair = 4 });
	for (uint32_t id = 0; id < 10; id++)
		push(piece(4, id, 0, "aaaaaaaa", 8, true));
	CHECK_EQ(gone[DEFRAG_EVICTED_PAIR], 6);
	CHECK_EQ(push(piece(4, 5, 8, "a", 1, false)), DEFRAG_HELD);
	CHECK_EQ(push(piece(4, 9, 8, "a", 1, false)), DEFRAG_WHOLE);

	check_case("a datagram that alone fills the memory is given up with the piece in hand");
	start((struct defrag_config){ .datagrams = 16, .memory = 220000 });
	{
		static uint8_t zero[1480];
		uint64_t whole = 0;

		for (uint32_t i = 0; i < 200; i++)
			whole += push(piece(4, i / 50, i % 50 * 1024, zero, 8, true)) ==
				 DEFRAG_WHOLE;
		CHECK_EQ(whole, 0);
		CHECK(gone[DEFRAG_EVICTED_MEMORY] > 0);
		CHECK_EQ(all_gone() + defrag_held(d), 200);

		check_case("so is one that is the oldest of the source that holds most");
		struct defrag_config config = { .datagrams = 16, .memory = 100000 };

		while (!defrag_size(&config)) /* as little as there may be: about 64 pages */
			config.memory += 1000;
		start(config);
		for (uint32_t i = 0; i < 120 && !gone[DEFRAG_EVICTED_MEMORY]; i++) {
			struct defrag_piece p = piece(4, 1, i / 2 * 1024, zero, 8, true);

			if (i % 2 && i < 50)
				p.src = host_b;
			else if (i % 2)
				continue;
			push(p);
		}
		CHECK_EQ(answer.reason, DEFRAG_EVICTED_MEMORY);
		CHECK(gone[DEFRAG_EVICTED_MEMORY] > 30);
		CHECK_EQ(defrag_datagrams(d), 1);
		CHECK_EQ(defrag_held(d), 25);
	}
}

static void test_config(void)
{
	check_case("too little memory is refused, and the size asked for is what was configured");
	CHECK_EQ(defrag_size(&(struct defrag_config){ .memory = 100000 }), 0);
	CHECK_EQ(defrag_size(&(struct defrag_config){ .memory = 1000 }), 0);
	CHECK(!defrag_init(memory, &(struct defrag_config){ .memory = 100000 }));
	CHECK(defrag_size(&(struct defrag_config){ 0 }) <= 32u << 20);
	CHECK(defrag_size(&(struct defrag_config){ 0 }) > 31u << 20);

	check_case("each reason and each anomaly has a name");
	for (unsigned i = 0; i < DEFRAG_REASONS; i++)
		CHECK(defrag_reason_name(i) && *defrag_reason_name(i));
	for (unsigned i = 0; i < DEFRAG_ANOMALIES; i++)
		CHECK(defrag_anomaly_name(i) && *defrag_anomaly_name(i));
}

/* ---- random ----------------------------------------------------------------------------- */

static void test_model(void)
{
	static uint8_t script[600];
	unsigned seeds = 6000, bad = 0;
	uint64_t wholes = 0, drops[DEFRAG_REASONS] = { 0 };

#ifdef WEIR_SANITIZE
	seeds = 1000;
#endif
	check_case("random pieces fare as in a model that knows each byte and each piece");
	for (unsigned seed = 0; seed < seeds && bad < 3; seed++) {
		random_state = seed * 2654435761u + 1;
		for (unsigned i = 0; i < sizeof(script); i++)
			script[i] = (uint8_t)(next_random() >> 24);
		/* Mostly plain pieces of short datagrams: else little gets whole. */
		for (unsigned i = 1; seed % 4 && i + 3 < sizeof(script); i += 4) {
			if (seed % 4 == 1)
				script[i] &= 0x3e;
			script[i + 1] &= seed % 4 == 3 ? 0x30 : 0x00;
			script[i + 2] &= seed % 4 == 1 ? 0x03 : 0x07;
			script[i + 3] &= 0xf1;
		}
		if (!model_run(script, sizeof(script), memory, 1 << 19)) {
			printf("# seed %u\n", seed);
			bad++;
		}
		wholes += model_shared()->whole;
		for (unsigned i = 0; i < DEFRAG_REASONS; i++)
			drops[i] += model_shared()->heard[i];
	}
	CHECK_EQ(bad, 0);
	CHECK(wholes > seeds);
	for (unsigned i = DEFRAG_KEPT + 1; i < DEFRAG_REASONS; i++)
		CHECK(drops[i] > 0);
	printf("# %llu frames in wholes\n", (unsigned long long)wholes);
}

/* Pieces of eight bytes, from the end to the start, of as many datagrams as hold n bytes. */
static double backwards(unsigned n)
{
	double begun = now_s();
	unsigned whole = 0, units = 256;

	start((struct defrag_config){ .per_pair = 100 });
	for (unsigned at = 0; at < n / (units * 8); at++) {
		for (unsigned i = units; i-- > 0;)
			whole += push(piece(4, at, i * 8, "12345678", 8, i != units - 1)) ==
				 DEFRAG_WHOLE;
	}
	CHECK_EQ(whole, n / (units * 8));
	return now_s() - begun;
}

/* Large pieces, each of which overlaps all of the one before but eight bytes. */
static double overlapping(unsigned n)
{
	static uint8_t zero[32000];
	double begun = now_s();

	start((struct defrag_config){ .per_pair = 100 });
	for (unsigned sent = 0, i = 0; sent < n; sent += sizeof(zero), i++)
		push(piece(4, i / 250, i % 250 * 8, zero, sizeof(zero), true));
	return now_s() - begun;
}

static void test_linear(void)
{
	static double (*const attacks[])(unsigned) = { backwards, overlapping };

	for (unsigned a = 0; a < 2; a++) {
		double best = 1e9, one = 0, two = 0;
		unsigned n = a ? 64 << 20 : 4 << 20;

		check_case(a ? "twice as many overlapping pieces cost no more than twice the time"
			     : "twice as many tiny pieces cost no more than twice the time");
		/* one beside the other, until it fits: others work here too */
		for (unsigned i = 0; i < 12 && best > 2.5; i++) {
			one = attacks[a](n);
			two = attacks[a](2 * n);
			best = two / one < best ? two / one : best;
		}
		CHECK(best <= 2.5);
		printf("# %.1f MB/s\n", 2.0 * n / two / 1e6);
	}
}

int main(void)
{
	setvbuf(stdout, (char[4096]){ 0 }, _IOLBF, 4096);
	poisoned = true;
	test_novak();
	test_orders();
	test_attacks();
	test_damaged();
	test_keys();
	test_header_chain();
	test_time();
	test_flood();
	test_spoofed_flood();
	test_config();
	test_model();
	test_linear();
	poisoned = false;
	return check_end();
}
