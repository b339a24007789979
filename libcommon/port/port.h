/* port: bytes in and bytes out, by endpoint. Knows no records: a writer commits whole records,
 * a reader gets contiguous bytes and says how many it is done with.
 *
 * Endpoint grammar, the same for -i and -o; options behind commas, ",," is a literal comma:
 *     -              standard input / output         fd:N      inherited descriptor; ,from=NAME
 *                    behind -i says who writes there, for messages
 *     PATH           a file (as input also a FIFO)    null:     discard
 *     shm:NAME       ring in /dev/shm.  -o shm:x,readers=a,b   -i shm:x,reader=a   ,size=4M
 *         readers=a,b:drop: b is not waited for, and may lose records. So may a tap, which is any
 *         reader that has no name: -i shm:x
 *         ,shard=4 behind -o: the rings x.0 .. x.3; who opens it shares out what goes into each
 *     shm:fd=N,...   ring made by a launcher: -o shm:fd=5,pages=6:7:8   -i shm:fd=5,page=6
 *         -i shm:fd=5 taps it
 *     ipc:NAME  tcp://HOST:PORT  tls+tcp://HOST:PORT,cert=F,key=F,ca=F    a link, by weir-link
 * Links: an input listens and an output dials; ,dial and ,listen turn it round. ,retry=60s: how
 * long a peer that is gone is waited for; ,linger=30s: the same once the stream has ended; ,size=4M
 * of the ring between the tool and its weir-link; ,name=N that the listener's certificate has;
 * ,insecure: tcp:// may listen on more than the loopback. ipc:NAME is a socket in $WEIR_RUNDIR, or
 * $XDG_RUNTIME_DIR/weir, or /run/weir (root), or /tmp/weir-UID; ipc:/PATH is that path.
 * A name list ends at the next key: readers=a,b,size=4M names the readers a and b.
 * WORD: in front is always a kind of endpoint; a file of that name is written ./WORD:x. */
#ifndef WEIR_PORT_H
#define WEIR_PORT_H

#include "libcommon/base/bytes.h"
#include "libcommon/port/file_id.h"

/* A view never has to be longer than this: twice the longest record. */
enum { PORT_MAX_VIEW = 1024 * 1024 };

/* Set from a signal handler: whatever waits in a port (a full pipe, a ring without readers, the
 * start of a ring that is not there yet) gives up: the port is then broken with EINTR. */
extern volatile int port_give_up;
/* The same at the first request to end, which leaves what is under way its time: nobody waits any
 * more for a reader of a named ring that has never come. */
extern volatile int port_ending;

/* Work that is committed (libcommon/stage/commit.h): set before the first port is opened, a ring
 * shows its readers nothing, and gives its producer nothing back, but by port_out_show() and
 * port_in_show(). What the process wrote and read beyond that is undone by its death. */
extern bool port_gated;
/* A successor goes on: an output file keeps what it holds. */
extern bool port_resuming;

/* ---- output ------------------------------------------------------------------------------ */

/* Its fields belong to port.h and the transports. Most records find room between at and end, and
 * are one of many up to due: those touch nothing else. */
struct port_out {
	uint8_t *base; /* committed from here .. */
	uint8_t *at;   /* .. to here, and not yet handed to the transport */
	uint8_t *end;  /* reserved up to here without asking */
	uint8_t *due;  /* a commit that comes this far is handed over; base < due */
	const struct port_out_ops *ops;
	char *name; /* the endpoint's text, for messages */
	int err;    /* errno-like; 0 while it works */
	bool tty, null;
	uint64_t written, lost; /* up to base */
	uint64_t published;     /* a ring: bytes that readers can see */
	size_t longest;         /* a ring: no record can be longer */
	bool pipe;              /* the descriptor fd is a pipe's */
	int fd;
	struct offer_out *offer;
	uint64_t start;         /* a ring: its head when this producer took it */
	bool died;              /* a ring broke as its last reader died, and did not leave it */
	struct port_link *link; /* whose output is this ring? */
	struct file_id id;      /* where it is a regular file */
};

/* Opens; ends the process (1, or 2 for wrong grammar) with one line where it can't.
 * Creates files with mode 0666 & ~umask. What a file holds stays until port_out_begin(). */
struct port_out *port_out_open(const char *endpoint);
/* How many rings the endpoint names, 1 where it is no set of shards; and one of them, from 0. */
unsigned port_out_shards(const char *endpoint);
struct port_out *port_out_open_shard(const char *endpoint, unsigned shard);
const char *port_out_name(const struct port_out *p); /* the endpoint's text */
struct file_id port_out_file(const struct port_out *p);
bool port_out_is_tty(const struct port_out *p);
bool port_out_is_null(const struct port_out *p);

