/* dissect: the table of layers, and frames taken apart by it. */
#include "libcommon/packet/dissect.h"

#include "libcommon/packet/expr.h"
#include "tests/unit/check.h"

static struct packet p;

static void take(enum pkt_layer_id first, const char *bytes, size_t len)
{
	pkt_dissect_from(&p, first, BYTES(bytes, len));
}

static uint64_t number(unsigned node, unsigned field)
{
	struct pkt_header h = pkt_header_of(&p, node);

	return pkt_field_number(&h, field);
}

#define TAKE(first, bytes) take(first, bytes, sizeof(bytes) - 1)

#define ETH "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x00"
#define IP(len, proto)                                                                             \
	"\x45\x00\x00" len "\x00\x01\x00\x00\x40" proto "\x00\x00\x0a\x00\x00\x01\x0a"             \
	"\x00\x00\x02"
#define TCP "\x00\x14\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\x50\x12\x20\x00\x00\x00\x00\x00"

static void table(void)
{
	check_case("every layer has fields, of at most 64, whose names are not told twice without "
		   "cause");
	for (unsigned l = 0; l < PKT_LAYERS; l++) {
		const struct pkt_layer *at = &pkt_layers[l];

		CHECK(at->nfields > 0 && at->nfields <= PKT_SEEN);
		for (unsigned i = 0; i < at->nfields; i++) {
			const struct pkt_field *f = &at->fields[i];
			const char *name = pkt_field_name(f);
			unsigned first = pkt_field_find(at, bytes_str(name), 0);

			CHECK(first == i || f->when != PKT_ALWAYS || at->fields[first].when);
			/* what is always there stands in front: the builder relies on it */
			CHECK(i == 0 || f->at < PKT_MOVES || f->when || f->size || l == PKT_dnsqr ||
			      l == PKT_dnsrr || f->fits);
			CHECK(f->kind != PKT_ITEMS || pkt_layers[f->family].item);
			if (f->kind == PKT_ITEMS)
				CHECK(pkt_family(f->family) == f->family);
		}
	}
	check_case("offsets are the sums of the widths before: those of RFC 791 and 9293");
	CHECK_EQ(PKT_ip_ttl_AT, 64);
	CHECK_EQ(PKT_ip_dst_AT, 128);
	CHECK_EQ(PKT_tcp_flags_AT, 103);
	CHECK_EQ(PKT_tcp_window_AT, 112);
	CHECK_EQ(pkt_layers[PKT_ip].min, 20);
	CHECK_EQ(pkt_layers[PKT_tcp].min, 20);
	CHECK_EQ(pkt_layers[PKT_ipv6].min, 40);
	CHECK_EQ(pkt_layers[PKT_arp].min, 8);
	check_case("names are found by alias and in any case, and near ones are offered");
	CHECK(pkt_layer_find(BYTES_LIT("Ether"), PKT_NONE) == PKT_eth);
	CHECK(pkt_layer_find(BYTES_LIT("Dot1Q"), PKT_NONE) == PKT_vlan);
	CHECK(pkt_layer_find(BYTES_LIT("nothing"), PKT_NONE) == PKT_NONE);
	CHECK(pkt_layer_find(BYTES_LIT("sack"), PKT_tcpopt) == PKT_sack);
	CHECK(pkt_layer_find(BYTES_LIT("sack"), PKT_chunk) == PKT_sctpsack);
	CHECK(!strcmp(pkt_layer_nearest(BYTES_LIT("ucp")), "udp"));
	CHECK(pkt_field_find(&pkt_layers[PKT_tcp], BYTES_LIT("dstport"), 0) == PKT_tcp_dport);
}

