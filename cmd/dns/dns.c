/* dns: claims flows as DNS, cuts TCP streams into messages, and hands messages to the session. */
#include "cmd/dns/dns.h"

#include <netinet/in.h>

#include "cmd/dns/dns_message.h"

enum {
	PORT_DNS = 53,
	PORT_MDNS = 5353,
	PORT_LLMNR = 5355,
	PORT_NETBIOS = 137, /* the same wire format for another purpose */
	/* While a TCP stream is undecided, bad frames of up to so many bytes in all are let by. */
	CLAIM_SKIP = 512,
};

static bool has_port(const struct l7_first *first, uint16_t port)
{
	return first->orig_p == port || first->resp_p == port;
}

/* Looks at the first bytes in such an order that more of them never change a yes or a no: the
 * answer does not depend on how they come in segments. */
static enum l7_claim claims_stream(struct bytes data)
{
	size_t at = 0;

	while (at <= CLAIM_SKIP && data.len >= at && data.len - at >= 2 + DNS_HEADER) {
		size_t full = be16_get(data.ptr + at), have = data.len - at - 2;

		switch (dns_guess(BYTES(data.ptr + at + 2, have < full ? have : full), full)) {
		case DNS_LIKELY:
			return L7_YES;
		case DNS_UNSURE:
			return L7_MAYBE;
		case DNS_UNLIKELY:
			break;
		}
		at += 2 + full;
	}
	return at <= CLAIM_SKIP ? L7_MAYBE : L7_NO;
}

static enum l7_claim dns_claims(const struct l7_first *first)
{
	if (first->proto == IPPROTO_TCP)
		return has_port(first, PORT_DNS) ? claims_stream(first->data) : L7_NO;
	/* A client may have any port. */
	if (first->proto != IPPROTO_UDP ||
	    (has_port(first, PORT_NETBIOS) && !has_port(first, PORT_DNS)))
		return L7_NO;
	if (has_port(first, PORT_DNS) || has_port(first, PORT_MDNS) || has_port(first, PORT_LLMNR))
		/* Junk may come before the first message: the next datagram is looked at too. */
		return dns_guess(first->data, first->data.len) == DNS_LIKELY ||
				       dns_is_whole(first->data)
			       ? L7_YES
			       : L7_MAYBE;
	return dns_is_certain(first->data) ? L7_YES : L7_NO;
}

/* Is all of the first message there, and beyond doubt one? */
static bool frame_is_whole(struct bytes data)
{
	size_t len = data.len < 2 ? 0 : be16_get(data.ptr);

	return len >= DNS_HEADER && data.len - 2 >= len && dns_is_whole(BYTES(data.ptr + 2, len));
}

/* One message of a stream: two bytes of length, then the message (RFC 1035 4.2.2). */
static size_t dns_feed(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	struct dns_session *s = l7_state(f);
	size_t len;

	/* Messages start at the start of a segment often enough to look there. */
	if (s->lost[dir] && !frame_is_whole(data))
		return data.len;
	s->lost[dir] = false;
	s->partial[dir] = true;
	s->frame_end[dir] = 0;
	if (data.len < 2) {
		l7_want(f, dir, 2);
		return 0;
	}
	len = be16_get(data.ptr);
	if (data.len - 2 < len) {
		s->frame_end[dir] = l7_offset(f, dir) + 2 + len;
		l7_want(f, dir, 2 + len);
		return 0;
	}
	s->partial[dir] = false;
	/* A bad message costs its frame and no more: the framing still holds. */
	if (len < DNS_HEADER)
		l7_violation(f, dir, "dns_tcp_short", REC_severity_WARNING, NULL,
			     "a length below that of a header", "12 bytes or more");
	else
		dns_session_message(f, dir, BYTES(data.ptr + 2, len));
	return 2 + len;
}

static void dns_datagram(struct l7_flow *f, enum l7_dir dir, struct bytes data)
{
	dns_session_message(f, dir, data);
}

/* Where a hole lies within one message its end is known, and framing goes on there. Otherwise it
 * does at a segment that starts with a message. */
static void dns_gap(struct l7_flow *f, enum l7_dir dir, uint64_t missing, enum rec_gap_reason why)
{
	struct dns_session *s = l7_state(f);
	uint64_t behind = l7_offset(f, dir) + missing;

	(void)why;
	if (s->partial[dir] && s->frame_end[dir] >= behind) {
		/* The end stays known: there may be another hole in front of it. */
		l7_skip(f, dir, s->frame_end[dir] - behind);
		return;
	}
	if (!s->lost[dir])
		l7_violation(f, dir, "dns_gap_lost", REC_severity_NOTE, NULL,
			     "up to a segment that starts with a message all may be lost", NULL);
	s->lost[dir] = true;
	s->partial[dir] = false;
	s->frame_end[dir] = 0;
}

static void dns_eof(struct l7_flow *f, enum l7_dir dir, enum rec_stream_reason why)
{
	struct dns_session *s = l7_state(f);
	uint64_t end = s->frame_end[dir]; /* reached without a call where the rest was skipped */

	if (s->partial[dir] && (!end || l7_offset(f, dir) < end) && why == REC_stream_reason_FIN)
		l7_violation(f, dir, "dns_tcp_short", REC_severity_NOTE, NULL,
			     "the stream ended inside a message", NULL);
	s->partial[dir] = false;
}

static void dns_end(struct l7_flow *f, enum l7_end why)
{
	(void)why;
	dns_session_end(f);
}

static void dns_open(void *shared, const void *config)
{
	dns_pool_open(&((struct dns_shared *)shared)->pool,
		      ((const struct dns_config *)config)->max_memory);
}

static void dns_close(void *shared)
{
	dns_pool_close(&((struct dns_shared *)shared)->pool);
}

static struct dns_config config = {
	.timeout = 30ull * 1000000000,
	.max_pending = 256,
	.max_memory = 64 << 20,
};

static const struct opt options[] = {
	OPT_ROW(0, "timeout", OPT_DURATION, struct dns_config, timeout, "TIME",
		"a query without an answer for so long is reported (0: at the flow's end)"),
	OPT_ROW(0, "max-pending", OPT_UINT, struct dns_config, max_pending, "N",
		"transactions remembered per flow"),
	OPT_ROW(0, "max-held", OPT_SIZE, struct dns_config, max_memory, "BYTES",
		"memory for remembered transactions, all flows"),
	{ 0 },
};

static const char *const dns_protocols[] = { "dns", "mdns", "llmnr", NULL };

const struct l7_parser dns_parser = {
	.name = "dns",
	.summary = "make DNS transactions out of packets and streams",
	.options = options,
	.config = &config,
	.epilog =
		"Reads packet and stream records; writes a dns record per transaction, anomalies\n"
		"and session_end; passes everything else on.\n"
		"\n"
		"    weir read trace.pcap | weir flow | weir reasm | weir dns | weir json\n",
	.state_size = sizeof(struct dns_session),
	.shared_size = sizeof(struct dns_shared),
	.max_buffer = 2 + 65535,
	.open = dns_open,
	.close = dns_close,
	.protocols = dns_protocols,
	.claims = dns_claims,
	.feed = dns_feed,
	.datagram = dns_datagram,
	.gap = dns_gap,
	.eof = dns_eof,
	.tick = dns_session_tick,
	.end = dns_end,
};
