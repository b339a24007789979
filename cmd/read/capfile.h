/* capfile: one capture file, whatever its layout, frame by frame.
 *
 * What a file is, is decided by its first bytes. Classic pcap and pcapng are read in bulk by our
 * own pure readers (a classic header is checked by libpcap); any other layout that libpcap opens
 * is read through it. */
#ifndef WEIR_READ_CAPFILE_H
#define WEIR_READ_CAPFILE_H

#include <pcap/pcap.h>

#include "cmd/read/input.h"
#include "cmd/read/pcap_bulk.h"
#include "cmd/read/pcapng.h"

enum capfile_layout { LAYOUT_UNKNOWN, LAYOUT_BULK, LAYOUT_NG, LAYOUT_LIBPCAP };

struct capfile {
	const char *name;
	uint32_t index;  /* number of the file within the source */
	uint64_t frames; /* handed out so far */
	struct input in;
	enum capfile_layout layout;
	bool ended; /* the input has given all it has */
	struct bulk bulk;
	struct pcapng ng;
	pcap_t *pcap;
	bool (*stopping)(void *); /* asked while libpcap waits for input; may be NULL */
	void *stopping_arg;
	uint32_t link_type;    /* LAYOUT_LIBPCAP */
	bool odd_link;         /* for the caller: an unknown link type was told of */
	uint64_t bad_at;       /* CAPFILE_DAMAGED, CAPFILE_FOREIGN: offset of the damage .. */
	char why[2 * CAP_WHY]; /* .. and what it is */
};

enum capfile_state {
	CAPFILE_FRAME,
	CAPFILE_WAIT, /* nothing to read yet, or none but other blocks; call again */
	CAPFILE_END,
	CAPFILE_DAMAGED, /* no frame behind this point can be trusted */
	CAPFILE_FOREIGN, /* not a capture file, or of a version nobody reads */
};

/* Takes over the descriptor; chunk: bytes of one read(2). */
void capfile_open(struct capfile *c, const char *name, uint32_t index, int fd, size_t chunk,
		  uint64_t *bytes_read);
/* capfile_next() of any layout, from wherever the file is. */
enum capfile_state capfile_more(struct capfile *c, struct cap_frame *f, int timeout_ms);

/* The next frame; its data is valid until the next call on this file. Waits at most timeout_ms
 * (-1: for ever) for input. After any of the last three states the file is to be closed. */
static inline enum capfile_state capfile_next(struct capfile *c, struct cap_frame *f,
					      int timeout_ms)
{
	struct bytes view, rest;

	/* Nearly every frame lies whole in the window. */
	if (c->layout == LAYOUT_BULK) {
		rest = view = input_view(&c->in);
		if (bulk_next(&c->bulk, &rest, f) == CAP_FRAME) {
			input_consume(&c->in, view.len - rest.len);
			c->frames++;
			return CAPFILE_FRAME;
		}
	}
	return capfile_more(c, f, timeout_ms);
}

/* Where the file tells the link type of the frame just given (pcapng: where the frame is). */
uint64_t capfile_link_at(const struct capfile *c, const struct cap_frame *f);
/* Closed files are LAYOUT_UNKNOWN with fd -1; closing twice is harmless. */
void capfile_close(struct capfile *c);

#endif
