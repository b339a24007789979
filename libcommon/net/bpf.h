/* bpf: classic BPF programs, as the kernel checks and runs them on a socket.
 *
 * Pure. A program comes as text, as `tcpdump -ddd` prints it; bpf_check() takes what the kernel's
 * SO_ATTACH_FILTER takes, and bpf_run() gives the verdict that the kernel gives (the opcodes of
 * linux/filter.h and the rules of the kernel's net/core/filter.c; documented in the kernel's
 * networking/filter.rst). */
#ifndef WEIR_BPF_H
#define WEIR_BPF_H

#include <linux/filter.h>

#include "libcommon/base/bytes.h"

enum { BPF_WHY = 96, BPF_NOWHERE = 0xffffffff };

struct bpf {
	unsigned n;
	struct sock_filter code[BPF_MAXINSNS];
};

/* A frame, and what the ancillary loads (SKF_AD_*) say of it. */
struct bpf_frame {
	struct bytes data; /* what was captured, from the link layer on */
	uint32_t len;      /* on the wire: what `ld len` gives */
	uint32_t link;     /* offset in data of the link layer (SKF_LL_OFF), or BPF_NOWHERE */
	uint32_t net;      /* offset in data of the network layer (SKF_NET_OFF) */
	uint16_t protocol; /* ethertype */
	uint8_t pkttype;   /* PACKET_HOST .. PACKET_OUTGOING */
	bool vlan;         /* a tag was taken out of the data */
	uint16_t vlan_tci, vlan_tpid;
	uint32_t ifindex; /* 0: of no interface, which ends a program that asks, with 0 .. */
	uint32_t hatype;  /* .. ARPHRD_VOID: the same */
	uint32_t random;  /* what `ld rand` gives */
	uint32_t payload; /* offset of the transport's payload: what `ld poff` gives */
	uint32_t mark, queue, rxhash, cpu;
};

/* From the text of `tcpdump -ddd`: the number of instructions, and four numbers for each. Not
 * checked further. False: `why` says in which line it is something else. */
bool bpf_parse(struct bpf *p, struct bytes text, char why[BPF_WHY]);
/* Would the kernel take it? Opcodes, jumps and their targets, scratch memory that was written
 * before it is read, division by 0, shifts, a return at the end. False: `why` names the
 * instruction. */
bool bpf_check(const struct bpf *p, char why[BPF_WHY]);
/* What it accepts is cut to that many bytes, where the program returns a constant. */
void bpf_snap(struct bpf *p, uint32_t bytes);
/* Of a program that bpf_check() took: 0 rejects the frame, else so many bytes of it are wanted. */
uint32_t bpf_run(const struct bpf *p, const struct bpf_frame *f);

/* A frame as it lies in a capture file, by its LINKTYPE_ value: layers, ethertype, direction and
 * hardware type as far as the link layer tells. Its VLAN tag is in the data: none was taken out. No
 * mark, queue, receive hash or processor: 0. */
void bpf_frame_of(struct bpf_frame *f, struct bytes data, uint32_t wire_len, uint32_t link_type,
		  bool outgoing, uint64_t number);

#endif
