/* rtnetlink: what the kernel knows of interfaces, routes and neighbours.
 *
 * Asks it (rtnetlink(7)), so before the sandbox closes. What an answer means is read by pure
 * functions, which tests and fuzzers call with messages of their own. */
#ifndef WEIR_RTNETLINK_H
#define WEIR_RTNETLINK_H

#include <net/if.h>

#include "libcommon/base/bytes.h"

struct rt_interface {
	char name[IFNAMSIZ], kind[24]; /* "veth", "tun", "dummy", ..; empty: hardware, or lo */
	uint32_t index, mtu;
	uint16_t hatype; /* ARPHRD_ */
	unsigned flags;  /* IFF_ */
	bool has_mac;
	uint8_t mac[6];
};

struct rt_address {
	uint8_t family; /* AF_INET, AF_INET6, 0: none */
	uint8_t b[16];
};

struct rt_route {
	uint32_t index;            /* of the interface that it goes out on */
	uint8_t type;              /* RTN_UNICAST, RTN_LOCAL, .. */
	struct rt_address gateway; /* 0: the destination is on the link */
	struct rt_address source;  /* the kernel's choice */
};

/* Does nothing that is sent there leave this host by itself? Of lo, veth, tun and dummy that is so.
 */
bool rt_interface_stays_here(const struct rt_interface *i);

/* One RTM_NEWLINK, RTM_NEWROUTE, RTM_NEWNEIGH message behind its nlmsghdr. False: it is cut, or
 * another one. */
bool rt_interface_parse(struct rt_interface *i, struct bytes body);
bool rt_route_parse(struct rt_route *r, struct bytes body);
/* Of that address on that interface, with a MAC that may be used. */
bool rt_neighbour_parse(struct bytes body, uint32_t index, const struct rt_address *a,
			uint8_t mac[6]);

/* False (errno) where there is none: ENODEV; ENETUNREACH, EHOSTUNREACH, ..; ENOENT. */
bool rt_interface_named(const char *name, struct rt_interface *i);
bool rt_interface_numbered(uint32_t index, struct rt_interface *i);
/* out: the interface that it has to go out on; 0: any. */
bool rt_route_to(const struct rt_address *to, uint32_t out, struct rt_route *r);
bool rt_neighbour(uint32_t index, const struct rt_address *a, uint8_t mac[6]);

#endif
