/* ring: a byte stream in shared memory, one producer, named readers with their own cursors.
 *
 * The bytes are written once and read in place. Two kinds of file:
 *
 *  the ring, written by its producer, mapped read-only by readers (from a read-only descriptor,
 *  so that mprotect can't widen it):
 *
 *       0      struct ring_header: written once, before anybody else can see the file, but for
 *              owner_pid, which each producer writes when it has taken the lock
 *       4096   struct ring_live: what changes, each word on a 128-byte line of its own
 *       8192   struct ring_reader[64]: the reader table
 *       16384  preamble, 64 KiB: the head of the stream (hello, schemas), only ever appended to;
 *              live.preamble bytes of it are valid
 *       131072 data, 2^k bytes, mapped twice in a row, so that no record is ever split
 *
 *  a page per reader (struct ring_page), written by that reader, mapped read-only by the
 *  producer. It is the only thing that a reader can write.
 *
 * Positions (head, tail) count bytes from the start of the stream, 64 bits, never wrap and never
 * go back; byte x lies at data[x & (size - 1)]. What must stay true:
 *
 *  - head is stored (release) after the bytes before it. Only whole records are published.
 *  - tail is stored (release) after the reader is done with the bytes before it, effects and all.
 *    The producer never writes at or beyond tail + size of a reader it waits for.
 *  - tail <= head <= tail + size. Each side checks the other's number when it reads it. A reader
 *    whose tail breaks this is dead to the producer; a producer whose head does is EPROTO to the
 *    reader. Neither follows an offset found in the other's memory. The bytes themselves are the
 *    producer's memory and may change under a reader: check and use a field from one load.
 *  - live.state goes from open to closed or aborted, never back. It is stored after the last
 *    head, so who sees it reads head once more and has then seen all.
 *
 * Sleeping. The sleeper makes its sequence number odd (seq_cst), looks once more, and waits on a
 * futex word of the other side; the other side stores its position (seq_cst), looks at the
 * sequence number and, where it is odd and not yet answered, changes the word and wakes. So one
 * of the two always sees the other, and a sleep costs one wake. A wait lasts at most 100 ms, so
 * that a lost wake or a dead peer costs no more than that. With more processes than cores a wake
 * is dear, so it is put off until it is worth it: a reader is woken for a quarter of the ring, or
 * when the producer publishes outright, which it does before it waits for anything.
 *     readers    sleep by page.sleep, wait on live.data
 *     producer   sleeps by live.want, waits on the slowest reader's page.space; a reader answers
 *                once its tail has reached live.want_tail, or it is about to sleep itself
 *
 * Death. Each side holds a write lock (F_OFD_SETLK) on its own file through a descriptor that it
 * opened itself: the kernel drops it with the process, however it ends. A free lock on a file
 * that was attached means that its owner is dead. Producer dead without closing: readers get what
 * was published, then EPIPE. Reader dead: its slot is released (reader.released), the producer
 * does not wait for it any more; but where reader.keep is set (a launcher that will restart it)
 * its tail is kept, the producer waits, and a new process goes on from the tail. The launcher
 * sets released where it gives up. With header.keep the same holds for the producer: readers
 * wait for its successor, which goes on from head. A clean end (page.state gone) always
 * releases. When no reader is left the ring is broken with EPIPE.
 *
 * A reader starts at the tail in its page. Where that is not 0 it reads the preamble first.
 *
 * Readers that may lose records (mode RING_DROP, and taps, which have no page and are in no table)
 * are never waited for, and nothing of theirs is looked at but a named one's sleep. Before the
 * producer writes up to a position it stores that as live.claim, with a fence behind it: the bytes
 * before claim - size are being overwritten. Such a reader copies what is published, and looks at
 * the claim behind that: what lies before claim - size is not used. It goes on at live.batch then,
 * the head before the last publish (stored before the head that follows it), or at the head: both
 * are where a record begins. What it missed of the preamble it reads first.
 *  - head <= claim <= head + size, and claim never goes back.
 * How many records it missed is for those who know records (`index`, in proto/control.def).
 *
 * tests/model/ring.pml is all of this for spin, tap.pml the claim, offer.pml the word about an
 * offer.
 *
 * shm:NAME is /dev/shm/weir.UID.NAME, mode 0600, with pages /dev/shm/weir.UID.NAME~READER~NONCE;
 * a launcher's ring is a memfd sealed against a change of its size. */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include "libcommon/port/port.h"

