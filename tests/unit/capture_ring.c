/* capture_ring: tests of the receive ring, over memory that a kernel of ours fills. */
#include "cmd/capture/ring.h"

#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

enum { BLOCK = 4096, BLOCKS = 4, PRIV = 16, SPACE = 128 };

static const struct ring_shape shape = { BLOCK, BLOCKS, 4 };
static uint8_t *memory; /* as the kernel sees it */
static int fd;
static uint64_t sequence;

static struct tpacket_block_desc *block(unsigned i)
{
	return (void *)(memory + (size_t)i * BLOCK);
}

static void begin(void)
{
	fd = memfd_create("ring", 0);
	if (fd < 0 || ftruncate(fd, BLOCK * BLOCKS) < 0)
		exit(1);
	memory = mmap(NULL, BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sequence = 0;
	for (unsigned i = 0; i < BLOCKS; i++)
		block(i)->offset_to_priv = sizeof(struct tpacket_block_desc);
}

static void end(struct ring *r)
{
	ring_close(r);
	munmap(memory, BLOCK * BLOCKS);
	close(fd);
}

/* A block of n frames whose first byte is `first`, `first` + 1, ..; each of 40 bytes on the wire, 8
 * of them captured. */
static void fill(unsigned i, unsigned n, uint8_t first)
{
	struct tpacket_block_desc *b = block(i);
	uint32_t at = sizeof(*b) + PRIV;

	b->hdr.bh1.seq_num = ++sequence;
	b->hdr.bh1.num_pkts = n;
	b->hdr.bh1.offset_to_first_pkt = at;
	for (unsigned k = 0; k < n; k++, at += SPACE) {
		struct tpacket3_hdr *h = (void *)((uint8_t *)b + at);

		*h = (struct tpacket3_hdr){ .tp_next_offset = k + 1 < n ? SPACE : 0,
					    .tp_sec = 5,
					    .tp_nsec = k,
					    .tp_len = 40,
					    .tp_snaplen = 8,
					    .tp_mac = 96,
					    .tp_net = 110,
					    .tp_status = TP_STATUS_USER | TP_STATUS_CSUMNOTREADY |
							 TP_STATUS_TS_SOFTWARE };
		((uint8_t *)h)[96] = (uint8_t)(first + k);
	}
	__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_USER, __ATOMIC_RELEASE);
}

static bool is_given_back(unsigned i)
{
	return block(i)->hdr.bh1.block_status == TP_STATUS_KERNEL;
}

static unsigned take(struct ring *r, uint8_t first)
{
	struct rx f;
	unsigned n = 0;

	while (ring_next(r, &f)) {
		CHECK_EQ(f.data.ptr[0], first + n);
		CHECK_EQ(f.data.len, 8); /* the snapshot, not what was on the wire */
		CHECK_EQ(f.wire_len, 40);
		CHECK_EQ(f.net, 14);
		CHECK(f.csum_unready && !f.vlan && f.clock == RX_CLOCK_KERNEL);
		n++;
	}
	return n;
}

