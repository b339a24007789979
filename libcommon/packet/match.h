/* match: is a packet one of those meant?  tcp.dport==80 && ip.src==10.0.0.0/8 || !udp
 *
 *   match = all { "||" all }       all = one { "&&" one }      also: or, and, not
 *   one   = "!" one | "(" match ")" | path | path op value
 *         | path ["not"] "in" "{" value [".." value] { "," value [".." value] } "}"
 *   op    = == != < <= > >= & (any of the bits) ~ (bytes that contain) */
#ifndef WEIR_PACKET_MATCH_H
#define WEIR_PACKET_MATCH_H

#include "libcommon/packet/path.h"

struct pkt_match;

/* NULL: *why (PKT_TEXT_WHY bytes) says what is wrong, and where. */
struct pkt_match *pkt_match_new(const char *text, char *why);
void pkt_match_free(struct pkt_match *m);
bool pkt_matches(const struct pkt_match *m, const struct packet *p);

#endif
