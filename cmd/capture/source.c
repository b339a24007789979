/* source: the interfaces of one weir-capture, as one source of frames. */
#include "cmd/capture/source.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/capture/keep.h"
#include "libcommon/base/clock.h"
#include "libcommon/port/watch.h"
#include "libcommon/stage/filter_file.h"
#include "libcommon/stage/sandbox.h"

enum {
	SOURCE_ID = 0,
	TAPS = KEEP_MOST,
	BATCH = 4096,        /* frames of one call of produce() at most */
	WAIT_MS = 100,       /* until signals are looked at again at the latest */
	DRAIN_MS = 2000,     /* for what the kernel has counted at the end to come out */
	WATCH_BYTES = 32768, /* of one datagram of the kernel's */
	LINK_ROOM = 64,      /* of a link layer's header beside the MTU */
};

/* The counters of one interface, a group of the books: in = the sum of the others. */
struct ledger {
	uint64_t *in, *frames, *drops, *left, *missed, *lost, *waiting;
};

/* What a successor finds: the kernel's counts for the sockets of that digest. */
struct note {
	uint64_t digest;
	struct tap_counts counts[TAPS];
};
_Static_assert(sizeof(struct note) <= STAGE_NOTE, "note");

struct source {
	const struct source_config *config;
	struct tap taps[TAPS];
	struct ledger ledgers[TAPS];
	struct note *note;
	uint64_t digest;
	struct kept old; /* sockets of a predecessor that differ from ours; n 0: none */
	bool began;
	struct pollfd polls[TAPS + 1];
	unsigned ntaps;
	int watch; /* -1: nobody tells what becomes of interfaces */
	bool idle; /* the last call made nothing: this one may wait */
	bool over; /* no more frames are wanted, or can come */
	uint64_t n, highest_ts;
	uint64_t until; /* ns; 0: for ever */
	uint64_t *freezes, *clocks[3], *vlan, *csum_unready, *gso, *snapped, *time_back, *damaged;
	uint64_t *went_down, *came_up, *removed;
};

/* ---- open ---------------------------------------------------------------------------------- */

static void open_ledger(struct stage *st, const char *interface, struct ledger *l)
{
	static const char *const parts[] = { "in",     "frames", "drops",  "left",
					     "missed", "lost",   "waiting" };
	uint64_t **at[] = { &l->in,     &l->frames, &l->drops,  &l->left,
			    &l->missed, &l->lost,   &l->waiting };
	char name[IFNAMSIZ + 8], group[IFNAMSIZ];

	snprintf(group, sizeof(group), "%s", interface);
	for (char *c = group; *c; c++)
		if (*c == '.') /* that of a group and its parts */
			*c = '_';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(name, sizeof(name), "%s.%s", group, parts[i]);
		*at[i] = stage_counter(st, name);
	}
}

static void open_counters(struct stage *st, struct source *s)
{
	static const char *const clocks[] = { "stamped_by_socket", "stamped_by_kernel",
					      "stamped_by_adapter" };

	for (size_t i = 0; i < 3; i++)
		s->clocks[i] = stage_counter(st, clocks[i]);
	s->freezes = stage_counter(st, "ring_freezes");
	s->damaged = stage_counter(st, "ring_damaged");
	s->vlan = stage_counter(st, "vlan_put_back");
	s->csum_unready = stage_counter(st, "csum_unready");
	s->gso = stage_counter(st, "gso");
	s->snapped = stage_counter(st, "snapped");
	s->time_back = stage_counter(st, "time_back");
	s->went_down = stage_counter(st, "interface_down");
	s->came_up = stage_counter(st, "interface_up");
	s->removed = stage_counter(st, "interface_removed");
}

/* An adopted socket's interface was removed while nobody looked, and may be back. */
static void look_again(struct tap *t)
{
	uint32_t now = if_nametoindex(t->name);

	if (t->ifindex == UINT32_MAX)
		t->gone = t->down = !now || !tap_rebind(t, now);
}

