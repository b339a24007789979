/* peer: what both sides of a link do: talk, meet, miss and refuse a peer. */
#include <ctype.h>
#include <poll.h>
#include <unistd.h>

#include "cmd/link/link.h"

enum { SAY_AFTER_MS = 1000, LINES_MAX = 10, REFUSED_MS = 500 };

bool link_say(struct link *l, uint32_t pipe, const struct link_message *m)
{
	uint8_t front[LINK_FRONT_MAX], *at;
	size_t n = link_message_put(front, m);
	void *message = wire_message(n + m->payload.len, &at);

	memcpy(at, front, n);
	if (m->payload.len)
		memcpy(at + n, m->payload.ptr, m->payload.len);
	return wire_send(l->wire, pipe, message);
}

void link_beat(struct link *l, const struct link_message *m)
{
	uint8_t front[LINK_FRONT_MAX];
	size_t n = link_message_put(front, m);

	wire_beat(l->wire, front, n);
}

void link_refuse(struct link *l, uint32_t pipe, const char *why)
{
	link_say(l, pipe,
		 &(struct link_message){
			 .version = LINK_VERSION, .kind = LINK_REFUSE, .payload = bytes_str(why) });
	link_guest(l, pipe, REFUSED_MS); /* it is to hear why */
	++*l->refused;
	if (l->troubles++ < LINES_MAX)
		warn("'%s': refused a peer: %s%s", l->text, why,
		     l->troubles == LINES_MAX ? " (further ones are only counted)" : "");
}

void link_guest(struct link *l, uint32_t pipe, int ms)
{
	size_t free = LINK_GUESTS;

	for (size_t i = 0; i < LINK_GUESTS; i++)
		if (l->guests[i].pipe == pipe || (!l->guests[i].pipe && free == LINK_GUESTS))
			free = i;
	if (free == LINK_GUESTS) {
		wire_drop(l->wire, pipe);
		return;
	}
	l->guests[free].pipe = pipe;
	l->guests[free].until = wire_now() + ms;
}

void link_guest_left(struct link *l, uint32_t pipe)
{
	for (size_t i = 0; i < LINK_GUESTS; i++)
		if (l->guests[i].pipe == pipe)
			l->guests[i].pipe = 0;
}

void link_guests(struct link *l)
{
	for (size_t i = 0; i < LINK_GUESTS; i++) {
		if (l->guests[i].pipe && wire_now() >= l->guests[i].until) {
			wire_drop(l->wire, l->guests[i].pipe);
			l->guests[i].pipe = 0;
		}
	}
}

void link_connected(struct link *l, uint32_t pipe)
{
	link_guest_left(l, pipe);
	l->pipe = pipe;
	l->met = true;
	if (l->said && !l->quiet)
		warn("'%s': connected", l->text);
	l->said = false;
	l->trouble = NULL;
	++*l->connections;
	wire_peer(l->wire, pipe);
}

void link_disconnected(struct link *l)
{
	l->pipe = 0;
	l->gone = l->looked = wire_now();
	wire_peer(l->wire, 0);
}

/* Would nobody hear of a peer that came? */
static bool tool_ends(const struct link *l)
{
	struct pollfd p = { .fd = l->report };

	return __atomic_load_n(&l->page->ending, __ATOMIC_ACQUIRE) ||
	       (l->report >= 0 && poll(&p, 1, 0) > 0 && p.revents & POLLERR);
}

bool link_gone(struct link *l, int64_t limit_ms)
{
	int64_t now = wire_now();
	const char *trouble;
	bool for_good = false;

	if (now - l->looked >= SAY_AFTER_MS) {
		l->looked = now;
		trouble = wire_trouble(l->wire, &for_good);
		if (trouble && trouble != l->trouble && l->troubles++ < LINES_MAX)
			warn("'%s': %s", l->text, trouble);
		l->trouble = trouble ? trouble : l->trouble;
		if (for_good && !l->met)
			_exit(EXIT_FAILED);
		if (!l->pipe && !l->said && !l->quiet)
			warn(l->met ? "'%s': the peer is gone, waiting for it"
				    : "'%s': waiting for a peer",
			     l->text);
		l->said |= !l->pipe;
	}
	if (!l->pipe && (link_signal(l) == LINK_STOP || (!l->met && tool_ends(l))))
		return true;
	return !l->pipe && l->met && limit_ms != ENDPOINT_FOREVER && now - l->gone >= limit_ms;
}

void link_words(struct bytes text, char words[LINK_TEXT_MAX + 1])
{
	size_t n = text.len < LINK_TEXT_MAX ? text.len : LINK_TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		words[i] = text.ptr[i] < 127 && isprint(text.ptr[i]) ? (char)text.ptr[i] : '?';
	words[n] = 0;
}

void link_state(struct link *l, enum link_state state)
{
	__atomic_store_n(&l->page->state, state, __ATOMIC_RELEASE);
}

void link_confirmed(struct link *l, uint64_t records)
{
	*l->out = records;
	__atomic_store_n(&l->page->confirmed, records, __ATOMIC_RELEASE);
}
