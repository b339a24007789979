/* weir-pfx: a record for each message of "PFX2," and two bytes of length, or "PFX4," and four, and
 * a body. */
#include "libcommon/stage/l7.h"

#define REC_TABLES
#define REC_DEF "pfx.def"
#include "libcommon/record/expand.h"

enum { MARKER = 5, BODY_MAX = 65536 - MARKER - 4 };

/* Bytes of the length behind this marker; 0: it is none. */
static size_t size_of_length(const uint8_t *marker)
{
	if (memcmp(marker, "PFX2,", MARKER) == 0)
		return 2;
	return memcmp(marker, "PFX4,", MARKER) == 0 ? 4 : 0;
}

static enum l7_claim pfx_claims(const struct l7_first *first)
{
	if (first->resp_p == 5678)
		return L7_YES;
	if (first->data.len < MARKER)
		return L7_MAYBE;
	return size_of_length(first->data.ptr) ? L7_YES : L7_NO;
}

/* One message; how many bytes it has, 0 while it is not whole. */
static size_t message(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct cursor c = cursor_of(data);
	const uint8_t *marker = cursor_take(&c, MARKER);
	size_t size = marker ? size_of_length(marker) : 0;
	uint32_t length = size == 4 ? cursor_be32(&c) : cursor_be16(&c);

	if (marker && !size)
		l7_poison(f, "neither PFX2, nor PFX4,");
	else if (length > BODY_MAX)
		l7_poison(f, "a body of more than 64 KiB");
	if (c.failed || !size || length > BODY_MAX)
		return 0;
	if (cursor_left(&c) < length) {
		l7_want(f, dir, MARKER + size + length);
		return 0;
	}
	l7_emit(f, pfx, .dir = dir, .size = (uint8_t)size, .body = cursor_bytes(&c, length));
	return MARKER + size + length;
}

static size_t pfx_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t done = 0, n = 1;

	while (n) {
		n = message(f, dir, BYTES(data.ptr + done, data.len - done));
		done += n;
	}
	return done;
}

static const struct l7_parser pfx_parser = {
	.name = "pfx",
	.summary = "make records of length-prefixed messages",
	.claims = pfx_claims,
	.feed = pfx_feed,
};

int main(int argc, char **argv)
{
	return l7_main(&pfx_parser, argc, argv);
}
