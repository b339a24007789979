/* edit: whatever edits are asked of whatever frame, they are refused with a column, or leave a
 * frame within the bounds; and a match never reads beyond it. */
#include <stdlib.h>

#include "libcommon/packet/edit.h"
#include "libcommon/packet/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text up to the first zero, then the frame. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	char why[PKT_TEXT_WHY] = "", text[512];
	struct bytes frame, out;
	struct pkt_match *m;
	struct pkt_edit *e;
	struct packet p;
	size_t len;

	if (!end || size > 4096 || (len = (size_t)(end - data)) >= sizeof(text))
		return 0;
	memcpy(text, data, len + 1);
	frame = BYTES(end + 1, size - len - 1);
	e = pkt_edit_new(text, (enum pkt_sums)(size % 5), why);
	if (!e && strncmp(why, "column ", 7) != 0)
		abort();
	if (e && pkt_edit_apply(e, 1, frame, &out) == PKT_SAME && !bytes_equal(frame, out))
		abort();
	if (e)
		pkt_edit_free(e);
	m = pkt_match_new(text, why);
	if (m) {
		pkt_dissect(&p, 1, frame);
		pkt_matches(m, &p);
		pkt_match_free(m);
	}
	return 0;
}
