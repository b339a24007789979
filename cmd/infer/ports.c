/* ports: names of ports, IP protocols and SCTP payload protocol ids. */
#include "cmd/infer/ports.h"

#include <stdlib.h>

#include "cmd/infer/lines.h"
#include "libcommon/base/die.h"

enum { NUMBERS = 65536, HOSTS = 256, LABEL = 24 };

struct ports {
	struct protocols *names;
	struct port_name at[PORT_KINDS][NUMBERS];
	struct {
		char label[LABEL];
		uint16_t protocol;
	} hosts[HOSTS];
	size_t nhosts;
};

static const char *const kind_names[PORT_KINDS] = { "tcp", "udp", "sctp", "ip", "ppid" };

struct ports *ports_new(struct protocols *names)
{
	struct ports *p = xcalloc(1, sizeof(*p));

	p->names = names;
	return p;
}

void ports_free(struct ports *p)
{
	free(p);
}

static bool host_line(struct ports *p, const struct line_reader *r, const char **why)
{
	uint16_t protocol = r->count == 3 ? protocol_number(p->names, r->words[2]) : 0;

	*why = "host takes a label and a protocol";
	if (!protocol || r->words[1].len >= LABEL)
		return false;
	*why = "too many hosts";
	if (p->nhosts == HOSTS)
		return false;
	memcpy(p->hosts[p->nhosts].label, r->words[1].ptr, r->words[1].len);
	p->hosts[p->nhosts++].protocol = protocol;
	return true;
}

/* The kind at the front of "tcp,udp"; PORT_KINDS where there is none, or none behind a comma. */
static enum port_kind kind_take(struct bytes *text)
{
	const uint8_t *comma = memchr(text->ptr, ',', text->len);
	size_t n = comma ? (size_t)(comma - text->ptr) : text->len;
	unsigned kind = 0;

	while (kind < PORT_KINDS && !bytes_is(BYTES(text->ptr, n), kind_names[kind]))
		kind++;
	n += comma != NULL;
	*text = BYTES(text->ptr + n, text->len - n);
	return comma && !text->len ? PORT_KINDS : (enum port_kind)kind;
}

static bool number_line(struct ports *p, const struct line_reader *r, const char **why)
{
	struct bytes word = r->words[0], kinds;
	const uint8_t *slash = memchr(word.ptr, '/', word.len);
	size_t n = slash ? (size_t)(slash - word.ptr) : word.len;
	struct port_name name;
	uint64_t number;

	*why = "a line is NUMBER/KIND SERVICE [PROTOCOL]";
	if (!slash || r->count < 2 || r->count > 3)
		return false;
	*why = "a number is 0 to 65535";
	if (!word_number(BYTES(word.ptr, n), NUMBERS - 1, &number))
		return false;
	name.service = protocol_number(p->names, r->words[1]);
	name.protocol = r->count == 3 ? protocol_number(p->names, r->words[2]) : name.service;
	*why = "a name has letters a-z, digits, - and _, at most 31";
	if (!name.service || !name.protocol)
		return false;
	*why = "a kind is tcp, udp, sctp, ip or ppid, or several with commas";
	kinds = BYTES(slash + 1, word.len - n - 1);
	do {
		enum port_kind kind = kind_take(&kinds);

		if (kind == PORT_KINDS)
			return false;
		p->at[kind][number] = name;
	} while (kinds.len);
	return true;
}

bool ports_add(struct ports *p, struct bytes text, const char **why, unsigned *line)
{
	struct line_reader r = { .rest = text };

	while (line_next(&r)) {
		bool host = bytes_is(r.words[0], "host");

		*line = r.number;
		if (!(host ? host_line(p, &r, why) : number_line(p, &r, why)))
			return false;
	}
	return true;
}

const struct port_name *port_find(const struct ports *p, enum port_kind kind, uint32_t number)
{
	const struct port_name *name = number < NUMBERS ? &p->at[kind][number] : NULL;

	return name && name->service ? name : NULL;
}

uint16_t port_host(const struct ports *p, struct bytes host)
{
	const uint8_t *dot = host.len ? memchr(host.ptr, '.', host.len) : NULL;
	size_t n = dot ? (size_t)(dot - host.ptr) : host.len;

	while (n && host.ptr[n - 1] >= '0' && host.ptr[n - 1] <= '9')
		n--;
	for (size_t i = 0; n && i < p->nhosts; i++)
		if (bytes_is(BYTES(host.ptr, n), p->hosts[i].label))
			return p->hosts[i].protocol;
	return PROTOCOL_NONE;
}
