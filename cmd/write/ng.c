/* ng: frames as pcapng, into a buffer. */
#include "cmd/write/ng.h"

#include <endian.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/record/record.h"

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPT_ENDOFOPT = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_USRDELIV = 8,
	ISB_SIZE = 24 + 5 * 12 + 4, /* head and tail, options, their end */
	DIRECTION_OUTBOUND = 2,
};

/* ---- blocks ------------------------------------------------------------------------------ */

static void put16(struct buf *out, uint16_t v)
{
	v = htole16(v);
	buf_add(out, &v, sizeof(v));
}

static void put32(struct buf *out, uint32_t v)
{
	v = htole32(v);
	buf_add(out, &v, sizeof(v));
}

static void pad(struct buf *out, size_t len)
{
	static const uint8_t zero[4];

	buf_add(out, zero, -len & 3);
}

/* Where the block starts, for block_end(), which sets both its lengths. */
static size_t block_begin(struct buf *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0);
	return at;
}

static void block_end(struct buf *out, size_t at)
{
	uint32_t len = (uint32_t)(out->len - at) + 4;
	uint32_t le = htole32(len);

	put32(out, len);
	memcpy(out->ptr + at + 4, &le, sizeof(le));
}

static void option(struct buf *out, uint16_t code, struct bytes value)
{
	put16(out, code);
	put16(out, (uint16_t)value.len);
	buf_add(out, value.ptr, value.len);
	pad(out, value.len);
}

/* Only what is UTF-8 is text, and no more than fits, cut between characters. */
static bool text_option(struct buf *out, uint16_t code, struct bytes text)
{
	if (text.len > NG_MAX_TEXT)
		for (text.len = NG_MAX_TEXT; text.len && (text.ptr[text.len] & 0xc0) == 0x80;)
			text.len--;
	if (!text.len || !rec_is_utf8(text))
		return false;
	option(out, code, text);
	return true;
}

