/* packet: builds frames for tests, with right lengths and checksums. */
#ifndef WEIR_TEST_PACKET_H
#define WEIR_TEST_PACKET_H

#include <stdint.h>
#include <string.h>

struct packet_spec {
	unsigned link; /* 0 Ethernet; else what `head` holds */
	const uint8_t *head;
	size_t head_len;
	int version; /* 4 or 6 */
	uint8_t proto;
	uint8_t src[16], dst[16];
	uint16_t sport, dport; /* ICMP: type, code */
	uint32_t seq, ack;
	uint16_t flags, window, urgent;
	const uint8_t *options;
	size_t options_len;
	const void *payload;
	size_t payload_len;
	size_t padding;
};

static inline void packet_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void packet_be32(uint8_t *p, uint32_t v)
{
	packet_be16(p, v >> 16);
	packet_be16(p + 2, v & 0xffff);
}

/* The plain way, to check the fast one against. */
static inline uint32_t packet_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)(p[n - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline size_t packet_l4(uint8_t *at, const struct packet_spec *s)
{
	size_t head = s->proto == 6                     ? 20 + s->options_len
		      : s->proto == 17                  ? 8
		      : s->proto == 132                 ? 12
		      : s->proto == 1 || s->proto == 58 ? 4
							: 0;
	size_t len = head + s->payload_len, alen = s->version == 4 ? 4 : 16;
	uint32_t sum;

	memset(at, 0, head);
	if (s->payload_len)
		memcpy(at + head, s->payload, s->payload_len);
	if (s->proto == 1 || s->proto == 58) {
		at[0] = (uint8_t)s->sport;
		at[1] = (uint8_t)s->dport;
	} else if (head) {
		packet_be16(at, s->sport);
		packet_be16(at + 2, s->dport);
	}
	if (s->proto == 6) {
		packet_be32(at + 4, s->seq);
		packet_be32(at + 8, s->ack);
		packet_be16(at + 12, (unsigned)(head / 4 << 12) | s->flags);
		packet_be16(at + 14, s->window);
		packet_be16(at + 18, s->urgent);
		if (s->options_len)
			memcpy(at + 20, s->options, s->options_len);
	} else if (s->proto == 17) {
		packet_be16(at + 4, (unsigned)len);
	} else if (s->proto == 132) {
		packet_be32(at + 4, s->seq);
	}
	sum = s->proto == 1 ? 0
			    : packet_sum(s->src, alen, 0) + packet_sum(s->dst, alen, 0) + s->proto +
				      (uint32_t)len;
	sum = ~packet_sum(at, len, sum) & 0xffff;
	if (s->proto == 6)
		packet_be16(at + 16, sum);
	else if (s->proto == 17)
		packet_be16(at + 6, sum ? sum : 0xffff);
	else if (s->proto == 1 || s->proto == 58)
		packet_be16(at + 2, sum);
	return len;
}

/* Writes the frame; returns its length. */
static inline size_t packet_build(uint8_t *out, const struct packet_spec *s)
{
	static const uint8_t ether[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	uint8_t *p = out;
	size_t len;

	if (s->head) {
		memcpy(p, s->head, s->head_len);
		p += s->head_len;
	} else {
		memcpy(p, ether, 12);
		packet_be16(p + 12, s->version == 4 ? 0x0800 : 0x86dd);
		p += 14;
	}
	if (s->version == 4) {
		memset(p, 0, 20);
		len = packet_l4(p + 20, s);
		p[0] = 0x45;
		packet_be16(p + 2, (unsigned)len + 20);
		p[8] = 64;
		p[9] = s->proto;
		memcpy(p + 12, s->src, 4);
		memcpy(p + 16, s->dst, 4);
		packet_be16(p + 10, ~packet_sum(p, 20, 0) & 0xffff);
		p += 20 + len;
	} else {
		memset(p, 0, 40);
		len = packet_l4(p + 40, s);
		p[0] = 0x60;
		packet_be16(p + 4, (unsigned)len);
		p[6] = s->proto;
		p[7] = 64;
		memcpy(p + 8, s->src, 16);
		memcpy(p + 24, s->dst, 16);
		p += 40 + len;
	}
	memset(p, 0, s->padding);
	return (size_t)(p - out) + s->padding;
}

#endif
