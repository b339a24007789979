/* l7_set: parsers side by side see what each would see alone. */
#include "libcommon/stage/l7_set.h"

#include "libcommon/stage/l7_others.h"
#include "tests/unit/check.h"

/* Two parsers that log what they see: of what begins with their letter, or with '?' until it ends
 * in their letter; one of them reads datagrams, too. */
static struct buf logs[3];

static enum l7_claim claims(const struct l7_first *first, char letter)
{
	uint8_t front = first->data.ptr[0], back = first->data.ptr[first->data.len - 1];

	if (front != '?' || back != '?')
		return front == letter || back == letter ? L7_YES : L7_NO;
	return L7_MAYBE;
}

static enum l7_claim claims_a(const struct l7_first *first)
{
	return claims(first, 'a');
}

static enum l7_claim claims_b(const struct l7_first *first)
{
	return claims(first, 'b');
}

static size_t feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	l7_emit(f, smtp, .server = data, .size = SOME(dir));
	if (memchr(data.ptr, '.', data.len))
		l7_done(f);
	if (memchr(data.ptr, '!', data.len))
		l7_poison(f, "!");
	return data.len;
}

static void datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	feed(f, dir, data);
}

static const char *const names_a[] = { "alpha", NULL }, *const names_b[] = { "beta", NULL };
static const struct l7_parser parser_a = { .name = "a",
					   .protocols = names_a,
					   .claims = claims_a,
					   .feed = feed,
					   .datagram = datagram },
			      parser_b = { .name = "b",
					   .protocols = names_b,
					   .claims = claims_b,
					   .feed = feed };

static void on_record(void *ctx, const struct rec_desc *desc, const struct rec_head *h,
		      const void *rec)
{
	struct buf *to = ctx;

	buf_printf(to, "%s %u %u", desc->name, (unsigned)h->flow, (unsigned)h->n);
	if (desc == &rec_smtp_desc)
		buf_printf(to, " %.*s", (int)((const struct rec_smtp *)rec)->server.len,
			   (const char *)((const struct rec_smtp *)rec)->server.ptr);
	if (desc == &rec_session_end_desc)
		buf_printf(to, " %s", ((const struct rec_session_end *)rec)->parser.ptr);
	buf_add_byte(to, '\n');
}

/* What a run gives, of one set, or of two. */
struct run {
	struct l7_set *sets[2];
	size_t n;
	uint64_t frame;
};

/* The next record of a flow that has those offsets. */
static void next_record(struct run *r, uint64_t flow, unsigned kind, unsigned dir,
			uint64_t offsets[2])
{
	static const char texts[][8] = { "a1", "b2", "?", "?a", "?b", "c", "a.", "b!", "x" };
	struct rec_head h = { REC_stream, ++r->frame, flow, r->frame };
	struct bytes data = bytes_str(texts[kind % 9]);
	struct rec_stream s = { .ip_version = 4, .proto = 6, .dir = (uint8_t)dir, .payload = data };
	struct rec_packet p = {
		.ip_version = 4, .proto = 17, .dir = (uint8_t)dir, .payload = data
	};

	s.offset = offsets[dir];
	offsets[dir] += data.len;
	for (size_t i = 0; i < r->n; i++) {
		if (l7_set_is_other(r->sets[i], flow))
			continue;
		if (flow % 3)
			l7_set_stream(r->sets[i], &h, &s);
		else
			l7_set_packet(r->sets[i], &h, &p);
	}
}

static void guess(struct run *r, uint64_t flow, const char *protocol)
{
	struct rec_head h = { REC_guess, r->frame, flow, r->frame };
	struct rec_guess g = { .protocol = bytes_str(protocol),
			       .state = REC_guess_state_LIKELY,
			       .key = { .proto = 6 } };

	for (size_t i = 0; i < r->n; i++)
		l7_set_guess(r->sets[i], &h, &g);
}

static void end(struct run *r, uint64_t flow)
{
	struct rec_head h = { REC_flow, ++r->frame, flow, r->frame };
	struct rec_flow fl = { .event = REC_flow_event_END };

	for (size_t i = 0; i < r->n; i++)
		l7_set_flow_end(r->sets[i], &h, &fl);
}

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Many flows at a time, so close that some of what is remembered has to make room. */
static void play(struct run *r, bool guesses, uint64_t spread)
{
	enum { FLOWS = 64 };
	uint64_t seed = 7, ids[FLOWS] = { 0 }, offsets[FLOWS][2], fresh = 1;

	for (size_t i = 0; guesses && i < r->n; i++)
		l7_set_follow(r->sets[i]);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned at = (unsigned)(next(&seed) % FLOWS), what = (unsigned)(next(&seed) % 16);

		if (!ids[at]) {
			ids[at] = fresh;
			fresh += spread;
			offsets[at][0] = offsets[at][1] = 0;
			if (guesses && what & 1)
				guess(r, ids[at], what & 2 ? "alpha" : "gamma");
		}
		if (guesses && what == 14)
			guess(r, ids[at], next(&seed) & 1 ? "beta" : "gamma");
		if (what == 15) {
			end(r, ids[at]);
			ids[at] = 0;
		} else {
			next_record(r, ids[at], (unsigned)next(&seed), what & 1, offsets[at]);
		}
	}
	for (size_t i = 0; i < r->n; i++)
		l7_set_finish(r->sets[i], r->frame);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The lines in order, as a printer would have them. */
