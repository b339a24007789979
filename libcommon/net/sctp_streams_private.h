/* sctp_streams_private: what the files of sctp_streams share. */
#ifndef WEIR_SCTP_STREAMS_PRIVATE_H
#define WEIR_SCTP_STREAMS_PRIVATE_H

#include "libcommon/net/sctp_streams.h"

enum { END = 1, BEGIN = 2, UNORDERED = 4 };

struct sctp_group {
	struct sctp_limits limits;
	struct sctp_sink sink;
	struct hold hold;
	uint64_t last_id;
	/* Directions that hold 2^(i-1) .. 2^i - 1 bytes, least recently moved first. */
	struct sctp_holder holders[STREAMS_HOLDERS];
	uint8_t buffer[HOLD_MAX], compare[HOLD_MAX];
};

static inline bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool map_get(const uint64_t *map, uint32_t tsn)
{
	return map[tsn % STREAMS_WINDOW / 64] >> tsn % 64 & 1;
}

static inline void map_set(uint64_t *map, uint32_t tsn)
{
	map[tsn % STREAMS_WINDOW / 64] |= 1ull << tsn % 64;
}

static inline bool seen_get(const struct sctp_streams *s, uint32_t tsn)
{
	return map_get(s->seen, tsn);
}

static inline void seen_set(struct sctp_streams *s, uint32_t tsn)
{
	map_set(s->seen, tsn);
}

/* Neither old nor near what comes next: a TSN of another count. */
static inline bool is_far(const struct sctp_streams *s, uint32_t tsn)
{
	return tsn - s->cum > STREAMS_WINDOW && s->cum - tsn > 1u << 30;
}

/* sctp_streams.c: moves a direction to the list of those that hold about as much; everything up to
 * `to` that was not seen is given up. */
void streams_rank(struct sctp_group *g, struct sctp_streams *s);
void streams_give_up(struct sctp_group *g, struct sctp_streams *s, uint32_t to,
		     enum sctp_gap_reason why);

/* sctp_streams_order.c. NULL: there is no room to know another stream. */
struct hold_stream *streams_find(struct sctp_group *g, struct sctp_streams *s, uint16_t sid);
/* Is this what the stream waits for? */
bool streams_is_next(const struct hold_stream *t, const struct sctp_data *d);
/* Delivers a chunk whatever may lack before it, and what it lets go. */
void streams_force(struct sctp_group *g, struct sctp_streams *s, const struct sctp_data *d);
struct sctp_data streams_take(struct sctp_group *g, struct sctp_streams *s, uint32_t at);
/* messages 0: a part of message `ssn`. */
void streams_tell_gap(struct sctp_group *g, struct sctp_streams *s, const struct hold_stream *t,
		      uint32_t ssn, uint32_t messages, enum sctp_gap_reason why);
/* sctp_streams_reset.c: goes on as new if the chunk shows that an awaited reset was done. */
void streams_look_for_reset(struct sctp_group *g, struct sctp_streams *s,
			    const struct sctp_data *d);
/* A stream that is new has nothing to begin anew. */
void streams_born(const struct sctp_streams *s, struct hold_stream *t);

#endif
