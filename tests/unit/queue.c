/* queue: first in first out, whatever the lengths, in no more memory than it was given. */
#include <stdlib.h>

#include "libcommon/base/queue.h"
#include "tests/unit/check.h"

static uint32_t seed = 12345;

static uint32_t random32(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* Entry number i: its length and bytes follow from i. */
static struct bytes entry(uint64_t i, uint8_t *at, size_t longest)
{
	size_t len = (size_t)(i * 2654435761u % (longest + 1));

	memset(at, (int)(i * 31), len);
	return BYTES(at, len);
}

static bool take(struct queue *q, uint64_t i, size_t longest)
{
	uint8_t want[512];
	struct bytes b;
	uint64_t tag;

	if (!queue_first(q, &tag, &b) || tag != i || !bytes_equal(b, entry(i, want, longest)))
		return false;
	queue_drop(q);
	return true;
}

static void run(size_t size, size_t longest)
{
	/* the allocation ends where the queue may write at most: the sanitizer watches */
	uint8_t *mem = malloc(size), bytes[512];
	uint64_t in = 0, out = 0, full = 0;
	struct queue q;
	bool good = true;

	queue_init(&q, mem, size);
	for (unsigned k = 0; k < 200000 && good; k++) {
		if (random32() % 2) {
			if (queue_push(&q, in, entry(in, bytes, longest)))
				in++;
			else
				full++;
		} else if (out < in) {
			good = take(&q, out++, longest);
		}
		good = good && q.count == in - out && q.used <= q.size;
	}
	while (good && out < in)
		good = take(&q, out++, longest);
	CHECK(good);
	CHECK(full > 0);
	CHECK(q.count == 0 && q.used == 0);
	free(mem);
}

int main(void)
{
	uint64_t mem[8], other[6] = { 0 };
	struct queue q;
	struct bytes b;
	uint64_t tag;

	check_case("what goes in comes out, in order and unchanged, also over the end");
	run(4096, 500);
	run(1000, 300);
	run(160, 40);
	run(24, 8);
	check_case("an entry that can never fit is refused");
	queue_init(&q, mem, sizeof(mem));
	CHECK(!queue_push(&q, 1, BYTES("", 49)));
	CHECK(!queue_first(&q, &tag, &b));
	check_case("one that fills it all is taken, and no other beside it");
	CHECK(queue_push(&q, 1, BYTES(other, 48)));
	CHECK(!queue_push(&q, 2, BYTES("", 0)));
	queue_drop(&q);
	CHECK(queue_push(&q, 3, BYTES("", 0)));
	CHECK(queue_first(&q, &tag, &b) && tag == 3 && b.len == 0);
	check_case("without memory nothing fits");
	queue_init(&q, NULL, 0);
	CHECK(!queue_push(&q, 1, BYTES("", 0)));
	return check_end();
}
