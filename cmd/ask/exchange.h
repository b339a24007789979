/* exchange: packets out, their first answers in. */
#ifndef WEIR_ASK_EXCHANGE_H
#define WEIR_ASK_EXCHANGE_H

#include "cmd/ask/key.h"
#include "libcommon/base/buf.h"
#include "libcommon/port/rtnetlink.h"

enum { ASK_PORTS = 16 };

/* An interface with its sockets. */
struct ask_port {
	struct rt_interface interface;
	uint32_t link_type; /* of what is sent and received there */
	bool headless;      /* no link header */
	bool routed;        /* to this host itself: packets go through raw sockets */
	int fd, raw4, raw6;
};

/* Opens a port, or ends the process with what it needs. Frames that leave this host by themselves
 * need `yes`. */
void ask_port_open(struct ask_port *p, const struct rt_interface *i, bool routed, bool yes);
void ask_port_close(struct ask_port *p);

enum ask_result { ASK_WAITING, ASK_ANSWERED, ASK_ERROR, ASK_UNANSWERED, ASK_NOT_SENT };

struct ask_query {
	struct bytes frame; /* as it goes out on its port; borrowed */
	size_t at;          /* where its network layer starts */
	uint16_t ethertype; /* 0: nothing answers it */
	struct ask_port *port;
	uint64_t n; /* the caller's */

	enum ask_result result;
	const char *why; /* ASK_NOT_SENT */
	struct ask_key key;
	uint64_t sent, answered; /* CLOCK_REALTIME */
	uint32_t tries;
	size_t reply_at, reply_len; /* the answer in `replies` */
	uint32_t next;              /* with the same hash: place + 1 */
	uint8_t reply_mac[6];       /* who sent it on the link */
};

struct ask_exchange {
	struct ask_port *ports;
	unsigned nports;
	uint64_t timeout, gap; /* ns */
	uint32_t tries;
	bool (*stopping)(void *user);
	void *user;
	struct buf replies;
	uint64_t received, unasked; /* packets that answer nothing */
};

/* Until all have an answer, or the last of them has waited for the timeout as often as it is to be
 * tried. Queries that are ASK_NOT_SENT are left alone. */
void ask_exchange(struct ask_exchange *x, struct ask_query *queries, size_t n);

#endif