enum {
	RING_MAGIC = 0x57524731,      /* WRG1 */
	RING_PAGE_MAGIC = 0x57525031, /* WRP1 */
	RING_VERSION = 2,
	RING_READERS = 64,
	RING_NAME = 40,
	RING_LIVE_AT = 4096,
	RING_TABLE_AT = 8192,
	RING_PREAMBLE_AT = 16384,
	RING_PREAMBLE = 64 * 1024,
	RING_DATA_AT = 128 * 1024,
	RING_BATCH = 32 * 1024, /* published at once, or a quarter of a smaller ring */
	RING_PAGE = 4096,       /* bytes of a reader's page */
	RING_SIZE_DEFAULT = 1024 * 1024,
	RING_SIZE_MIN = PORT_MAX_VIEW,
	RING_SIZE_MAX = 1 << 30,
};

#define RING_LINE __attribute__((aligned(128)))

struct ring_header {
	uint32_t magic, version;
	uint64_t nonce, size;
	uint32_t nreaders, keep;
	uint32_t preamble_at, preamble_size, data_at;
	uint32_t owner_pid; /* 0: no producer was ever there */
};

enum ring_state { RING_OPEN, RING_CLOSED, RING_ABORTED };

struct ring_live {
	RING_LINE uint64_t head;
	uint64_t batch;          /* the head before that */
	RING_LINE uint32_t data; /* futex word */
	RING_LINE uint32_t state;
	RING_LINE uint64_t preamble; /* valid bytes */
	RING_LINE uint32_t want;     /* odd: the producer sleeps until .. */
	uint64_t want_tail;          /* .. all tails have come this far */
	RING_LINE uint64_t claim;    /* nothing is written at or behind this */
};

enum ring_mode { RING_BLOCK, RING_DROP };

struct ring_reader {
	char name[RING_NAME];
	uint8_t mode, keep;     /* enum ring_mode */
	uint16_t shard, shards; /* this reader's share of the flows; 0, 0: all */
	uint16_t unused;
	uint32_t released; /* the producer does not wait for it any more, for good */
	uint32_t granted;  /* of an offer: the reader has the stream; see below */
	uint8_t pad[8];
};

enum ring_page_state { RING_NEVER, RING_ATTACHED, RING_GONE };

struct ring_page {
	uint32_t magic, version;
	uint64_t nonce; /* the ring's */
	uint32_t slot;  /* in the reader table */
	RING_LINE uint64_t tail;
	RING_LINE uint32_t sleep; /* odd: the reader sleeps */
	RING_LINE uint32_t space; /* futex word */
	RING_LINE uint32_t state, pid;
};

/* ---- making one ---- */

struct ring_spec {
	uint64_t size; /* rounded up to a power of two of pages; 0 = default */
	unsigned nreaders;
	const char *const *names; /* of the readers; may be NULL */
	const bool *drops;        /* which of them may lose records; NULL: none */
	bool keep;                /* both sides outlive their processes: a launcher restarts them */
};

/* Makes the file a ring (or a reader's page). Memory is allocated now, so that a full /dev/shm
 * shows here (ENOSPC) and not as SIGBUS later. False: errno. */
bool ring_format(int fd, const struct ring_spec *spec, uint64_t nonce);
bool ring_format_page(int fd, uint64_t nonce, unsigned slot);

/* A ring as its launcher holds it. Descriptors are close-on-exec; dup2 them into the children:
 * the producer gets fd and pages_read[] (-o shm:fd=N,pages=..), reader i gets fd_read and
 * pages[i] (-i shm:fd=N,page=M). */
struct ring_set {
	int fd, fd_read;
	unsigned nreaders;
	int pages[RING_READERS], pages_read[RING_READERS];
	struct ring_header *header; /* mapped by the launcher */
	const struct ring_page *page[RING_READERS];
};

/* False: errno, and nothing is left behind. */
bool ring_create_memfd(struct ring_set *set, const struct ring_spec *spec);
void ring_set_free(struct ring_set *set);
uint64_t ring_set_head(const struct ring_set *set);
uint64_t ring_set_tail(const struct ring_set *set, unsigned reader);
enum ring_state ring_set_state(const struct ring_set *set);
/* Nobody has the role now, though somebody once had it. */
bool ring_set_producer_dead(const struct ring_set *set);
bool ring_set_reader_dead(const struct ring_set *set, unsigned reader);
/* A producer that is not restarted: readers get what was published, then the end (closed) or
 * PORT_ERROR with ECONNABORTED. No effect on a ring that has ended. */
