/* wire: frames onto one interface, or packets into the kernel's routing.
 *
 * Opened before the sandbox closes; afterwards it needs sendto, sendmmsg, poll and read. There are
 * three ways:
 *
 * - WIRE_RING: a TPACKET_V3 TX ring, shared with the kernel
 * - WIRE_MMSG: sendmmsg on a packet socket, also where frames have no link header
 * - WIRE_ROUTED: raw IP sockets: IP packets, which the kernel gives to the next hop
 *
 * The law: offered = sent + malformed + refused + pending, and pending = 0 behind wire_finish(). */
#ifndef WEIR_SEND_WIRE_H
#define WEIR_SEND_WIRE_H

#include "libcommon/port/rtnetlink.h"

enum { ETHERNET_HEAD = 14 };
enum wire_way { WIRE_AUTO, WIRE_RING, WIRE_MMSG, WIRE_ROUTED };

struct wire_config {
	enum wire_way way;
	bool bypass;                  /* PACKET_QDISC_BYPASS */
	bool (*stopping)(void *user); /* asked while it waits for room */
	void *user;
};

struct wire_counters {
	uint64_t offered, sent, bytes; /* bytes of those sent */
	uint64_t malformed; /* longer than the MTU of now, or the kernel took it for none:
			     * TP_STATUS_WRONG_FORMAT, EMSGSIZE, EINVAL */
	uint64_t refused;   /* not sent for another reason: the last_error */
	uint64_t waits;     /* times that there was no room for the next one */
};

struct wire;

/* interface: NULL with WIRE_ROUTED for any. Ends the process (1) where it can't be opened, saying
 * what it needs. */
struct wire *wire_open(const struct rt_interface *interface, const struct wire_config *config);
/* Is it no longer than the interface takes, as far as it is known? */
bool wire_fits(const struct wire *w, struct bytes frame);
/* Offers a frame, which may be kept until wire_push(). proto: ETH_P_ value of what it carries, for
 * links without a header and for routing. Waits for room, until it is to stop. */
void wire_put(struct wire *w, struct bytes frame, uint16_t proto);
/* What was offered goes out. */
void wire_push(struct wire *w);
/* Waits until all that was offered is done with, 2 s at most; what is not is refused. */
void wire_finish(struct wire *w);
const struct wire_counters *wire_counters(const struct wire *w);
/* errno of the last frame that was refused or malformed, 0: none; down: nothing will be sent any
 * more. */
int wire_error(const struct wire *w, bool *down);
enum wire_way wire_way(const struct wire *w);
void wire_close(struct wire *w);

#endif
