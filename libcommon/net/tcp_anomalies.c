/* tcp_anomalies: what each anomaly of a TCP connection is called, and what it means. */
#include "libcommon/net/tcp.h"

struct text {
	const char *name, *event, *expected, *rule; /* rule: NULL where no text forbids it */
};

static const struct text texts[TCP_ANOMALIES] = {
	[TCP_A_DATA_BEFORE_ESTABLISHED] = { "data_before_established",
					    "data before the handshake was complete",
					    "the other side's SYN/ACK, or the ACK of it, first",
					    "RFC 9293 3.5" },
	[TCP_A_SYN_INSIDE] = { "SYN_inside_connection",
			       "a SYN with another sequence number in an open connection",
			       "no SYN until both sides have closed", "RFC 9293 3.10.7.4" },
	[TCP_A_SYN_SEQ_JUMP] = { "SYN_seq_jump", "a SYN again with another sequence number",
				 "the sequence number of the first SYN", "RFC 9293 3.4.1" },
	[TCP_A_SYN_AFTER_PARTIAL] = { "SYN_after_partial",
				      "a SYN of a side that has sent other segments",
				      "no SYN in a connection that goes on already",
				      "RFC 9293 3.10.7.4" },
	[TCP_A_SYN_WITH_DATA] = { "SYN_with_data", "a SYN with payload",
				  "payload behind the handshake only", "RFC 7413 4.2" },
	[TCP_A_BAD_SYN_ACK] = { "bad_SYN_ack",
				"a SYN/ACK that acknowledges no SYN of the other side",
				"the acknowledgement of a SYN that was sent", "RFC 9293 3.10.7.3" },
	[TCP_A_SIMULTANEOUS_OPEN] = { "simultaneous_open", "both sides sent a SYN",
				      "a SYN/ACK in answer to the SYN", "RFC 9293 3.5" },
	[TCP_A_RST_WITH_DATA] = { "RST_with_data", "a reset with payload",
				  "a reset without payload", NULL },
	[TCP_A_RST_SUSPECT] = { "RST_suspect",
				"a reset that its receiver does not take, or can't be sure of",
				"exactly the next sequence number, or a right acknowledgement",
				"RFC 5961 3.2" },
	[TCP_A_SPONTANEOUS_RST] = { "spontaneous_RST",
				    "a reset as the first segment of a connection",
				    "a SYN or data first", "RFC 9293 3.10.7.1" },
	[TCP_A_SPONTANEOUS_FIN] = { "spontaneous_FIN", "a FIN as the first segment of a connection",
				    "a SYN or data first", "RFC 9293 3.10.7.1" },
	[TCP_A_DATA_AFTER_RESET] = { "data_after_reset", "data of a side that has sent a reset",
				     "silence behind a reset", "RFC 9293 3.5.3" },
	[TCP_A_DATA_AFTER_FIN] = { "data_after_FIN", "data behind the place of the FIN",
				   "no byte behind the FIN", "RFC 9293 3.6" },
	[TCP_A_FIN_ADVANCED] = { "FIN_advanced_last_seq", "a FIN behind the one before",
				 "the same FIN again, if any", "RFC 9293 3.6" },
	[TCP_A_INAPPROPRIATE_FIN] = { "inappropriate_FIN", "a FIN in front of bytes that were sent",
				      "a FIN behind the last byte", "RFC 9293 3.6" },
	[TCP_A_CHRISTMAS] = { "TCP_christmas", "a SYN with FIN or RST", "one of these flags alone",
			      NULL },
	[TCP_A_PAWS] = { "timestamp_too_old", "a timestamp older than the last one",
			 "timestamps that don't go back", "RFC 7323 5" },
	[TCP_A_RESYNC] = { "sequence_resync", "several segments in a row outside the window",
			   "sequence numbers within the window", "RFC 9293 3.10.7.4" },
	[TCP_A_REUSE] = { "active_connection_reuse",
			  "a SYN for a new connection on a pair of addresses and ports in use",
			  "other ports, or two minutes' silence behind the last connection",
			  "RFC 9293 3.4.2" },
	[TCP_A_BAD_CHECKSUM] = { "bad_TCP_checksum", "a wrong checksum behind right ones",
				 "the checksum over header, addresses and payload",
				 "RFC 9293 3.1" },
	[TCP_A_FIN_AFTER_RESET] = { "FIN_after_reset", "a FIN of a side that has sent a reset",
				    "silence behind a reset", "RFC 9293 3.5.3" },
	[TCP_A_SYN_AFTER_CLOSE] = { "SYN_after_close", "a SYN of a side that has sent a FIN",
				    "no SYN until both sides have closed", "RFC 9293 3.6" },
	[TCP_A_SYN_AFTER_RESET] = { "SYN_after_reset", "a SYN of a side that has sent a reset",
				    "a SYN on another port, or that of a new connection",
				    "RFC 9293 3.5.3" },
	[TCP_A_SCALE_RANGE] = { "TCP_scale_range", "a window scale above 14",
				"a shift of at most 14", "RFC 7323 2.3" },
	[TCP_A_SPLIT_ROUTING] = { "possible_split_routing",
				  "an acknowledgement of a side that was not seen",
				  "the other side's segments, too", NULL },
	[TCP_A_OUT_OF_WINDOW] = { "out_of_window",
				  "bytes, or an acknowledgement beside bytes, outside the window",
				  "sequence numbers within the window", "RFC 9293 3.10.7.4" },
	[TCP_A_NO_ACK] = { "missing_ACK",
			   "data or a FIN without the flag ACK, of a side that had set it",
			   "ACK in every segment behind the handshake", "RFC 9293 3.10.7.4" },
};

static const struct text *text_of(enum tcp_anomaly a)
{
	static const struct text other = { "other", "something else", "nothing", NULL };

	return a < TCP_ANOMALIES ? &texts[a] : &other;
}

const char *tcp_anomaly_name(enum tcp_anomaly a)
{
	return text_of(a)->name;
}

const char *tcp_anomaly_event(enum tcp_anomaly a)
{
	return text_of(a)->event;
}

const char *tcp_anomaly_expected(enum tcp_anomaly a)
{
	return text_of(a)->expected;
}

const char *tcp_anomaly_rule(enum tcp_anomaly a)
{
	return text_of(a)->rule;
}
