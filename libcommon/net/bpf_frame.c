/* bpf_frame: a frame of a file, as the kernel would show it to a program on a socket. */
#include "libcommon/net/bpf.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>

enum { /* LINKTYPE_ values */
       LINK_NULL = 0,
       LINK_ETHERNET = 1,
       LINK_RAW_OLD = 12,
       LINK_RAW_BSD = 14,
       LINK_RAW = 101,
       LINK_LOOP = 108,
       LINK_SLL = 113,
       LINK_IPV4 = 228,
       LINK_IPV6 = 229,
       LINK_SLL2 = 276,
};

static uint16_t be16_at(struct bytes b, size_t at)
{
	return b.len >= at + 2 ? be16_get(b.ptr + at) : 0;
}

/* A length in its place is IEEE 802.3: Novell's raw form, or LLC. */
static uint16_t ethertype(struct bytes b)
{
	uint16_t type = be16_at(b, 12);

	if (b.len < ETH_HLEN)
		return 0;
	return type >= ETH_P_802_3_MIN    ? type
	       : be16_at(b, 14) == 0xffff ? ETH_P_802_3
					  : ETH_P_802_2;
}

static uint8_t ethernet_pkttype(struct bytes b)
{
	static const uint8_t all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (b.len < ETH_ALEN || !(b.ptr[0] & 1))
		return PACKET_HOST;
	return memcmp(b.ptr, all, ETH_ALEN) == 0 ? PACKET_BROADCAST : PACKET_MULTICAST;
}

static uint16_t ip_protocol(struct bytes b, size_t at)
{
	unsigned version = b.len > at ? b.ptr[at] >> 4 : 0;

	return version == 4 ? ETH_P_IP : version == 6 ? ETH_P_IPV6 : 0;
}

void bpf_frame_of(struct bpf_frame *f, struct bytes data, uint32_t wire_len, uint32_t link_type,
		  bool outgoing, uint64_t number)
{
	*f = (struct bpf_frame){ .data = data,
				 .len = wire_len,
				 .hatype = ARPHRD_VOID,
				 /* one sequence for every run: a multiplicative hash (Knuth) */
				 .random = (uint32_t)(number * 0x9e3779b97f4a7c15ull >> 32) };
	switch (link_type) {
	case LINK_ETHERNET:
		f->net = ETH_HLEN;
		f->hatype = ARPHRD_ETHER;
		f->protocol = ethertype(data);
		f->pkttype = ethernet_pkttype(data);
		break;
	case LINK_RAW_OLD:
	case LINK_RAW_BSD:
	case LINK_RAW:
	case LINK_IPV4:
	case LINK_IPV6:
		f->hatype = ARPHRD_NONE;
		f->protocol = ip_protocol(data, 0);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		f->net = 4;
		f->hatype = ARPHRD_LOOPBACK;
		f->protocol = ip_protocol(data, 4);
		break;
	case LINK_SLL:
		f->net = 16;
		f->hatype = be16_at(data, 2);
		f->protocol = be16_at(data, 14);
		f->pkttype = (uint8_t)be16_at(data, 0);
		break;
	case LINK_SLL2:
		f->net = 20;
		f->hatype = be16_at(data, 8);
		f->protocol = be16_at(data, 0);
		f->pkttype = data.len > 10 ? data.ptr[10] : 0;
		f->ifindex = (uint32_t)be16_at(data, 4) << 16 | be16_at(data, 6);
		break;
	default:
		break;
	}
	if (outgoing)
		f->pkttype = PACKET_OUTGOING;
}