void ring_set_end(struct ring_set *set, enum ring_state how);
/* Before that, of a dead one: what it wrote is shown up to `position`. False: that can't be. */
bool ring_set_settle(struct ring_set *set, uint64_t position);
/* A reader that is not restarted: the producer goes on without it. */
void ring_set_release(struct ring_set *set, unsigned reader);

/* ---- the producer's side ---- */

struct ring_out;

/* Takes the ring. fd (read and write) and pages[] (reading is enough) must be open file
 * descriptions of this process alone, and belong to the ring_out on success. NULL: *why, with
 * errno EBUSY where another producer has it. */
struct ring_out *ring_out_attach(int fd, const int *pages, unsigned npages, const char **why);
/* The same over memory: no locks, no deaths. For tests. */
struct ring_out *ring_out_over(struct ring_header *h, uint8_t *data,
			       const struct ring_page *const *pages, unsigned npages);
/* As port_out_reserve, waiting at most timeout_ms; *err is left alone or says what broke. */
uint8_t *ring_out_reserve(struct ring_out *o, size_t n, int timeout_ms, int *err);
/* Publishes where a batch is full; does not wake a reader for less than a quarter of the ring. */
void ring_out_commit(struct ring_out *o, size_t n);
/* What may be written and committed at the returned place without a further reserve, and after
 * how many committed bytes ring_out_commit() would publish (never 0). */
uint8_t *ring_out_window(const struct ring_out *o, size_t *room, size_t *due);
uint64_t ring_out_head(const struct ring_out *o);  /* bytes published so far */
size_t ring_out_longest(const struct ring_out *o); /* that can be reserved */
void ring_out_publish(struct ring_out *o);
size_t ring_out_pending(const struct ring_out *o);
/* Where port_gated was set when the ring was taken, nothing is published but by this, up to
 * `position` (no further than what is committed, and never back); now: wakes for however little.
 * The end of the stream still publishes all. */
void ring_out_show(struct ring_out *o, uint64_t position, bool now);
uint64_t ring_out_position(const struct ring_out *o); /* the end of what is committed */
/* A successor: its predecessor's committed work ended at `position`, be it published or not. False:
 * that can't be. */
bool ring_out_settle(struct ring_out *o, uint64_t position);
bool ring_out_preamble(struct ring_out *o, struct bytes b);
struct bytes ring_out_kept(const struct ring_out *o); /* the preamble so far */
/* The slowest reader's tail; UINT64_MAX where no reader is left: *died says whether one of them
 * did not leave in order. */
uint64_t ring_out_taken(struct ring_out *o, bool *died);
/* Publishes, and marks the stream closed or aborted. */
void ring_out_end(struct ring_out *o, enum ring_state how);
/* Waits until every reader has read everything, at most ms. True when that is so. */
bool ring_out_drained(struct ring_out *o, int ms);
/* The first reader that has never attached, or NULL. */
const char *ring_out_missing(const struct ring_out *o);
/* Gives up the readers that have never attached. True: there were some. */
bool ring_out_forsake(struct ring_out *o);
/* The most committed bytes that any reader left behind; given_up: also what the living have not
 * read yet. */
uint64_t ring_out_lost(struct ring_out *o, bool given_up);
/* Some reader that is waited for has all, or still reads. */
bool ring_out_served(const struct ring_out *o);
/* Readers that ended before the stream did; readers whose page held garbage. */
unsigned ring_out_ended(const struct ring_out *o);
unsigned ring_out_garbage(const struct ring_out *o);
void ring_out_free(struct ring_out *o);

/* ---- a reader's side ---- */

struct ring_in;

/* As ring_out_attach: fd (reading is enough) and page (read and write). EBUSY: somebody has the
 * page. EPIPE: the slot was released, its bytes are gone. */
struct ring_in *ring_in_attach(int fd, int page, const char **why);
struct ring_in *ring_in_over(const struct ring_header *h, const uint8_t *data,
			     struct ring_page *page);
/* As port_in_view, without the upper limit to have. */
enum port_state ring_in_view(struct ring_in *in, size_t have, int timeout_ms, struct bytes *view);
void ring_in_consume(struct ring_in *in, size_t n);
bool ring_in_ready(struct ring_in *in, size_t have);
/* Where port_gated was set when the ring was entered, no space goes back to the producer but what
 * lies before `position`, which is within the view or before it, and never goes back. */
