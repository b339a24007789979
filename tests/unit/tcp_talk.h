/* tcp_talk: segments into the TCP state machine, for its tests. */
#ifndef WEIR_TEST_TCP_TALK_H
#define WEIR_TEST_TCP_TALK_H

#include "libcommon/net/tcp.h"

#include "tests/unit/check.h"

enum { O, R }; /* originator, responder */
enum { S = TCP_SYN, A = TCP_ACK, F = TCP_FIN, X = TCP_RST, P = TCP_PSH };

static struct tcp t;
static struct history h;
static struct tcp_result r;
/* Of the segments from now on; begin() sets them back. */
static struct bytes options;
static uint64_t idle;
static uint16_t window;

static inline void begin(const char *title)
{
	check_case(title);
	memset(&t, 0, sizeof(t));
	memset(&h, 0, sizeof(h));
	options = (struct bytes){ 0 };
	idle = 0;
	window = 65535;
}

static inline struct tcp_segment segment(unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	return (struct tcp_segment){ .seq = seq,
				     .ack = ack,
				     .len = len,
				     .flags = (uint16_t)flags,
				     .window = window,
				     .options = options,
				     .idle = idle };
}

static inline void send(unsigned dir, unsigned flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct tcp_segment s = segment(flags, seq, ack, len);

	tcp_input(&t, &h, dir, &s, &r);
}

static inline void open_connection(uint32_t a, uint32_t b)
{
	send(O, S, a, 0, 0);
	send(R, S | A, b, a + 1, 0);
	send(O, A, a + 1, b + 1, 0);
}

static inline bool has(enum tcp_anomaly a)
{
	return r.anomalies >> a & 1;
}

static inline bool conn_is(const char *text)
{
	if (!strcmp(tcp_conn_state(&t), text))
		return true;
	printf("# conn_state %s\n", tcp_conn_state(&t));
	return false;
}

static inline bool history_is(const char *text)
{
	if (strlen(text) == h.len && !memcmp(text, h.text, h.len))
		return true;
	printf("# history %.*s\n", h.len, h.text);
	return false;
}

#define DELIVERED(at, n)                                                                           \
	do {                                                                                       \
		CHECK_EQ(r.verdict, TCP_DELIVER);                                                  \
		CHECK_EQ(r.offset, at);                                                            \
		CHECK_EQ(r.keep, n);                                                               \
	} while (0)

#endif
