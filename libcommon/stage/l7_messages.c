/* l7_messages: the messages of one direction of an SCTP association, from their pieces. */
#include "libcommon/stage/l7_messages.h"

#include <stdlib.h>

#include "libcommon/base/die.h"

static const uint32_t lost_flags = STREAM_LOST_CHUNKS | STREAM_LOST_MESSAGES | STREAM_LOST_PART;

void l7_part_release(struct l7_part *part)
{
	buf_release(&part->kept);
}

/* ---- open messages ---- */

static struct l7_part **find(struct l7_messages *ms, uint16_t sid, uint32_t ssn, bool unordered)
{
	struct l7_part **at = &ms->first;

	while (*at &&
	       ((*at)->m.sid != sid || (*at)->m.ssn != ssn || (*at)->m.unordered != unordered))
		at = &(*at)->next;
	return at;
}

/* Out of the list, into *out. */
static void unlink_part(struct l7_messages *ms, struct l7_part **at, struct l7_part *out)
{
	struct l7_part *part = *at;

	*at = part->next;
	*out = *part;
	ms->count--;
	ms->bytes -= part->kept.len;
	ms->memory -= sizeof(*part) + part->kept.size;
	free(part);
}

static void drop(struct l7_messages *ms, struct l7_part **at, struct l7_messages_news *news)
{
	struct l7_part part;

	unlink_part(ms, at, &part);
	news->lost++;
	news->lost_sid = part.m.sid;
	l7_part_release(&part);
}

static void drop_oldest(struct l7_messages *ms, struct l7_messages_news *news)
{
	struct l7_part **at = &ms->first;

	while ((*at)->next)
		at = &(*at)->next;
	drop(ms, at, news);
}

bool l7_messages_drop(struct l7_messages *ms, uint16_t *sid)
{
	struct l7_messages_news news = { 0 };

	if (!ms->first)
		return false;
	drop_oldest(ms, &news);
	*sid = news.lost_sid;
	return true;
}

/* ---- records ---- */

static void part_begin(struct l7_part *part, const struct rec_head *h, const struct rec_stream *s)
{
	*part = (struct l7_part){ .m = { .sid = s->sid,
					 .ssn = s->ssn,
					 .ppid = s->ppid,
					 .unordered = s->flags & STREAM_UNORDERED },
				  .ts = h->ts,
				  .n = h->n,
				  .offset = s->offset };
}

/* The record's bytes, or those that the capture lacks. */
static void part_grow(struct l7_messages *ms, struct l7_part *part, const struct rec_stream *s,
		      size_t cap)
{
	size_t room = cap > ms->bytes ? cap - ms->bytes : 0, had = part->kept.size;
	size_t n = s->payload.len < room ? s->payload.len : room;

	part->m.len += s->payload.len + s->gap;
	part->segments++;
	part->last_tsn = s->tsn;
	part->doubtful = false;
	if (!part->cut)
		buf_add(&part->kept, s->payload.ptr, n);
	else
		n = 0;
	part->cut |= n < s->payload.len || s->gap;
	ms->bytes += n;
	ms->memory += part->kept.size - had;
}

static void on_loss(struct l7_messages *ms, const struct rec_stream *s,
		    struct l7_messages_news *news)
{
	struct l7_part **at;

	if (s->flags & STREAM_LOST_CHUNKS) {
		for (struct l7_part *p = ms->first; p; p = p->next)
			p->doubtful = true;
	} else if (s->flags & STREAM_LOST_MESSAGES) {
		news->lost = s->gap;
	} else {
		at = find(ms, s->sid, s->ssn, false);
		if (*at)
			drop(ms, at, news);
		else
			news->lost = 1;
	}
}

/* The open message that the piece goes on with, or NULL. */
static struct l7_part **continued(struct l7_messages *ms, const struct rec_stream *s,
				  struct l7_messages_news *news)
{
	bool unordered = s->flags & STREAM_UNORDERED;
	struct l7_part **at = find(ms, s->sid, s->ssn, unordered);

	/* Was one of the lost chunks a piece of it? Not if the TSNs leave no room. */
	if (*at && (*at)->doubtful && s->tsn - (*at)->last_tsn > 1)
		drop(ms, at, news);
	else if (*at)
		return at;
	else if (unordered && s->flags & STREAM_MSG_END)
		news->lost = 1; /* of an ordered one the stream engine tells it */
	return NULL;
}

static struct l7_part **begun(struct l7_messages *ms, const struct rec_head *h,
			      const struct rec_stream *s, struct l7_messages_news *news)
{
	struct l7_part **at = find(ms, s->sid, s->ssn, s->flags & STREAM_UNORDERED), *part;

	if (*at) /* it begins anew */
		drop(ms, at, news);
	else if (ms->count == MESSAGES_OPEN)
		drop_oldest(ms, news);
	part = xcalloc(1, sizeof(*part));
	part_begin(part, h, s);
	part->next = ms->first;
	ms->first = part;
	ms->count++;
	ms->memory += sizeof(*part);
	return &ms->first;
}

void l7_messages_add(struct l7_messages *ms, const struct rec_head *h, const struct rec_stream *s,
		     size_t cap, struct l7_messages_news *news)
{
	const uint32_t both = STREAM_MSG_BEGIN | STREAM_MSG_END;
	struct l7_part **at;

	memset(news, 0, sizeof(*news));
	news->lost_sid = s->sid;
	if (s->flags & lost_flags) {
		on_loss(ms, s, news);
		return;
	}
	/* A whole unordered one leaves those open that wait for a TSN to come again: all may have
	 * the same number. */
	if ((s->flags & both) == both &&
	    (s->flags & STREAM_UNORDERED || !ms->first || !*find(ms, s->sid, s->ssn, false))) {
		part_begin(&news->part, h, s); /* nearly always */
		news->part.m.len = s->payload.len + s->gap;
		news->part.m.data = s->payload;
		news->part.segments = 1;
		news->whole = true;
		return;
	}
	at = s->flags & STREAM_MSG_BEGIN ? begun(ms, h, s, news) : continued(ms, s, news);
	if (!at)
		return;
	part_grow(ms, *at, s, cap);
	if (!(s->flags & STREAM_MSG_END))
		return;
	unlink_part(ms, at, &news->part);
	news->part.m.data = buf_bytes(&news->part.kept);
	news->whole = true;
}
