/* infer_facts: what messages say of other flows, however they are cut. */
#include "cmd/infer/facts.h"

#include <netinet/in.h>

#include "libcommon/base/buf.h"
#include "tests/unit/check.h"

static unsigned found;
static char last_name[128];

static void on_fact(void *ctx, const struct fact *f)
{
	(void)ctx;
	found++;
	snprintf(last_name, sizeof(last_name), "%.*s", (int)f->name.len, (const char *)f->name.ptr);
}

static const struct rec_key keys[] = {
	{ .proto = IPPROTO_TCP, .orig_h = { 4, { 1, 1, 1, 1 } }, .resp_h = { 4, { 2, 2, 2, 2 } } },
	{ .proto = IPPROTO_UDP, .orig_h = { 4, { 1, 1, 1, 1 } }, .resp_h = { 4, { 2, 2, 2, 2 } } },
};
enum { TCP, UDP };

/* Bytes of the responder, in memory of just their size. */
static void scan(struct facts_flow *flow, enum facts_kind kind, int l4, struct bytes b)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);

	memcpy(copy, b.ptr, b.len);
	facts_scan(flow, &(struct facts_input){ .kind = kind,
						.key = &keys[l4],
						.dir = 1,
						.bytes = BYTES(copy, b.len),
						.found = on_fact });
	free(copy);
}

/* An answer of one address, to a name of labels that so many letters each have. */
static struct buf answer(const uint8_t *labels)
{
	struct buf b = { 0 };

	buf_add(&b, "\0\1\x81\x80\0\1\0\1\0\0\0\0", 12);
	for (; *labels; labels++) {
		buf_add_byte(&b, *labels);
		for (unsigned i = 0; i < *labels; i++)
			buf_add_byte(&b, 'a');
	}
	buf_add(&b, "\0\0\1\0\1", 5);
	buf_add(&b, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1", 16);
	return b;
}

static void test_dns(void)
{
	static const uint8_t longest[] = { 63, 63, 63, 61, 0 }, beyond[] = { 63, 63, 63, 62, 0 };
	struct buf good = answer(longest), bad = answer(beyond);

	check_case("a name has 255 octets at most; one that is longer ends the message");
	scan(NULL, FACTS_DNS, UDP, buf_bytes(&good));
	CHECK_EQ(found, 1);
	scan(NULL, FACTS_DNS, UDP, buf_bytes(&bad));
	CHECK_EQ(found, 1);
	buf_release(&good);
	buf_release(&bad);
}

/* Two answers in a row, of so many labels each, over TCP. */
static struct buf stream_of(const uint8_t *one, const uint8_t *other)
{
	struct buf a = answer(one), b = answer(other), s = { 0 };

	buf_add_byte(&s, 0);
	buf_add_byte(&s, (uint8_t)a.len);
	buf_add(&s, a.ptr, a.len);
	buf_add_byte(&s, (uint8_t)(b.len >> 8));
	buf_add_byte(&s, (uint8_t)b.len);
	buf_add(&s, b.ptr, b.len);
	buf_release(&a);
	buf_release(&b);
	return s;
}

static void test_dns_stream(void)
{
	static const uint8_t little[] = { 3, 7, 3, 0 }, large[] = { 63, 63, 63, 61, 0 };
	struct buf s = stream_of(little, little), bulky = stream_of(little, large);
	struct facts_flow flow;

	check_case("what a stream of DNS tells does not depend on how it is cut");
	for (size_t step = 1; step <= s.len; step++) {
		flow = (struct facts_flow){ 0 };
		found = 0;
		for (size_t at = 0; at < s.len; at += step)
			scan(&flow, FACTS_DNS, TCP,
			     BYTES(s.ptr + at, at + step < s.len ? step : s.len - at));
		CHECK_EQ(found, 2);
	}
	check_case(
		"a long message whose length comes by itself is whole, and one that is cut let by");
	flow = (struct facts_flow){ 0 };
	found = 0;
	scan(&flow, FACTS_DNS, TCP, BYTES(bulky.ptr, 2 + bulky.ptr[1] + 2));
	CHECK_EQ(found, 1);
	scan(&flow, FACTS_DNS, TCP,
	     BYTES(bulky.ptr + 4 + bulky.ptr[1], bulky.len - 4 - bulky.ptr[1]));
	CHECK_EQ(found, 2);
	flow = (struct facts_flow){ 0 };
	found = 0;
	for (size_t at = 2 + (size_t)bulky.ptr[1]; at < bulky.len; at++)
		scan(&flow, FACTS_DNS, TCP, BYTES(bulky.ptr + at, 1));
	CHECK_EQ(found, 0);
	scan(&flow, FACTS_DNS, TCP, BYTES(s.ptr, 2 + (size_t)s.ptr[1]));
	CHECK_EQ(found, 1);
	check_case("behind a gap a piece begins a message");
	scan(&flow, FACTS_DNS, TCP, BYTES(s.ptr, 5));
	facts_gap(&flow, 1);
	scan(&flow, FACTS_DNS, TCP, BYTES(s.ptr, 2 + (size_t)s.ptr[1]));
	CHECK_EQ(found, 2);
	buf_release(&s);
	buf_release(&bulky);
}

int main(void)
{
	test_dns();
	test_dns_stream();
	return check_end();
}
