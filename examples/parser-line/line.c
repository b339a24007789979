/* weir-line: a record for each line of text that a TCP connection to port 7777 carries. */
#include "libcommon/stage/l7.h"

#define REC_TABLES
#define REC_DEF "line.def"
#include "libcommon/record/expand.h"

static enum l7_claim line_claims(const struct l7_first *first)
{
	return first->resp_p == 7777 ? L7_YES : L7_NO;
}

static size_t line_feed(struct l7_flow *flow, enum l7_dir dir, struct bytes data)
{
	size_t done = 0;
	const uint8_t *end;

	while (done < data.len && (end = memchr(data.ptr + done, '\n', data.len - done))) {
		size_t len = (size_t)(end - data.ptr) - done;

		l7_emit(flow, line, .dir = dir, .text = BYTES(data.ptr + done, len));
		done += len + 1;
	}
	return done;
}

static const struct l7_parser line_parser = {
	.name = "line",
	.summary = "a record for each line of text on port 7777",
	.claims = line_claims,
	.feed = line_feed,
};

int main(int argc, char **argv)
{
	return l7_main(&line_parser, argc, argv);
}
