/* ring: the shared memory of a ring: layout, locks, mapping, and the launcher's view. */
#include "libcommon/port/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct ring_header) <= RING_LIVE_AT, "header");
_Static_assert(sizeof(struct ring_live) <= RING_TABLE_AT - RING_LIVE_AT, "live");
_Static_assert(sizeof(struct ring_reader) == 64, "table");
_Static_assert(RING_TABLE_AT + RING_READERS * 64 <= RING_PREAMBLE_AT, "table");
_Static_assert(RING_PREAMBLE_AT + RING_PREAMBLE <= RING_DATA_AT, "preamble");
_Static_assert(sizeof(struct ring_page) <= RING_PAGE, "page");

int ring_wait(const uint32_t *word, uint32_t value, int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0) < 0 ? errno : 0;
}

void ring_wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static struct flock lock_of(enum ring_lock which)
{
	return (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = which, .l_len = 1
	};
}

bool ring_locked(int fd, enum ring_lock which)
{
	struct flock lock = lock_of(which);

	/* Where we can't tell, the peer is taken to be alive: waiting is safe. */
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

bool ring_lock(int fd, enum ring_lock which)
{
	struct flock lock = lock_of(which);

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static uint64_t round_size(uint64_t size)
{
	uint64_t n = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!size)
		size = RING_SIZE_DEFAULT;
	while (n < size)
		n *= 2;
	return n;
}

static bool size_file(int fd, off_t size)
{
	int err = ftruncate(fd, size) < 0 ? errno : posix_fallocate(fd, 0, size);

	errno = err;
	return err == 0;
}

bool ring_format(int fd, const struct ring_spec *spec, uint64_t nonce)
{
	uint64_t size = round_size(spec->size);
	struct ring_header *h;
	struct ring_reader *table;

	if (size > RING_SIZE_MAX || spec->nreaders > RING_READERS) {
		errno = EINVAL;
		return false;
	}
	if (!size_file(fd, (off_t)(RING_DATA_AT + size)))
		return false;
	h = mmap(NULL, RING_DATA_AT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return false;
	*h = (struct ring_header){
		.magic = RING_MAGIC,
		.version = RING_VERSION,
		.nonce = nonce,
		.size = size,
		.nreaders = spec->nreaders,
		.keep = spec->keep,
		.preamble_at = RING_PREAMBLE_AT,
		.preamble_size = RING_PREAMBLE,
		.data_at = RING_DATA_AT,
	};
	table = ring_table(h);
	for (unsigned i = 0; i < spec->nreaders; i++) {
		table[i].keep = spec->keep;
		table[i].mode = spec->drops && spec->drops[i] ? RING_DROP : RING_BLOCK;
		if (spec->names)
			snprintf(table[i].name, sizeof(table[i].name), "%s", spec->names[i]);
	}
	munmap(h, RING_DATA_AT);
	return true;
}

bool ring_format_page(int fd, uint64_t nonce, unsigned slot)
{
	struct ring_page page = {
		.magic = RING_PAGE_MAGIC,
		.version = RING_VERSION,
		.nonce = nonce,
		.slot = slot,
	};

	return size_file(fd, RING_PAGE) && pwrite(fd, &page, sizeof(page), 0) == sizeof(page);
}

static bool plausible(const struct ring_header *h, const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return h->magic == RING_MAGIC && h->version == RING_VERSION && h->size >= page &&
	       h->size <= RING_SIZE_MAX && !(h->size & (h->size - 1)) &&
	       h->nreaders <= RING_READERS && h->preamble_at == RING_PREAMBLE_AT &&
	       h->preamble_size == RING_PREAMBLE && h->data_at == RING_DATA_AT &&
	       (uint64_t)st->st_size == RING_DATA_AT + h->size;
}

/* The data, twice in a row, over reserved addresses. */
static uint8_t *map_data(int fd, int prot, uint64_t size)
{
	int flags = MAP_SHARED | MAP_FIXED | (size <= 16 << 20 ? MAP_POPULATE : 0);
	uint8_t *at =
		mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (mmap(at, size, prot, flags, fd, RING_DATA_AT) == MAP_FAILED ||
	    mmap(at + size, size, prot, flags, fd, RING_DATA_AT) == MAP_FAILED) {
		munmap(at, 2 * size);
		return NULL;
	}
	return at;
}

struct ring_header *ring_map(int fd, bool writable, uint8_t **data)
{
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);
	struct ring_header first; /* checked and used from one copy */
	struct ring_header *h;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	errno = EPROTO;
	if (pread(fd, &first, sizeof(first), 0) != sizeof(first) || !plausible(&first, &st))
		return NULL;
	h = mmap(NULL, RING_DATA_AT, prot, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return NULL;
	*data = map_data(fd, prot, first.size);
	if (!*data || h->size != first.size) {
		munmap(h, RING_DATA_AT);
		return NULL;
	}
	/* A mapping keeps the lock of its file alive: no child may inherit it. */
	madvise(h, RING_DATA_AT, MADV_DONTFORK);
	madvise(*data, 2 * first.size, MADV_DONTFORK);
	return h;
}

void ring_unmap(const struct ring_header *h, const uint8_t *data)
{
	struct ring_header *header = (struct ring_header *)(uintptr_t)h;

	munmap((void *)(uintptr_t)data, 2 * header->size);
	munmap(header, RING_DATA_AT);
}

struct ring_page *ring_map_page(int fd, bool writable, uint64_t nonce)
{
	struct ring_page *page;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	errno = EPROTO;
	if (st.st_size != RING_PAGE)
		return NULL;
	page = mmap(NULL, RING_PAGE, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (page->magic != RING_PAGE_MAGIC || page->version != RING_VERSION ||
	    page->nonce != nonce) {
		munmap(page, RING_PAGE);
		errno = EPROTO;
		return NULL;
	}
	madvise(page, RING_PAGE, MADV_DONTFORK);
	return page;
}

/* ---- the launcher's view ---- */

static int reopen_read_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int sealable(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static bool seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static bool make_set(struct ring_set *set, const struct ring_spec *spec)
{
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return false;
	set->fd = sealable("weir-ring");
	if (set->fd < 0 || !ring_format(set->fd, spec, nonce) || !seal(set->fd))
		return false;
	set->fd_read = reopen_read_only(set->fd);
	if (set->fd_read < 0 || !ring_lock(set->fd, RING_KEEPER))
		return false;
	set->header = mmap(NULL, RING_DATA_AT, PROT_READ | PROT_WRITE, MAP_SHARED, set->fd, 0);
	if (set->header == MAP_FAILED) {
		set->header = NULL;
		return false;
	}
	for (unsigned i = 0; i < spec->nreaders; i++) {
		set->pages[i] = sealable("weir-page");
		if (set->pages[i] < 0 || !ring_format_page(set->pages[i], nonce, i) ||
		    !seal(set->pages[i]))
			return false;
		set->pages_read[i] = reopen_read_only(set->pages[i]);
		if (set->pages_read[i] < 0)
			return false;
		set->page[i] = ring_map_page(set->pages_read[i], false, nonce);
		if (!set->page[i])
			return false;
	}
	return true;
}

bool ring_create_memfd(struct ring_set *set, const struct ring_spec *spec)
{
	int err;

	*set = (struct ring_set){ .fd = -1, .fd_read = -1 };
	if (spec->nreaders > RING_READERS) {
		errno = EINVAL;
		return false;
	}
	set->nreaders = spec->nreaders;
	for (unsigned i = 0; i < set->nreaders; i++)
		set->pages[i] = set->pages_read[i] = -1;
	if (make_set(set, spec))
		return true;
	err = errno;
	ring_set_free(set);
	errno = err;
	return false;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

void ring_set_free(struct ring_set *set)
{
	for (unsigned i = 0; i < set->nreaders; i++) {
		if (set->page[i])
			munmap((void *)(uintptr_t)set->page[i], RING_PAGE);
		close_if(set->pages[i]);
		close_if(set->pages_read[i]);
	}
	if (set->header)
		munmap(set->header, RING_DATA_AT);
	close_if(set->fd);
	close_if(set->fd_read);
	*set = (struct ring_set){ .fd = -1, .fd_read = -1 };
}

uint64_t ring_set_head(const struct ring_set *set)
{
	return __atomic_load_n(&ring_live(set->header)->head, __ATOMIC_ACQUIRE);
}

uint64_t ring_set_tail(const struct ring_set *set, unsigned reader)
{
	return __atomic_load_n(&set->page[reader]->tail, __ATOMIC_ACQUIRE);
}

enum ring_state ring_set_state(const struct ring_set *set)
{
	return __atomic_load_n(&ring_live(set->header)->state, __ATOMIC_ACQUIRE);
}

bool ring_set_producer_dead(const struct ring_set *set)
{
	return __atomic_load_n(&set->header->owner_pid, __ATOMIC_ACQUIRE) &&
	       !ring_locked(set->fd, RING_OWNER);
}

bool ring_set_reader_dead(const struct ring_set *set, unsigned reader)
{
	return __atomic_load_n(&set->page[reader]->state, __ATOMIC_ACQUIRE) == RING_ATTACHED &&
	       !ring_locked(set->pages_read[reader], RING_OWNER);
}

void ring_set_end(struct ring_set *set, enum ring_state how)
{
	struct ring_live *live = ring_live(set->header);
	uint32_t open = RING_OPEN;

	__atomic_compare_exchange_n(&live->state, &open, how, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&live->data, 1, __ATOMIC_SEQ_CST);
	ring_wake(&live->data);
}

bool ring_set_settle(struct ring_set *set, uint64_t position)
{
	struct ring_live *live = ring_live(set->header);
	uint64_t head = ring_set_head(set);

	if (position == head)
		return true;
	if (position < head || position > live->claim)
		return false;
	__atomic_store_n(&live->batch, head, __ATOMIC_RELEASE);
	__atomic_store_n(&live->head, position, __ATOMIC_SEQ_CST);
	return true;
}

void ring_set_release(struct ring_set *set, unsigned reader)
{
	__atomic_store_n(&ring_table(set->header)[reader].released, 1, __ATOMIC_SEQ_CST);
	/* The producer waits on this page's word: a wake without a change makes it look. */
	ring_wake(&set->page[reader]->space);
}
