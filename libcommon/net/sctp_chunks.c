/* sctp_chunks: a packet's checksum, chunks and their parameters, whatever they mean. */
#include "libcommon/net/sctp.h"

#include "libcommon/net/crc32c.h"

bool sctp_checksum_right(struct bytes packet)
{
	static const uint8_t zero[4];
	uint32_t crc, sent;

	if (packet.len < 12)
		return false;
	crc = crc32c(0, BYTES(packet.ptr, 8));
	crc = crc32c(crc, BYTES(zero, 4));
	crc = crc32c(crc, BYTES(packet.ptr + 12, packet.len - 12));
	sent = __builtin_bswap32(be32_get(packet.ptr + 8));
	return crc == sent;
}

/* Of a type whose first bit is clear and that not all know: what both sides have to offer. */
static uint8_t offer_for(uint8_t type)
{
	switch (type) {
	case SCTP_AUTH:
		return SCTP_NO_AUTH;
	case SCTP_NR_SACK:
		return SCTP_NO_NR_SACK;
	case SCTP_I_DATA:
		return SCTP_NO_I_DATA;
	default:
		return 0;
	}
}

/* RFC 9260 3.2: who does not know a chunk's type skips it or, by the first bit, discards the rest
 * of the packet. */
static bool ends_packet(uint8_t type)
{
	return !(type & 0x80) && type >= 16 && !offer_for(type);
}

bool sctp_walk_next(struct sctp_walk *w, struct sctp_chunk *chunk)
{
	const uint8_t *h;
	size_t left = cursor_left(&w->c), pad;

	if (!left || w->ended)
		return false;
	if (w->chunks == SCTP_CHUNK_LIMIT) {
		w->too_many = w->ended = true;
		return false;
	}
	h = cursor_take(&w->c, 4);
	if (!h || be16_get(h + 2) < 4) {
		w->bad_length = h || !w->snapped;
		w->ended = true;
		return false;
	}
	*chunk = (struct sctp_chunk){ .type = w->lacks & offer_for(h[0]) ? SCTP_UNKNOWN : h[0],
				      .flags = h[1],
				      .len = be16_get(h + 2) };
	w->ended = chunk->len > left || ends_packet(chunk->type);
	if (chunk->len > left && !w->snapped) {
		w->bad_length = true;
		return false;
	}
	chunk->value = cursor_bytes(&w->c, (chunk->len > left ? left : chunk->len) - 4);
	pad = -(size_t)chunk->len & 3;
	cursor_skip(&w->c, pad < cursor_left(&w->c) ? pad : cursor_left(&w->c));
	w->chunks++;
	return true;
}

bool sctp_param_next(struct sctp_params *w, struct sctp_param *param)
{
	size_t pad;
	uint16_t len;

	if (!cursor_left(&w->c) || w->bad_length)
		return false;
	param->type = cursor_be16(&w->c);
	len = cursor_be16(&w->c);
	if (w->c.failed || len < 4 || len - 4u > cursor_left(&w->c)) {
		w->bad_length = true;
		return false;
	}
	param->value = cursor_bytes(&w->c, len - 4u);
	pad = -(size_t)len & 3;
	cursor_skip(&w->c, pad < cursor_left(&w->c) ? pad : cursor_left(&w->c));
	return true;
}

static uint8_t offer_of_extension(uint8_t type)
{
	switch (type) {
	case SCTP_FORWARD_TSN:
	case SCTP_I_FORWARD_TSN:
		return SCTP_NO_FORWARD;
	case SCTP_RE_CONFIG:
		return SCTP_NO_RECONFIG;
	case SCTP_AUTH: /* by its own parameters */
		return 0;
	default:
		return offer_for(type);
	}
}

enum { NO_HMACS = 0x80 }; /* beside enum sctp_lack */

static uint8_t offered(const struct sctp_param *p)
{
	uint8_t offers = 0;

	switch (p->type) {
	case SCTP_FORWARD_SUPPORTED:
		return SCTP_NO_FORWARD;
	case SCTP_RANDOM:
		return SCTP_NO_AUTH;
	case SCTP_HMACS:
		return NO_HMACS;
	case SCTP_EXTENSIONS:
		for (size_t i = 0; i < p->value.len; i++)
			offers |= offer_of_extension(p->value.ptr[i]);
		return offers;
	default:
		return 0;
	}
}

uint8_t sctp_lacks(struct bytes chunks, bool snapped)
{
	enum { FIXED = 16, HEAD = 4 };
	struct sctp_walk w = sctp_walk_of(chunks, snapped);
	struct sctp_params params;
	struct sctp_param p;
	struct sctp_chunk c;
	uint8_t lacks = SCTP_NO_FORWARD | SCTP_NO_RECONFIG | SCTP_NO_NR_SACK | SCTP_NO_AUTH |
			SCTP_NO_I_DATA | NO_HMACS;

	if (!sctp_walk_next(&w, &c) || (c.type != SCTP_INIT && c.type != SCTP_INIT_ACK) ||
	    c.value.len < FIXED || c.value.len + 4 < c.len)
		return 0;
	params = sctp_params_of(BYTES(c.value.ptr + FIXED, c.value.len - FIXED));
	/* FreeBSD lets less than a parameter's head be; of what else does not fit, hosts abort. */
	while (cursor_left(&params.c) >= HEAD && sctp_param_next(&params, &p))
		lacks &= (uint8_t)~offered(&p);
	if (lacks & NO_HMACS)
		lacks = (uint8_t)((lacks & ~NO_HMACS) | SCTP_NO_AUTH);
	return params.bad_length ? 0 : lacks;
}
