/* tx_ring: a TPACKET_V3 ring for transmission, shared with the kernel. */
#include "cmd/send/tx_ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RING_BYTES = 1 << 20, /* stays in the second cache, and is some batches */
	HEAD = TPACKET3_HDRLEN - sizeof(struct sockaddr_ll), /* where a frame's bytes start */
	LEAD = sizeof(struct virtio_net_hdr),
	ONE_PIECE = 2048, /* bytes of the longest frame that is asked to be in one */
};

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 2048;

	while (p < n)
		p *= 2;
	return p;
}

bool tx_ring_open(struct tx_ring *r, int fd, uint32_t longest)
{
	int version = TPACKET_V3, one = 1;
	uint32_t frame = power_of_two(HEAD + LEAD + longest), block = frame;
	bool leads;
	struct tpacket_req3 req = { 0 };

	if (block < (uint32_t)sysconf(_SC_PAGESIZE))
		block = (uint32_t)sysconf(_SC_PAGESIZE);
	if (block < 65536)
		block = 65536;
	req.tp_frame_size = frame;
	req.tp_block_size = block;
	req.tp_block_nr = RING_BYTES / block > 2 ? RING_BYTES / block : 2;
	req.tp_frame_nr = req.tp_block_nr * (block / frame);
	leads = setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0;
	/* The whole of the request: the kernel refuses the shorter one of TPACKET_V2. */
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0)
		return false;
	*r = (struct tx_ring){ .fd = fd,
			       .size = (size_t)req.tp_block_size * req.tp_block_nr,
			       .frame_size = frame,
			       .count = req.tp_frame_nr,
			       .lead = leads ? LEAD : 0,
			       .room = frame - HEAD - LEAD };
	r->map = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return r->map != MAP_FAILED;
}

static struct tpacket3_hdr *head_of(const struct tx_ring *r, uint32_t i)
{
	return (struct tpacket3_hdr *)(r->map + (size_t)i * r->frame_size);
}

static uint32_t status_of(const struct tx_ring *r, uint32_t i)
{
	return __atomic_load_n(&head_of(r, i)->tp_status, __ATOMIC_ACQUIRE);
}

static uint32_t behind(const struct tx_ring *r, uint32_t i)
{
	return i + 1 == r->count ? 0 : i + 1;
}

bool tx_ring_put(struct tx_ring *r, struct bytes frame)
{
	struct tpacket3_hdr *h = head_of(r, r->next);
	struct virtio_net_hdr lead = { .hdr_len = (uint16_t)(frame.len < ONE_PIECE ? frame.len
										   : ONE_PIECE) };

	errno = frame.len > r->room ? EMSGSIZE : EAGAIN;
	if (frame.len > r->room || r->pending == r->count || r->unpushed == TX_RING_BATCH)
		return false;
	h->tp_next_offset = 0;
	h->tp_len = h->tp_snaplen = r->lead + (uint32_t)frame.len;
	memcpy((uint8_t *)h + HEAD, &lead, r->lead);
	memcpy((uint8_t *)h + HEAD + r->lead, frame.ptr, frame.len);
	__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	r->next = behind(r, r->next);
	r->pending++;
	r->unpushed++;
	return true;
}

int tx_ring_push(struct tx_ring *r)
{
	if (!r->unpushed)
		return 0;
	if (send(r->fd, NULL, 0, MSG_DONTWAIT) < 0)
		return errno;
	r->unpushed = 0;
	return 0;
}

/* The kernel stays at a frame that it calls malformed for ever: those behind it, of which it has
 * taken none, move up by one. */
static void move_up(struct tx_ring *r)
{
	uint32_t at = r->oldest;

	for (uint32_t left = r->pending; left > 1; left--) {
		struct tpacket3_hdr *to = head_of(r, at), *from = head_of(r, behind(r, at));

		memcpy((uint8_t *)to + HEAD, (uint8_t *)from + HEAD, from->tp_len);
		to->tp_len = to->tp_snaplen = from->tp_len;
		at = behind(r, at);
	}
	r->next = at;
	__atomic_store_n(&head_of(r, at)->tp_status, TP_STATUS_AVAILABLE, __ATOMIC_RELEASE);
	/* The first one last: the kernel looks at the others through it. */
	if (r->pending > 1)
		__atomic_store_n(&head_of(r, r->oldest)->tp_status, TP_STATUS_SEND_REQUEST,
				 __ATOMIC_RELEASE);
	r->pending--;
	r->unpushed = r->pending;
}

void tx_ring_reap(struct tx_ring *r, void (*done)(void *user, uint32_t bytes, bool malformed),
		  void *user)
{
	while (r->pending) {
		uint32_t status = status_of(r, r->oldest);

		if (status & TP_STATUS_WRONG_FORMAT) {
			done(user, head_of(r, r->oldest)->tp_len - r->lead, true);
			move_up(r);
		} else if (status == TP_STATUS_AVAILABLE) {
			done(user, head_of(r, r->oldest)->tp_len - r->lead, false);
			r->oldest = behind(r, r->oldest);
			r->pending--;
			if (r->unpushed > r->pending)
				r->unpushed = r->pending;
		} else {
			break;
		}
	}
}

void tx_ring_close(struct tx_ring *r)
{
	if (r->map && r->map != MAP_FAILED)
		munmap(r->map, r->size);
	r->map = NULL;
}
