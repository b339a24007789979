/* decap: tests of the walk through tunnels: each alone, nested in each other, cut, and judged. */
#include "libcommon/net/flow_key.h"
#include "tests/unit/check.h"
#include "tests/unit/wrap.h"

static enum layers_fate walk(struct layers *l, const struct wrap *w)
{
	memset(l, 0xa5, sizeof(*l));
	return layers_walk(l, 1, BYTES(wrap_bytes(w), wrap_len(w)), NULL, 0);
}

static bool same_path(const struct layers *l, const struct wrap *w)
{
	if (l->nsteps != w->nsteps)
		return false;
	for (unsigned i = 0; i < l->nsteps; i++) {
		if (memcmp(&l->steps[i], &w->steps[w->nsteps - 1 - i], sizeof(l->steps[i])))
			return false;
	}
	return true;
}

/* The walk finds what was wrapped, or says that it is too deep where it is. */
static bool is_found(const struct wrap *w, const char *names)
{
	struct layers l;
	enum layers_fate fate = walk(&l, w);
	bool deep = w->headers > LAYERS_MAX || w->tunnels > LAYERS_TUNNELS_MAX;
	bool good = deep ? fate == LAYERS_TOO_MANY_LAYERS
			 : fate == LAYERS_PACKET && same_path(&l, w) && l.src_port == 40000 &&
				    l.dst_port == 80 && l.checksum == CHECKSUM_GOOD &&
				    l.missing == 0 && bytes_is(l.payload, wrap_inside) &&
				    l.headers == w->headers && l.tunnels == w->tunnels;

	if (!good)
		printf("# %s: %s, %u steps of %u, %u headers of %u\n", names,
		       layers_fate_name(fate), l.nsteps, w->nsteps, l.headers, w->headers);
	return good;
}

static void test_each(void)
{
	static char titles[WRAP_KINDS][100];
	struct packet_spec s[2] = { wrap_segment(4, false), wrap_segment(6, false) };
	struct wrap w;

	for (unsigned k = 0; k < WRAP_KINDS; k++) {
		unsigned found = 0;

		snprintf(titles[k], sizeof(titles[k]),
			 "W1: %s is found in each of its forms, in IPv4 and in IPv6",
			 wrap_kinds[k].name);
		check_case(titles[k]);
		for (unsigned i = 0; i < 32; i++) {
			wrap_packet(&w, &s[i & 1]);
			w.six = i & 2;
			w.back = i & 4;
			if (!wrap_kinds[k].wrap(&w, 5 + i / 8))
				continue;
			wrap_as_ethernet(&w);
			found++;
			CHECK(is_found(&w, wrap_kinds[k].name));
		}
		CHECK(found >= 16); /* each form, in both versions outside */
	}
}

static bool wrap_all(struct wrap *w, const unsigned *kinds, unsigned n, char *names)
{
	*names = 0;
	for (unsigned i = n; i-- > 0;) {
		if (!wrap_kinds[kinds[i]].wrap(w, 5 + i))
			return false;
		w->six = !w->six;
		strcat(strcat(names, " <- "), wrap_kinds[kinds[i]].name);
	}
	wrap_as_ethernet(w);
	return true;
}

static void test_nested(void)
{
	struct packet_spec s[2] = { wrap_segment(4, false), wrap_segment(6, false) };
	unsigned pairs = 0, triples = 0, bad = 0;
	char names[256];
	struct wrap w;

	check_case("each in each, in both versions of IP");
	for (unsigned i = 0; i < WRAP_KINDS * WRAP_KINDS * 4; i++) {
		unsigned kinds[2] = { i / 4 % WRAP_KINDS, i / 4 / WRAP_KINDS };

		wrap_packet(&w, &s[i & 1]);
		w.six = i & 2;
		if (wrap_all(&w, kinds, 2, names)) {
			pairs++;
			bad += !is_found(&w, names);
		}
	}
	CHECK_EQ(bad, 0);
	CHECK(pairs > 1800);
	check_case("each in each in each");
	for (unsigned i = 0; i < WRAP_KINDS * WRAP_KINDS * WRAP_KINDS; i++) {
		unsigned kinds[3] = { i % WRAP_KINDS, i / WRAP_KINDS % WRAP_KINDS,
				      i / WRAP_KINDS / WRAP_KINDS };

		wrap_packet(&w, &s[i & 1]);
		w.six = i & 2;
		if (wrap_all(&w, kinds, 3, names)) {
			triples++;
			bad += !is_found(&w, names);
		}
	}
	CHECK_EQ(bad, 0);
	CHECK(triples > 12000);
}

