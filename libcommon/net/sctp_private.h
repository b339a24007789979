/* sctp_private: what the parts of an association's state share. */
#ifndef WEIR_SCTP_PRIVATE_H
#define WEIR_SCTP_PRIVATE_H

#include "libcommon/net/sctp.h"

/* Bits of a side. */
enum {
	HAS_TAG = 1,
	SURE_TAG = 2, /* told, not learnt from a packet */
	HAS_NEXT = 4, /* next_tag and next_tsn */
	SEEN = 8,     /* it sent a packet that counted */
	TOLD = 16,    /* streams and TSN are known */
	ASKED = 32,   /* add_request */
	FORMER = 64,  /* former_tag is set */
	BEGAN = 128,  /* this one, in place of that */
};

enum { RESYNC_AFTER = 4 };

static inline bool is_over(const struct sctp_assoc *t)
{
	return t->state >= SCTP_S_CLOSED;
}

static inline bool tag_is(const struct sctp_side *s, uint32_t tag)
{
	return (s->bits & HAS_TAG) && s->tag == tag;
}

static inline bool next_tag_is(const struct sctp_side *s, uint32_t tag)
{
	return (s->bits & HAS_NEXT) && s->next_tag == tag;
}

/* Was it that of the association before, so that what has it may be of that? */
static inline bool was_tag(const struct sctp_side *s, uint32_t tag)
{
	return (s->bits & FORMER) && s->former_tag == tag;
}

static inline void learn_tag(struct sctp_side *s, uint32_t tag)
{
	s->tag = tag;
	s->bits |= HAS_TAG;
}

static inline void adopt_next(struct sctp_side *s)
{
	s->tag = s->next_tag;
	s->tsn = s->next_tsn;
	s->bits = (uint8_t)((s->bits & ~(HAS_NEXT | TOLD | ASKED)) | HAS_TAG | SURE_TAG);
}

/* Does this packet go on with the association that this one took the place of? Who restarted has
 * forgotten the tag, and who only says so never knew it. The other side may use its own for as long
 * as the COOKIE ECHO is under way, so its packets say nothing. */
static inline bool is_former(const struct sctp_assoc *t, unsigned dir, uint32_t tag, uint8_t type)
{
	const struct sctp_side *me = &t->side[dir], *peer = &t->side[!dir];

	return (me->bits & BEGAN) && (peer->bits & FORMER) && peer->former_tag == tag &&
	       !tag_is(peer, tag) && type != SCTP_ABORT;
}

/* Is this sent only by who has found a cookie good, or had its own found so? Who has not sends an
 * INIT ACK with the tag of the INIT, an ABORT, or an ERROR. */
static inline bool is_behind_cookie(uint8_t type)
{
	return type == SCTP_COOKIE_ACK || type == SCTP_DATA || type == SCTP_I_DATA ||
	       type == SCTP_SACK || type == SCTP_NR_SACK; /* the COOKIE ACK may have been missed */
}

/* The chunk that a packet is judged by: the first, or what an AUTH in front of it vouches for. Some
 * hosts send no other chunks without one: RFC 4895 6.2. */
static inline bool walk_begin(struct sctp_walk *w, struct sctp_chunk *chunk)
{
	struct sctp_walk ahead;
	struct sctp_chunk next;

	if (!sctp_walk_next(w, chunk))
		return false;
	ahead = *w;
	if (chunk->type == SCTP_AUTH && sctp_walk_next(&ahead, &next) &&
	    (next.type == SCTP_COOKIE_ECHO || is_behind_cookie(next.type))) {
		*w = ahead;
		*chunk = next;
	}
	return true;
}

#endif
