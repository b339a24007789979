/* dns_names: the registered names of DNS numbers (IANA). NULL where there is none. */
#ifndef WEIR_DNS_NAMES_H
#define WEIR_DNS_NAMES_H

#include <stdint.h>

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_IXFR = 251,
	DNS_TYPE_AXFR = 252,
	DNS_CLASS_IN = 1,
	DNS_CLASS_CH = 3,
	DNS_OPCODE_QUERY = 0,
	DNS_OPCODE_IQUERY = 1,
	DNS_OPCODE_NOTIFY = 4,
	DNS_OPCODE_UPDATE = 5,
	DNS_OPCODE_DSO = 6,
	DNS_OPTION_ECS = 8,
	DNS_OPTION_EDE = 15,
};

const char *dns_type_name(uint16_t type);
const char *dns_class_name(uint16_t class);
const char *dns_opcode_name(uint8_t opcode);
/* The extended code, 12 bits (RFC 6895 2.3). */
const char *dns_rcode_name(uint16_t rcode);
const char *dns_option_name(uint16_t code);

#endif
