/* sctp_streams_packet: the chunks of a packet, taken apart for sctp_streams.c. */
#include "libcommon/net/sctp_streams_private.h"

/* Of more streams than are kept the next message tells what was skipped. */
static void keep_forward(struct sctp_streams *s, uint16_t sid, uint32_t last)
{
	if (s->nforwards == STREAMS_FORWARD)
		return;
	s->forwards[s->nforwards].sid = sid;
	s->forwards[s->nforwards].last = last;
	s->nforwards++;
}

/* RFC 3758 3.2, RFC 8260 2.3.1. A message has one TSN at least, so no more of the streams listed
 * can have lost one than there were TSNs given up. Else a packet of a long list would make output
 * of many times its size, and out of date as often as its sender likes. */
static void on_forward(struct sctp_group *g, struct sctp_streams *s, const struct sctp_chunk *chunk)
{
	bool interleaved = chunk->type == SCTP_I_FORWARD_TSN;
	struct cursor c = cursor_of(chunk->value);
	size_t entry = interleaved ? 8 : 4;
	uint32_t cum = cursor_be32(&c), tsns;
	bool waits;

	if (c.failed) {
		s->malformed++;
		return;
	}
	tsns = sctp_streams_forward(g, s, cum);
	waits = !tsns && s->has_forward && s->forward == cum;
	if (waits) {
		s->forward_interleaved = interleaved;
		s->nforwards = 0;
	}
	while ((tsns || waits) && cursor_left(&c) >= entry) {
		uint16_t sid = cursor_be16(&c), ssn_or_flags = cursor_be16(&c);
		uint32_t mid = interleaved ? cursor_be32(&c) : ssn_or_flags;

		if (interleaved && ssn_or_flags & 1)
			continue; /* of unordered messages */
		if (waits)
			keep_forward(s, sid, mid);
		else
			tsns -= sctp_streams_abandon(g, s, sid, mid, interleaved);
	}
}

static void on_response(struct sctp_group *g, struct sctp_streams *s, struct sctp_streams *peer,
			struct bytes value)
{
	struct cursor c = cursor_of(value);
	struct sctp_answer a = { .request = cursor_be32(&c), .result = cursor_be32(&c) };

	a.sender_next = cursor_be32(&c);
	a.receiver_next = cursor_be32(&c);
	a.has_tsns = !c.failed;
	sctp_streams_reset_answer(g, peer, s, &a);
}

/* Of parameters by type: bytes that they have at least. Those not named here mean nothing for what
 * was sent: who is asked for a reset of its own streams asks for it itself. */
static size_t param_least(uint16_t type)
{
	switch (type) {
	case SCTP_OUTGOING_RESET:
		return 12;
	case SCTP_RESPONSE:
		return 8;
	case SCTP_TSN_RESET:
		return 4;
	default:
		return 0;
	}
}

/* RFC 6525 3.1, 4: the sender's own streams may begin anew; it answers its peer's request. */
static void on_reconfig(struct sctp_group *g, struct sctp_streams *s, struct sctp_streams *peer,
			const struct sctp_chunk *chunk)
{
	struct sctp_params w = sctp_params_of(chunk->value);
	struct sctp_param p;

	for (unsigned n = 0; n < SCTP_RECONFIG_PARAMS && sctp_param_next(&w, &p); n++) {
		const uint8_t *v = p.value.ptr;

		if (p.value.len < param_least(p.type))
			s->malformed++;
		else if (p.type == SCTP_OUTGOING_RESET)
			sctp_streams_reset_request(g, s, be32_get(v), be32_get(v + 8),
						   BYTES(v + 12, p.value.len - 12));
		else if (p.type == SCTP_TSN_RESET)
			sctp_streams_restart_request(s, be32_get(v));
		else if (p.type == SCTP_RESPONSE)
			on_response(g, s, peer, p.value);
	}
	if (w.bad_length)
		s->malformed += chunk->len == chunk->value.len + 4; /* all of it is here */
	else
		s->malformed += cursor_left(&w.c) > 0; /* more than there may be */
}

/* False: too short to be one. */
static bool data_of(const struct sctp_chunk *c, struct sctp_data *d)
{
	struct cursor at = cursor_of(c->value);
	size_t head = c->type == SCTP_I_DATA ? 16 : 12;

	*d = (struct sctp_data){ .flags = c->flags & 7, .interleaved = c->type == SCTP_I_DATA };
	d->tsn = cursor_be32(&at);
	d->sid = cursor_be16(&at);
	d->mid = cursor_be16(&at);
	if (d->interleaved)
		d->mid = cursor_be32(&at);
	else if (d->flags & UNORDERED)
		d->mid = 0; /* RFC 9260 3.3.1: to be ignored */
	d->ppid = cursor_be32(&at);
	if (at.failed || c->len <= head + 4)
		return false;
	if (d->interleaved && !(d->flags & BEGIN)) { /* not the first fragment */
		d->fsn = d->ppid;
		d->ppid = 0;
	}
	d->bytes = cursor_bytes(&at, cursor_left(&at));
	d->missing = (uint32_t)(c->len - 4 - head - d->bytes.len);
	return true;
}

void sctp_streams_packet(struct sctp_group *g, struct sctp_streams *s, struct sctp_streams *peer,
			 struct bytes chunks, bool snapped, uint64_t n, uint64_t ts)
{
	struct sctp_walk w = sctp_walk_of(chunks, snapped);
	struct sctp_chunk c;
	struct sctp_data d;

	w.lacks = s->lacks | peer->lacks;
	while (sctp_walk_next(&w, &c)) {
		switch (c.type) {
		case SCTP_DATA:
		case SCTP_I_DATA:
			if (!data_of(&c, &d)) {
				s->malformed++;
				break;
			}
			d.n = n;
			d.ts = ts;
			sctp_streams_look_for_restart(g, s, peer, &d);
			sctp_streams_push(g, s, &d);
			break;
		case SCTP_SACK:
		case SCTP_NR_SACK:
		case SCTP_SHUTDOWN:
			if (c.value.len >= 4)
				sctp_streams_ack(peer, be32_get(c.value.ptr));
			break;
		case SCTP_FORWARD_TSN:
		case SCTP_I_FORWARD_TSN:
			if (!(w.lacks & SCTP_NO_FORWARD))
				on_forward(g, s, &c);
			break;
		case SCTP_RE_CONFIG:
			on_reconfig(g, s, peer, &c);
			break;
		case SCTP_ABORT:
			return; /* what follows does not count */
		default:
			break;
		}
	}
	s->malformed += w.bad_length;
}
