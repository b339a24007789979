/* tap: one interface that is captured: its packet socket, from nothing to bound and locked. */
#ifndef WEIR_CAPTURE_TAP_H
#define WEIR_CAPTURE_TAP_H

#include <net/if.h>

#include "cmd/capture/messages.h"
#include "cmd/capture/ring.h"
#include "libcommon/net/bpf.h"

enum tap_receive { TAP_AUTO, TAP_RING, TAP_MESSAGES };
enum tap_fanout {
	TAP_NO_FANOUT,
	TAP_HASH,
	TAP_CPU,
	TAP_RR,
	TAP_ROLLOVER,
	TAP_QM,
	TAP_CBPF, /* the verdict of a program of the user's */
	TAP_PAIR, /* of ours: by the pair of addresses, so that fragments stay together */
};

struct tap_config {
	struct ring_shape shape;
	int receive; /* enum tap_receive */
	uint32_t snaplen;
	const struct bpf *filter; /* NULL: everything */
	bool promiscuous, all_multicast, outgoing;
	bool adapter_time; /* as the card stamps it, where it can */
	int fanout;        /* enum tap_fanout */
	uint64_t group;    /* 0: a new one */
	const struct bpf *fanout_program;
};

struct tap_stats {
	uint64_t packets, drops, freezes; /* sums: the kernel starts anew with each question */
};

struct tap {
	char name[IFNAMSIZ];
	uint32_t number;  /* among those of this process */
	uint32_t ifindex; /* 0: any */
	int fd;
	struct ring ring;
	struct messages *messages; /* NULL: the ring */
	struct tap_stats stats;
	bool have; /* frame is one that was not used yet */
	struct rx frame;
	uint64_t taken; /* frames out of it so far */
	bool over;      /* the interface is gone */
	bool down;
	uint32_t group; /* that of a fan-out */
};

/* In this order, so that never a frame of another interface, or one that the filter rejects, gets
 * in: socket of no protocol, ring, filter, bind, fan-out group, lock. Ends the process (1) with one
 * line where it can't. */
void tap_open(struct tap *t, const char *name, uint32_t number, const struct tap_config *c);
/* Fills `frame`, if it isn't. False: there is none. */
bool tap_peek(struct tap *t);
/* Adds to the sums what the kernel has counted since. */
void tap_count(struct tap *t);
void tap_close(struct tap *t);

/* The program of TAP_PAIR. */
void tap_pair_program(struct bpf *p);

#endif
