/* sctp_names: what states, anomalies and chunks are called, and the rules that say so. */
#include "libcommon/net/sctp.h"

const char *sctp_state_name(enum sctp_state state)
{
	static const char *const names[SCTP_STATES] = {
		"none",     "init",     "init_ack", "cookie_echo", "established",
		"shutdown", "shut_ack", "closed",   "aborted",
	};

	return names[state];
}

static const struct {
	const char *name, *expected, *rule;
} anomalies[SCTP_ANOMALIES] = {
	[SCTP_A_BAD_CHECKSUM] = { "bad_SCTP_checksum", "the CRC32c of the packet", "RFC 9260 6.8" },
	[SCTP_A_BAD_TAG] = { "sctp_bad_tag", "the receiver's verification tag", "RFC 9260 8.5" },
	[SCTP_A_ABORT_BAD_TAG] = { "sctp_abort_bad_tag",
				   "the receiver's tag, or with the T bit the sender's",
				   "RFC 9260 8.5.1" },
	[SCTP_A_INIT_TAG] = { "sctp_init_with_tag", "verification tag 0", "RFC 9260 8.5.1" },
	[SCTP_A_INIT_ZERO_TAG] = { "sctp_init_zero_tag", "an initiate tag other than 0",
				   "RFC 9260 3.3.2" },
	[SCTP_A_INIT_NO_STREAMS] = { "sctp_init_no_streams", "at least one stream each way",
				     "RFC 9260 3.3.2" },
	[SCTP_A_INIT_BUNDLED] = { "sctp_init_bundled", "no other chunk in the packet",
				  "RFC 9260 6.10" },
	[SCTP_A_INIT_UNEXPECTED] = { "sctp_init_inside_association",
				     "no INIT while the association lives", "RFC 9260 5.2.2" },
	[SCTP_A_INIT_CHANGED] = { "sctp_init_changed", "the same tag and TSN as before",
				  "RFC 9260 5.1" },
	[SCTP_A_SIMULTANEOUS_OPEN] = { "sctp_simultaneous_open", "an INIT ACK", "RFC 9260 5.2.1" },
	[SCTP_A_INIT_ACK_UNEXPECTED] = { "sctp_init_ack_unexpected", "an INIT before it",
					 "RFC 9260 5.2.3" },
	[SCTP_A_COOKIE_ECHO_UNEXPECTED] = { "sctp_cookie_echo_unexpected", "an INIT ACK before it",
					    "RFC 9260 5.2.4" },
	[SCTP_A_COOKIE_ECHO_NOT_FIRST] = { "sctp_cookie_echo_not_first",
					   "COOKIE ECHO as the first chunk", "RFC 9260 5.1" },
	[SCTP_A_COOKIE_ACK_UNEXPECTED] = { "sctp_cookie_ack_unexpected", "a COOKIE ECHO before it",
					   "RFC 9260 5.2.5" },
	[SCTP_A_DATA_BEFORE_ESTABLISHED] = { "sctp_data_before_established",
					     "no DATA before the COOKIE ECHO", "RFC 9260 6" },
	[SCTP_A_DATA_AFTER_SHUTDOWN] = { "sctp_data_after_shutdown",
					 "no DATA from who sent a SHUTDOWN", "RFC 9260 9.2" },
	[SCTP_A_DATA_AFTER_CLOSE] = { "sctp_data_after_close", "no DATA after the end",
				      "RFC 9260 8.4" },
	[SCTP_A_DATA_EMPTY] = { "sctp_data_empty", "at least one byte of user data",
				"RFC 9260 6.2" },
	[SCTP_A_DATA_BAD_STREAM] = { "sctp_bad_stream", "a stream below the number agreed on",
				     "RFC 9260 6.5" },
	[SCTP_A_SHUTDOWN_ORDER] = { "sctp_shutdown_order",
				    "SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE, by turns",
				    "RFC 9260 9.2" },
	[SCTP_A_CHUNK_LENGTH] = { "sctp_chunk_length", "a length that fits the chunk and packet",
				  "RFC 9260 3.2" },
	[SCTP_A_TOO_MANY_CHUNKS] = { "sctp_too_many_chunks", "at most 4096 chunks",
				     "RFC 9260 6.10" },
	[SCTP_A_RESYNC] = { "sctp_tag_changed", "the tag of the packets before", "RFC 9260 8.5" },
	[SCTP_A_RESTART] = { "sctp_restart", "no other association inside this one",
			     "RFC 9260 5.2.4" },
};

const char *sctp_anomaly_name(enum sctp_anomaly a)
{
	return anomalies[a].name;
}

const char *sctp_anomaly_expected(enum sctp_anomaly a)
{
	return anomalies[a].expected;
}

const char *sctp_anomaly_rule(enum sctp_anomaly a)
{
	return anomalies[a].rule;
}

const char *sctp_chunk_name(uint8_t type)
{
	static const char *const names[256] = {
		[0] = "DATA",
		[1] = "INIT",
		[2] = "INIT ACK",
		[3] = "SACK",
		[4] = "HEARTBEAT",
		[5] = "HEARTBEAT ACK",
		[6] = "ABORT",
		[7] = "SHUTDOWN",
		[8] = "SHUTDOWN ACK",
		[9] = "ERROR",
		[10] = "COOKIE ECHO",
		[11] = "COOKIE ACK",
		[12] = "ECNE",
		[13] = "CWR",
		[14] = "SHUTDOWN COMPLETE",
		[15] = "AUTH",
		[0x40] = "I-DATA",
		[0x80] = "ASCONF-ACK",
		[0x82] = "RE-CONFIG",
		[0x84] = "PAD",
		[0xc0] = "FORWARD TSN",
		[0xc1] = "ASCONF",
		[0xc2] = "I-FORWARD-TSN",
	};

	return names[type];
}
