/* tftp_blocks: which blocks of a transfer were seen. Their numbers begin anew after 65,535, and
 * several may be on their way (RFC 7440). */
#include "cmd/tftp/tftp.h"

enum { SEEN = 64 };

bool tftp_block_take(struct tftp_blocks *b, uint16_t number)
{
	uint16_t ahead, behind;

	if (!b->any) { /* the first block is 1; a capture may begin behind it */
		b->any = true;
		b->last = number <= SEEN ? 0 : (uint16_t)(number - 1);
		b->seen = 1;
	}
	ahead = (uint16_t)(number - b->last);
	behind = (uint16_t)(b->last - number);
	if (ahead && ahead < 0x8000) {
		b->seen = ahead < SEEN ? b->seen << ahead | 1 : 1;
		b->missing += ahead - 1u;
		b->last = number;
	} else if (behind >= SEEN || b->seen >> behind & 1) {
		b->repeated++;
		return false;
	} else {
		b->seen |= 1ull << behind;
		b->missing--;
	}
	b->count++;
	return true;
}
