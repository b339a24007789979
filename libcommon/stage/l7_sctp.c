/* l7_sctp: hands a parser the messages of an SCTP association, each whole. */
#include <stdlib.h>

#include "libcommon/base/die.h"
#include "libcommon/stage/l7_private.h"

static void tell_lost(struct l7_flow *f, enum l7_dir dir, uint16_t sid, uint64_t messages)
{
	if (f->mode != MODE_OURS || !f->l7->parser->lost)
		return;
	f->l7->parser->lost(f, dir, sid, messages);
	l7_flow_settle(f);
}

static void tell_message(struct l7_flow *f, enum l7_dir dir, const struct l7_part *part)
{
	struct l7_side *s = &f->side[dir];

	if (f->mode != MODE_OURS)
		return;
	s->start_ts = part->ts;
	s->start_n = part->n;
	s->offset = part->offset;
	s->segments = part->segments;
	f->snapped = part->m.len > part->m.data.len;
	f->l7->parser->message(f, dir, &part->m);
	l7_flow_settle(f);
}

/* Asked with the first piece of each message until it says yes or no. */
static void ask(struct l7_flow *f, enum l7_dir dir, const struct rec_stream *s)
{
	const struct l7_parser *p = f->l7->parser;
	struct l7_first first = l7_first_of(f, dir, s->payload);
	enum l7_claim c;

	if (!(s->flags & STREAM_MSG_BEGIN))
		return;
	first.sid = s->sid;
	first.ppid = s->ppid;
	c = p->claims ? p->claims(&first) : L7_YES;
	if (c == L7_YES)
		l7_flow_claim(f);
	else if (c == L7_NO)
		f->mode = MODE_OTHER;
}

void l7_messages_take(struct l7_flow *f, const struct rec_head *h, const struct rec_stream *s)
{
	enum l7_dir dir = s->dir ? L7_RESP : L7_ORIG;
	struct l7_messages_news news;
	struct l7_messages *ms;

	if (f->mode == MODE_UNDECIDED) {
		ask(f, dir, s);
	} else if (f->mode == MODE_OURS) {
		l7_flow_tick(f);
		l7_flow_settle(f);
	}
	if (f->mode != MODE_OURS)
		return;
	if (!f->messages_of)
		f->messages_of = xcalloc(2, sizeof(*f->messages_of));
	ms = &f->messages_of[dir];
	f->side[dir].fed += s->payload.len;
	if (s->gap_reason == REC_gap_reason_SNAPPED)
		f->side[dir].missing += s->gap; /* other gaps count no bytes */
	l7_messages_add(ms, h, s, l7_parser_cap(f->l7), &news);
	l7_unread(f);
	if (news.lost)
		tell_lost(f, dir, news.lost_sid, news.lost);
	if (news.whole)
		tell_message(f, dir, &news.part);
	l7_part_release(&news.part);
	l7_unread_within(f);
}

void l7_messages_end(struct l7_flow *f, enum l7_dir dir)
{
	uint16_t sid = 0;

	while (f->messages_of && f->messages_of[dir].first) {
		l7_messages_drop(&f->messages_of[dir], &sid);
		l7_unread(f);
		tell_lost(f, dir, sid, 1);
	}
}

void l7_messages_forget(struct l7_flow *f)
{
	uint16_t sid;

	for (unsigned dir = 0; f->messages_of && dir < 2; dir++)
		while (l7_messages_drop(&f->messages_of[dir], &sid))
			;
	free(f->messages_of);
	f->messages_of = NULL;
}
