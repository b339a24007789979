/* kept: frames kept in memory, to be sent several times. */
#include "cmd/send/kept.h"

struct head {
	uint64_t ts;
	uint32_t link_type, len, side;
};

bool kept_add(struct kept *s, const struct kept_frame *f)
{
	struct head h = { f->ts, f->link_type, (uint32_t)f->data.len, f->side };

	if (s->bytes.len + sizeof(h) + f->data.len > s->max)
		return false;
	buf_add(&s->bytes, &h, sizeof(h));
	buf_add(&s->bytes, f->data.ptr, f->data.len);
	s->frames++;
	return true;
}

bool kept_next(const struct kept *s, size_t *at, struct kept_frame *f)
{
	struct head h;

	if (*at + sizeof(h) > s->bytes.len)
		return false;
	memcpy(&h, s->bytes.ptr + *at, sizeof(h));
	*at += sizeof(h);
	*f = (struct kept_frame){ h.ts, h.link_type, (uint8_t)h.side,
				  BYTES(s->bytes.ptr + *at, h.len) };
	*at += h.len;
	return true;
}