static void test_laps(void)
{
	struct ring r;

	begin();
	check_case("rscap's fault 3: a block is read once it is full, and given back when its "
		   "frames are done with");
	CHECK(ring_resume(&r, fd, &shape, 0));
	CHECK_EQ(take(&r, 0), 0);
	fill(0, 3, 10);
	CHECK_EQ(take(&r, 10), 3);
	CHECK(!is_given_back(0) && ring_holds(&r));
	ring_release(&r, 2);
	CHECK(!is_given_back(0));
	ring_release(&r, 3);
	CHECK(is_given_back(0) && !ring_holds(&r));

	check_case("rscap's fault 5: it goes round, frame by frame as long as captured, and stops "
		   "where all blocks wait");
	for (unsigned lap = 1; lap < 10; lap++) {
		fill(lap % BLOCKS, 2, 0);
		CHECK_EQ(take(&r, 0), 2);
		ring_release(&r, r.frames);
		CHECK(is_given_back(lap % BLOCKS));
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		fill((10 + i) % BLOCKS, 1, (uint8_t)i);
	CHECK_EQ(take(&r, 0), 4);
	ring_release(&r, r.frames - 3);
	CHECK(is_given_back(10 % BLOCKS) && !is_given_back(11 % BLOCKS));
	ring_release(&r, r.frames);
	CHECK(!ring_holds(&r));
	end(&r);
}

/* ---- a kernel of ours in a thread of its own ---- */

enum { ROUNDS = 20000 };

static void *be_kernel(void *none)
{
	(void)none;
	for (unsigned lap = 0; lap < ROUNDS; lap++) {
		while (__atomic_load_n(&block(lap % BLOCKS)->hdr.bh1.block_status,
				       __ATOMIC_ACQUIRE) != TP_STATUS_KERNEL)
			sched_yield();
		fill(lap % BLOCKS, 3, (uint8_t)lap);
	}
	return NULL;
}

/* Under the thread sanitizer also: no read or write of a block that the status does not order. */
static void test_order_of_memory(void)
{
	uint64_t wrong = 0;
	pthread_t kernel;
	struct ring r;
	struct rx f;

	begin();
	check_case("rscap's fault 4: status words are read with acquire and stored with release: a "
		   "block is whole when it is seen, and not touched once it is given back");
	CHECK(ring_resume(&r, fd, &shape, 0));
	munmap(r.map, BLOCK * BLOCKS);
	r.map = memory; /* one mapping: the thread sanitizer goes by addresses */
	for (unsigned i = 0; i < BLOCKS; i++)
		__atomic_store_n(&block(i)->hdr.bh1.block_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
	CHECK(pthread_create(&kernel, NULL, be_kernel, NULL) == 0);
	while (r.frames < 3 * ROUNDS) {
		uint64_t at = r.frames;

		if (!ring_next(&r, &f)) {
			sched_yield();
			continue;
		}
		wrong += f.data.len != 8 || f.data.ptr[0] != (uint8_t)(at / 3 + at % 3) ||
			 f.ts != 5000000000 + at % 3;
		ring_release(&r, r.frames);
	}
	pthread_join(kernel, NULL);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(r.damaged, 0);
	r.map = NULL;
	end(&r);
}

static void test_clocks(void)
{
	static const struct {
		uint32_t status;
		enum rx_clock clock;
	} stamped[] = {
		{ TP_STATUS_TS_RAW_HARDWARE, RX_CLOCK_ADAPTER },
		{ TP_STATUS_TS_SOFTWARE, RX_CLOCK_KERNEL },
		{ 0, RX_CLOCK_SOCKET },
		/* the older of the kernel's two words for it, which no kernel sets any more */
		{ TP_STATUS_TS_SYS_HARDWARE, RX_CLOCK_SOCKET },
	};
	struct ring r;
	struct rx f;

	begin();
	check_case("rscap's fault 7: each frame says whose clock stamped it: the card's, the "
		   "kernel's, "
		   "the socket's");
	CHECK(ring_resume(&r, fd, &shape, 0));
	for (unsigned i = 0; i < sizeof(stamped) / sizeof(stamped[0]); i++) {
		struct tpacket3_hdr *h = (void *)(memory + i % BLOCKS * BLOCK +
						  sizeof(struct tpacket_block_desc) + PRIV);

		fill(i % BLOCKS, 1, 0);
		h->tp_status = TP_STATUS_USER | stamped[i].status;
		CHECK(ring_next(&r, &f));
		CHECK_EQ(f.clock, stamped[i].clock);
		CHECK_EQ(f.ts, 5000000000);
		ring_release(&r, r.frames);
	}
	end(&r);
}

static void test_successor(void)
{
	struct ring r, s;
	struct rx f;

	begin();
	check_case("a successor goes on behind the last frame that was done with, within a block");
	CHECK(ring_resume(&r, fd, &shape, 0));
	fill(0, 3, 0);
	fill(1, 3, 3);
	fill(2, 3, 6);
	for (unsigned i = 0; i < 5; i++)
		CHECK(ring_next(&r, &f));
	ring_close(&r); /* killed: 4 of these 5 were done with */
	CHECK(ring_resume(&s, fd, &shape, 4));
	CHECK_EQ(take(&s, 4), 5);
	CHECK_EQ(s.frames, 9);
	ring_release(&s, 9);
	CHECK(is_given_back(0) && is_given_back(1) && is_given_back(2));
	ring_close(&s);

	check_case("also where none of the blocks is full, or those that are were not begun with");
	CHECK(ring_resume(&s, fd, &shape, 9));
	block(3)->hdr.bh1.seq_num = sequence + 1; /* the kernel fills it */
	ring_close(&s);
	CHECK(ring_resume(&s, fd, &shape, 9));
	fill(3, 2, 50);
	CHECK_EQ(take(&s, 50), 2);
	ring_release(&s, s.frames);
	ring_close(&s);
	fill(0, 2, 60);
	fill(1, 2, 62);
	CHECK(ring_resume(&s, fd, &shape, 11));
	CHECK_EQ(take(&s, 60), 4);
	CHECK_EQ(s.frames, 15);
	end(&s);
}

static void test_damage(void)
{
	struct ring r;
	struct rx f;

	begin();
	check_case("a block that contradicts itself is left, and counted");
	CHECK(ring_resume(&r, fd, &shape, 0));
	fill(0, 2, 0);
	block(0)->hdr.bh1.offset_to_first_pkt = BLOCK - 8;
	fill(1, 1, 7);
	CHECK(ring_next(&r, &f));
	CHECK_EQ(f.data.ptr[0], 7);
	CHECK_EQ(r.damaged, 1);
	fill(2, 1, 9);
	((struct tpacket3_hdr *)(void *)(memory + 2 * BLOCK + sizeof(struct tpacket_block_desc) +
					 PRIV))
		->tp_snaplen = BLOCK;
	CHECK(!ring_next(&r, &f));
	CHECK_EQ(r.damaged, 2);
	end(&r);
}

int main(void)
{
	test_laps();
	test_order_of_memory();
	test_clocks();
	test_successor();
	test_damage();
	return check_end();
}
