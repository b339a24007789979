/* weir-prefixed: a record for each message of a length-prefixed protocol on port 80: a length of
 * one byte, 1 to 64. Anything else poisons the flow. */
#include "libcommon/stage/l7.h"

static enum l7_claim prefixed_claims(const struct l7_first *first)
{
	return first->resp_p == 80 ? L7_YES : L7_NO;
}

static size_t prefixed_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	size_t n = data.ptr[0];

	(void)dir;
	if (n == 0 || n > 64) {
		l7_poison(f, "bad length");
		return 0;
	}
	return data.len > n ? n + 1 : 0;
}

static const struct l7_parser prefixed_parser = {
	.name = "prefixed",
	.summary = "messages with a length in front, on port 80",
	.claims = prefixed_claims,
	.feed = prefixed_feed,
};

int main(int argc, char **argv)
{
	return l7_main(&prefixed_parser, argc, argv);
}
