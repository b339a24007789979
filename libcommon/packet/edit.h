/* edit: statements that change packets, and nothing that they do not imply.
 *
 *   edits  = edit { ";" edit }
 *   edit   = path ("=" | "+=" | "-=") value            ip.ttl-=1, dns.an[0].rdata=10.0.0.1
 *          | path "=" map(prefix, prefix)              ip.src=map(10.0.0.0/8, 192.0.0.0/8)
 *          | path "=" anon("key")                      prefix-preserving
 *          | list "+=" item                            tcp.options+=mss(1400)
 *          | "swap" path path | "pop" layer or item | "push" layer [("after" | "before") layer]
 *          | "payload" "~" "s/from/to/" ["g"]
 *
 * An edit whose layer or field a packet has not leaves it as it is. Checksums follow by RFC 1624:
 * one that was wrong is wrong by as much as before. */
#ifndef WEIR_PACKET_EDIT_H
#define WEIR_PACKET_EDIT_H

#include "libcommon/packet/path.h"
#include "libcommon/packet/print.h"

enum pkt_edited {
	PKT_SAME,
	PKT_EDITED,
	PKT_REFUSED_FRAGMENT, /* what the edit needs lies in other fragments */
	PKT_REFUSED_SNAPPED,  /* or was not captured */
	PKT_REFUSED_LENGTH,   /* it would be longer than its headers can say */
	PKT_REFUSED_UNKNOWN,  /* its bytes are none that its fields make again */
	PKT_REFUSED_VALUE,    /* the field that is there takes no such value */
	PKT_REFUSED_NAMES,    /* another name would read otherwise, and can't be written out */
	PKT_EDIT_RESULTS,
};

enum pkt_sums {
	PKT_SUMS_FIX,   /* follow what changed */
	PKT_SUMS_KEEP,  /* stay */
	PKT_SUMS_ZERO,  /* those that would follow become 0 */
	PKT_SUMS_BAD,   /* those that would follow become wrong */
	PKT_SUMS_FORCE, /* all become right */
};

struct pkt_edit;

struct pkt_edit *pkt_edit_new(const char *text, enum pkt_sums sums, char *why);
void pkt_edit_free(struct pkt_edit *e);
/* Edits the packet's bytes into an own buffer: *out is valid until the next call. Where it is
 * refused, *out is the frame as it was. */
enum pkt_edited pkt_edit_apply(struct pkt_edit *e, uint32_t link_type, struct bytes frame,
			       struct bytes *out);
/* "fragment", .. */
const char *pkt_edited_name(enum pkt_edited r);
/* Of a refusal, "it is a fragment", ..; and the text of the statement that the last one was about.
 */
const char *pkt_edited_why(enum pkt_edited r);
struct bytes pkt_edit_refused(const struct pkt_edit *e);

#endif
