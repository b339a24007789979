/* name: what a direction of a stream is called as a file, as tcpflow does. Pure. */
#ifndef WEIR_STREAMS_NAME_H
#define WEIR_STREAMS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAM_NAME = 128 };

/* Sender and receiver of one direction. */
struct stream_ends {
	uint8_t src[16], dst[16]; /* IPv4 in the first 4 bytes */
	uint16_t sport, dport;
	uint8_t ip_version; /* 4, 6, or 0: no addresses */
	bool has_sid;       /* SCTP: this is one of its streams */
	uint16_t sid;
};

/* 192.168.101.102.02345-010.011.012.013.45103 becomes the zero-padded form; IPv6 as inet_ntop
 * writes it. A stream of SCTP has s and its number behind that. again: 0 for the first connection
 * of that name, then c1, c2, .. is appended. Contains digits, letters a to f, 'c', 's', '.', ':'
 * and '-' only. */
void stream_name(const struct stream_ends *e, uint32_t again, char out[STREAM_NAME]);
/* "10.0.0.1:80", "[2001:db8::1]:80": for people. */
void stream_place(const uint8_t *addr, uint8_t ip_version, uint16_t port, char out[STREAM_NAME]);
/* The address alone; "" without one. */
void stream_address(const uint8_t *addr, uint8_t ip_version, char out[STREAM_NAME]);

#endif