/* n contiguous bytes to write into, at most half the ring (more: one line on stderr, and the
 * port is broken with EMSGSIZE). Returns NULL where space must be waited for and `wait` is false;
 * with wait it blocks and gives NULL only where the other side is gone for good
 * (port_out_broken says so). */
static inline uint8_t *port_out_reserve(struct port_out *p, size_t n, bool wait);
/* The first n of the reserved bytes are now part of the stream. Whole records only. Published
 * at the batch size (ring 32 KiB, fd 64 KiB) or by port_out_flush; who is about to wait for
 * anything flushes first, as a ring does not wake its readers for every batch. */
static inline void port_out_commit(struct port_out *p, size_t n);
/* Publishes / writes all committed bytes. Blocks on a full pipe, also over signals. False where
 * broken. */
bool port_out_flush(struct port_out *p);
/* The same as far as it goes without waiting: what is left is still pending. */
void port_out_push(struct port_out *p);
/* Bytes committed and not yet published. */
size_t port_out_pending(const struct port_out *p);
/* The head of the stream (hello and schemas) for late readers; a ring keeps it, others ignore
 * it. Appends; false where the preamble area (64 KiB) is full. */
bool port_out_preamble(struct port_out *p, struct bytes b);
/* A ring: bytes that readers can see so far, and the longest record it takes. Others: 0. */
static inline uint64_t port_out_published(const struct port_out *p)
{
	return p->published;
}

static inline size_t port_out_longest(const struct port_out *p)
{
	return p->longest;
}

/* A ring: where its stream stood when this producer took it (others: 0), and how far its slowest
 * reader has come, counted from the beginning of the stream, too; others: what was written. Breaks
 * the port where no reader is left. What the ring's preamble holds. */
uint64_t port_out_start(const struct port_out *p);
uint64_t port_out_taken(struct port_out *p);
struct bytes port_out_kept(const struct port_out *p);
/* A ring broke as its last reader's process died; false: it left in order. */
bool port_out_reader_died(const struct port_out *p);

/* EPIPE (also: all readers of a ring are gone), ENOSPC, EMSGSIZE, EINTR (port_give_up), ENOLINK (a
 * link whose other side is gone for good; has been said). errno-like reason in *err where not
 * NULL. */
bool port_out_broken(const struct port_out *p, int *err);
/* Bytes committed in all, and those among them that are known not to have been delivered. On a
 * ring: the most that any block reader left behind. */
uint64_t port_out_written(const struct port_out *p);
uint64_t port_out_lost(const struct port_out *p);
/* Where the next record goes: of a ring, a position in its stream; of a regular file, its offset;
 * else 0. */
uint64_t port_out_position(const struct port_out *p);
/* port_gated: a ring shows its readers what lies before `position`, at or behind what it showed
 * before; now: those that sleep are woken for however little. Others: nothing. */
void port_out_show(struct port_out *p, uint64_t position, bool now);
/* A successor's: the next record goes to `position`, where its predecessor's committed work ended.
 * False: it can't be there; a pipe takes any. */
bool port_out_settle(struct port_out *p, uint64_t position);
/* Before the first byte, and once nothing else of the start can fail: a file's old content goes.
 * False where it can't, with errno. */
bool port_out_begin(struct port_out *p);
/* A file that has not begun, and has old content to lose. */
bool port_out_holds(const struct port_out *p);
/* What is closed after this did not come to its end: readers of a ring get an error. */
void port_out_abort(struct port_out *p);
/* Flushes, closes (a ring is marked closed: readers see the end of the stream after the last
 * byte), frees. False where something could not be delivered. */
bool port_out_close(struct port_out *p);
/* The same. *err is as of port_out_broken(); 0 with false: of a ring's readers one left before the
 * end, and others have all. Where the output is a link, waits for the other side's receipt, and
 * *confirmed is the number of data records that have arrived there; else UINT64_MAX. */
bool port_out_close_confirmed(struct port_out *p, uint64_t *confirmed, int *err);

/* A pipe to a tool of ours is left for a ring. Its writer writes PORT_OFFER bytes about a ring into
 * the pipe, at a place that the reader knows, and nothing more until port_out_word() has said where
 * the stream goes: all of it is then in the ring (the pipe stays open, and tells of hang-ups), or
 * all behind those bytes in the pipe. Not between two processes of different users.
 *
 * port_out_offer: makes the ring and fills in what to say of it; false where this is no pipe, or it
 * can't be done: nothing has changed then. port_out_unframed: writes those bytes past the stream,
 * all or (false) none. port_out_word: has the reader taken it? `last`: where it has not, the offer
 * is withdrawn. */
