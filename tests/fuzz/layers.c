/* layers: any bytes as a frame of any link type; what comes out lies within what went in. */
#include <stdlib.h>

#include "libcommon/net/flow_key.h"
#include "tests/unit/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));

static const uint16_t links[] = { 0,   1,   9,  12, 50,  101, 104, 108, 113, 228,
				  229, 276, 10, 51, 105, 119, 127, 163, 239, 4711 };

enum { LINKS = sizeof(links) / sizeof(links[0]), FRONT = 2 };

static void must(bool good)
{
	if (!good)
		abort();
}

static void inside(struct bytes whole, struct bytes b)
{
	must(!b.len || (b.ptr >= whole.ptr && b.ptr + b.len <= whole.ptr + whole.len));
}

static void check_path(const struct layers *l)
{
	unsigned tunnels = 0, vlans = 0;

	must(l->headers <= LAYERS_MAX && l->tunnels <= LAYERS_TUNNELS_MAX);
	must(l->nsteps <= LAYERS_MAX && l->nvlans <= LAYERS_MAX);
	for (unsigned i = 0; i < l->nsteps; i++) {
		const struct layers_step *s = &l->steps[i];

		must(s->kind < LAYERS_KINDS && s->has_id <= 1 && (s->has_id || !s->id));
		must(!s->ip_version || s->ip_version == 4 || s->ip_version == 6);
		tunnels += s->ip_version != 0;
		if (s->kind == LAYERS_VLAN)
			must(s->id == l->vlans[vlans++]);
	}
	must(tunnels == l->tunnels && vlans == l->nvlans);
	must(l->nsteps || !l->scope);
	if (vlans == l->nsteps)
		must(l->scope == flow_scope(l->vlans, vlans));
}

static void check_packet(const struct layers *l, struct bytes whole)
{
	struct flow_key key;

	inside(whole, l->payload);
	inside(whole, l->tcp_options);
	must(l->payload.len + l->missing <= 0xffff || !l->missing);
	must(l->ip_version == 4 || l->ip_version == 6);
	must(flow_key_make(&key, l, l->scope) <= 1);
}

/* Any text as a list of kinds: it is refused with a reason, or gives what its own parts say. */
static void check_list(struct bytes b)
{
	struct layers_config c;
	const char *why = NULL;
	char text[256];

	if (b.len >= sizeof(text))
		return;
	if (b.len)
		memcpy(text, b.ptr, b.len);
	text[b.len] = 0;
	if (!layers_decap_parse(text, &c, &why)) {
		must(why && *why);
		return;
	}
	must(!why && c.kinds >> LAYERS_KINDS == 0 && c.nports <= LAYERS_PORTS_MAX);
	for (unsigned i = 0; i < c.nports; i++) {
		must(c.ports[i].port && c.kinds >> c.ports[i].kind & 1);
		must(c.port_filter[c.ports[i].port >> 6 & (LAYERS_PORT_WORDS - 1)] >>
			     (c.ports[i].port & 63) &
		     1);
	}
}

/* The first byte chooses the link type, the second the flags and the kinds; the rest is the
 * frame, or a list of kinds. What is behind a fragment goes on as if it were all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layers_config config;
	struct layers l;
	struct bytes whole;
	enum layers_fate fate;
	const char *why;
	unsigned flags;

	if (size < FRONT)
		return 0;
	must(layers_decap_parse(data[1] & 2 ? "none" : "auto", &config, &why));
	flags = (data[1] & LAYERS_NO_CHECKSUM) | (data[1] & 0x10 ? LAYERS_WHOLE : 0) |
		(data[1] & 0x20 ? LAYERS_SMALL : 0);
	whole = BYTES(data + FRONT, size - FRONT);
	if (data[1] & 8) {
		check_list(whole);
		return 0;
	}
	memset(&l, 0xa5, sizeof(l));
	fate = layers_walk(&l, links[data[0] % LINKS], whole, data[1] & 4 ? NULL : &config, flags);
	for (unsigned round = 0; fate == LAYERS_FRAGMENT; round++) {
		struct bytes piece = l.frag.data;

		check_path(&l);
		inside(whole, piece);
		must(piece.len <= l.frag.claimed && l.frag.header <= l.ip_len);
		must(round < LAYERS_MAX);
		fate = layers_resume(&l, piece, data[1] & 4 ? NULL : &config, flags);
	}
	must(fate < LAYERS_FATES);
	check_path(&l);
	if (fate == LAYERS_PACKET)
		check_packet(&l, whole);
	/* NFLOG and ERSPAN carry what was cut before; UDP has a length of its own */
	if (fate == LAYERS_PACKET && data[1] & 0x10 && l.proto != PROTO_UDP && !l.tunnels &&
	    links[data[0] % LINKS] != 239)
		must(!l.missing);
	return 0;
}

/* Now and then what is there is put into one more thing. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static struct wrap w;
	const struct wrap_kind *kind = &wrap_kinds[seed / 64 % WRAP_KINDS];
	size_t skip = FRONT + (size > FRONT && links[data[0] % LINKS] == 1 ? 14 : 0);

	if (seed % 8 || size < skip + 20 || size - skip > 1024)
		return LLVMFuzzerMutate(data, size, max);
	memset(&w, 0, sizeof(w));
	w.at = WRAP_ROOM;
	wrap_front(&w, data + skip, size - skip);
	w.type = skip == FRONT ? 0x0800 : data[skip] >> 4 == 6 ? 0x86dd : be16_get(data + skip - 2);
	w.six = seed & 8;
	if (!kind->wrap(&w, seed / 4096 & 0xfff))
		return LLVMFuzzerMutate(data, size, max);
	wrap_as_ethernet(&w);
	if (wrap_len(&w) + FRONT > max)
		return LLVMFuzzerMutate(data, size, max);
	data[0] = 1;
	memcpy(data + FRONT, wrap_bytes(&w), wrap_len(&w));
	return wrap_len(&w) + FRONT;
}
