/* dedup: tests of what counts as a second copy of a frame. */
#include "libcommon/net/dedup.h"

#include "tests/unit/check.h"
#include "tests/unit/poison.h"

enum { US = 1000, MS = 1000 * US };

static struct dedup *make(uint32_t frames, uint32_t bytes)
{
	struct dedup_config c = { .window = MS, .frames = frames, .bytes = bytes, .secret = 42 };
	struct dedup *d = dedup_init(malloc(dedup_size(&c)), &c);

	poisoned = true;
	return d;
}

static void drop(struct dedup *d)
{
	poisoned = false;
	free(d);
}

static struct dedup_frame frame(uint64_t ts, const char *text)
{
	return (struct dedup_frame){ .ts = ts,
				     .link_type = 1,
				     .wire_len = (uint32_t)strlen(text),
				     .data = bytes_str(text) };
}

static bool copy(struct dedup *d, uint64_t ts, const char *text)
{
	struct dedup_frame f = frame(ts, text);

	return dedup_is_copy(d, &f);
}

static bool copy_out(struct dedup *d, uint64_t ts, const char *text)
{
	struct dedup_frame f = frame(ts, text);

	f.outgoing = true;
	return dedup_is_copy(d, &f);
}

static void test_window(void)
{
	struct dedup *d = make(0, 0);

	check_case("the same frame is a copy within the window and none after it");
	CHECK(!copy(d, 10 * MS, "one frame"));
	CHECK(copy(d, 10 * MS + 500 * US, "one frame"));
	CHECK(copy(d, 11 * MS, "one frame"));
	CHECK(!copy(d, 12 * MS, "one frame"));
	CHECK(copy(d, 12 * MS + MS, "one frame"));
	CHECK(!copy(d, 12 * MS + MS + 1, "one frame"));

	check_case("time that goes back by less than the window makes no difference");
	CHECK(!copy(d, 50 * MS, "late"));
	CHECK(copy(d, 50 * MS - 500 * US, "late"));

	check_case("other bytes, another length or another length on the wire make another frame");
	CHECK(!copy(d, 60 * MS, "abcdef"));
	CHECK(!copy(d, 60 * MS, "abcdeg"));
	CHECK(!copy(d, 60 * MS, "abcde"));
	struct dedup_frame snapped = frame(60 * MS, "abcdef");
	snapped.wire_len = 100;
	CHECK(!dedup_is_copy(d, &snapped));
	CHECK_EQ(dedup_overrun(d), 0);

	check_case("an empty frame is a frame");
	CHECK(!copy(d, 70 * MS, ""));
	CHECK(copy(d, 70 * MS, ""));
	drop(d);
}

static void test_directions(void)
{
	struct dedup *d = make(0, 0);

	check_case("a frame that goes out and comes in over loopback is there once");
	CHECK(!copy_out(d, MS, "ping"));
	CHECK(copy(d, MS, "ping"));

	check_case("W20: a frame sent twice within the window stays two frames");
	CHECK(!copy_out(d, 10 * MS, "again"));
	CHECK(copy(d, 10 * MS, "again"));
	CHECK(!copy_out(d, 10 * MS + 10, "again"));
	CHECK(copy(d, 10 * MS + 10, "again"));
	CHECK(!copy_out(d, 20 * MS, "both"));
	CHECK(!copy_out(d, 20 * MS, "both"));
	CHECK(copy(d, 20 * MS, "both"));
	CHECK(copy(d, 20 * MS, "both"));

	check_case("cooked headers that differ by direction or interface hold the same frame");
	uint8_t sll[2][20] = { { 0, 4, 3, 4 }, { 0, 0, 3, 4 } };
	uint8_t sll2[2][24] = { { 8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 4, 6 },
				{ 8, 0, 0, 0, 0, 0, 0, 2, 3, 4, 0, 6 } };
	for (unsigned i = 0; i < 4; i++) {
		bool two = i & 1;
		struct dedup_frame f = { .ts = 30 * MS,
					 .link_type = i < 2 ? 113 : 276,
					 .wire_len = 24,
					 .data = i < 2 ? BYTES(sll[two], sizeof(sll[two]))
						       : BYTES(sll2[two], sizeof(sll2[two])) };
		CHECK_EQ(dedup_is_copy(d, &f), two);
	}
	drop(d);
}