enum { PORT_OFFER = 157 };
enum port_word { PORT_NO_WORD, PORT_TAKEN, PORT_WITHDRAWN };

bool port_out_offer(struct port_out *p, uint8_t offer[PORT_OFFER]);
bool port_out_unframed(struct port_out *p, struct bytes b);
enum port_word port_out_word(struct port_out *p, bool last);

/* The way round, for what has no room or is due. */
uint8_t *port_out_more(struct port_out *p, size_t n, bool wait);
void port_out_hand_over(struct port_out *p);

static inline uint8_t *port_out_reserve(struct port_out *p, size_t n, bool wait)
{
	return n <= (size_t)(p->end - p->at) ? p->at : port_out_more(p, n, wait);
}

/* What can be reserved without asking, and where it lies. */
static inline size_t port_out_room(const struct port_out *p)
{
	return (size_t)(p->end - p->at);
}

static inline uint8_t *port_out_at(const struct port_out *p)
{
	return p->at;
}

static inline void port_out_commit(struct port_out *p, size_t n)
{
	p->at += n;
	if (p->at >= p->due)
		port_out_hand_over(p);
}

/* ---- input ------------------------------------------------------------------------------- */

struct port_in;

struct port_in *port_in_open(const char *endpoint);
const char *port_in_name(const struct port_in *p);
struct file_id port_in_file(const struct port_in *p);

enum port_state { PORT_DATA, PORT_EMPTY, PORT_EOF, PORT_ERROR };

/* Waits until more than `have` unconsumed bytes can be seen, at most timeout_ms (-1: for ever,
 * 0: not at all). *view is all that can be seen, contiguous, valid until the next call on this
 * port (also where the state is PORT_EMPTY). PORT_EOF: the end; *view may still hold unconsumed
 * bytes (<= have): a cut record. PORT_EMPTY: nothing new in time, or interrupted by a signal; now
 * and then also with -1, so that a signal which came just before the wait is seen. PORT_ERROR:
 * errno says why, EMSGSIZE where have >= PORT_MAX_VIEW. A ring whose producer died without closing
 * gives PORT_ERROR with EPIPE after its last byte. */
enum port_state port_in_view(struct port_in *p, size_t have, int timeout_ms, struct bytes *view);
/* Done with the first n bytes of the view. On a ring this frees the space (after the effect), and
 * a producer that waits is woken when that is worth it; with n = 0, which says that the caller is
 * about to wait for something else, in any case. */
void port_in_consume(struct port_in *p, size_t n);
/* Would port_in_view(p, have, 0, ..) give new bytes or the end without waiting? */
bool port_in_ready(struct port_in *p, size_t have);
/* The preamble to read first where this reader does not start at the beginning; else empty. */
struct bytes port_in_preamble(struct port_in *p);
/* A real file or a terminal: nothing else can make it "live". */
bool port_in_is_file(const struct port_in *p);
/* A reader of a ring that may lose records. What it shows begins and ends with a record; schemas
 * that it missed come again, and so may the hello. */
bool port_in_drops(const struct port_in *p);
bool port_in_taps(const struct port_in *p); /* one without a name: of another pipeline */
/* A pipe's descriptor, to poll for its first bytes; else -1. */
int port_in_pipe(const struct port_in *p);
/* The first `head` bytes of the view brought this offer. True: it was taken, they are no part of
 * the stream, which comes from a ring now, and when that has ended, from the pipe again. False: it
 * is no offer to us (any more), and the stream is what the pipe brings. Needs the rights that a
 * sandbox takes. */
bool port_in_take(struct port_in *p, size_t head, struct bytes offer);
uint64_t port_in_total(const struct port_in *p);
/* The place `taken` bytes into the view: of a ring a position in its stream, of a regular file an
 * offset, else 0. */
uint64_t port_in_position(const struct port_in *p, size_t taken);
/* port_gated: a ring's producer may have the space before that place back. */
void port_in_show(struct port_in *p, uint64_t position);
/* A successor's, before it has read anything: go on at `position`. False: it can't. A regular file
 * starts at its beginning still: its head must be read again. */
bool port_in_settle(struct port_in *p, uint64_t position);
/* Where in the stream this reader began: the ring's tail when it was taken; else 0. */
uint64_t port_in_start(const struct port_in *p);
void port_in_close(struct port_in *p);

/* Test hooks, also settable by the environment for the property tests: reads and writes of at
 * most so many bytes at a time (0 = no limit). WEIR_TEST_READ, WEIR_TEST_WRITE. */
extern size_t port_test_read, port_test_write;

#endif
