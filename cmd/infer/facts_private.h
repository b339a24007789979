/* facts_private: what the scanners of facts share. */
#ifndef WEIR_INFER_FACTS_PRIVATE_H
#define WEIR_INFER_FACTS_PRIVATE_H

#include "cmd/infer/facts.h"

/* Tells of one flow; nothing where the port is 0. */
void fact_expect(const struct facts_input *in, const struct ip *at, uint16_t port, uint8_t l4,
		 const char *protocol, bool client);
/* The address of the client, or of the server. */
const struct ip *facts_address(const struct facts_input *in, bool client);

/* ---- facts_lines.c ---- */

void facts_ftp_line(const struct facts_input *in, struct bytes line);
/* SIP, RTSP, and the SDP in them. */
void facts_media_line(struct facts_flow *flow, const struct facts_input *in, struct bytes line);

/* ---- facts_dns.c ---- */

void facts_dns_message(const struct facts_input *in, struct bytes message);
/* Bytes of a TCP stream, in which each message has its length in front. */
void facts_dns_stream(struct facts_flow *flow, const struct facts_input *in);

/* ---- facts_tls.c ---- */

void facts_tls_hello(const struct facts_input *in);

#endif
