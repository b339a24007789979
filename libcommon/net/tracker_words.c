/* tracker_words: the state of a flow in Zeek's words. */
#include "libcommon/net/tracker.h"

/* As Zeek's for TCP. */
static const char *sctp_conn_state(const struct flow *f)
{
	switch (f->sctp.state) {
	case SCTP_S_INIT:
	case SCTP_S_INIT_ACK:
		return f->packets[1] ? "OTH" : "S0";
	case SCTP_S_COOKIE:
	case SCTP_S_ESTABLISHED:
		return f->sctp.midstream ? "OTH" : "S1";
	case SCTP_S_SHUTDOWN:
		return f->sctp.shutdown_by & 2 ? "S3" : "S2";
	case SCTP_S_SHUTDOWN_ACK:
	case SCTP_S_CLOSED:
		return "SF";
	case SCTP_S_ABORTED:
		return f->bits & FLOW_RESP_ABORTED ? "RSTR" : "RSTO";
	default:
		return "OTH";
	}
}

const char *flow_conn_state(const struct flow *f)
{
	switch (f->key.proto) {
	case PROTO_TCP:
		return tcp_conn_state(&f->tcp);
	case PROTO_UDP:
		if (f->packets[0])
			return f->packets[1] ? "SF" : "S0";
		return "SHR";
	case PROTO_SCTP:
		return sctp_conn_state(f);
	default:
		return "OTH";
	}
}

const char *flow_state(const struct flow *f)
{
	switch (f->key.proto) {
	case PROTO_TCP:
		return tcp_state_name(&f->tcp);
	case PROTO_SCTP:
		return sctp_state_name(f->sctp.state);
	default:
		return NULL;
	}
}
