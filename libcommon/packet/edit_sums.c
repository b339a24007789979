/* edit_sums: checksums after an edit: what was right stays right, what was wrong as wrong as it
 * was. */
#include "libcommon/packet/edit_private.h"

/* HC' = ~(~HC + ~m + m'). RFC 1624, equation 3. Sums are in memory order. */
static uint32_t follow(const struct pkt_sum_of *s, uint32_t was, uint32_t before, uint32_t after)
{
	uint32_t sum;

	if (s->how == PKT_SUM_CRC32C)
		return was ^ __builtin_bswap32(before ^ after);
	if (s->optional && was == 0)
		return 0;
	sum = (uint16_t)~__builtin_bswap16((uint16_t)was);
	sum += (uint16_t)~before + after;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (uint16_t)~__builtin_bswap16((uint16_t)sum);
	return s->optional && sum == 0 ? 0xffff : sum;
}

bool pkt_sum_next(enum pkt_sums mode, const struct pkt_sum_of *s, uint32_t was, uint32_t before,
		  uint32_t after, uint32_t *now)
{
	*now = was;
	if (before == after || mode == PKT_SUMS_KEEP)
		return true;
	if (mode == PKT_SUMS_ZERO) {
		*now = 0;
		return true;
	}
	if (s->how == PKT_SUM_CRC32C && !s->covered)
		return false;
	*now = follow(s, was, before, after);
	if (mode == PKT_SUMS_BAD)
		*now ^= 0x5555;
	return true;
}

uint32_t pkt_sum_stored(const struct packet *p, const struct pkt_sum_of *s)
{
	return (uint32_t)pkt_bits_get(p->data.ptr, s->place.at, s->place.bits);
}

static bool overlaps(struct pkt_place a, struct pkt_place b)
{
	return a.at < b.at + b.bits && b.at < a.at + a.bits;
}

enum pkt_edited pkt_sums_follow(struct pkt_edit *e, const struct packet *p,
				struct pkt_place changed)
{
	struct packet was = *p, is = *p;

	was.data = buf_bytes(&e->spare);
	is.data = buf_bytes(&e->bytes);
	if (bytes_equal(was.data, is.data))
		return PKT_SAME;
	for (unsigned i = p->n; i-- > 0;) {
		struct pkt_sum_of s;
		uint32_t now;

		if (!pkt_sum_find(&was, i, &s) || overlaps(s.place, changed))
			continue;
		if (!pkt_sum_next(e->sums, &s, pkt_sum_stored(&was, &s), pkt_sum_over(&was, i, &s),
				  pkt_sum_over(&is, i, &s), &now))
			return PKT_REFUSED_SNAPPED;
		pkt_bits_put(e->bytes.ptr, s.place.at, s.place.bits, now);
	}
	return PKT_EDITED;
}