/* Opens each interface, or takes the sockets that a predecessor has opened for the same. */
static void open_taps(struct source *s, const struct source_config *c)
{
	bool kept = keep_find(&s->old), same;

	for (size_t i = 0; i < c->interfaces.n; i++)
		s->digest = tap_digest(s->digest, c->interfaces.v[i], &c->tap);
	same = kept && s->old.digest == s->digest;
	for (size_t i = 0; i < c->interfaces.n; i++) {
		struct tap *t = &s->taps[i];

		if (same)
			tap_adopt(t, c->interfaces.v[i], (uint32_t)i, s->old.fds[i]);
		else
			tap_open(t, c->interfaces.v[i], (uint32_t)i, &c->tap);
		if (same && c->on_down == SOURCE_RETURNS)
			look_again(t);
	}
	if (same || !kept)
		s->old.n = 0;
}

/* From now on they outlive us, but for those whose frames are in our memory once received. */
static void keep_taps(const struct source *s)
{
	struct kept k = { .digest = s->digest, .n = s->ntaps };

	for (unsigned i = 0; i < s->ntaps; i++) {
		if (s->taps[i].messages || s->taps[i].adopted)
			return;
		memcpy(k.names[i], s->taps[i].name, IFNAMSIZ);
		k.fds[i] = s->taps[i].fd;
	}
	keep_put(&k);
}

void source_open(struct stage *st, int argc, char **argv)
{
	struct source_config *c = stage_config(st);
	struct source *s = xcalloc(1, sizeof(*s));

	(void)argc, (void)argv;
	source_check(c);
	*stage_user(st) = s;
	s->config = c;
	if (c->filter_file)
		c->tap.filter = filter_file_open(c->filter_file);
	if (c->fanout_file)
		c->tap.fanout_program = filter_file_open(c->fanout_file);
	c->tap.shape = (struct ring_shape){ (uint32_t)c->block_size, (uint32_t)c->blocks,
					    (uint32_t)(c->retire / 1000000) };
	c->tap.snaplen = (uint32_t)c->snaplen;
	c->tap.group =
		c->fanout_group ? opt_number(c->fanout_group, "--fanout-group") : TAP_NEW_GROUP;
	c->tap.adapter_time = c->time_source;
	if (c->on_down == SOURCE_RETURNS)
		capture_ops.sandbox |= SANDBOX_BIND;
	open_counters(st, s);
	s->note = stage_note(st);
	if (!s->note)
		s->note = xcalloc(1, sizeof(*s->note));
	s->watch = watch_open();
	open_taps(s, c);
	s->ntaps = (unsigned)c->interfaces.n;
	keep_taps(s);
	for (unsigned i = 0; i < s->ntaps; i++) {
		struct tap *t = &s->taps[i];

		t->counts = &s->note->counts[i];
		open_ledger(st, t->name, &s->ledgers[i]);
		stage_source(st, SOURCE_ID, t->name, 1);
		s->polls[i] = (struct pollfd){ .fd = t->fd, .events = POLLIN };
		if (c->tap.fanout && c->tap.group == TAP_NEW_GROUP && !t->adopted)
			warn("interface '%s': fan-out group %u", t->name, t->group);
	}
	s->polls[s->ntaps] = (struct pollfd){ .fd = s->watch, .events = POLLIN };
	stage_live(st);
	if (c->duration)
		s->until = clock_ns(CLOCK_MONOTONIC) + c->duration;
}

/* ---- taking over --------------------------------------------------------------------------- */

static uint64_t done_with(const struct ledger *l)
{
	return *l->frames + *l->left;
}

/* Of what the sockets before ours had counted, what nobody has read: missed, where they were
 * replaced on purpose; lost with their ring, where they had nobody to keep them. */
static void close_ledger(struct ledger *l, const struct tap_stats *sums, bool replaced)
{
	*l->in = sums->packets;
	*l->drops = sums->drops;
	*l->waiting = 0;
	*(replaced ? l->missed : l->lost) +=
		*l->in - *l->drops - done_with(l) - *l->missed - *l->lost;
}

