/* sctp_restart: does a packet show another association between the same ports, and which? */
#include "libcommon/net/sctp_private.h"

static bool init_begins(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
			const struct sctp_chunk *c)
{
	return is_over(t) && !p->tag && c->value.len >= 16 &&
	       !tag_is(&t->side[dir], be32_get(c->value.ptr));
}

/* A cookie outlives what it opened, and an ABORT before it, of which its receiver knows nothing:
 * 5.1.3, 8.4. */
static bool cookie_opens_again(const struct sctp_assoc *t, unsigned dir, uint32_t tag)
{
	return is_over(t) && tag_is(&t->side[!dir], tag);
}

/* Without the INIT ACK any tag would do: two packets of one who knows nothing but addresses and
 * ports, and is faster than the answer to the first, would end what is watched. */
static bool cookie_begins(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p)
{
	const struct sctp_side *me = &t->side[dir], *peer = &t->side[!dir];

	if (cookie_opens_again(t, dir, p->tag))
		return true;
	if (t->state < SCTP_S_COOKIE || !p->tag || tag_is(peer, p->tag) || !(me->bits & HAS_NEXT))
		return false;
	if (tag_is(me, me->next_tag)) /* who restarts has another tag: 5.2.4 C */
		return false;
	return peer->bits & HAS_NEXT ? peer->next_tag == p->tag : !(peer->bits & SEEN);
}

/* Does it answer a COOKIE ECHO whose tag was not known? More INITs, and answers to them, may have
 * passed than are kept. What has the usual tag is no answer to it of one who has sent the like
 * before, nor is what has the tag from before a restart. */
static bool answers_echo(const struct sctp_assoc *t, unsigned dir, uint32_t tag)
{
	const struct sctp_side *peer = &t->side[!dir];

	return t->echoed >> !dir & 1 && tag && peer->bits & HAS_TAG && !was_tag(peer, tag) &&
	       (peer->tag != tag || !(t->midstream || t->goes_on >> dir & 1));
}

static bool answer_shows(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
			 uint8_t type)
{
	const struct sctp_side *peer = &t->side[!dir];

	if (!is_behind_cookie(type))
		return false;
	return answers_echo(t, dir, p->tag) ||
	       (t->state >= SCTP_S_COOKIE && next_tag_is(peer, p->tag) && !tag_is(peer, p->tag));
}

static bool lives_on(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
		     uint8_t type)
{
	return is_over(t) && t->turns == RESYNC_AFTER && t->spoke != 1u << dir &&
	       is_behind_cookie(type) && tag_is(&t->side[!dir], p->tag);
}

/* Several packets of the association before, whatever came between: there was no restart. */
static bool is_taken_back(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p,
			  const struct sctp_chunk *c)
{
	return t->former + 1 >= RESYNC_AFTER && is_former(t, dir, p->tag, c->type);
}

enum sctp_reuse sctp_is_reuse(const struct sctp_assoc *t, unsigned dir, const struct sctp_packet *p)
{
	struct sctp_walk w = sctp_walk_of(p->chunks, p->snapped);
	struct sctp_chunk c;

	if (p->bad_checksum || t->state == SCTP_S_NONE || !walk_begin(&w, &c))
		return SCTP_REUSE_NONE;
	if (is_taken_back(t, dir, p, &c))
		return SCTP_REUSE_BEGUN;
	if (lives_on(t, dir, p, c.type))
		return dir ? SCTP_REUSE_ANSWERED : SCTP_REUSE_BEGUN;
	switch (c.type) {
	case SCTP_INIT:
		return init_begins(t, dir, p, &c) ? SCTP_REUSE_BEGUN : SCTP_REUSE_NONE;
	case SCTP_COOKIE_ECHO:
		return cookie_begins(t, dir, p) ? SCTP_REUSE_BEGUN : SCTP_REUSE_NONE;
	default:
		return answer_shows(t, dir, p, c.type) ? SCTP_REUSE_ANSWERED : SCTP_REUSE_NONE;
	}
}

