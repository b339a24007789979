/* tracks: a bounded table of open directions. */
#include "cmd/streams/tracks.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

struct tracks {
	struct tracks_host host;
	struct track **buckets, *newest, *oldest, *free;
	uint64_t mask, max, count, evicted;
	bool digests;
};

struct tracks *tracks_new(uint64_t max, bool digests, const struct tracks_host *host)
{
	struct tracks *k = xcalloc(1, sizeof(*k));

	k->host = *host;
	k->max = max > 1 ? max : 2; /* a stream of SCTP takes two */
	k->digests = digests;
	k->mask = 1023;
	while (k->mask + 1 < max)
		k->mask = k->mask * 2 + 1;
	k->buckets = xcalloc(k->mask + 1, sizeof(struct track *));
	return k;
}

void tracks_free(struct tracks *k)
{
	if (!k)
		return;
	tracks_close_all(k);
	while (k->free) {
		struct track *t = k->free;

		k->free = t->chain;
		digest_free(t->digest);
		free(t);
	}
	free(k->buckets);
	free(k);
}

uint64_t tracks_evicted(const struct tracks *k)
{
	return k->evicted;
}

/* Both directions of a flow lie side by side. */
static struct track **bucket_of(struct tracks *k, uint64_t flow, uint8_t dir, uint32_t sid)
{
	flow += (uint64_t)(sid ^ TRACK_WHOLE) << 44;
	return &k->buckets[(flow * 0x9e3779b97f4a7c15u >> 24 << 1 | dir) & k->mask];
}

static struct track *find(struct tracks *k, uint64_t flow, uint8_t dir, uint32_t sid)
{
	struct track *t = *bucket_of(k, flow, dir, sid);

	while (t && (t->flow != flow || t->dir != dir || t->sid != sid))
		t = t->chain;
	return t;
}

void tracks_expect(struct tracks *k, uint64_t flow)
{
	__builtin_prefetch(bucket_of(k, flow, 0, TRACK_WHOLE));
}

static void unlink_use(struct tracks *k, struct track *t)
{
	if (t->newer)
		t->newer->older = t->older;
	else
		k->newest = t->older;
	if (t->older)
		t->older->newer = t->newer;
	else
		k->oldest = t->newer;
}

static void use(struct tracks *k, struct track *t)
{
	t->newer = NULL;
	t->older = k->newest;
	if (k->newest)
		k->newest->newer = t;
	else
		k->oldest = t;
	k->newest = t;
}

static void close_track(struct tracks *k, struct track *t)
{
	struct track **at = bucket_of(k, t->flow, t->dir, t->sid);

	while (t->sids)
		close_track(k, t->sids);
	if (t->whole) {
		if (t->sid_prev)
			t->sid_prev->sid_next = t->sid_next;
		else
			t->whole->sids = t->sid_next;
		if (t->sid_next)
			t->sid_next->sid_prev = t->sid_prev;
	}
	k->host.closed(k->host.ctx, t);
	while (*at != t)
		at = &(*at)->chain;
	*at = t->chain;
	unlink_use(k, t);
	t->chain = k->free;
	k->free = t;
	k->count--;
}

/* A zeroed track; the digest object of an old one is used again. */
static struct track *track_alloc(struct tracks *k)
{
	struct digest_stream *digest = NULL;
	struct track *t = k->free;

	if (t) {
		k->free = t->chain;
		digest = t->digest;
	} else {
		t = xcalloc(1, sizeof(*t));
	}
	*t = (struct track){ .digest = digest };
	if (k->digests && !digest)
		t->digest = digest_new(DIGEST_SHA256);
	return t;
}

static struct track *get(struct tracks *k, uint64_t flow, uint8_t dir, uint32_t sid, bool *made)
{
	struct track *t = find(k, flow, dir, sid), **bucket;

	*made = !t;
	if (t) {
		if (k->newest != t) {
			unlink_use(k, t);
			use(k, t);
		}
		return t;
	}
	if (k->count == k->max) {
		k->evicted++;
		close_track(k, k->oldest);
	}
	t = track_alloc(k);
	t->flow = flow;
	t->dir = dir;
	t->sid = sid;
	bucket = bucket_of(k, flow, dir, sid);
	t->chain = *bucket;
	*bucket = t;
	use(k, t);
	k->count++;
	return t;
}

struct track *track_get(struct tracks *k, const struct rec_head *h, const struct rec_stream *s)
{
	uint8_t dir = s->dir & 1;
	bool sctp = s->proto == IPPROTO_SCTP, made;
	struct track *whole = NULL, *t;
	struct stream_ends *e;

	if (sctp)
		whole = get(k, h->flow, dir, TRACK_WHOLE, &made);
	t = get(k, h->flow, dir, sctp ? s->sid : TRACK_WHOLE, &made);
	if (!made)
		return t;
	if (whole) {
		t->whole = whole;
		t->sid_next = whole->sids;
		if (whole->sids)
			whole->sids->sid_prev = t;
		whole->sids = t;
	}
	e = &t->file.ends;
	memcpy(e->src, dir ? s->resp_h : s->orig_h, 16);
	memcpy(e->dst, dir ? s->orig_h : s->resp_h, 16);
	e->sport = dir ? s->resp_p : s->orig_p;
	e->dport = dir ? s->orig_p : s->resp_p;
	e->ip_version = s->ip_version == 4 || s->ip_version == 6 ? s->ip_version : 0;
	e->has_sid = sctp;
	e->sid = sctp ? s->sid : 0;
	return t;
}

void track_close(struct tracks *k, uint64_t flow, uint8_t dir)
{
	struct track *t = find(k, flow, dir & 1, TRACK_WHOLE);

	if (t)
		close_track(k, t);
}

static int by_flow(const void *a, const void *b)
{
	const struct track *x = *(struct track *const *)a, *y = *(struct track *const *)b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	if (x->dir != y->dir)
		return (int)x->dir - (int)y->dir;
	return (int)x->sid - (int)y->sid; /* the whole comes last, when its streams are closed */
}

void tracks_close_all(struct tracks *k)
{
	struct track **all = xcalloc(k->count + 1, sizeof(struct track *));
	size_t n = 0;

	for (struct track *t = k->newest; t; t = t->older)
		all[n++] = t;
	qsort(all, n, sizeof(struct track *), by_flow);
	for (size_t i = 0; i < n; i++)
		close_track(k, all[i]);
	free(all);
}
