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

/* RFC 9260 3.2: who does not know a chunk's type skips it or, by the first bit, discards the rest
 * of the packet. Below 16 are those that all know, but for AUTH. */
static bool ends_packet(const struct sctp_walk *w, uint8_t type)
{
	if (type == SCTP_NR_SACK)
		return w->no_nr_sack;
	return !(type & 0x80) && type >= 16 && type != SCTP_I_DATA;
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
	*chunk = (struct sctp_chunk){ .type = h[0], .flags = h[1], .len = be16_get(h + 2) };
	w->ended = chunk->len > left || ends_packet(w, chunk->type);
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

static bool lists(const struct sctp_param *p, uint8_t type)
{
	return p->type == SCTP_EXTENSIONS && p->value.len &&
	       memchr(p->value.ptr, type, p->value.len);
}

static bool offers_forward(const struct sctp_param *p)
{
	return p->type == SCTP_FORWARD_SUPPORTED || lists(p, SCTP_FORWARD_TSN) ||
	       lists(p, SCTP_I_FORWARD_TSN);
}

static bool offers_reconfig(const struct sctp_param *p)
{
	return lists(p, SCTP_RE_CONFIG);
}

static bool offers_nr_sack(const struct sctp_param *p)
{
	return lists(p, SCTP_NR_SACK);
}

static bool lacks(struct bytes chunks, bool snapped, bool (*offers)(const struct sctp_param *p))
{
	enum { FIXED = 16 };
	struct sctp_walk w = sctp_walk_of(chunks, snapped);
	struct sctp_params params;
	struct sctp_param p;
	struct sctp_chunk c;

	if (!sctp_walk_next(&w, &c) || (c.type != SCTP_INIT && c.type != SCTP_INIT_ACK) ||
	    c.value.len < FIXED || c.value.len + 4 < c.len)
		return false;
	params = sctp_params_of(BYTES(c.value.ptr + FIXED, c.value.len - FIXED));
	while (sctp_param_next(&params, &p)) {
		if (offers(&p))
			return false;
	}
	return !params.bad_length;
}

bool sctp_lacks_forward(struct bytes chunks, bool snapped)
{
	return lacks(chunks, snapped, offers_forward);
}

bool sctp_lacks_reconfig(struct bytes chunks, bool snapped)
{
	return lacks(chunks, snapped, offers_reconfig);
}

bool sctp_lacks_nr_sack(struct bytes chunks, bool snapped)
{
	return lacks(chunks, snapped, offers_nr_sack);
}
