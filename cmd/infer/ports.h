/* ports: what numbers in headers are called: ports, IP protocols, SCTP payload protocol ids, and
 * what the first label of a host's name says. Text lines, looked up by number. */
#ifndef WEIR_INFER_PORTS_H
#define WEIR_INFER_PORTS_H

#include "cmd/infer/protocols.h"

enum port_kind { PORT_TCP, PORT_UDP, PORT_SCTP, PORT_IP, PORT_PPID, PORT_KINDS };

struct port_name {
	uint16_t service;  /* the name that IANA has */
	uint16_t protocol; /* what is spoken there */
};

struct ports;
struct ports *ports_new(struct protocols *names);
void ports_free(struct ports *p);
/*     25/tcp smtp            NUMBER/KIND[,KIND] SERVICE [PROTOCOL]
 *     443/tcp https tls
 *     host mail smtp         the first label of a name, and the protocol
 * A later line for the same number holds. */
bool ports_add(struct ports *p, struct bytes text, const char **why, unsigned *line);

/* NULL where it has no name. */
const struct port_name *port_find(const struct ports *p, enum port_kind kind, uint32_t number);
/* By the first label of a host's name, digits at its end left out. */
uint16_t port_host(const struct ports *p, struct bytes host);

#endif
