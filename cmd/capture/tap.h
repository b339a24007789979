/* tap: one interface that is captured: its packet socket, from nothing to bound and locked. */
#ifndef WEIR_CAPTURE_TAP_H
#define WEIR_CAPTURE_TAP_H

#include <linux/if_packet.h>
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

enum { TAP_NEW_GROUP = 65536 };

struct tap_config {
	struct ring_shape shape;
	int receive; /* enum tap_receive */
	uint32_t snaplen;
	const struct bpf *filter; /* NULL: everything */
	bool promiscuous, all_multicast, outgoing;
	bool adapter_time; /* as the card stamps it, where it can */
	int fanout;        /* enum tap_fanout */
	uint64_t group;    /* of 16 bits, or TAP_NEW_GROUP */
	const struct bpf *fanout_program;
};

struct tap_stats {
	uint64_t packets, drops, freezes;
};

/* Sums of what the kernel has counted, which starts anew with each question. Where this is memory
 * that outlives the process, no answer is lost or added twice whenever it dies: the answer is
 * written there by the kernel, and becomes part of the sums by one store. */
struct tap_counts {
	struct tap_stats sums[2];         /* the one of `no` holds */
	struct tpacket_stats_v3 fresh[2]; /* the one of `no`: an answer that is not added yet */
	uint32_t no;
	uint64_t before; /* frames of the interface that came by another socket */
};

struct tap {
	char name[IFNAMSIZ];
	uint32_t number;  /* among those of this process */
	uint32_t ifindex; /* 0: any */
	int fd;
	struct ring ring;
	struct messages *messages; /* NULL: the ring */
	struct tap_counts *counts;
	bool adopted; /* the socket was there, and a ring that ring_resume() has to map */
	bool have;    /* frame is one that was not used yet */
	struct rx frame;
	uint64_t taken; /* frames out of it so far */
	bool over;      /* the interface is gone */
	bool down;
	bool gone;      /* removed; another one of its name is waited for */
	uint32_t group; /* that of a fan-out */
	uint32_t mtu;   /* 0: not known */
};

/* In this order, so that never a frame of another interface, or one that the filter rejects, gets
 * in: socket of no protocol, ring, filter, bind, fan-out group, lock. Ends the process (1) with one
 * line where it can't. */
void tap_open(struct tap *t, const char *name, uint32_t number, const struct tap_config *c);
/* A socket that an equal tap_open() has made in another process. */
void tap_adopt(struct tap *t, const char *name, uint32_t number, int fd);
/* To another interface of its name, in place of one that was removed. False: errno. */
bool tap_rebind(struct tap *t, uint32_t ifindex);
/* A number for all that makes a difference to the socket. */
uint64_t tap_digest(uint64_t before, const char *name, const struct tap_config *c);
/* Fills `frame`, if it isn't. False: there is none. */
bool tap_peek(struct tap *t);
/* Adds to the sums what the kernel has counted since; fd -1: an answer that a predecessor left. */
void tap_count(struct tap_counts *c, int fd);
const struct tap_stats *tap_stats(const struct tap_counts *c);
void tap_close(struct tap *t);

/* The program of TAP_PAIR. */
void tap_pair_program(struct bpf *p);

#endif
