/* packet_of: the IP packet in a frame, for who routes it or sends it on a link of another kind.
 * Pure. */
#ifndef WEIR_SEND_PACKET_OF_H
#define WEIR_SEND_PACKET_OF_H

#include "libcommon/base/bytes.h"

/* Behind the link header and VLAN tags, cut at the length that the IP header says; absent where
 * there is none, or none whole. */
struct bytes packet_of(uint32_t link_type, struct bytes frame);
/* The ETH_P_ value of an IP packet, 0 where it is none. */
uint16_t packet_proto(struct bytes packet);
/* Are these the link types whose frames begin with the IP header? */
bool packet_is_bare(uint32_t link_type);

#endif
