/* l7_set: several parsers over the same records: an engine (l7.h) each, and what is known of whose
 * a flow is, so that a record costs one look-up and not one per parser. A flow is offered in the
 * order of the parsers; the first that claims it has it, as in a chain of stages. */
#ifndef WEIR_L7_SET_H
#define WEIR_L7_SET_H

#include "libcommon/stage/l7.h"

enum { L7_SET_MOST = 64 };

struct l7_set;
/* At most L7_SET_MOST parsers, borrowed. */
struct l7_set *l7_set_new(const struct l7_parser *const *parsers, size_t n,
			  const struct l7_host *host, const struct l7_limits *limits);
/* Does any of them read datagrams? */
bool l7_set_takes_datagrams(const struct l7_set *s);
/* Those with `protocols` follow guesses from now on, and share the memory for first bytes that one
 * would have; false: none has any. */
bool l7_set_follow(struct l7_set *s);

/* As the calls of the engine: the record belongs to one of them; it is none's; one knows of it. */
void l7_set_ahead(struct l7_set *s, uint64_t flow, enum l7_ahead how);
bool l7_set_is_other(struct l7_set *s, uint64_t flow);
bool l7_set_knows(struct l7_set *s, uint64_t flow);
bool l7_set_stream(struct l7_set *s, const struct rec_head *h, const struct rec_stream *r);
bool l7_set_packet(struct l7_set *s, const struct rec_head *h, const struct rec_packet *p);
void l7_set_guess(struct l7_set *s, const struct rec_head *h, const struct rec_guess *g);
void l7_set_stream_end(struct l7_set *s, const struct rec_head *h, const struct rec_stream_end *e);
void l7_set_flow_end(struct l7_set *s, const struct rec_head *h, const struct rec_flow *fl);
void l7_set_each(const struct l7_set *s,
		 void (*each)(void *ctx, uint64_t flow, const struct rec_key *key,
			      const uint64_t held[2]),
		 void *ctx);
void l7_set_finish(struct l7_set *s, uint64_t last_n);
void l7_set_leave(struct l7_set *s, uint64_t n, uint64_t ts);
void l7_set_free(struct l7_set *s);
/* The sum of all. */
struct l7_stats l7_set_stats(const struct l7_set *s);

#endif