static uint64_t scope_and_kind(unsigned kind, unsigned id, bool six, bool back, uint8_t *outer)
{
	struct packet_spec s = wrap_segment(kind % 2 ? 6 : 4, back);
	struct layers l;
	struct wrap w;

	wrap_packet(&w, &s);
	w.six = six;
	w.back = back;
	if (!wrap_kinds[kind].wrap(&w, id)) {
		s.version = 10 - s.version;
		wrap_packet(&w, &s);
		w.six = six;
		w.back = back;
		wrap_kinds[kind].wrap(&w, id);
	}
	wrap_as_ethernet(&w);
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	*outer = l.steps[0].kind;
	return l.scope;
}

static uint64_t scope(unsigned kind, unsigned id, bool six, bool back)
{
	uint8_t outer;

	return scope_and_kind(kind, id, six, back, &outer);
}

static void test_scope(void)
{
	check_case("W3: both directions have one scope; another id is another where it counts");
	for (unsigned k = 0; k < WRAP_KINDS; k++) {
		uint64_t there = scope(k, 5, false, false), other = scope(k, 9, false, false);
		bool tunnel = scope(k, 5, true, false) != there;

		CHECK_EQ(scope(k, 5, false, true), there);
		CHECK_EQ(other != there, wrap_kinds[k].id_counts);
		/* The outer addresses count; where there are none and no id, there is no scope. */
		CHECK_EQ(there != 0, tunnel || wrap_kinds[k].id_counts);
		for (unsigned j = 0; j < k; j++) {
			uint8_t mine, its;

			scope_and_kind(k, 5, false, false, &mine);
			if (scope_and_kind(j, 5, false, false, &its) == there)
				CHECK(!there || mine == its);
		}
	}
}

static void test_vlan_scope(void)
{
	struct packet_spec s = wrap_segment(4, false);
	struct layers l, plain;
	struct wrap w;

	check_case("the scope of VLANs alone is that of their ids; without any it is 0");
	for (unsigned n = 0; n < 5; n++) {
		wrap_packet(&w, &s);
		for (unsigned i = 0; i < n; i++)
			wrap_vlan(&w, 100 * i + 7);
		wrap_as_ethernet(&w);
		CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
		CHECK_EQ(l.nvlans, n);
		CHECK_EQ(l.scope, flow_scope(l.vlans, l.nvlans));
		CHECK_EQ(layers_walk(&plain, 1, BYTES(wrap_bytes(&w), wrap_len(&w)), &layers_none,
				     0),
			 LAYERS_PACKET);
		CHECK_EQ(plain.scope, l.scope);
		CHECK(same_path(&plain, &w));
	}
	check_case("VLANs within a tunnel stand on the path and in the list of VLANs");
	wrap_packet(&w, &s);
	wrap_vlan(&w, 30);
	wrap_vxlan(&w, 42);
	wrap_vlan(&w, 20);
	wrap_vlan(&w, 10);
	wrap_as_ethernet(&w);
	CHECK(is_found(&w, "vlans"));
	CHECK_EQ(walk(&l, &w), LAYERS_PACKET);
	CHECK_EQ(l.nvlans, 3);
	CHECK(l.vlans[0] == 10 && l.vlans[1] == 20 && l.vlans[2] == 30);
}

