/* tracks: what is known of each direction of each stream while it is open. Bounded: the least
 * recently used one is closed to make room. */
#ifndef WEIR_STREAMS_TRACKS_H
#define WEIR_STREAMS_TRACKS_H

#include "cmd/streams/files.h"
#include "libcommon/base/digest.h"
#include "libcommon/record/record.h"

enum { TRACK_WHOLE = 0x10000 };

struct track {
	struct track *chain, *newer, *older;
	uint64_t flow;
	uint8_t dir;
	uint32_t sid; /* of SCTP, or TRACK_WHOLE */
	/* TRACK_WHOLE of SCTP: its streams, of which each knows it; it carries nothing itself. */
	struct track *sids, *whole, *sid_next, *sid_prev;
	uint64_t bytes, gap_bytes;
	uint64_t lost_messages;       /* SCTP; parts count as one */
	struct digest_stream *digest; /* NULL where none is wanted */
	struct stream_file file;
};

struct tracks_host {
	void *ctx;
	/* A direction is over: write what there is to say of it. The track is then gone. */
	void (*closed)(void *ctx, struct track *t);
};

struct tracks;

struct tracks *tracks_new(uint64_t max, bool digests, const struct tracks_host *host);
void tracks_free(struct tracks *k);
/* The one of this direction, for SCTP of this stream of it, made where it is new. */
struct track *track_get(struct tracks *k, const struct rec_head *h, const struct rec_stream *s);
/* One of this flow will be asked for soon: lets its place come into the cache. */
void tracks_expect(struct tracks *k, uint64_t flow);
/* It is over, with all its streams; nothing happens where it is not known. */
void track_close(struct tracks *k, uint64_t flow, uint8_t dir);
/* Closes all, by ascending flow, direction and stream. */
void tracks_close_all(struct tracks *k);
/* Those closed to make room. */
uint64_t tracks_evicted(const struct tracks *k);

#endif
