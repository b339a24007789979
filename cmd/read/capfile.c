/* capfile: one capture file, whatever its layout, frame by frame. */
#include "cmd/read/capfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "libcommon/record/record.h"

enum { FILLS = 64 }; /* of the input for one frame, before the caller is asked again */

void capfile_open(struct capfile *c, const char *name, uint32_t index, int fd, size_t chunk,
		  uint64_t *bytes_read)
{
	*c = (struct capfile){ .name = name, .index = index };
	input_open(&c->in, fd, chunk, bytes_read);
}

void capfile_close(struct capfile *c)
{
	if (c->pcap)
		pcap_close(c->pcap);
	c->pcap = NULL;
	pcapng_release(&c->ng);
	input_close(&c->in);
	c->layout = LAYOUT_UNKNOWN;
}

static enum capfile_state fail(struct capfile *c, enum capfile_state state, uint64_t at,
			       const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static enum capfile_state fail(struct capfile *c, enum capfile_state state, uint64_t at,
			       const char *fmt, ...)
{
	va_list ap;

	c->bad_at = at;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return state;
}

/* ---- what libpcap reads ------------------------------------------------------------------ */

/* stdio's read from the window, for libpcap. */
static ssize_t cookie_read(void *cookie, char *to, size_t n)
{
	struct capfile *c = cookie;
	struct bytes view = input_view(&c->in);

	while (!view.len && !c->ended) {
		switch (input_fill(&c->in, 100)) {
		case INPUT_DATA:
			break;
		case INPUT_WAIT:
			if (!c->stopping || !c->stopping(c->stopping_arg))
				break;
			c->ended = true;
			break;
		case INPUT_EOF:
		case INPUT_ERROR:
			c->ended = true;
		}
		view = input_view(&c->in);
	}
	if (n > view.len)
		n = view.len;
	if (n)
		memcpy(to, view.ptr, n);
	input_consume(&c->in, n);
	return (ssize_t)n;
}

/* NULL where libpcap refuses; then err says why. The handle owns f. */
static pcap_t *open_stream(FILE *f, char *err)
{
	pcap_t *p;

	if (!f) {
		snprintf(err, PCAP_ERRBUF_SIZE, "%s", strerror(errno));
		return NULL;
	}
	p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err);
	if (!p)
		fclose(f);
	return p;
}

static enum capfile_state open_libpcap(struct capfile *c)
{
	cookie_io_functions_t io = { .read = cookie_read };
	FILE *f = fopencookie(c, "r", io);
	char err[PCAP_ERRBUF_SIZE] = "";

	/* Unbuffered, so that the window's offset is where libpcap stands. */
	if (f)
		setvbuf(f, NULL, _IONBF, 0);
	c->pcap = open_stream(f, err);
	if (!c->pcap)
		return fail(c, CAPFILE_FOREIGN, 0, "%s", err);
	c->layout = LAYOUT_LIBPCAP;
	return CAPFILE_FRAME;
}

static enum capfile_state next_libpcap(struct capfile *c, struct cap_frame *f)
{
	uint64_t at = c->in.offset;
	struct pcap_pkthdr *h;
	const u_char *data;
	int r = pcap_next_ex(c->pcap, &h, &data);

	if (r != 1 && c->in.why[0])
		return fail(c, CAPFILE_DAMAGED, at, "%s", c->in.why);
	if (r == PCAP_ERROR_BREAK)
		return CAPFILE_END;
	if (r != 1)
		return fail(c, CAPFILE_DAMAGED, at, "%s", pcap_geterr(c->pcap));
	if (h->caplen > REC_MAX_PAYLOAD)
		return fail(c, CAPFILE_DAMAGED, at,
			    "captured length %u of a packet is above the limit of %u", h->caplen,
			    (unsigned)REC_MAX_PAYLOAD);
	*f = (struct cap_frame){
		.ts = (uint64_t)(uint32_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec,
		.link_type = c->link_type,
		.wire_len = h->len,
		.data = BYTES(data, h->caplen),
	};
	return CAPFILE_FRAME;
}

/* ---- which layout ------------------------------------------------------------------------ */

/* Classic pcap: libpcap checks the header, the packets are read in bulk. */
static enum capfile_state open_bulk(struct capfile *c)
{
	char header[BULK_FILE_HEADER], err[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p;

	memcpy(header, input_view(&c->in).ptr, sizeof(header));
	p = open_stream(fmemopen(header, sizeof(header), "r"), err);
	if (!p)
		return fail(c, CAPFILE_FOREIGN, 0, "%s", err);
	pcap_close(p);
	input_consume(&c->in, BULK_FILE_HEADER);
	c->layout = LAYOUT_BULK;
	return CAPFILE_FRAME;
}

/* Could these be the first bytes of any pcap file? Also the modified and vendors' layouts. */
static bool pcap_magic(struct bytes head)
{
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34,
					   0xa12b3c4d, 0x1c0001ac, 0x1c0001ab };
	uint32_t v;