/* The one before, from here on. Should that be said to restart again, the first packet of it is
 * enough. */
static struct sctp_assoc taken_back(const struct sctp_assoc *t)
{
	struct sctp_assoc was = { .state = SCTP_S_ESTABLISHED,
				  .midstream = true,
				  .restarted = true,
				  .former = RESYNC_AFTER - 1 };

	for (unsigned i = 0; i < 2; i++) {
		if (t->side[i].bits & FORMER)
			learn_tag(&was.side[i], t->side[i].former_tag);
	}
	return was;
}

/* Did both sides go on from the restart that it began with? */
static bool is_settled(const struct sctp_assoc *t)
{
	return (t->side[0].bits | t->side[1].bits) & BEGAN && t->goes_on == 3;
}

/* tag: the side's from now on; 0: the next one. */
static void succeed(struct sctp_side *s, const struct sctp_side *old, bool settled, uint32_t tag)
{
	if (old->bits & HAS_NEXT && (!tag || old->next_tag == tag)) {
		s->next_tag = old->next_tag;
		s->next_tsn = old->next_tsn;
		adopt_next(s);
	} else if (tag) {
		learn_tag(s, tag);
		s->tsn = old->tsn;
		s->bits |= tag_is(old, tag) ? old->bits & SURE_TAG : 0;
	}
	if (old->bits & FORMER && !settled) {
		s->former_tag = old->former_tag;
		s->bits |= old->bits & (FORMER | BEGAN);
	} else if (old->bits & HAS_TAG) {
		s->former_tag = old->tag;
		s->bits |= FORMER;
	}
}

/* The same with what was told of it: from its COOKIE ECHO on, or in its midst. */
static struct sctp_assoc opened_again(const struct sctp_assoc *t, bool by_cookie)
{
	struct sctp_assoc again = { .state = by_cookie ? SCTP_S_INIT_ACK : SCTP_S_ESTABLISHED,
				    .midstream = t->midstream || !by_cookie,
				    .restarted = by_cookie };

	for (unsigned i = 0; i < 2; i++) {
		again.side[i] = t->side[i];
		again.side[i].bits &= HAS_TAG | SURE_TAG | HAS_NEXT | TOLD;
		again.side[i].strays = again.side[i].lacks = 0;
	}
	return again;
}

struct sctp_assoc sctp_successor(const struct sctp_assoc *t, unsigned dir,
				 const struct sctp_packet *p)
{
	struct sctp_assoc fresh = { 0 };
	struct sctp_walk w = sctp_walk_of(p->chunks, p->snapped);
	struct sctp_chunk c;
	uint32_t tags[2] = { 0 };
	bool echo;

	if (!walk_begin(&w, &c) || c.type == SCTP_INIT)
		return fresh;
	if (is_taken_back(t, dir, p, &c))
		return taken_back(t);
	if (lives_on(t, dir, p, c.type))
		return opened_again(t, false);
	if (c.type == SCTP_COOKIE_ECHO && cookie_opens_again(t, dir, p->tag))
		return opened_again(t, true);
	echo = c.type == SCTP_COOKIE_ECHO;
	tags[!dir] = p->tag;
	tags[dir] = !echo && answers_echo(t, dir, p->tag) ? t->echo_tag : 0;
	for (unsigned i = 0; i < 2; i++)
		succeed(&fresh.side[i], &t->side[i], is_settled(t), tags[i]);
	fresh.former = is_settled(t) ? 0 : t->former;
	/* What has the usual tag may have answered the COOKIE ECHO with the known one all the same:
	 * the first packet that goes on from that says so. */
	if (tags[dir] && tag_is(&t->side[!dir], p->tag))
		fresh.former = RESYNC_AFTER - 1;
	fresh.side[echo ? dir : !dir].bits |= BEGAN;
	fresh.state = echo ? SCTP_S_INIT_ACK : SCTP_S_COOKIE;
	fresh.restarted = true;
	return fresh;
}
