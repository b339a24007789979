/* key: by what a packet and its answer know each other. */
#include "cmd/ask/key.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132, DNS_PORT = 53 };
enum { EXTENSIONS = 8 };

/* A packet, split where its layer 4 starts. */
struct parts {
	struct bytes src, dst, l4; /* l4 empty: a later fragment */
	uint8_t proto;
};

static bool split4(struct parts *p, struct bytes packet)
{
	size_t head, len;

	if (packet.len < 20 || packet.ptr[0] >> 4 != 4)
		return false;
	head = 4u * (packet.ptr[0] & 15);
	len = be16_get(packet.ptr + 2);
	if (head < 20 || head > packet.len)
		return false;
	if (len >= head && len < packet.len)
		packet.len = len;
	p->src = BYTES(packet.ptr + 12, 4);
	p->dst = BYTES(packet.ptr + 16, 4);
	p->proto = packet.ptr[9];
	p->l4 = BYTES(packet.ptr + head, packet.len - head);
	if (be16_get(packet.ptr + 6) & 0x1fff)
		p->l4.len = 0;
	return true;
}

static bool split6(struct parts *p, struct bytes packet)
{
	struct cursor c;
	const uint8_t *h;

	if (packet.len < 40 || packet.ptr[0] >> 4 != 6)
		return false;
	if (packet.len > 40u + be16_get(packet.ptr + 4))
		packet.len = 40u + be16_get(packet.ptr + 4);
	p->src = BYTES(packet.ptr + 8, 16);
	p->dst = BYTES(packet.ptr + 24, 16);
	p->proto = packet.ptr[6];
	c = cursor_of(BYTES(packet.ptr + 40, packet.len - 40));
	/* Hop-by-hop, routing and destination options, and a fragment header. */
	for (int i = 0; i < EXTENSIONS &&
			(p->proto == 0 || p->proto == 43 || p->proto == 60 || p->proto == 44);
	     i++) {
		bool fragment = p->proto == 44;

		h = cursor_take(&c, 8);
		if (!h)
			return false;
		p->proto = h[0];
		if (fragment && be16_get(h + 2) & 0xfff8)
			cursor_skip(&c, cursor_left(&c));
		if (!fragment)
			cursor_skip(&c, 8u * h[1]);
	}
	p->l4 = c.failed ? BYTES(NULL, 0) : BYTES(c.pos, cursor_left(&c));
	return true;
}

static bool split(struct parts *p, uint16_t ethertype, struct bytes packet)
{
	memset(p, 0, sizeof(*p));
	return ethertype == ASK_IP4 ? split4(p, packet) : ethertype == ASK_IP6 && split6(p, packet);
}

static bool is_group(struct bytes address)
{
	if (address.len == 4)
		return address.ptr[0] >= 224;
	return address.ptr[0] == 0xff;
}

static uint16_t u16_at(struct bytes b, size_t at)
{
	return b.len >= at + 2 ? be16_get(b.ptr + at) : 0;
}

/* ---- ICMP -------------------------------------------------------------------------------- */

/* The type that answers it; -1: none. */
static int answer_type(uint8_t proto, uint8_t type)
{
	if (proto == ICMP)
		return type == 8 ? 0 : type == 13 || type == 15 || type == 17 ? type + 1 : -1;
	return type == 128 ? 129 : type == 135 ? 136 : -1;
}

static bool is_error(const struct parts *p)
{
	uint8_t type = p->l4.len ? p->l4.ptr[0] : 255;

	if (p->proto == ICMP)
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	return p->proto == ICMP6 && type >= 1 && type <= 4;
}

/* Neighbour discovery knows the address that is asked for. */
static bool target(struct ask_key *k, struct bytes l4)
{
	if (l4.len < 24)
		return false;
	memcpy(k->remote, l4.ptr + 8, 16);
	memset(k->local, 0, sizeof(k->local));
	return true;
}

static bool icmp(struct ask_key *k, const struct parts *p, bool question)
{
	int type = p->l4.len ? p->l4.ptr[0] : -1;

	if (question && type >= 0)
		type = answer_type(p->proto, (uint8_t)type);
	if (type < 0)
		return false;
	k->c = (uint16_t)type;
	k->c_known = 1;
	if (p->proto == ICMP6 && type == 136)
		return target(k, p->l4);
	k->a = u16_at(p->l4, 4);
	k->b = u16_at(p->l4, 6);
	return p->l4.len >= 8;
}