void ng_section(struct ng *g, struct buf *out, const char *program, struct bytes comment)
{
	size_t at = block_begin(out, SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* the section's length: not said */
	put32(out, UINT32_MAX);
	text_option(out, OPT_COMMENT, comment);
	text_option(out, SHB_USERAPPL, bytes_str(program));
	option(out, OPT_ENDOFOPT, BYTES(NULL, 0));
	block_end(out, at);
	ng_forget(g, 0);
}

static void interface_block(struct ng *g, struct buf *out, const struct ng_iface *iface)
{
	const uint8_t resolution = g->micro ? 6 : 9;
	size_t at = block_begin(out, INTERFACE);

	put16(out, (uint16_t)iface->link_type);
	put16(out, 0);
	put32(out, g->snaplen);
	buf_clear(&g->name);
	buf_clear(&g->description);
	if (g->names)
		g->names(g->user, iface, &g->name, &g->description);
	text_option(out, IF_NAME, buf_bytes(&g->name));
	text_option(out, IF_DESCRIPTION, buf_bytes(&g->description));
	option(out, IF_TSRESOL, BYTES(&resolution, 1));
	option(out, OPT_ENDOFOPT, BYTES(NULL, 0));
	block_end(out, at);
}

static void put_time(const struct ng *g, struct buf *out, uint64_t ts)
{
	if (g->micro)
		ts /= 1000;
	put32(out, (uint32_t)(ts >> 32));
	put32(out, (uint32_t)ts);
}

static void packet_block(const struct ng *g, struct buf *out, const struct ng_packet *p,
			 uint32_t number)
{
	uint32_t flags = htole32(DIRECTION_OUTBOUND);
	size_t at = block_begin(out, PACKET);
	bool options;

	put32(out, number);
	put_time(g, out, p->ts);
	put32(out, (uint32_t)p->data.len);
	put32(out, p->wire_len);
	buf_add(out, p->data.ptr, p->data.len);
	pad(out, p->data.len);
	options = text_option(out, OPT_COMMENT, p->comment);
	if (p->outgoing)
		option(out, EPB_FLAGS, BYTES(&flags, sizeof(flags)));
	if (options || p->outgoing)
		option(out, OPT_ENDOFOPT, BYTES(NULL, 0));
	block_end(out, at);
}

/* ---- statistics -------------------------------------------------------------------------- */

static void time_option(const struct ng *g, struct buf *out, uint16_t code, uint64_t ts)
{
	put16(out, code);
	put16(out, sizeof(ts));
	put_time(g, out, ts);
}

static void count_option(struct buf *out, uint16_t code, uint64_t v)
{
	v = htole64(v);
	option(out, code, BYTES(&v, sizeof(v)));
}

static void statistics_block(const struct ng *g, struct buf *out, uint32_t number)
{
	const struct ng_known *k = &g->known[number];
	struct ng_counts c;
	size_t at = block_begin(out, STATISTICS);

	put32(out, number);
	put_time(g, out, k->last);
	time_option(g, out, ISB_STARTTIME, k->first);
	time_option(g, out, ISB_ENDTIME, k->last);
	if (g->counts && g->counts(g->user, &k->iface, &c)) {
		count_option(out, ISB_IFRECV, c.received);
		count_option(out, ISB_IFDROP, c.dropped);
	}
	count_option(out, ISB_USRDELIV, k->frames);
	option(out, OPT_ENDOFOPT, BYTES(NULL, 0));
	block_end(out, at);
}

void ng_statistics(struct ng *g, struct buf *out)
{
	for (size_t i = 0; i < g->nknown; i++)
		if (g->known[i].frames)
			statistics_block(g, out, (uint32_t)i);
}

size_t ng_statistics_size(const struct ng *g)
{
	return g->nknown * ISB_SIZE;
}

void ng_count(struct ng *g, uint64_t ts)
{
	struct ng_known *k = &g->known[g->current];

	if (!k->frames++ || ts < k->first)
		k->first = ts;
	if (ts > k->last)
		k->last = ts;
}

/* ---- interfaces -------------------------------------------------------------------------- */

static bool same(const struct ng_iface *a, const struct ng_iface *b)
{
	return a->source == b->source && a->file == b->file && a->iface == b->iface &&
	       a->link_type == b->link_type;
}

static uint32_t *slot_of(const struct ng *g, const struct ng_iface *i)
{
	uint64_t h = ((uint64_t)i->source << 48 ^ (uint64_t)i->file << 32 ^ i->iface) +
		     (uint64_t)i->link_type * 0x9e3779b97f4a7c15u;
	size_t at = (h * 0xff51afd7ed558ccdu >> 32) & g->mask;

	while (g->slots[at] && !same(&g->known[g->slots[at] - 1].iface, i))
		at = (at + 1) & g->mask;
	return &g->slots[at];
}

static void fill_slots(struct ng *g)
{
	if (g->slots)
		memset(g->slots, 0, (g->mask + 1) * sizeof(*g->slots));
	for (size_t i = 0; i < g->nknown; i++)
		*slot_of(g, &g->known[i].iface) = (uint32_t)i + 1;
}

static void grow(struct ng *g)
{
	struct ng_known *known;

	if (g->nknown < g->size)
		return;
	g->size = g->size ? g->size * 2 : 16;
	known = realloc(g->known, g->size * sizeof(*known));
	free(g->slots);
	g->mask = g->size * 2 - 1;
	g->slots = xcalloc(g->mask + 1, sizeof(*g->slots));
	if (!known)
		die("out of memory");
	g->known = known;
	fill_slots(g);
}

void ng_forget(struct ng *g, uint64_t at)
{
	size_t n = g->nknown;

	while (n && g->known[n - 1].at >= at)
		n--;
	if (n == g->nknown)
		return;
	g->nknown = n;
	fill_slots(g);
}

bool ng_packet(struct ng *g, struct buf *out, const struct ng_packet *p, uint64_t at)
{
	uint32_t *slot;

	grow(g);
	slot = slot_of(g, &p->iface);
	if (!*slot) {
		if (p->iface.link_type > UINT16_MAX || g->nknown == NG_MAX_IFACES)
			return false;
		interface_block(g, out, &p->iface);
		g->known[g->nknown] = (struct ng_known){ .iface = p->iface, .at = at };
		*slot = (uint32_t)++g->nknown;
	}
	g->current = *slot - 1;
	packet_block(g, out, p, *slot - 1);
	return true;
}

void ng_release(struct ng *g)
{
	free(g->known);
	free(g->slots);
	buf_release(&g->name);
	buf_release(&g->description);
	g->known = NULL;
	g->slots = NULL;
	g->nknown = g->size = 0;
}
