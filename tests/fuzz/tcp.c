/* tcp: any sequence of segments between two ends; the offsets stay sane. */
#include <stdlib.h>

#include "libcommon/net/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tcp *t, const struct history *h, unsigned dir,
		  const struct tcp_segment *s, const struct tcp_result *r)
{
	const struct tcp_half *me = &t->half[dir];

	if (r->verdict > TCP_MALFORMED || r->skip + (uint64_t)r->keep > s->len)
		abort();
	/* What is delivered ends at or before the frontier: nothing can be delivered and forgotten.
	 */
	if (r->verdict == TCP_DELIVER && r->offset + r->keep > me->next)
		abort();
	if ((r->flags & TCP_R_FIN) && r->offset + r->keep < me->next)
		abort();
	if (h->len > HISTORY_SIZE || !tcp_conn_state(t) || !tcp_state_name(t))
		abort();
	if (tcp_phase(t) > TCP_OVER)
		abort();
}

/* Each segment: control byte, flags, four bytes of distance and length, options. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));
	struct tcp t = { 0 };
	struct history h = { 0 };

	for (unsigned n = 0; cursor_left(&c) >= 6 && n < 4096; n++) {
		uint8_t control = cursor_u8(&c);
		unsigned dir = control & 1;
		const struct tcp_half *me = &t.half[dir], *peer = &t.half[!dir];
		struct tcp_segment s = { .flags = cursor_u8(&c) };
		uint16_t near = cursor_be16(&c);
		struct tcp_result r;

		s.len = cursor_be16(&c);
		s.seq = control & 2 ? cursor_be32(&c) : me->base + (uint32_t)me->next;
		s.ack = control & 4 ? cursor_be32(&c) : peer->base + (uint32_t)peer->next;
		if (control & 8)
			s.seq += near - 32768u;
		if (control & 16)
			s.ack += near - 32768u;
		s.window = near;
		s.idle = control & 32 ? 6000000000ull : 0;
		s.bad_checksum = (control & 0xc0) == 0xc0;
		if (control & 64)
			s.options = cursor_bytes(&c, near & 15);
		if (tcp_is_reuse(&t, dir, &s)) {
			t = (struct tcp){ 0 };
			h = (struct history){ 0 };
		}
		tcp_input(&t, &h, dir, &s, &r);
		check(&t, &h, dir, &s, &r);
	}
	return 0;
}
