/* packet_of: the IP packet in a frame, for who routes it or sends it on a link of another kind. */
#include "cmd/send/packet_of.h"

enum { VLANS = 8 };

bool packet_is_bare(uint32_t link_type)
{
	return link_type == 101 || link_type == 12 || link_type == 14 || link_type == 228 ||
	       link_type == 229;
}

uint16_t packet_proto(struct bytes packet)
{
	if (packet.len >= 20 && packet.ptr[0] >> 4 == 4)
		return 0x0800;
	if (packet.len >= 40 && packet.ptr[0] >> 4 == 6)
		return 0x86dd;
	return 0;
}

/* The length by the header, if all of it is there. */
static struct bytes whole(struct bytes packet)
{
	size_t len;

	switch (packet_proto(packet)) {
	case 0x0800:
		len = be16_get(packet.ptr + 2);
		break;
	case 0x86dd:
		len = 40u + be16_get(packet.ptr + 4);
		break;
	default:
		return BYTES(NULL, 0);
	}
	if (len < 20 || len > packet.len)
		return BYTES(NULL, 0);
	packet.len = len;
	return packet;
}

static bool is_tag(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

struct bytes packet_of(uint32_t link_type, struct bytes frame)
{
	struct cursor c = cursor_of(frame);
	uint16_t type;

	switch (link_type) {
	case 0: /* NULL, LOOP: the address family */
	case 108:
		cursor_skip(&c, 4);
		break;
	case 1:
		cursor_skip(&c, 12);
		type = cursor_be16(&c);
		for (int i = 0; i < VLANS && is_tag(type); i++) {
			cursor_skip(&c, 2);
			type = cursor_be16(&c);
		}
		if (type != 0x0800 && type != 0x86dd)
			return BYTES(NULL, 0);
		break;
	case 113: /* LINUX_SLL, and _SLL2 */
		cursor_skip(&c, 16);
		break;
	case 276:
		cursor_skip(&c, 20);
		break;
	default:
		if (!packet_is_bare(link_type))
			return BYTES(NULL, 0);
	}
	return c.failed ? BYTES(NULL, 0) : whole(BYTES(c.pos, cursor_left(&c)));
}