/* ---- keys -------------------------------------------------------------------------------- */

static bool layer4(struct ask_key *k, const struct parts *p, bool question)
{
	uint16_t from, to;

	k->proto = p->proto;
	if (p->proto == ICMP || p->proto == ICMP6)
		return icmp(k, p, question);
	k->c_known = 1;
	if (p->proto != TCP && p->proto != UDP && p->proto != SCTP)
		return true;
	if (p->l4.len < 4)
		return false;
	from = u16_at(p->l4, 0);
	to = u16_at(p->l4, 2);
	k->a = question ? to : from;
	k->b = question ? from : to;
	if (p->proto == UDP && k->a == DNS_PORT) {
		k->c_known = p->l4.len >= 10;
		k->c = u16_at(p->l4, 8);
		/* A query answers nothing. */
		return question || (p->l4.len >= 11 && p->l4.ptr[10] & 0x80);
	}
	return true;
}

static bool arp(struct ask_key *k, struct bytes packet, bool question)
{
	static const uint8_t ip_over_ethernet[] = { 0, 1, 8, 0, 6, 4, 0 };

	if (packet.len < 28 || memcmp(packet.ptr, ip_over_ethernet, sizeof(ip_over_ethernet)) ||
	    packet.ptr[7] != (question ? 1 : 2))
		return false;
	memcpy(k->remote, packet.ptr + (question ? 24 : 14), 4);
	k->c_known = 1;
	return true;
}

bool ask_key_question(struct ask_key *k, uint16_t ethertype, struct bytes packet)
{
	struct parts p;

	memset(k, 0, sizeof(*k));
	k->ethertype = ethertype;
	if (ethertype == ASK_ARP)
		return arp(k, packet, true);
	if (!split(&p, ethertype, packet))
		return false;
	memcpy(k->local, p.src.ptr, p.src.len);
	if (!is_group(p.dst))
		memcpy(k->remote, p.dst.ptr, p.dst.len);
	return layer4(k, &p, true);
}

bool ask_key_answer(struct ask_key *k, uint16_t ethertype, struct bytes packet, bool *error)
{
	struct parts p;

	*error = false;
	memset(k, 0, sizeof(*k));
	k->ethertype = ethertype;
	if (ethertype == ASK_ARP)
		return arp(k, packet, false);
	if (!split(&p, ethertype, packet))
		return false;
	if (is_error(&p) && p.l4.len > 8) {
		*error = true;
		return ask_key_question(k, ethertype, BYTES(p.l4.ptr + 8, p.l4.len - 8));
	}
	memcpy(k->remote, p.src.ptr, p.src.len);
	memcpy(k->local, p.dst.ptr, p.dst.len);
	return layer4(k, &p, false);
}

uint64_t ask_key_hash(const struct ask_key *k)
{
	uint64_t h = (uint64_t)k->ethertype << 48 ^ (uint64_t)k->proto << 32 ^
		     (uint64_t)k->a << 16 ^ k->b,
		 part;

	for (size_t i = 0; i < 32; i += 8) {
		memcpy(&part, (const uint8_t *)k + i, 8);
		h = (h ^ part) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

bool ask_key_match(const struct ask_key *q, const struct ask_key *a)
{
	return memcmp(q, a, offsetof(struct ask_key, c)) == 0 &&
	       (!a->c_known || !q->c_known || q->c == a->c);
}

struct bytes ask_source(uint16_t ethertype, struct bytes packet)
{
	struct parts p;

	if (ethertype == ASK_ARP)
		return packet.len >= 28 ? BYTES(packet.ptr + 14, 4) : BYTES(NULL, 0);
	return split(&p, ethertype, packet) ? p.src : BYTES(NULL, 0);
}

struct bytes ask_destination(uint16_t ethertype, struct bytes packet)
{
	struct parts p;

	if (ethertype == ASK_ARP)
		return packet.len >= 28 ? BYTES(packet.ptr + 24, 4) : BYTES(NULL, 0);
	return split(&p, ethertype, packet) ? p.dst : BYTES(NULL, 0);
}
