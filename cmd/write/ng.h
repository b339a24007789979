/* ng: frames as pcapng, into a buffer.
 *
 * Pure: no I/O. One section, little endian, in which an interface block comes ahead of the first
 * packet of each interface; times in ns or us, as all its interfaces say.
 * draft-ietf-opsawg-pcapng. */
#ifndef WEIR_WRITE_NG_H
#define WEIR_WRITE_NG_H

#include "libcommon/base/buf.h"

enum {
	NG_MAX_IFACES = 65536,
	NG_MAX_TEXT = 1024, /* bytes of a name or comment that are kept */
};

/* Frames that differ in one of these are of different interfaces. */
struct ng_iface {
	uint32_t source, file, iface, link_type;
};

struct ng_packet {
	struct ng_iface iface;
	uint64_t ts; /* ns since the epoch */
	uint32_t wire_len;
	bool outgoing;
	struct bytes data;
	struct bytes comment; /* empty: none */
};

struct ng_known {
	struct ng_iface iface;
	uint64_t at; /* what the caller calls the place of its block; see ng_forget() */
};

struct ng { /* zeroed but for the first three = nothing written yet */
	uint32_t snaplen;
	bool micro; /* times in us, not ns */
	/* Appends the interface's name, and what else there is to say of it, for people. */
	void (*names)(void *user, const struct ng_iface *iface, struct buf *name,
		      struct buf *description);
	void *user;
	struct ng_known *known; /* by number in the section */
	size_t nknown, size;
	uint32_t *slots; /* hash table of numbers + 1 */
	size_t mask;
	struct buf name, description;
};

/* The head of a section; forgets all interfaces. */
void ng_section(struct ng *g, struct buf *out, const char *program, struct bytes comment);
/* The packet, behind its interface's block where that is new, which is kept as being at `at`.
 * False, and nothing appended: the interfaces, or their link types, can't be numbered. */
bool ng_packet(struct ng *g, struct buf *out, const struct ng_packet *p, uint64_t at);
/* The blocks of interfaces that are at `at` or behind it have gone: they will be written again. */
void ng_forget(struct ng *g, uint64_t at);
void ng_release(struct ng *g);

#endif
