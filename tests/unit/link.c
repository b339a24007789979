/* link: unit tests of a link's messages and of the batches cut from a stream. */
#include "cmd/link/batch.h"
#include "cmd/link/message.h"
#include "tests/unit/check.h"

static uint8_t raw[LINK_FRONT_MAX + 1024];

static struct bytes message(const struct link_message *m)
{
	size_t n = link_message_put(raw, m);

	memcpy(raw + n, m->payload.ptr ? m->payload.ptr : raw, m->payload.len);
	return BYTES(raw, n + m->payload.len);
}

static void test_messages(void)
{
	struct link_message m = { LINK_VERSION, LINK_DATA,       7, UINT64_MAX, 3,
				  1u << 20,     BYTES_LIT("abc") };
	struct link_message back;
	struct bytes b = message(&m);
	char text[LINK_TEXT_MAX + 1] = { 0 };

	check_case("a message comes back as it was");
	CHECK(b.len <= LINK_FRONT_MAX + 3);
	CHECK(!link_message_get(b, &back));
	CHECK(back.kind == LINK_DATA && back.instance == 7 && back.seq == UINT64_MAX);
	CHECK(back.count == 3 && back.more == 1u << 20 && bytes_is(back.payload, "abc"));

	check_case("a message that is cut, or longer than it says, is none");
	for (size_t n = 0; n < b.len; n++)
		CHECK(link_message_get(BYTES(b.ptr, n), &back));
	CHECK(link_message_get(BYTES(b.ptr, b.len + 1), &back));

	check_case("an unknown kind is refused, but not in another version");
	m.kind = (enum link_kind)LINK_KINDS;
	CHECK(link_message_get(message(&m), &back));
	m.version = LINK_VERSION + 1;
	CHECK(!link_message_get(message(&m), &back) && back.version == LINK_VERSION + 1);

	check_case("a text has a limit, records have none of that kind");
	m = (struct link_message){
		LINK_VERSION, LINK_REFUSE, 0, 0, 0, 0, BYTES(text, sizeof(text))
	};
	CHECK(link_message_get(message(&m), &back));
	m.kind = LINK_DATA;
	CHECK(!link_message_get(message(&m), &back));

	check_case("the least msgpack will do");
	CHECK(!link_message_get(BYTES_LIT("\x97\x01\x0c\x00\x00\x00\x00\x00"), &back));
	CHECK(back.kind == LINK_BEAT);
	CHECK(link_message_get(BYTES_LIT("\x97\x01\x0c\xff\x00\x00\x00\x00"), &back));
	CHECK(link_message_get(BYTES_LIT("\x97\x01\x0c\x00\x00\x00\x00\x01"), &back));
}

static struct buf stream;

static void add_hello(uint64_t id)
{
	static const uint8_t offer[157];

	rec_pack(&stream, &rec_hello_desc, &(struct rec_head){ .type = REC_hello },
		 &(struct rec_hello){ .offer = BYTES(offer, sizeof(offer)),
				      .program = BYTES_LIT("p"),
				      .version = BYTES_LIT("v"),
				      .stream = id });
}

static void add_frames(unsigned n, size_t payload)
{
	static const uint8_t bytes[64 * 1024];
	struct rec_frame f = { .payload = BYTES(bytes, payload) };

	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = buf_reserve(&stream, rec_frame_wire + payload);

		rec_frame_put(at, &(struct rec_head){ REC_frame, 0, 0, i }, &f);
		stream.len += rec_frame_wire + payload;
	}
}

static void test_batches(void)
{
	struct stream_head head = { .n = 0 };
	struct batch b;
	const char *why;
	size_t first, one = rec_frame_wire + 100;

	add_hello(4711);
	rec_pack_schema(&stream, &rec_frame_desc, rec_frame_desc.id, 0);
	first = stream.len;
	add_frames(10, 100);
	add_hello(4712);
	rec_pack_schema(&stream, &rec_frame_desc, rec_frame_desc.id, 9);

	check_case("a batch counts its data records, and its head is noted once");
	CHECK(batch_cut(buf_bytes(&stream), SIZE_MAX, &b, &head, &why));
	CHECK(b.len == stream.len && b.records == 10);
	CHECK(head.instance == 4711 && head.raw.len == first && head.n == 2 && !head.full);
	CHECK(batch_cut(buf_bytes(&stream), SIZE_MAX, &b, &head, &why) && head.raw.len == first);

	check_case("a batch is cut between records, and is never empty where there is one");
	CHECK(batch_cut(BYTES(stream.ptr + first, 10 * one), 3 * one + 1, &b, NULL, &why));
	CHECK(b.len == 3 * one && b.records == 3);
	CHECK(batch_cut(BYTES(stream.ptr + first, 10 * one), 1, &b, NULL, &why) && b.len == one);
	CHECK(batch_cut(BYTES(stream.ptr + first, one - 1), 1, &b, NULL, &why) && b.len == 0);

	check_case("what is no record ends the batch, and what stands before it is in");
	stream.ptr[first + one] = 0xc1;
	CHECK(!batch_cut(buf_bytes(&stream), SIZE_MAX, &b, NULL, &why));
	CHECK(b.len == first + one && b.records == 1);
	stream_head_release(&head);
	buf_release(&stream);
}

static void test_full_head(void)
{
	struct stream_head head = { .n = 0 };
	struct batch b;
	const char *why;

	check_case("a head that grows too long says so, and stays what it was");
	for (unsigned i = 0; i < 2000; i++)
		rec_pack_schema(&stream, &rec_frame_desc, (uint16_t)(1000 + i), 0);
	CHECK(batch_cut(buf_bytes(&stream), SIZE_MAX, &b, &head, &why) && b.records == 0);
	CHECK(head.full && head.raw.len <= LINK_HEAD && head.n <= 512);
	stream_head_release(&head);
	buf_release(&stream);
}

int main(void)
{
	test_messages();
	test_batches();
	test_full_head();
	return check_end();
}