	if (head.len < 4)
		return true;
	v = be32_get(head.ptr);
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (v == magics[i] || v == __builtin_bswap32(magics[i]))
			return true;
	return v == 0x0a0d0d0a;
}

/* Does it begin like a stream of weir's, with the head of a hello? */
static bool is_stream(struct bytes head)
{
	return head.len >= 6 && head.ptr[0] == 0xdc && memcmp(head.ptr + 3, "\xcd\0\0", 3) == 0;
}

/* What else compresses captures, and what unpacks it. NULL: not known. */
static const char *packed_by(struct bytes head, const char **unpack)
{
	static const struct {
		const char *name, *magic, *unpack;
		size_t len;
	} known[] = {
		{ "zstd", "\x28\xb5\x2f\xfd", "zstd -dc", 4 },
		{ "xz",
		  "\xfd"
		  "7zXZ\0",
		  "xz -dc", 6 },
		{ "lz4", "\x04\x22\x4d\x18", "lz4 -dc", 4 },
		{ "bzip2", "BZh", "bzip2 -dc", 3 },
		{ "zip", "PK\3\4", "unzip -p", 4 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (head.len >= known[i].len &&
		    memcmp(head.ptr, known[i].magic, known[i].len) == 0) {
			*unpack = known[i].unpack;
			return known[i].name;
		}
	return NULL;
}

/* Why these are not the first bytes of a capture. */
static enum capfile_state foreign(struct capfile *c, struct bytes head)
{
	const char *unpack, *by = packed_by(head, &unpack);

	if (is_stream(head))
		return fail(
			c, CAPFILE_FOREIGN, 0,
			"a stream of records, not a capture file; -i of the other tools reads it");
	if (by)
		return fail(c, CAPFILE_FOREIGN, 0,
			    "packed by %s, which is not unpacked here: %s FILE | weir read", by,
			    unpack);
	return fail(c, CAPFILE_FOREIGN, 0, "not a capture file");
}

/* CAPFILE_FRAME: the layout is known. */
static enum capfile_state recognise(struct capfile *c, int timeout_ms)
{
	struct bytes head = input_view(&c->in);
	enum input_state state;

	while (head.len < BULK_FILE_HEADER && !c->ended) {
		state = input_fill(&c->in, timeout_ms);
		if (state == INPUT_WAIT)
			return CAPFILE_WAIT;
		c->ended = state != INPUT_DATA;
		head = input_view(&c->in);
	}
	if (c->in.why[0] && head.len < BULK_FILE_HEADER)
		return fail(c, CAPFILE_DAMAGED, head.len, "%s", c->in.why);
	if (!head.len)
		return fail(c, CAPFILE_DAMAGED, 0, "empty file");
	if (!pcap_magic(head))
		return foreign(c, head);
	if (head.len < BULK_FILE_HEADER && !pcapng_is(head))
		return fail(c, CAPFILE_DAMAGED, 0, "cut in the file header, %zu of %d bytes there",
			    head.len, BULK_FILE_HEADER);
	if (pcapng_is(head)) {
		c->layout = LAYOUT_NG;
		return CAPFILE_FRAME;
	}
	if (bulk_open(&c->bulk, head))
		return open_bulk(c);
	memcpy(&c->link_type, head.ptr + 20, 4);        /* in this place in every layout */
	if (head.ptr[0] == 0xa1 || head.ptr[0] == 0x1c) /* the magic in big-endian order */
		c->link_type = __builtin_bswap32(c->link_type);
	c->link_type &= 0x03ffffff;
	return open_libpcap(c);
}

/* ---- frames ------------------------------------------------------------------------------ */

static enum cap_step parse(struct capfile *c, struct cap_frame *f)
{
	struct bytes view = input_view(&c->in), rest = view;
	enum cap_step step = c->layout == LAYOUT_BULK ? bulk_next(&c->bulk, &rest, f)
						      : pcapng_next(&c->ng, &rest, f);

	input_consume(&c->in, view.len - rest.len);
	return step;
}

/* The input has ended and no whole packet is left. */
static enum capfile_state ended(struct capfile *c)
{
	struct bytes left = input_view(&c->in);
	uint64_t back = 0;

	if (c->in.why[0])
		return fail(c, CAPFILE_DAMAGED, c->in.offset + left.len, "%s", c->in.why);
	if (c->layout == LAYOUT_BULK) {
		if (!left.len)
			return CAPFILE_END;
		bulk_cut(&c->bulk, left);
		return fail(c, CAPFILE_DAMAGED, c->in.offset, "%s", c->bulk.why);
	}
	if (!pcapng_cut(&c->ng, left, &back))
		return CAPFILE_END;
	return fail(c, CAPFILE_DAMAGED, c->in.offset - back, "%s", c->ng.why);
}

/* No frame behind this one can be told. */
static enum capfile_state damaged(struct capfile *c)
{
	if (c->layout == LAYOUT_BULK)
		return fail(c, CAPFILE_DAMAGED, c->in.offset, "%s", c->bulk.why);
	return fail(c, c->ng.foreign ? CAPFILE_FOREIGN : CAPFILE_DAMAGED,
		    c->in.offset - c->ng.skipped, "%s", c->ng.why);
}

enum capfile_state capfile_more(struct capfile *c, struct cap_frame *f, int timeout_ms)
{
	enum capfile_state state;
	enum input_state input;

	if (c->layout == LAYOUT_UNKNOWN && (state = recognise(c, timeout_ms)) != CAPFILE_FRAME)
		return state;
	if (c->layout == LAYOUT_LIBPCAP) {
		state = next_libpcap(c, f);
		c->frames += state == CAPFILE_FRAME;
		return state;
	}
	/* A file may be full of blocks that are no packets: signals are looked at meanwhile. */
	for (unsigned fills = 0; fills < FILLS; fills++) {
		switch (parse(c, f)) {
		case CAP_FRAME:
			c->frames++;
			return CAPFILE_FRAME;
		case CAP_BAD:
			return damaged(c);
		case CAP_MORE:
			break;
		}
		if (c->ended)
			return ended(c);
		input = input_fill(&c->in, timeout_ms);
		if (input == INPUT_WAIT)
			return CAPFILE_WAIT;
		c->ended = input != INPUT_DATA;
	}
	return CAPFILE_WAIT;
}

uint64_t capfile_link_at(const struct capfile *c, const struct cap_frame *f)
{
	if (c->layout != LAYOUT_NG)
		return 20;
	return c->in.offset - (uint64_t)(input_view(&c->in).ptr - f->data.ptr);
}