static void test_bounds(void)
{
	struct dedup *d = make(2, 0);

	check_case("a frame that was pushed out is not known any more, and that is counted");
	CHECK(!copy(d, MS, "f1"));
	CHECK(!copy(d, MS, "f2"));
	CHECK(!copy(d, MS, "f3"));
	CHECK(!copy(d, MS, "f1"));
	CHECK_EQ(dedup_overrun(d), 2);
	drop(d);

	check_case("room for one frame is enough, and a frame beyond all room is let by");
	d = make(1, 64);
	CHECK(!copy(d, MS, "f1"));
	CHECK(copy(d, MS, "f1"));
	char big[100];
	memset(big, 'x', sizeof(big));
	struct dedup_frame f = { .ts = MS, .link_type = 1, .data = BYTES(big, sizeof(big)) };
	CHECK(!dedup_is_copy(d, &f));
	CHECK(!dedup_is_copy(d, &f));
	CHECK_EQ(dedup_overrun(d), 2);
	drop(d);

	check_case("bytes that wrap round the ring are compared whole");
	d = make(64, 100);
	for (unsigned i = 0; i < 1000; i++) {
		char text[40];

		memset(text, 'a' + i % 26, sizeof(text));
		memcpy(text + 30, &i, sizeof(i));
		f = (struct dedup_frame){ .ts = MS + i, .link_type = 1, .data = BYTES(text, 37) };
		CHECK(!dedup_is_copy(d, &f));
		CHECK(dedup_is_copy(d, &f));
	}
	drop(d);

	check_case("a flood of equal frames that went out costs no more than others");
	d = make(0, 0);
	for (unsigned i = 0; i < 200000; i++)
		CHECK(!copy_out(d, MS, "flood"));
	CHECK(dedup_overrun(d) > 0);
	drop(d);
}

/* A list of all frames, and the rule in words. */
static void test_model(void)
{
	enum { FRAMES = 20000, KINDS = 40 };
	static struct {
		uint64_t ts;
		unsigned kind;
		bool out, paired;
	} kept[FRAMES];
	struct dedup *d = make(0, 0);
	unsigned n = 0, seed = 7, wrong = 0, copies = 0;
	uint64_t ts = MS;

	check_case("random frames of two directions give what the rule says");
	for (unsigned i = 0; i < FRAMES; i++) {
		bool want = false, out;
		unsigned kind;
		char text[16];

		seed = seed * 1103515245 + 12345;
		kind = (seed >> 16) % KINDS;
		out = seed >> 30 & 1;
		ts += (seed >> 8) % (100 * US);
		snprintf(text, sizeof(text), "frame %u", kind);
		for (unsigned k = 0; k < n && !want; k++) {
			if (kept[k].kind != kind || ts - kept[k].ts > MS || (kept[k].out && out) ||
			    (kept[k].out != out && kept[k].paired))
				continue;
			want = true;
			kept[k].paired |= kept[k].out != out;
		}
		if (!want) {
			kept[n].ts = ts;
			kept[n].kind = kind;
			kept[n++].out = out;
		}
		copies += want;
		wrong += want != (out ? copy_out(d, ts, text) : copy(d, ts, text));
	}
	CHECK_EQ(wrong, 0);
	CHECK(copies > FRAMES / 10);
	drop(d);
}

int main(void)
{
	static char out[BUFSIZ];

	setvbuf(stdout, out, _IOLBF, sizeof(out)); /* no allocation while poisoned */
	test_window();
	test_directions();
	test_bounds();
	test_model();
	return check_end();
}
