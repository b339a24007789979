/* links: the interfaces of this host, as the kernel lists them (rtnetlink, RTM_GETLINK).
 *
 * The parser is pure. Counters are the kernel's 64-bit ones; addresses come from getifaddrs(). */
#ifndef WEIR_INTERFACES_LINKS_H
#define WEIR_INTERFACES_LINKS_H

#include <net/if.h>

#include "libcommon/base/bytes.h"

struct link {
	char name[IFNAMSIZ], driver[32];
	uint32_t index, mtu;
	uint16_t hatype;
	unsigned flags;        /* IFF_ */
	uint8_t mac[20], nmac; /* the hardware address */
	uint64_t rx_frames, rx_bytes, rx_dropped, rx_errors;
	uint64_t tx_frames, tx_bytes, tx_dropped, tx_errors;
};

/* One RTM_NEWLINK message, from its ifinfomsg on. False: it is cut, or names no interface. */
bool link_parse(struct link *l, struct bytes body);
/* up; no carrier; down */
const char *link_state(const struct link *l);

/* All of them by index, allocated; NULL (errno) where the kernel does not say. */
struct link *links_list(size_t *n);

#endif
