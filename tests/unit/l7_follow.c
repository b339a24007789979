/* l7_follow: a parser gets the flows that guesses give it, from where they say it begins. */
#include "libcommon/stage/l7.h"

#include "tests/unit/check.h"

static struct buf events;
static struct l7 *l7;
static uint64_t frame;
static uint8_t carrier; /* of the flows that are guessed */
static unsigned asked;
static enum l7_claim answer;

#define SAW(text)                                                                                  \
	do {                                                                                       \
		buf_add_byte(&events, 0);                                                          \
		if (strcmp((char *)events.ptr, text)) {                                            \
			printf("# %s:%d: saw %s\n", __FILE__, __LINE__, (char *)events.ptr);       \
			printf("#   instead of %s\n", text);                                       \
			check_bad = 1;                                                             \
		}                                                                                  \
		events.len = 0;                                                                    \
	} while (0)

static enum l7_claim claims(const struct l7_first *first)
{
	(void)first;
	asked++;
	return answer;
}

static size_t feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	buf_printf(&events, "feed %d %llu '%.*s';", dir, (unsigned long long)l7_offset(f, dir),
		   (int)(data.len < 20 ? data.len : 20), (const char *)data.ptr);
	return data.len;
}

static void datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	(void)f;
	buf_printf(&events, "datagram %d '%.*s';", dir, (int)data.len, (const char *)data.ptr);
}

static void host_emit(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	(void)ctx;
	(void)h;
	(void)rec;
	CHECK(desc == &rec_session_end_desc);
}

static const char *const protocols[] = { "mine", "ours", NULL };
static const struct l7_parser parser = {
	.name = "log", .protocols = protocols, .claims = claims, .feed = feed, .datagram = datagram
};

static const struct l7_parser datagrams = { .name = "log",
					    .protocols = protocols,
					    .datagram = datagram };

static void begin_with(const struct l7_parser *p)
{
	l7 = l7_new(p, &(struct l7_host){ NULL, host_emit }, NULL);
	l7_follow(l7);
	events.len = asked = 0;
	carrier = 6;
}

static void begin(void)
{
	begin_with(&parser);
}

static void finish(void)
{
	l7_finish(l7, frame);
	CHECK_EQ(l7_stats(l7)->flows, 0);
	CHECK_EQ(l7_stats(l7)->memory, 0);
	CHECK_EQ(l7_stats(l7)->first_bytes, 0);
	l7_free(l7);
}

static bool text(uint64_t flow, int dir, uint64_t offset, const char *data)
{
	struct rec_head h = { REC_stream, frame + 1, flow, frame + 1 };
	struct rec_stream s = { .ip_version = 4,
				.proto = 6,
				.dir = (uint8_t)dir,
				.offset = offset,
				.payload = bytes_str(data) };

	frame++;
	return l7_stream(l7, &h, &s);
}

static bool packet(uint64_t flow, const char *data)
{
	struct rec_head h = { REC_packet, frame + 1, flow, frame + 1 };
	struct rec_packet p = { .ip_version = 4, .proto = 17, .payload = bytes_str(data) };

	frame++;
	return l7_packet(l7, &h, &p);
}

static void guess(uint64_t flow, const char *protocol, unsigned state, uint64_t orig, uint64_t resp)
{
	struct rec_head h = { REC_guess, frame, flow, frame };
	struct rec_guess g = { .key.proto = carrier,
			       .protocol = bytes_str(protocol),
			       .state = state,
			       .orig_offset = orig,
			       .resp_offset = resp };

	l7_guess(l7, &h, &g);
}

int main(void)
{
	static char long_text[1024];

	check_case("a flow that a guess gives to the parser is its own from the first byte");
	begin();
	guess(1, "mine", REC_guess_state_LIKELY, 0, 0);
	CHECK(text(1, 0, 0, "a"));
	SAW("feed 0 0 'a';");
	carrier = 17;
	guess(2, "ours", REC_guess_state_CONFIRMED, 0, 0);
	CHECK(packet(2, "b"));
	SAW("datagram 0 'b';");
	finish();

	check_case("a guess gives no flow to a parser that does not read what carries it");
	begin();
	carrier = 132;
	guess(1, "mine", REC_guess_state_LIKELY, 0, 0);
	CHECK(l7_is_other(l7, 1));
	guess(2, "mine", REC_guess_state_CANDIDATE, 0, 0);
	CHECK(!l7_is_other(l7, 2));
	finish();
	begin_with(&datagrams);
	guess(1, "mine", REC_guess_state_LIKELY, 0, 0);
	CHECK(!text(1, 0, 0, "a"));
	carrier = 17; /* it lies */
	guess(2, "mine", REC_guess_state_LIKELY, 0, 0);
	CHECK(!text(2, 0, 0, "a"));
	SAW("");
	finish();

	check_case("what is another's is not looked at, and passes on");
	begin();
	guess(1, "else", REC_guess_state_LIKELY, 0, 0);
	CHECK(l7_is_other(l7, 1));
	CHECK(!text(1, 0, 0, "a"));
	CHECK(!text(2, 0, 0, "a"));
	guess(2, "else", REC_guess_state_GAVE_UP, 0, 0);
	CHECK(l7_is_other(l7, 2));
	CHECK_EQ(asked, 0);
	SAW("");
	finish();

	check_case("a guess that comes late gives the first bytes of both directions, too");
	begin();
	CHECK(!text(1, 0, 0, "abc"));
	CHECK(!text(1, 1, 0, "xyz"));
	CHECK_EQ(l7_stats(l7)->first_bytes, 6);
	guess(1, "else", REC_guess_state_CANDIDATE, 0, 0);
	CHECK_EQ(l7_stats(l7)->first_bytes, 6);
	guess(1, "mine", REC_guess_state_LIKELY, 0, 0);
	SAW("feed 0 0 'abc';feed 1 0 'xyz';");
	CHECK(text(1, 0, 3, "d"));
	SAW("feed 0 3 'd';");
	finish();

	check_case("a protocol that takes over begins at the offsets of its guess");
	begin();
	guess(1, "else", REC_guess_state_LIKELY, 0, 0);
	text(1, 0, 0, "STARTTLS");
	guess(1, "mine", REC_guess_state_LIKELY, 8, 5);
	CHECK(text(1, 1, 0, "helloxx"));
	CHECK(text(1, 0, 8, "b"));
	SAW("feed 1 5 'xx';feed 0 8 'b';");
	finish();

	check_case("of a candidate the parser is asked; of nothing else");
	begin();
	answer = L7_YES;
	guess(1, "mine", REC_guess_state_CANDIDATE, 0, 0);
	CHECK(text(1, 0, 0, "a"));
	SAW("feed 0 0 'a';");
	answer = L7_NO;
	text(2, 0, 0, "a");
	guess(2, "mine", REC_guess_state_GAVE_UP, 0, 0);
	CHECK(!text(2, 0, 1, "b"));
	CHECK_EQ(asked, 2);
	CHECK(l7_is_other(l7, 2));
	SAW("");
	finish();

	check_case("no more than 1 KiB of a direction is kept, 16 MiB in all, and what goes is "
		   "counted");
	begin();
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (uint64_t id = 1; id <= 17000; id++)
		text(id, 0, 0, long_text);
	CHECK(l7_stats(l7)->first_bytes <= 16 << 20);
	CHECK(l7_stats(l7)->first_bytes_evicted > 0);
	CHECK(l7_is_other(l7, 1));
	CHECK(!l7_is_other(l7, 17000));
	text(17000, 0, 1023, "more");
	CHECK(l7_is_other(l7, 17000));
	finish();
	buf_release(&events);
	return check_end();
}
