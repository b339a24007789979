/* linktype: what the frames of an interface look like, by its hardware type. */
#include "libcommon/net/linktype.h"

#include <linux/if_arp.h>
#include <stddef.h>

static const struct linktype types[] = {
	{ ARPHRD_ETHER, LINKTYPE_ETHERNET, LINKTYPE_HEAD_OWN, "ethernet" },
	{ ARPHRD_LOOPBACK, LINKTYPE_ETHERNET, LINKTYPE_HEAD_OWN, "ethernet" },
	{ ARPHRD_NONE, LINKTYPE_RAW, LINKTYPE_HEAD_NONE, "raw" }, /* tun, wireguard */
	{ ARPHRD_RAWIP, LINKTYPE_RAW, LINKTYPE_HEAD_NONE, "raw" },
	{ ARPHRD_TUNNEL, LINKTYPE_RAW, LINKTYPE_HEAD_NONE, "raw" },
	{ ARPHRD_TUNNEL6, LINKTYPE_RAW, LINKTYPE_HEAD_NONE, "raw" },
	{ ARPHRD_SIT, LINKTYPE_RAW, LINKTYPE_HEAD_NONE, "raw" },
	{ ARPHRD_IEEE80211, LINKTYPE_IEEE80211, LINKTYPE_HEAD_OWN, "ieee802_11" },
	{ ARPHRD_IEEE80211_RADIOTAP, LINKTYPE_RADIOTAP, LINKTYPE_HEAD_OWN, "radiotap" },
	{ ARPHRD_IEEE802154, LINKTYPE_IEEE802154, LINKTYPE_HEAD_OWN, "ieee802_15_4" },
};

const struct linktype *linktype_of(uint16_t hatype)
{
	static const struct linktype other = { ARPHRD_VOID, LINKTYPE_SLL, LINKTYPE_HEAD_COOKED,
					       "linux_sll" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].hatype == hatype)
			return &types[i];
	return &other;
}
