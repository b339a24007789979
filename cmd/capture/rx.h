/* rx: one received frame, however it came, and how it is written into a record. Pure. */
#ifndef WEIR_CAPTURE_RX_H
#define WEIR_CAPTURE_RX_H

#include "libcommon/base/bytes.h"

enum rx_clock { RX_CLOCK_SOCKET, RX_CLOCK_KERNEL, RX_CLOCK_ADAPTER };

struct rx {
	uint64_t ts;         /* ns since the epoch */
	enum rx_clock clock; /* who stamped it: the packet socket, the way up to it, the card */
	struct bytes data;   /* from the link layer on, as far as it was captured */
	uint32_t net;        /* offset of the network layer in data; may lie behind its end */
	uint32_t wire_len;   /* from the link layer on, without a tag that was taken out */
	bool csum_unready, gso;
	bool vlan; /* a tag was taken out of the data .. */
	uint16_t vlan_tci, vlan_tpid;
	/* of the link layer's address */
	uint32_t ifindex;
	uint16_t hatype;   /* ARPHRD_ value */
	uint16_t protocol; /* ethertype, inner one of a tag */
	uint8_t pkttype;   /* PACKET_HOST .. PACKET_OUTGOING */
	uint8_t halen, addr[8];
};

/* The payload of its record: head, and behind it tail. */
struct rx_payload {
	uint32_t link_type; /* LINKTYPE_ value */
	uint32_t wire_len;
	unsigned nhead;
	uint8_t head[24];
	struct bytes tail; /* borrowed from data */
};

/* As a capture file has it: Ethernet (and loopback) with a tag that was taken out put back, raw IP
 * for interfaces without a link layer, the cooked header LINKTYPE_LINUX_SLL for all others, whose
 * own header is not known, or not always there (ppp). At most snaplen bytes. */
void rx_write(const struct rx *f, uint32_t snaplen, struct rx_payload *p);

#endif
