/* l7_memory: bounds on what all flows hold together, and who gives way where one is reached. */
#include <stddef.h>

#include "libcommon/stage/l7_private.h"

void l7_unread(struct l7_flow *f)
{
	struct l7 *l7 = f->l7;
	uint64_t bytes = f->side[0].kept.size + f->side[1].kept.size;

	if (f->messages_of)
		bytes += f->messages_of[0].memory + f->messages_of[1].memory;
	if (bytes == f->unread.bytes)
		return;
	l7_holders_set(&l7->unread, &f->unread, bytes);
	l7->stats.memory = l7->unread.bytes;
	if (l7->stats.memory > l7->stats.memory_peak)
		l7->stats.memory_peak = l7->stats.memory;
}

void l7_hold(struct l7_flow *f, uint64_t bytes, uint64_t most)
{
	struct l7 *l7 = f->l7;

	l7->held_most = most;
	l7->stats.held += bytes - f->held.bytes;
	l7_holders_set(&l7->held, &f->held, bytes);
}

/* Ends what is in progress of a flow, at the time of the record at hand. */
static void give_up(struct l7_flow *f, struct l7_flow *at_hand)
{
	struct rec_head h = { .ts = at_hand->now, .flow = f->id, .n = at_hand->n };

	f->now = h.ts;
	f->n = h.n;
	f->l7->stats.evicted++;
	if (f->mode == MODE_OURS) {
		f->why = "memory limit of the parser";
		l7_session_close(f, L7_END_EVICTED);
	} else if (f != at_hand) {
		l7_flow_leave(f, &h);
	} else {
		f->mode = MODE_OTHER;
		l7_side_drop(&f->side[0]);
		l7_side_drop(&f->side[1]);
		l7_unread(f);
	}
}

/* Room that a side has for bytes to come costs nothing to give back. */
static bool room_given(struct l7_flow *f)
{
	uint64_t had = f->unread.bytes;

	for (unsigned d = 0; d < 2; d++)
		if (!f->side[d].kept.len)
			buf_release(&f->side[d].kept);
	l7_unread(f);
	return f->unread.bytes < had;
}

void l7_unread_within(struct l7_flow *at_hand)
{
	struct l7 *l7 = at_hand->l7;

	while (l7->unread.bytes > l7->limits.max_memory) {
		char *most = (char *)l7_holders_most(&l7->unread);
		struct l7_flow *f = (void *)(most - offsetof(struct l7_flow, unread));

		if (!room_given(f))
			give_up(f, at_hand);
	}
}

void l7_held_within(struct l7_flow *at_hand)
{
	struct l7 *l7 = at_hand->l7;

	while (l7->held.bytes > l7->held_most) {
		char *most = (char *)l7_holders_most(&l7->held);

		give_up((void *)(most - offsetof(struct l7_flow, held)), at_hand);
	}
}
