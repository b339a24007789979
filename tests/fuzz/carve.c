/* carve: whatever stream comes back from the reader, its frames are taken, told their flows, and
 * leave the pre-roll in order, each once, those that were chosen among them. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/carve/members.h"
#include "cmd/carve/preroll.h"
#include "cmd/carve/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 4096 };

struct run {
	struct members *members;
	struct preroll *preroll;
	uint64_t n, added, left; /* the highest number; frames put in, and out again */
	uint64_t last;           /* number of the last that left */
};

static void belongs(void *user, uint64_t n, uint64_t flow)
{
	struct run *r = user;

	if (n > r->n)
		abort();
	preroll_member(r->preroll, n, flow, flow % 3 == 0);
}

static void leave(void *user, const struct preroll_frame *f)
{
	struct run *r = user;

	if (r->left++ && f->n < r->last)
		abort();
	r->last = f->n;
}

static void frame(struct run *r, struct rec_head *h, const struct rec_frame *f)
{
	if (h->n <= r->n)
		return;
	r->n = h->n;
	h->flow = 0; /* all of one source */
	preroll_expire(r->preroll, h->ts > 1000000000 ? h->ts - 1000000000 : 0);
	r->added += preroll_add(r->preroll, f->payload, h->n, h->ts);
	members_frame(r->members, h, f);
	if (h->n % 7 == 0)
		preroll_choose_since(r->preroll, h->ts - 1000);
	if (h->n % 5 == 0)
		preroll_choose_n(r->preroll, h->n - 1);
	if (r->added - r->left != preroll_count(r->preroll))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = { .fd = memfd_create("stream", 0) };
	struct run r = { 0 };
	struct rec_frame f;
	struct rec_head h;

	if (reader.fd < 0 || write(reader.fd, data, size) != (ssize_t)size ||
	    lseek(reader.fd, 0, SEEK_SET) != 0)
		abort();
	r.members = members_new(belongs, &r);
	r.preroll = preroll_new(ROOM, leave, &r);
	while (reader_next(&reader, &h, &f))
		frame(&r, &h, &f);
	preroll_flush(r.preroll);
	if (r.left != r.added)
		abort();
	preroll_free(r.preroll);
	members_free(r.members);
	reader_close(&reader);
	return 0;
}