static void frames(void)
{
	check_case("Ethernet is dst, src, type in this order on the wire (pkts swapped them)");
	TAKE(PKT_eth, ETH IP("\x28", "\x06") TCP);
	CHECK_EQ(p.n, 3);
	CHECK(number(0, PKT_eth_dst) == 0xffffffffffff && number(0, PKT_eth_src) == 0x20000000001);
	CHECK_EQ(number(0, PKT_eth_type), 0x800);
	CHECK_EQ(p.fault.class, PKT_SOUND);
	check_case("TCP fields lie where RFC 9293 has them, flags of nine bits");
	CHECK(p.node[2].layer == PKT_tcp);
	CHECK_EQ(number(2, PKT_tcp_dport), 80);
	CHECK_EQ(number(2, PKT_tcp_seq), 1);
	CHECK_EQ(number(2, PKT_tcp_dataofs), 5);
	CHECK_EQ(number(2, PKT_tcp_flags), 0x12);
	check_case("IPv6 is announced by 0x86dd, and ARP and VLAN are layers");
	TAKE(PKT_eth, "\1\1\1\1\1\1\2\2\2\2\2\2\x81\x00\x20\x0a\x08\x06"
		      "\0\1\x08\0\6\4\0\2\1\1\1\1\1\1\x0a\0\0\1\2\2\2\2\2\2\x0a\0\0\2");
	CHECK(p.n == 3 && p.node[1].layer == PKT_vlan && p.node[2].layer == PKT_arp);
	CHECK_EQ(number(1, PKT_vlan_vlan), 10);
	CHECK_EQ(number(2, PKT_arp_pdst), 0x0a000002);
	check_case("a layer that is not there is no match, never an end (pkts panicked)");
	CHECK_EQ(pkt_find(&p, PKT_tcp, 0), -1);
	CHECK_EQ(pkt_find(&p, PKT_tcp, -1), -1);
	CHECK_EQ(pkt_find(&p, PKT_arp, 1), -1);
	check_case("the nth layer of a name, from the front and from the back");
	TAKE(PKT_ip, IP("\x3c", "\x04") IP("\x28", "\x06") TCP);
	CHECK_EQ(pkt_find(&p, PKT_ip, 0), 0);
	CHECK_EQ(pkt_find(&p, PKT_ip, 1), 1);
	CHECK_EQ(pkt_find(&p, PKT_ip, -1), 1);
	CHECK_EQ(pkt_find(&p, PKT_ip, -2), 0);
	CHECK_EQ(pkt_find(&p, PKT_ip, 2), -1);
}

static void faults(void)
{
	check_case("insufficient bytes: the header is cut, with the layer and the field");
	TAKE(PKT_ip, "\x45\x00\x00\x28\x00\x01");
	CHECK_EQ(p.fault.class, PKT_INSUFFICIENT_BYTES);
	CHECK(p.fault.layer == PKT_ip && p.fault.field == PKT_ip_flags);
	CHECK(p.n == 1 && p.node[0].layer == PKT_raw && p.node[0].len == 6);
	check_case("insufficient bytes: the payload is shorter than its length says");
	TAKE(PKT_ip, IP("\x64", "\x06") TCP);
	CHECK_EQ(p.fault.class, PKT_INSUFFICIENT_BYTES);
	CHECK(p.fault.layer == PKT_ip && p.fault.field == PKT_ip_len);
	CHECK(p.n == 2 && p.node[0].snapped);
	check_case("invalid value: version, header length, length below the header");
	TAKE(PKT_ip, "\x55"
		     "aaaaaaaaaaaaaaaaaaaaaaaa");
	CHECK(p.fault.class == PKT_INVALID_VALUE && p.fault.field == PKT_ip_version);
	TAKE(PKT_ip, "\x44"
		     "aaaaaaaaaaaaaaaaaaaaaaaa");
	CHECK(p.fault.class == PKT_INVALID_VALUE && p.fault.field == PKT_ip_ihl);
	TAKE(PKT_ip, IP("\x10", "\x06") TCP);
	CHECK(p.fault.class == PKT_INVALID_VALUE && p.fault.field == PKT_ip_len);
	check_case(
		"excess bytes: how many are behind the length, and they are padding, no payload");
	TAKE(PKT_ip, IP("\x28", "\x06") TCP "\0\0\0");
	CHECK(p.fault.class == PKT_EXCESS_BYTES && p.fault.layer == PKT_ip && p.fault.excess == 3);
	CHECK(p.n == 3 && p.node[2].layer == PKT_padding && p.node[1].layer == PKT_tcp);
	check_case("of several faults the first class is told");
	TAKE(PKT_ip, IP("\x28", "\x06") "\x00\x14\x00\x50\x00\x00\x00\x01\x00\x00\x00\x02\x10\x12"
					"\x20\x00\x00\x00\x00\x00"
					"\0\0\0");
	CHECK(p.fault.class == PKT_INVALID_VALUE && p.fault.layer == PKT_tcp &&
	      p.fault.field == PKT_tcp_dataofs);
	check_case("a header that is one list behind its fixed fields has the list");
	TAKE(PKT_sctp, "\0\1\0\2\0\0\0\3\0\0\0\0\x0b\0\0\4");
	CHECK(p.n == 1 && p.node[0].len == 16);
	check_case("a fragment that is not the first has no layer 4");
	TAKE(PKT_ip, "\x45\x00\x00\x28\x00\x01\x00\x05\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00"
		     "\x02" TCP);
	CHECK(p.n == 2 && p.node[1].layer == PKT_raw);
}