/* The sums of the note are those of sockets before ours: they are closed, and ours begin there. */
static void close_others(struct stage *st, struct source *s)
{
	uint64_t freezes = 0;

	for (unsigned i = 0; i < s->old.n; i++) {
		struct tap_counts *c = &s->note->counts[i];
		struct ledger l;

		tap_count(c, s->old.fds[i]);
		close(s->old.fds[i]);
		open_ledger(st, s->old.names[i], &l);
		close_ledger(&l, tap_stats(c), true);
		freezes += tap_stats(c)->freezes;
	}
	for (unsigned i = 0; i < s->ntaps; i++) {
		struct tap_counts *c = s->taps[i].counts;
		struct ledger *l = &s->ledgers[i];

		if (!s->old.n) {
			tap_count(c, -1);
			freezes += tap_stats(c)->freezes;
			close_ledger(l, tap_stats(c), s->taps[i].adopted);
		}
	}
	for (unsigned i = 0; i < s->ntaps; i++) {
		const struct ledger *l = &s->ledgers[i];

		*s->taps[i].counts = (struct tap_counts){ .before = done_with(l) };
		s->taps[i].counts->sums[0] =
			(struct tap_stats){ *l->in, *l->drops, i == 0 ? freezes : 0 };
	}
	__atomic_store_n(&s->note->digest, s->digest, __ATOMIC_RELEASE);
}

/* Before the first frame, and behind source_resume(). */
static void begin(struct stage *st, struct source *s)
{
	s->began = true;
	if (s->note->digest != s->digest || !s->taps[0].adopted)
		close_others(st, s);
	for (unsigned i = 0; i < s->ntaps; i++) {
		struct tap *t = &s->taps[i];

		t->taken = *s->ledgers[i].frames;
		tap_count(t->counts, -1);
		if (t->adopted && !ring_resume(&t->ring, t->fd, &s->config->tap.shape,
					       done_with(&s->ledgers[i]) - t->counts->before))
			die_errno("interface '%s': cannot map the ring", t->name);
	}
}

void source_resume(struct stage *st, uint64_t n)
{
	struct source *s = *stage_user(st);

	s->n = n;
	s->highest_ts = stage_last_ts(st);
}

/* ---- interfaces come and go ---------------------------------------------------------------- */

static void end_tap(struct source *s, struct tap *t)
{
	t->over = true;
	s->polls[t->number].fd = -1;
	s->over = true;
	for (unsigned i = 0; i < s->ntaps; i++)
		s->over &= s->taps[i].over;
}

static void went_down(struct stage *st, struct source *s, struct tap *t)
{
	bool ends = s->config->on_down == SOURCE_ENDS;

	if (t->down)
		return;
	t->down = true;
	++*s->went_down;
	warn("interface '%s' is down: %s", t->name, ends ? "ending" : "waiting");
	if (ends) {
		end_tap(s, t);
		stage_exit(st, EXIT_FAILED);
	}
}

static void on_link(struct stage *st, struct source *s, struct tap *t, const struct watch_event *e)
{
	if (e->mtu)
		t->mtu = e->mtu;
	if (e->gone && s->config->on_down == SOURCE_RETURNS) {
		++*s->removed;
		t->gone = t->down = true;
		warn("interface '%s' was removed: waiting for another one of its name", t->name);
	} else if (e->gone) {
		++*s->removed;
		warn("interface '%s' was removed", t->name);
		end_tap(s, t);
		stage_exit(st, EXIT_FAILED);
	} else if (!e->up) {
		went_down(st, s, t);
	} else if (t->down) {
		t->down = false;
		++*s->came_up;
		warn("interface '%s' is up again", t->name);
	}
}

/* There is another one of the name of one that was removed. */
static void on_return(struct stage *st, struct source *s, struct tap *t,
		      const struct watch_event *e)
{
	if (!tap_rebind(t, e->ifindex)) {
		warn_errno("interface '%s' is another one, and can't be captured", t->name);
		return;
	}
	t->gone = false;
	on_link(st, s, t, e);
}

static void watch_links(struct stage *st, struct source *s)
{
	static _Alignas(8) uint8_t buf[WATCH_BYTES];
	struct watch_event e;
	size_t n;

	while ((n = watch_read(s->watch, buf, sizeof(buf)))) {
		struct bytes in = BYTES(buf, n);

		while (watch_next(&in, &e))
			for (unsigned i = 0; i < s->ntaps; i++) {
				struct tap *t = &s->taps[i];

				if (t->gone && !e.gone && strcmp(t->name, e.name) == 0)
					on_return(st, s, t, &e);
				else if (!t->gone && t->ifindex == e.ifindex && e.ifindex &&
					 !t->over)
					on_link(st, s, t, &e);
			}
	}
}