/* Without decapsulation, the outer packet is what there is. */
static void test_none(void)
{
	struct packet_spec s = wrap_segment(4, false);
	struct layers_config config;
	struct layers l;
	const char *why;
	struct wrap w;

	check_case("none: tunnels stay packets of their outer flow, frames below IP are none");
	CHECK(layers_decap_parse("none", &config, &why));
	for (unsigned k = 0; k < WRAP_KINDS; k++) {
		enum layers_fate fate;

		s.version = wrap_kinds[k].wrap == wrap_teredo ? 6 : 4;
		wrap_packet(&w, &s);
		wrap_kinds[k].wrap(&w, 5);
		wrap_as_ethernet(&w);
		fate = layers_walk(&l, 1, BYTES(wrap_bytes(&w), wrap_len(&w)), &config, 0);
		if (!k) {
			CHECK_EQ(fate, LAYERS_PACKET); /* VLANs are always read */
			CHECK_EQ(l.nsteps, 1);
			continue;
		}
		CHECK_EQ(l.nsteps, 0);
		CHECK_EQ(l.scope, 0);
		if (w.steps[w.nsteps - 1].ip_version) {
			CHECK_EQ(fate, LAYERS_PACKET);
			CHECK(l.src[0] == 192 && l.src[1] == 0);
			CHECK(l.proto == 17 ? l.src_port == 49152 : l.src_port == 0);
		} else {
			CHECK_EQ(fate, LAYERS_NON_IP);
		}
	}
	check_case("a list: what is on it is taken apart and nothing else");
	for (unsigned k = 0; k < WRAP_KINDS; k++) {
		unsigned kind;

		s.version = wrap_kinds[k].wrap == wrap_teredo ? 6 : 4;
		wrap_packet(&w, &s);
		wrap_kinds[k].wrap(&w, 5);
		kind = w.steps[w.nsteps - 1].kind;
		wrap_as_ethernet(&w);
		for (unsigned on = 0; on < LAYERS_KINDS; on++) {
			CHECK(layers_decap_parse(layers_kind_name((enum layers_kind)on), &config,
						 &why));
			layers_walk(&l, 1, BYTES(wrap_bytes(&w), wrap_len(&w)), &config, 0);
			if (on == kind)
				CHECK(same_path(&l, &w));
			else if (kind != LAYERS_VLAN && (kind != LAYERS_NVGRE || on != LAYERS_GRE))
				CHECK_EQ(l.nsteps, 0);
		}
	}
}

/* Every prefix of every frame: read within, and never another packet. */
static void test_cut(void)
{
	struct packet_spec s = wrap_segment(6, false);
	struct layers l;
	struct wrap w;

	check_case("W11: cut at every byte, it is read as far as it goes");
	for (unsigned k = 0; k < WRAP_KINDS * WRAP_KINDS; k++) {
		unsigned kinds[2] = { k % WRAP_KINDS, k / WRAP_KINDS };
		char names[256];
		size_t n, headers;

		wrap_packet(&w, &s);
		if (!wrap_all(&w, kinds, 2, names))
			continue;
		n = wrap_len(&w);
		headers = n - (sizeof(wrap_inside) - 1);
		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *copy = malloc(cut ? cut : 1);
			enum layers_fate fate;

			memcpy(copy, wrap_bytes(&w), cut);
			fate = layers_walk(&l, 1, BYTES(copy, cut), NULL, 0);
			if (fate != LAYERS_PACKET)
				CHECK(fate == LAYERS_TRUNCATED_LINK ||
				      fate == LAYERS_TRUNCATED_IP || fate == LAYERS_TRUNCATED_L4);
			if (cut >= headers) {
				CHECK_EQ(fate, LAYERS_PACKET);
				CHECK(same_path(&l, &w));
				CHECK_EQ(l.payload.len, cut - headers);
				CHECK_EQ(l.missing, n - cut);
			} else if (fate == LAYERS_PACKET) {
				CHECK(l.nsteps < w.nsteps && l.dst_port != 80);
			}
			free(copy);
		}
	}
}

int main(void)
{
	test_each();
	test_nested();
	test_scope();
	test_vlan_scope();
	test_none();
	test_cut();
	return check_end();
}