static void lists(void)
{
	struct pkt_items it;
	struct pkt_header item;

	check_case("TCP options are items, and what is none ends the list as bytes");
	it = (struct pkt_items){ (const uint8_t *)"\x02\x04\x05\xb4\x01\x03\x03\x07\x08\x0a"
						  "1234"
						  "5678"
						  "\x02\xff",
				 20, 0, PKT_tcpopt };
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_mss]);
	CHECK_EQ(pkt_field_number(&item, PKT_mss_mss), 1460);
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_nop]);
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_wscale]);
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_ts] && item.len == 10);
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_raw] && item.len == 2);
	CHECK(!pkt_items_next(&it, &item));
	check_case("an option whose length its kind can't have is one of any kind");
	it = (struct pkt_items){ (const uint8_t *)"\x02\x03\x05", 3, 0, PKT_tcpopt };
	CHECK(pkt_items_next(&it, &item) && item.layer == &pkt_layers[PKT_tcpopt] && item.len == 3);
	check_case("domain names end at a zero or a pointer, and never reach behind the bytes");
	CHECK_EQ(pkt_name_size((const uint8_t *)"\3www\0", 5), 5);
	CHECK_EQ(pkt_name_size((const uint8_t *)"\3www\xc0\x0c", 6), 6);
	CHECK_EQ(pkt_name_size((const uint8_t *)"\3www\xc0", 5), 0);
	CHECK_EQ(pkt_name_size((const uint8_t *)"\77aaaa", 5), 0);
	CHECK_EQ(pkt_name_size((const uint8_t *)"\100aaaa", 5), 0);
}

static void bits(void)
{
	uint8_t b[16];

	check_case("what is put at any bit offset and width is got there again, and nothing else "
		   "changes");
	for (size_t at = 0; at < 16; at++)
		for (size_t width = 1; width <= 64; width++) {
			uint64_t v = UINT64_C(0x9e3779b97f4a7c15) >> (64 - width), all = 0;

			memset(b, 0xff, sizeof(b));
			pkt_bits_put(b, at, width, 0);
			for (unsigned i = 0; i < sizeof(b); i++)
				all += (uint64_t)__builtin_popcount(b[i]);
			CHECK_EQ(all, sizeof(b) * 8 - width);
			pkt_bits_put(b, at, width, v);
			CHECK(pkt_bits_get(b, at, width) == v);
		}
}

int main(void)
{
	table();
	frames();
	faults();
	lists();
	bits();
	return check_end();
}