/* The socket's own word comes when its interface goes down, was down, or is gone. */
static void on_error(struct stage *st, struct source *s, struct tap *t)
{
	int err = 0;
	socklen_t size = sizeof(err);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err == 0)
		return;
	if (err == ENETDOWN || err == ENODEV || err == ENXIO)
		went_down(st, s, t);
	else
		warn("interface '%s': %s", t->name, strerror(err));
}

/* Waits until there is something to do, at most ms. */
static void wait_for_frames(struct stage *st, struct source *s, int ms)
{
	if (s->until) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC),
			 left = s->until > now ? s->until - now : 0;

		if (left < (uint64_t)ms * 1000000)
			ms = (int)((left + 999999) / 1000000);
	}
	if (poll(s->polls, s->ntaps + 1, ms) <= 0)
		return;
	if (s->polls[s->ntaps].revents)
		watch_links(st, s);
	for (unsigned i = 0; i < s->ntaps; i++)
		if (s->polls[i].revents & POLLERR)
			on_error(st, s, &s->taps[i]);
}

/* ---- frames -------------------------------------------------------------------------------- */

/* Kernels before 6.3 do not say so; then its length does. */
static bool is_joined(const struct tap *t, const struct rx *f)
{
	return f->gso || (t->mtu && f->wire_len > t->mtu + LINK_ROOM);
}

static void emit(struct stage *st, struct source *s, struct tap *t)
{
	const struct rx *f = &t->frame;
	struct rec_head h = { REC_frame, f->ts, (uint64_t)SOURCE_ID << 48, ++s->n };
	struct rec_frame r = { .iface = t->ifindex ? t->number : f->ifindex,
			       .file = t->number,
			       .file_n = ++t->taken };
	struct rx_payload p;
	uint8_t *at;

	rx_write(f, s->config->tap.snaplen, &p);
	r.link_type = p.link_type;
	r.wire_len = p.wire_len;
	r.payload = BYTES(p.tail.ptr, p.nhead + p.tail.len); /* its length: the head says no more */
	r.flags = (f->csum_unready ? FRAME_CSUM_UNREADY : 0u) | (is_joined(t, f) ? FRAME_GSO : 0u) |
		  (f->pkttype == PACKET_OUTGOING ? FRAME_OUTGOING : 0u);
	if (f->ts < s->highest_ts)
		r.flags |= FRAME_TIME_BACK;
	else
		s->highest_ts = f->ts;
	at = stage_reserve(st, &rec_frame_desc, rec_frame_wire + r.payload.len);
	rec_frame_put_head(at, &h, &r);
	memcpy(at + rec_frame_wire, p.head, p.nhead);
	if (p.tail.len)
		memcpy(at + rec_frame_wire + p.nhead, p.tail.ptr, p.tail.len);
	stage_commit(st, rec_frame_wire + r.payload.len);
	/* Not before: to reserve may commit, which is when this frame has not been. */
	*s->time_back += (r.flags & FRAME_TIME_BACK) != 0;
	*s->csum_unready += f->csum_unready;
	*s->gso += (r.flags & FRAME_GSO) != 0;
	*s->vlan += f->vlan;
	*s->snapped += r.payload.len < p.wire_len;
	++*s->clocks[f->clock];
	++*s->ledgers[t->number].frames;
	stage_at(st, SOURCE_ID, h.n, h.ts);
	t->have = false;
}

/* The earliest of what is there, or NULL. */
static struct tap *earliest(struct source *s)
{
	struct tap *best = NULL;

	for (unsigned i = 0; i < s->ntaps; i++) {
		struct tap *t = &s->taps[i];

		if (tap_peek(t) && (!best || t->frame.ts < best->frame.ts))
			best = t;
	}
	return best;
}

static bool counted_out(const struct source *s)
{
	return s->config->count && s->n >= s->config->count;
}

