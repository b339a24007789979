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

/* What the capture counted on an interface. */
struct ng_counts {
	uint64_t received, dropped;
};

struct ng_known {
	struct ng_iface iface;
	uint64_t frames, first, last; /* of it in the section, and the times of these */
	uint64_t at; /* what the caller calls the place of its block; see ng_forget() */
};

struct ng { /* zeroed but for the first five = nothing written yet */
	uint32_t snaplen;
	bool micro; /* times in us, not ns */
	/* Appends the interface's name, and what else there is to say of it, for people. */
	void (*names)(void *user, const struct ng_iface *iface, struct buf *name,
		      struct buf *description);
	/* Says what the capture counted; false: nobody knows. May be NULL. */
	bool (*counts)(void *user, const struct ng_iface *iface, struct ng_counts *counts);
	void *user;
	struct ng_known *known; /* by number in the section */
	size_t nknown, size;
	size_t current;  /* the number of the last packet's */
	uint32_t *slots; /* hash table of numbers + 1 */
	size_t mask;
	struct buf name, description;
};

/* The head of a section; forgets all interfaces. */
void ng_section(struct ng *g, struct buf *out, const char *program, struct bytes comment);
/* The packet, behind its interface's block where that is new, which is kept as being at `at`.
 * False, and nothing appended: the interfaces, or their link types, can't be numbered. */
bool ng_packet(struct ng *g, struct buf *out, const struct ng_packet *p, uint64_t at);
/* The last packet, of that time, stays where it is: it counts. */
void ng_count(struct ng *g, uint64_t ts);
/* At a section's end: of each interface with packets from when to when they are, and how many. */
void ng_statistics(struct ng *g, struct buf *out);
/* Bytes of that at most. */
size_t ng_statistics_size(const struct ng *g);
/* The blocks of interfaces that are at `at` or behind it have gone: they will be written again. */
void ng_forget(struct ng *g, uint64_t at);
void ng_release(struct ng *g);

#endif
