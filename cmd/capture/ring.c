/* ring: a TPACKET_V3 receive ring of a packet socket. */
#include "cmd/capture/ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "libcommon/base/die.h"

enum {
	FRAME_SIZE = 2048,    /* of no meaning for this version but for the check of the request */
	STATUS_GSO_TCP = 256, /* TP_STATUS_GSO_TCP, newer than the headers that we build with */
};

/* In front of the frames of each block. */
struct mine {
	uint64_t seq;   /* the block's number when this was written */
	uint64_t first; /* frames before it */
};

static struct tpacket_block_desc *block_at(const struct ring *r, uint32_t i)
{
	return (void *)(r->map + (size_t)i * r->shape.block_size);
}

static struct mine *mine_of(struct tpacket_block_desc *b)
{
	return (void *)((uint8_t *)b + b->offset_to_priv);
}

static bool is_full(struct tpacket_block_desc *b)
{
	return __atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static bool map(struct ring *r, int fd, const struct ring_shape *shape)
{
	size_t size = (size_t)shape->block_size * shape->blocks;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return false;
	*r = (struct ring){ .map = at, .shape = *shape };
	r->ends = xcalloc(shape->blocks, sizeof(*r->ends));
	return true;
}

bool ring_open(struct ring *r, int fd, const struct ring_shape *shape)
{
	struct tpacket_req3 req = {
		.tp_block_size = shape->block_size,
		.tp_block_nr = shape->blocks,
		.tp_frame_size = FRAME_SIZE,
		.tp_frame_nr = shape->block_size / FRAME_SIZE * shape->blocks,
		.tp_retire_blk_tov = shape->retire_ms,
		.tp_sizeof_priv = sizeof(struct mine),
		.tp_feature_req_word = TP_FT_REQ_FILL_RXHASH,
	};
	int version = TPACKET_V3;

	return setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) == 0 &&
	       setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) == 0 &&
	       map(r, fd, shape);
}

bool ring_resume(struct ring *r, int fd, const struct ring_shape *shape, uint64_t done)
{
	uint64_t least = UINT64_MAX, most = 0, newest = 0;

	if (!map(r, fd, shape))
		return false;
	/* The oldest block that is full; or where none is, the one that is being filled. */
	for (uint32_t i = 0; i < shape->blocks; i++) {
		struct tpacket_block_desc *b = block_at(r, i);
		uint64_t seq = b->hdr.bh1.seq_num;

		if (is_full(b) && seq < least) {
			least = seq;
			r->at = i;
		}
		if (seq > most) {
			most = seq;
			newest = i;
		}
	}
	if (least == UINT64_MAX)
		r->at = (uint32_t)newest;
	r->oldest = r->at;
	r->frames = done;
	if (least != UINT64_MAX) {
		const struct mine *m = mine_of(block_at(r, r->at));

		/* Of a block that its reader has begun with, `first` is right. */
		if (m->seq == least && m->first <= done) {
			r->frames = m->first;
			r->skip = done - m->first;
		}
	}
	return true;
}

/* ---- frames -------------------------------------------------------------------------------- */

static bool block_begin(struct ring *r)
{
	struct tpacket_block_desc *b = block_at(r, r->at);

	if (r->taken == r->shape.blocks || !is_full(b))
		return false;
	*mine_of(b) = (struct mine){ b->hdr.bh1.seq_num, r->frames };
	r->left = b->hdr.bh1.num_pkts;
	r->next = b->hdr.bh1.offset_to_first_pkt;
	return true;
}

static void block_end(struct ring *r)
{
	r->left = 0;
	r->ends[r->at] = r->frames;
	r->taken++;
	r->at = (r->at + 1) % r->shape.blocks;
}

static void describe(const struct tpacket3_hdr *h, struct rx *f)
{
	const struct sockaddr_ll *sll =
		(const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));

	*f = (struct rx){
		.ts = h->tp_sec * 1000000000ull + h->tp_nsec,
		.clock = h->tp_status & TP_STATUS_TS_RAW_HARDWARE ? RX_CLOCK_ADAPTER
			 : h->tp_status & TP_STATUS_TS_SOFTWARE   ? RX_CLOCK_KERNEL
								  : RX_CLOCK_SOCKET,
		.data = BYTES((const uint8_t *)h + h->tp_mac, h->tp_snaplen),
		.net = h->tp_net > h->tp_mac ? (uint32_t)h->tp_net - h->tp_mac : 0,
		.wire_len = h->tp_len,
		.csum_unready = h->tp_status & TP_STATUS_CSUMNOTREADY,
		.gso = h->tp_status & STATUS_GSO_TCP,
		.vlan = h->tp_status & TP_STATUS_VLAN_VALID,
		.vlan_tci = (uint16_t)h->hv1.tp_vlan_tci,
		.vlan_tpid =
			h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : 0x8100,
		.ifindex = (uint32_t)sll->sll_ifindex,
		.hatype = sll->sll_hatype,
		.protocol = __builtin_bswap16(sll->sll_protocol),
		.pkttype = sll->sll_pkttype,
		.halen = sll->sll_halen,
	};
	memcpy(f->addr, sll->sll_addr, sizeof(f->addr));
}

bool ring_next(struct ring *r, struct rx *f)
{
	for (;;) {
		const struct tpacket3_hdr *h;
		uint32_t at;

		if (!r->left && !block_begin(r))
			return false;
		at = r->next;
		h = (const void *)((const uint8_t *)block_at(r, r->at) + at);
		/* The kernel's word, once compared with what is possible. */
		if (!r->left || at > r->shape.block_size - sizeof(*h) ||
		    at + h->tp_mac + (uint64_t)h->tp_snaplen > r->shape.block_size) {
			r->damaged += r->left != 0;
			block_end(r);
			continue;
		}
		r->frames++;
		r->next = at + h->tp_next_offset;
		if (!r->skip)
			describe(h, f);
		if (--r->left == 0)
			block_end(r);
		if (!r->skip)
			return true;
		r->skip--;
	}
}

void ring_release(struct ring *r, uint64_t done)
{
	while (r->taken && r->ends[r->oldest] <= done) {
		__atomic_store_n(&block_at(r, r->oldest)->hdr.bh1.block_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
		r->oldest = (r->oldest + 1) % r->shape.blocks;
		r->taken--;
	}
}

bool ring_holds(const struct ring *r)
{
	return r->taken != 0;
}

void ring_close(struct ring *r)
{
	if (r->map)
		munmap(r->map, (size_t)r->shape.block_size * r->shape.blocks);
	free(r->ends);
	*r = (struct ring){ 0 };
}