static void release(struct stage *st, struct source *s)
{
	for (unsigned i = 0; i < s->ntaps; i++) {
		struct tap *t = &s->taps[i];
		const struct ledger *l = &s->ledgers[i];

		if (t->ring.map)
			ring_release(&t->ring, stage_committed(st, l->frames) +
						       stage_committed(st, l->left) -
						       t->counts->before);
	}
}

bool source_produce(struct stage *st)
{
	struct source *s = *stage_user(st);
	struct tap *t;
	unsigned made = 0;

	if (!s->began)
		begin(st, s);
	release(st, s);
	if (s->idle)
		wait_for_frames(st, s, WAIT_MS);
	while (made < BATCH && !counted_out(s) && (t = earliest(s))) {
		emit(st, s, t);
		made++;
	}
	s->idle = made == 0;
	return !(counted_out(s) || (s->over && made == 0) ||
		 (s->until && clock_ns(CLOCK_MONOTONIC) >= s->until));
}

/* ---- books --------------------------------------------------------------------------------- */

static void balance(struct tap *t, struct ledger *l)
{
	tap_count(t->counts, t->fd);
	*l->in = tap_stats(t->counts)->packets;
	*l->drops = tap_stats(t->counts)->drops;
	*l->waiting = *l->in - *l->drops - done_with(l) - *l->missed - *l->lost;
}

int source_turn(struct stage *st)
{
	struct source *s = *stage_user(st);
	uint64_t freezes = 0, damaged = 0;

	for (unsigned i = 0; i < s->ntaps; i++) {
		balance(&s->taps[i], &s->ledgers[i]);
		freezes += tap_stats(s->taps[i].counts)->freezes;
		damaged += s->taps[i].ring.damaged;
	}
	*s->freezes = freezes;
	*s->damaged = damaged;
	return -1;
}

/* What the kernel had counted when we stopped comes out of the ring: made, or left where no more is
 * wanted. What comes later was never counted. */
static void drain(struct stage *st, struct source *s, unsigned i)
{
	struct tap *t = &s->taps[i];
	struct ledger *l = &s->ledgers[i];
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)DRAIN_MS * 1000000;

	while (*l->waiting && clock_ns(CLOCK_MONOTONIC) < end) {
		if (!tap_peek(t)) {
			struct pollfd p = { .fd = t->fd, .events = POLLIN };

			stage_flush(st);
			release(st, s);
			poll(&p, 1, 10);
			continue;
		}
		if (counted_out(s)) {
			++*l->left;
			t->have = false;
		} else {
			emit(st, s, t);
		}
		--*l->waiting;
	}
	if (*l->waiting) {
		warn("interface '%s': %llu frames that were counted did not come", t->name,
		     (unsigned long long)*l->waiting);
		stage_exit(st, EXIT_BOOKS);
	}
}

static void say_sums(const struct source *s)
{
	for (unsigned i = 0; i < s->ntaps; i++) {
		const struct ledger *l = &s->ledgers[i];

		note("interface '%s': %llu frames, %llu dropped by the kernel, %llu left, ring "
		     "full "
		     "%llu times",
		     s->taps[i].name, (unsigned long long)*l->frames, (unsigned long long)*l->drops,
		     (unsigned long long)*l->left,
		     (unsigned long long)tap_stats(s->taps[i].counts)->freezes);
		if (*l->drops)
			warn("interface '%s': the kernel dropped %llu of %llu frames",
			     s->taps[i].name, (unsigned long long)*l->drops,
			     (unsigned long long)*l->in);
	}
}

void source_finish(struct stage *st)
{
	struct source *s = *stage_user(st);

	if (!s->began)
		begin(st, s);
	source_turn(st);
	for (unsigned i = 0; i < s->ntaps; i++)
		drain(st, s, i);
	say_sums(s);
	for (unsigned i = 0; i < s->ntaps; i++)
		tap_close(&s->taps[i]);
	if (s->watch >= 0)
		close(s->watch);
	if (s->note != stage_note(st))
		free(s->note);
	free((void *)s->config->tap.filter);
	free((void *)s->config->tap.fanout_program);
	free(s->config->interfaces.v);
	free(s);
	*stage_user(st) = NULL;
}
