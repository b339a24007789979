/* tftp_blocks: which blocks of a transfer were seen. Their numbers begin anew after 65,535, and
 * several may be on their way (RFC 7440). */
#include "cmd/tftp/tftp.h"

enum { SEEN = 64 };

/* The first block is 1; a capture may begin behind it. One turn of the numbers is left free, as
 * blocks may still come that are before the first one seen. */
static void begin(struct tftp_blocks *b, uint16_t number)
{
	b->any = true;
	b->first = 0x10000ull + (number && number <= SEEN ? 1 : number);
	b->last = b->first - 1;
}

bool tftp_block_take(struct tftp_blocks *b, uint16_t number)
{
	uint16_t ahead, behind;

	if (!b->any)
		begin(b, number);
	ahead = (uint16_t)(number - b->last);
	behind = (uint16_t)(b->last - number);
	if (ahead && ahead < 0x8000) {
		b->seen = ahead < SEEN ? b->seen << ahead | 1 : 1;
		b->last += ahead;
	} else if (behind >= SEEN || b->seen >> behind & 1) {
		b->repeated++;
		return false;
	} else {
		b->seen |= 1ull << behind;
		if (b->last - behind < b->first)
			b->first = b->last - behind;
	}
	b->count++;
	b->missing = b->last - b->first + 1 - b->count;
	return true;
}