void ring_in_show(struct ring_in *in, uint64_t position);
uint64_t ring_in_position(const struct ring_in *in); /* of the view's first byte */
bool ring_in_settle(struct ring_in *in, uint64_t position);
struct bytes ring_in_preamble(const struct ring_in *in);
uint64_t ring_in_tail(const struct ring_in *in);
/* A clean end: the producer does not wait for this reader any more. */
void ring_in_free(struct ring_in *in);

/* ---- the side of a reader that may lose records ---- */

struct ring_tap;

/* Whether the reader with that page is one. page -1: a tap. */
bool ring_tap_meant(int fd, int page);
/* As ring_in_attach. */
struct ring_tap *ring_tap_attach(int fd, int page, const char **why);
struct ring_tap *ring_tap_over(const struct ring_header *h, const uint8_t *data,
			       struct ring_page *page);
/* As ring_in_view, of a copy: what is shown stays as it is. It begins at the stream's beginning, if
 * that is still there. Behind a jump what was not read of the preamble comes first. */
enum port_state ring_tap_view(struct ring_tap *t, size_t have, int timeout_ms, struct bytes *view);
void ring_tap_consume(struct ring_tap *t, size_t n);
bool ring_tap_ready(struct ring_tap *t, size_t have);
/* As of the view's byte number `taken`, for a successor: which goes on there where that is still
 * whole, else where one that was overrun does. */
uint64_t ring_tap_position(const struct ring_tap *t, size_t taken);
bool ring_tap_settle(struct ring_tap *t, uint64_t position);
uint64_t ring_tap_start(const struct ring_tap *t); /* where in the stream it began */
uint64_t ring_tap_jumps(const struct ring_tap *t);
void ring_tap_free(struct ring_tap *t);

/* ---- an offer ----
 *
 * A ring of one reader that may also not come to be used: the stream then goes another way. The
 * reader attaches and waits for the word; the producer alone gives it, once: `granted` where it saw
 * the reader attached, `released` where it did not in time. So both know the same, and whoever dies
 * before that leaves the other where it was. */

enum ring_word { RING_NO_WORD, RING_GRANTED, RING_WITHDRAWN };

/* Gives the word: granted where the reader has attached; else withdrawn where this is the last
 * look, and none yet where it is not. */
enum ring_word ring_out_word(struct ring_out *o, bool last);
/* Looks again at who reads: false where nobody does any more. */
bool ring_out_read(struct ring_out *o);
/* Waits for the word at most ms. A producer that died without one has withdrawn. */
enum ring_word ring_in_word(struct ring_in *in, int ms);

/* ---- what both sides, and port_ring, use ---- */

/* Locks of a ring's file or a page, a byte each. RING_REMOVAL: of whoever takes away the names of a
 * ring whose producer is dead; taken before RING_OWNER, so that a lock of both is no life.
 * RING_KEEPER: of the launcher that would put a successor in the place of a dead producer. */
enum ring_lock { RING_OWNER, RING_REMOVAL, RING_KEEPER };

/* Does somebody else hold the lock of this file? */
bool ring_locked(int fd, enum ring_lock which);
/* Takes it; false where somebody else has it. */
bool ring_lock(int fd, enum ring_lock which);
/* Maps header and data (the latter twice), after checking every number in it against what is
 * possible and the file's size. NULL: errno, EPROTO where it is no ring of this version. */
struct ring_header *ring_map(int fd, bool writable, uint8_t **data);
void ring_unmap(const struct ring_header *h, const uint8_t *data);
struct ring_page *ring_map_page(int fd, bool writable, uint64_t nonce);

static inline struct ring_live *ring_live(const struct ring_header *h)
{
	return (struct ring_live *)((uint8_t *)(uintptr_t)h + RING_LIVE_AT);
}

static inline struct ring_reader *ring_table(const struct ring_header *h)
{
	return (struct ring_reader *)((uint8_t *)(uintptr_t)h + RING_TABLE_AT);
}

/* Waits on a futex word while it holds `value`, at most ms. Works on read-only mappings. 0, or
 * ETIMEDOUT, EAGAIN, EINTR. */
int ring_wait(const uint32_t *word, uint32_t value, int ms);
void ring_wake(const uint32_t *word);

static inline void ring_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

enum {
	RING_SPIN = 200,    /* pauses before a sleep: longer ones cost the whole time slice */
	RING_NAP_MIN = 10,  /* ms; first wait, then doubling .. */
	RING_NAP_MAX = 100, /* .. up to here */
};

#endif
