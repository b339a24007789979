/* pcapng: the packets of a pcapng file, out of bytes that were read in bulk. */
#include "cmd/read/pcapng.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/record/record.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	MIN_BLOCK = 12,
	OPT_FLAGS = 2,
	OPT_TSRESOL = 9,
	OPT_TSOFFSET = 14,
};

#define NS 1000000000ull

static uint32_t load32(const struct pcapng *g, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return g->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t load16(const struct pcapng *g, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return g->swapped ? __builtin_bswap16(v) : v;
}

static enum cap_step bad(struct pcapng *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static enum cap_step bad(struct pcapng *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->why, sizeof(g->why), fmt, ap);
	va_end(ap);
	return CAP_BAD;
}

bool pcapng_is(struct bytes head)
{
	static const uint8_t type[4] = { 0x0a, 0x0d, 0x0d, 0x0a };
	uint32_t magic;

	return head.len >= MIN_BLOCK && memcmp(head.ptr, type, 4) == 0 &&
	       ((magic = be32_get(head.ptr + 8)) == BYTE_ORDER_MAGIC ||
		magic == __builtin_bswap32(BYTE_ORDER_MAGIC));
}

/* One option; *at moves to the next. 0 at the end of the list, -1 where it runs past it. */
static int option_next(const struct pcapng *g, struct bytes *opts, uint16_t *code,
		       struct bytes *value)
{
	size_t padded;

	if (opts->len < 4)
		return opts->len ? -1 : 0;
	*code = load16(g, opts->ptr);
	*value = BYTES(opts->ptr + 4, load16(g, opts->ptr + 2));
	if (*code == 0)
		return 0;
	padded = (value->len + 3) & ~(size_t)3;
	if (padded > opts->len - 4)
		return -1;
	opts->ptr += 4 + padded;
	opts->len -= 4 + padded;
	return 1;
}

static enum cap_step interface_block(struct pcapng *g, struct bytes body)
{
	struct pcapng_iface iface = { .exponent = 6 };
	struct bytes opts, value;
	uint16_t code;
	int got;

	if (body.len < 8)
		return bad(g, "interface block of %zu bytes is too short", body.len + MIN_BLOCK);
	if (g->nifaces == PCAPNG_MAX_IFACES)
		return bad(g, "more than %d interfaces in a section", PCAPNG_MAX_IFACES);
	iface.link_type = load16(g, body.ptr);
	iface.snaplen = load32(g, body.ptr + 4);
	opts = BYTES(body.ptr + 8, body.len - 8);
	while ((got = option_next(g, &opts, &code, &value)) > 0) {
		if (code == OPT_TSRESOL && value.len == 1) {
			iface.binary = value.ptr[0] & 0x80;
			iface.exponent = value.ptr[0] & 0x7f;
		} else if (code == OPT_TSOFFSET && value.len == 8) {
			uint64_t v;

			memcpy(&v, value.ptr, sizeof(v));
			iface.offset = (int64_t)(g->swapped ? __builtin_bswap64(v) : v);
		}
	}
	if (got < 0)
		return bad(g, "an option runs past its interface block");
	if (iface.exponent > (iface.binary ? 63 : 19))
		return bad(g, "time unit of 1/%d^%u s", iface.binary ? 2 : 10, iface.exponent);
	if (g->nifaces == g->size) {
		g->size = g->size ? 2 * g->size : 4;
		g->ifaces = realloc(g->ifaces, g->size * sizeof(*g->ifaces));
		if (!g->ifaces)
			die("out of memory");
	}
	g->ifaces[g->nifaces++] = iface;
	return CAP_MORE;
}

/* Nanoseconds since the epoch; what a u64 can't hold gives the nearest it can. */
static uint64_t time_of(const struct pcapng_iface *i, uint64_t units)
{
	static const uint64_t pow10[] = { 1,       10,       100,       1000, 10000,  100000,
					  1000000, 10000000, 100000000, NS,   NS * 10 };
	unsigned __int128 ns;
	__int128 shifted;

	if (i->binary)
		ns = (unsigned __int128)(units >> i->exponent) * NS +
		     (((unsigned __int128)(units & ((1ull << i->exponent) - 1)) * NS) >>
		      i->exponent);
	else if (i->exponent <= 9)
		ns = (unsigned __int128)units * pow10[9 - i->exponent];
	else
		ns = units / pow10[i->exponent - 9];
	shifted = (__int128)ns + (__int128)i->offset * (__int128)NS;
	return shifted < 0 ? 0 : shifted > UINT64_MAX ? UINT64_MAX : (uint64_t)shifted;
}

static uint32_t flags_of(const struct pcapng *g, struct bytes opts)
{
	struct bytes value;
	uint32_t flags = 0, word;
	uint16_t code;

	while (option_next(g, &opts, &code, &value) > 0) {
		if (code != OPT_FLAGS || value.len != 4)
			continue;
		word = load32(g, value.ptr);
		flags |= (word & 3) == 2 ? FRAME_OUTGOING : 0;
		flags |= word & 0x200 ? FRAME_CSUM_UNREADY : 0;
	}
	return flags;
}

/* body: what lies between a block's two lengths. */
static enum cap_step packet_block(struct pcapng *g, uint32_t type, struct bytes body,
				  struct cap_frame *f)
{
	size_t fixed = type == BLOCK_SIMPLE ? 4 : 20, padded;
	const struct pcapng_iface *iface;
	uint32_t number = 0, caplen;

	if (body.len < fixed)
		return bad(g, "packet block of %zu bytes is too short", body.len + MIN_BLOCK);
	if (type == BLOCK_ENHANCED)
		number = load32(g, body.ptr);
	else if (type == BLOCK_PACKET)
		number = load16(g, body.ptr);
	if (number >= g->nifaces)
		return bad(g, "packet of interface %u, which the section does not describe",
			   number);
	iface = &g->ifaces[number];
	if (type == BLOCK_SIMPLE) {
		caplen = f->wire_len = load32(g, body.ptr);
		if (iface->snaplen && caplen > iface->snaplen)
			caplen = iface->snaplen;
		f->ts = g->last_ts;
	} else {
		f->ts = time_of(iface,
				(uint64_t)load32(g, body.ptr + 4) << 32 | load32(g, body.ptr + 8));
		caplen = load32(g, body.ptr + 12);
		f->wire_len = load32(g, body.ptr + 16);
	}
	if (caplen > body.len - fixed)
		return bad(g, "captured length %u does not fit in a packet block of %zu bytes",
			   caplen, body.len + MIN_BLOCK);
	if (caplen > REC_MAX_PAYLOAD)
		return bad(g, "captured length %u of a packet is above the limit of %u", caplen,
			   (unsigned)REC_MAX_PAYLOAD);
	g->last_ts = f->ts;
	f->link_type = iface->link_type;
	f->iface = g->iface_base + number;
	f->data = BYTES(body.ptr + fixed, caplen);
	padded = fixed + ((caplen + 3) & ~3u);
	f->flags = type != BLOCK_SIMPLE && padded < body.len
			   ? flags_of(g, BYTES(body.ptr + padded, body.len - padded))
			   : 0;
	return CAP_FRAME;
}

static enum cap_step section_block(struct pcapng *g, struct bytes body)
{
	uint16_t major, minor;

	if (body.len < 16)
		return bad(g, "section header of %zu bytes is too short", body.len + MIN_BLOCK);
	major = load16(g, body.ptr + 4);
	minor = load16(g, body.ptr + 6);
	if (major != 1) {
		g->foreign = !g->in_section; /* what came before it was read */
		return bad(g, "unsupported pcapng version %u.%u", major, minor);
	}
	g->in_section = true;
	g->iface_base += (uint32_t)g->nifaces;
	g->nifaces = 0;
	return CAP_MORE;
}

/* The order of a section's bytes holds from its header on, lengths included. */
static bool section_order(struct pcapng *g, const uint8_t *p)
{
	uint32_t magic;

	memcpy(&magic, p + 8, sizeof(magic));
	if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
		return false;
	g->swapped = magic != BYTE_ORDER_MAGIC;
	return true;
}

static void pass(struct pcapng *g, struct bytes *in, uint64_t n)
{
	in->ptr += n;
	in->len -= n;
	g->skipped += n;
}

/* Passes over the rest of a block that nobody reads. */
static enum cap_step skip_block(struct pcapng *g, struct bytes *in)
{
	uint64_t n = g->skip < in->len ? g->skip : in->len;

	pass(g, in, n);
	g->skip -= n;
	if (g->skip || in->len < 4)
		return CAP_MORE;
	if (load32(g, in->ptr) != g->trailer)
		return bad(g, "a block of %u bytes ends with the length %u", g->trailer,
			   load32(g, in->ptr));
	pass(g, in, 4);
	g->trailer = 0;
	g->skipped = 0;
	return CAP_FRAME;
}

/* One block with contents that are used, whole in *in. */
static enum cap_step used_block(struct pcapng *g, uint32_t type, const uint8_t *p,
				struct cap_frame *f)
{
	struct bytes body = BYTES(p + 8, g->block_len - MIN_BLOCK);

	if (load32(g, p + g->block_len - 4) != g->block_len)
		return bad(g, "a block of %u bytes ends with the length %u", g->block_len,
			   load32(g, p + g->block_len - 4));
	if (type == BLOCK_SECTION)
		return section_block(g, body);
	if (type == BLOCK_INTERFACE)
		return interface_block(g, body);
	return packet_block(g, type, body, f);
}

enum cap_step pcapng_next(struct pcapng *g, struct bytes *in, struct cap_frame *f)
{
	enum cap_step step;
	uint32_t type;

	for (;;) {
		if (g->trailer && (step = skip_block(g, in)) != CAP_FRAME)
			return step;
		if (in->len < MIN_BLOCK)
			return CAP_MORE;
		if (be32_get(in->ptr) == BLOCK_SECTION && !section_order(g, in->ptr))
			return bad(g, "section header without a byte order");
		type = load32(g, in->ptr);
		g->block_len = load32(g, in->ptr + 4);
		if (!g->in_section && type != BLOCK_SECTION)
			return bad(g, "block of type %u before the first section", type);
		if (g->block_len < MIN_BLOCK || g->block_len % 4)
			return bad(g, "block with a length of %u bytes", g->block_len);
		if (type != BLOCK_SECTION && type != BLOCK_INTERFACE && type != BLOCK_PACKET &&
		    type != BLOCK_SIMPLE && type != BLOCK_ENHANCED) {
			g->skip = g->block_len - 4;
			g->trailer = g->block_len;
			continue;
		}
		if (g->block_len > PCAPNG_MAX_BLOCK)
			return bad(g, "block of type %u with %u bytes", type, g->block_len);
		if (in->len < g->block_len)
			return CAP_MORE;
		step = used_block(g, type, in->ptr, f);
		if (step == CAP_BAD)
			return step;
		in->ptr += g->block_len;
		in->len -= g->block_len;
		if (step == CAP_FRAME)
			return step;
	}
}

bool pcapng_cut(struct pcapng *g, struct bytes left, uint64_t *back)
{
	*back = g->skipped;
	if (!g->trailer && !left.len)
		return false;
	if (!g->trailer && left.len < MIN_BLOCK)
		bad(g, "cut in a block header, %zu of 12 bytes there", left.len);
	else
		bad(g, "cut in a block, %llu of %u bytes there",
		    (unsigned long long)(g->skipped + left.len), g->block_len);
	return true;
}

void pcapng_release(struct pcapng *g)
{
	free(g->ifaces);
	*g = (struct pcapng){ 0 };
}