static size_t sorted(struct buf *b, char **lines, size_t most)
{
	size_t n = 0;

	buf_add_byte(b, 0);
	for (char *at = strtok((char *)b->ptr, "\n"); at && n < most; at = strtok(NULL, "\n"))
		lines[n++] = at;
	qsort(lines, n, sizeof(*lines), by_text);
	return n;
}

static void compare(bool guesses, uint64_t spread)
{
	enum { LINES = 65536 };
	static char *lines[2][LINES];
	const struct l7_parser *const all[] = { &parser_a, &parser_b };
	struct l7_host hosts[3] = { { &logs[0], on_record },
				    { &logs[1], on_record },
				    { &logs[2], on_record } };
	struct run together = { .n = 1 }, apart = { .n = 2 };
	size_t n, m;
	struct l7_stats stats;

	for (int i = 0; i < 3; i++)
		logs[i].len = 0;
	together.sets[0] = l7_set_new(all, 2, &hosts[0], NULL);
	for (int i = 0; i < 2; i++)
		apart.sets[i] = l7_set_new(&all[i], 1, &hosts[1 + i], NULL);
	play(&together, guesses, spread);
	play(&apart, guesses, spread);
	buf_add(&logs[1], logs[2].ptr, logs[2].len);
	n = sorted(&logs[0], lines[0], LINES);
	m = sorted(&logs[1], lines[1], LINES);
	CHECK(n > 1000);
	CHECK_EQ(n, m);
	for (size_t i = 0; i < n && i < m; i++) {
		if (strcmp(lines[0][i], lines[1][i]) == 0)
			continue;
		printf("# %s instead of %s\n", lines[0][i], lines[1][i]);
		CHECK(false);
		break;
	}
	stats = l7_set_stats(together.sets[0]);
	CHECK(!stats.flows && !stats.memory && !stats.first_bytes);
	l7_set_free(together.sets[0]);
	for (int i = 0; i < 2; i++)
		l7_set_free(apart.sets[i]);
}

static void order(void)
{
	const struct l7_parser *const all[] = { &parser_a, &parser_b };
	struct run r = { .n = 1 };
	uint64_t offsets[4][2] = { { 0 } };

	check_case("at the end of input flows end in the order of their ids, whoever has them");
	logs[0].len = 0;
	r.sets[0] = l7_set_new(all, 2, &(struct l7_host){ &logs[0], on_record }, NULL);
	next_record(&r, 1, 1, 0, offsets[0]);
	next_record(&r, 2, 0, 0, offsets[1]);
	next_record(&r, 4, 1, 0, offsets[2]);
	CHECK(!l7_set_is_other(r.sets[0], 4));
	next_record(&r, 5, 5, 0, offsets[3]);
	CHECK(l7_set_is_other(r.sets[0], 5) && l7_set_knows(r.sets[0], 5));
	logs[0].len = 0;
	l7_set_finish(r.sets[0], 100);
	buf_add_byte(&logs[0], 0);
	CHECK(strcmp((char *)logs[0].ptr,
		     "session_end 1 101 b\nsession_end 2 102 a\nsession_end 4 104 b\n") == 0);
	CHECK(!l7_set_knows(r.sets[0], 5));
	l7_set_free(r.sets[0]);
}

static void first_bytes(void)
{
	static uint8_t bytes[1000];
	const struct l7_parser *const all[] = { &parser_a, &parser_b };
	struct l7_set *set = l7_set_new(all, 2, &(struct l7_host){ &logs[0], on_record }, NULL);

	check_case("first bytes have 16 MiB over all parsers; what goes is counted");
	CHECK(l7_set_follow(set));
	for (uint64_t id = 1; id <= 10000; id++) {
		struct rec_head h = { REC_stream, id, id, id };
		struct rec_stream s = { .ip_version = 4,
					.proto = 6,
					.payload = BYTES(bytes, sizeof(bytes)) };

		l7_set_stream(set, &h, &s);
	}
	CHECK(l7_set_stats(set).first_bytes <= 16 << 20);
	CHECK(l7_set_stats(set).first_bytes > 15 << 20);
	CHECK(l7_set_stats(set).first_bytes_evicted > 0);
	l7_set_free(set);
}

int main(void)
{
	check_case("what two parsers make side by side is what each makes alone");
	compare(false, 1);
	check_case("also where guesses come, early and late");
	compare(true, 1);
	check_case("and where what is remembered of flows makes room");
	compare(false, (uint64_t)L7_OTHER_SETS * L7_OTHER_WAYS);
	compare(true, (uint64_t)L7_OTHER_SETS * L7_OTHER_WAYS);
	order();
	first_bytes();
	for (int i = 0; i < 3; i++)
		buf_release(&logs[i]);
	return check_end();
}
