/* pcapng_write: whatever frames are written as pcapng, its reader gives them back. */
#include <stdlib.h>

#include "cmd/read/pcapng.h"
#include "cmd/write/ng.h"
#include "libcommon/record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame out of a few bytes of the input, the rest of its line its data. */
static bool frame_of(struct cursor *c, struct ng_packet *p)
{
	uint8_t bits = cursor_u8(c);
	size_t len;

	p->iface = (struct ng_iface){ bits & 1, bits >> 1 & 1, bits >> 2 & 3, cursor_be16(c) };
	p->outgoing = bits >> 4 & 1;
	p->ts = cursor_be64(c);
	p->wire_len = cursor_be32(c);
	len = cursor_u8(c);
	p->comment = cursor_bytes(c, bits >> 5 & 7);
	p->data = cursor_bytes(c, len);
	return !c->failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor again, c = cursor_of(BYTES(data, size));
	struct ng g = { .snaplen = 1000 };
	struct pcapng reader = { 0 };
	struct buf out = { 0 };
	struct ng_packet p;
	struct cap_frame f;
	struct bytes in;

	again = c;
	ng_section(&g, &out, "fuzz", BYTES(NULL, 0));
	while (frame_of(&c, &p))
		if (!ng_packet(&g, &out, &p, out.len))
			abort();
	in = buf_bytes(&out);
	while (frame_of(&again, &p)) {
		if (pcapng_next(&reader, &in, &f) != CAP_FRAME || f.ts != p.ts ||
		    f.link_type != p.iface.link_type || f.wire_len != p.wire_len ||
		    !bytes_equal(f.data, p.data) || !(f.flags & FRAME_OUTGOING) == p.outgoing)
			abort();
	}
	if (pcapng_next(&reader, &in, &f) != CAP_MORE || in.len)
		abort();
	pcapng_release(&reader);
	ng_release(&g);
	buf_release(&out);
	return 0;
}
