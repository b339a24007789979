/* defrag_piece: what can be said of a fragment by itself, and what defrag calls its findings. */
#include "libcommon/net/defrag_piece.h"

#include "libcommon/net/layers.h"

enum { SMALL = 64 };

const char *defrag_reason_name(enum defrag_reason reason)
{
	static const char *const names[DEFRAG_REASONS] = {
		[DEFRAG_KEPT] = "kept",
		[DEFRAG_TIMEOUT] = "timeout",
		[DEFRAG_EVICTED_MEMORY] = "evicted_memory",
		[DEFRAG_EVICTED_DATAGRAMS] = "evicted_datagrams",
		[DEFRAG_EVICTED_PAIR] = "evicted_pair",
		[DEFRAG_TOO_MANY_FRAGMENTS] = "too_many_fragments",
		[DEFRAG_OVERLAP] = "overlap",
		[DEFRAG_SIZE_INCONSISTENCY] = "size_inconsistency",
		[DEFRAG_TOO_LARGE] = "too_large",
		[DEFRAG_HEADER_CHAIN] = "header_chain",
		[DEFRAG_BAD_LENGTH] = "bad_length",
		[DEFRAG_DUPLICATE] = "duplicate",
		[DEFRAG_BAD_CHECKSUM] = "bad_checksum",
		[DEFRAG_END_OF_INPUT] = "end_of_input",
	};

	return names[reason];
}

const char *defrag_anomaly_name(enum defrag_anomaly a)
{
	static const char *const names[DEFRAG_ANOMALIES] = {
		[DEFRAG_A_OVERLAP] = "fragment_overlap",
		[DEFRAG_A_INCONSISTENCY] = "fragment_inconsistency",
		[DEFRAG_A_SIZE_INCONSISTENCY] = "fragment_size_inconsistency",
		[DEFRAG_A_PROTOCOL_INCONSISTENCY] = "fragment_protocol_inconsistency",
		[DEFRAG_A_EXCESSIVELY_LARGE] = "excessively_large_fragment",
		[DEFRAG_A_EXCESSIVELY_SMALL] = "excessively_small_fragment",
		[DEFRAG_A_WITH_DF] = "fragment_with_DF",
		[DEFRAG_A_INCOMPLETELY_CAPTURED] = "incompletely_captured_fragment",
		[DEFRAG_A_BAD_LENGTH] = "fragment_bad_length",
		[DEFRAG_A_HEADER_CHAIN] = "fragment_header_chain",
		[DEFRAG_A_TOO_MANY] = "fragment_too_many",
		[DEFRAG_A_BAD_CHECKSUM] = "bad_IP_checksum",
	};

	return names[a];
}

/* RFC 7112, RFC 8200 4.1. */
bool piece_lacks_headers(const struct defrag_piece *p)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, AUTH = 51, DESTINATION = 60, MOBILITY = 135 };
	enum { HIP = 139, SHIM6 = 140, HEADERS_MAX = 64 };
	uint32_t at = 0, need;
	uint8_t next = p->proto;

	for (unsigned i = 0; i < HEADERS_MAX; i++) {
		switch (next) {
		case HOP_BY_HOP:
		case ROUTING:
		case DESTINATION:
		case AUTH:
		case MOBILITY:
		case HIP:
		case SHIM6:
			if (p->claimed < at + 8)
				return true;
			if (p->data.len < at + 2)
				return false;
			need = next == AUTH ? (p->data.ptr[at + 1] + 2u) * 4
					    : (p->data.ptr[at + 1] + 1u) * 8;
			next = p->data.ptr[at];
			at += need;
			break;
		case PROTO_TCP:
			need = p->data.len > at + 12 ? p->data.ptr[at + 12] / 16 * 4 : 0;
			return p->claimed < at + (need < 20 ? 20 : need);
		case PROTO_UDP:
		case PROTO_ICMP6:
			return p->claimed < at + 8;
		case PROTO_SCTP:
			return p->claimed < at + 12;
		default:
			return p->claimed < at;
		}
	}
	return true;
}

uint32_t piece_anomalies(const struct defrag_piece *p)
{
	uint32_t headers = p->ip_version == 4 ? 20 : 48, bits = 0;

	if (p->more && p->claimed < SMALL - headers)
		bits |= BIT(DEFRAG_A_EXCESSIVELY_SMALL);
	if (p->df)
		bits |= BIT(DEFRAG_A_WITH_DF);
	if (p->data.len < p->claimed)
		bits |= BIT(DEFRAG_A_INCOMPLETELY_CAPTURED);
	return bits;
}
