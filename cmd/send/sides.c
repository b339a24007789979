/* sides: which of two interfaces a frame goes out on: the client's, or the server's. */
#include "cmd/send/sides.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "cmd/send/packet_of.h"
#include "libcommon/base/die.h"
#include "libcommon/net/flow_rules.h"
#include "libcommon/stage/flow_engine.h"

enum { SENDERS = 4096, MAC_AT = 6, MAC = 6 };

/* The way that the last packet of a MAC address went; one a slot. */
struct sender {
	uint8_t mac[MAC];
	int8_t side; /* -1: none here */
};

struct sides {
	bool by_prefix;
	struct flow_rule prefix;
	struct flow_engine *engine;
	size_t size;
	int side; /* of the frame at hand; -1: not known */
	uint64_t unknown;
	struct sender senders[SENDERS];
};

static void on_packet(void *user, const struct rec_head *h, const struct rec_packet *p)
{
	(void)h;
	((struct sides *)user)->side = p->dir & 1;
}

static void on_emit(void *user, const struct rec_desc *desc, const struct rec_head *h,
		    const void *rec)
{
	(void)user;
	(void)desc;
	(void)h;
	(void)rec;
}

static void engine_start(struct sides *s)
{
	struct flow_engine_config c;
	void *memory;

	flow_engine_defaults(&c);
	c.events = 0;
	c.no_checksum = true;
	c.packet = on_packet;
	c.emit = on_emit;
	c.user = s;
	if (getrandom(c.secret, sizeof(c.secret), 0) != sizeof(c.secret))
		die_errno("random numbers");
	s->size = flow_engine_size(&c);
	memory = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		die("no memory for %u flows", c.max_flows);
	s->engine = flow_engine_init(memory, &c);
}

struct sides *sides_new(const char *text)
{
	struct sides *s = xcalloc(1, sizeof(*s));

	for (int i = 0; i < SENDERS; i++)
		s->senders[i].side = -1;
	if (strcmp(text, "client") == 0) {
		engine_start(s);
		return s;
	}
	s->by_prefix = true;
	if (flow_rule_parse(&s->prefix, bytes_str(text)) && s->prefix.ip_version)
		return s;
	free(s);
	return NULL;
}

static bool in_prefix(const struct flow_rule *r, const uint8_t *address, unsigned version)
{
	unsigned whole = r->bits / 8, rest = r->bits % 8;

	if (r->ip_version != version || memcmp(address, r->addr, whole) != 0)
		return false;
	return !rest || !((address[whole] ^ r->addr[whole]) >> (8 - rest));
}

static int by_prefix(const struct sides *s, const struct rec_frame *f)
{
	struct bytes p = packet_of(f->link_type, f->payload);

	switch (packet_proto(p)) {
	case 0x0800:
		return !in_prefix(&s->prefix, p.ptr + 12, 4);
	case 0x86dd:
		return !in_prefix(&s->prefix, p.ptr + 8, 6);
	default:
		return -1;
	}
}

static struct sender *sender_of(struct sides *s, const uint8_t *mac)
{
	uint64_t h = 0;

	memcpy(&h, mac, MAC);
	return &s->senders[(h * 0x9e3779b97f4a7c15u >> 40) % SENDERS];
}

int sides_of(struct sides *s, const struct rec_head *h, const struct rec_frame *f)
{
	bool has_mac = f->link_type == 1 && f->payload.len >= MAC_AT + MAC;
	const uint8_t *mac = has_mac ? f->payload.ptr + MAC_AT : NULL;
	struct flow_engine_frame frame = { *h, *f };

	s->side = -1;
	if (s->by_prefix)
		s->side = by_prefix(s, f);
	else
		flow_engine_frames(s->engine, &frame, 1);
	if (s->side >= 0) {
		if (has_mac) {
			memcpy(sender_of(s, mac)->mac, mac, MAC);
			sender_of(s, mac)->side = (int8_t)s->side;
		}
		return s->side;
	}
	if (has_mac && sender_of(s, mac)->side >= 0 &&
	    memcmp(sender_of(s, mac)->mac, mac, MAC) == 0)
		return sender_of(s, mac)->side;
	s->unknown++;
	return 0;
}

uint64_t sides_unknown(const struct sides *s)
{
	return s->unknown;
}

void sides_free(struct sides *s)
{
	if (!s)
		return;
	if (s->engine)
		munmap(s->engine, s->size);
	free(s);
}
