/* tx_ring: whatever order frames are put, taken and called malformed in, each comes back once, in
 * order, and reached the kernel with its bytes. The kernel is one of ours, over the same memory. */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cmd/send/tx_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 7, FRAME = 128, AT = TPACKET3_HDRLEN - sizeof(struct sockaddr_ll), MOST = 40 };

struct kernel {
	struct tx_ring ring;
	uint32_t head;      /* the frame that the kernel looks at */
	uint64_t put, back; /* frames given to the ring, and heard of again */
	uint64_t sent, bad, said_bad;
	uint8_t memory[FRAMES * FRAME] __attribute__((aligned(16)));
};

/* The length and each byte of frame n. */
static struct bytes frame(uint64_t n, uint8_t *b)
{
	size_t len = 1 + n * 7 % MOST;

	memset(b, (int)(n + len), len);
	return BYTES(b, len);
}

static void put(struct kernel *k)
{
	bool full = k->ring.pending == FRAMES;
	uint8_t b[MOST];

	if (tx_ring_put(&k->ring, frame(k->put, b)))
		k->put++;
	else if (!full || errno != EAGAIN)
		abort();
	if (tx_ring_put(&k->ring, BYTES(k->memory, MOST + 1)) || errno != EMSGSIZE)
		abort();
}

/* Takes one frame, or calls it malformed and stays there. */
static void take(struct kernel *k, bool malformed)
{
	struct tpacket3_hdr *h = (void *)(k->memory + k->head * FRAME);
	uint8_t want[MOST];
	struct bytes f = frame(k->sent + k->bad, want);

	if (h->tp_status != TP_STATUS_SEND_REQUEST)
		return;
	if (h->tp_len != f.len + k->ring.lead ||
	    memcmp((uint8_t *)h + AT + k->ring.lead, f.ptr, f.len) != 0)
		abort();
	k->bad += malformed;
	k->sent += !malformed;
	h->tp_status = malformed ? TP_STATUS_WRONG_FORMAT : TP_STATUS_AVAILABLE;
	if (!malformed)
		k->head = (k->head + 1) % FRAMES;
}

static void heard(void *user, uint32_t bytes, bool malformed)
{
	struct kernel *k = user;
	uint8_t b[MOST];

	if (bytes != frame(k->back++, b).len)
		abort();
	k->said_bad += malformed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel k = {
		.ring = { .fd = -1, .frame_size = FRAME, .count = FRAMES, .room = MOST }
	};

	k.ring.map = k.memory;
	k.ring.lead = size && data[0] & 1 ? sizeof(struct virtio_net_hdr) : 0;
	for (size_t i = 1; i < size; i++) {
		if (data[i] & 1)
			put(&k);
		if (data[i] & 2)
			take(&k, data[i] & 4);
		if (data[i] & 8)
			tx_ring_reap(&k.ring, heard, &k);
		if (k.ring.unpushed > k.ring.pending)
			abort();
	}
	for (int i = 0; i < FRAMES; i++)
		take(&k, false);
	tx_ring_reap(&k.ring, heard, &k);
	while (k.back < k.put) { /* behind one that was malformed */
		take(&k, false);
		tx_ring_reap(&k.ring, heard, &k);
	}
	if (k.ring.pending || k.sent + k.bad != k.put || k.said_bad != k.bad)
		abort();
	return 0;
}
