/* linktype: what the frames of an interface look like, by its hardware type. Pure. */
#ifndef WEIR_LINKTYPE_H
#define WEIR_LINKTYPE_H

#include <stdint.h>

enum {
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW = 101,
	LINKTYPE_IEEE80211 = 105,
	LINKTYPE_SLL = 113,
	LINKTYPE_RADIOTAP = 127,
	LINKTYPE_IEEE802154 = 195
};

enum linktype_head {
	LINKTYPE_HEAD_OWN,    /* the link layer's own header is what a file of that type has */
	LINKTYPE_HEAD_NONE,   /* from the network layer on */
	LINKTYPE_HEAD_COOKED, /* a header made of what the socket says, then the network layer */
};

struct linktype {
	uint16_t hatype; /* ARPHRD_ value of the interface */
	uint32_t value;  /* LINKTYPE_ value of its frames, as capture files have it */
	enum linktype_head head;
	const char *name;
};

/* Never NULL: hardware that is not in the table, or whose header is not always there (ppp), is
 * cooked, LINKTYPE_LINUX_SLL. */
const struct linktype *linktype_of(uint16_t hatype);

#endif
