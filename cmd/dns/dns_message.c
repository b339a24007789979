/* dns_message: reads one DNS message with strict bounds and a bound on the work it can cause. */
#include "cmd/dns/dns_message.h"

#include "cmd/dns/dns_names.h"

const char *dns_fault_name(unsigned bit)
{
	static const char *const names[DNS_FAULTS] = {
		"dns_ptr_loop",       "dns_label_overrun",   "dns_rr_truncated",
		"dns_trailing_bytes", "dns_rdata_malformed", "dns_edns_malformed",
		"dns_short_message",  "dns_invalid_opcode",
	};

	return bit < DNS_FAULTS ? names[bit] : NULL;
}

/* ---- names ---- */

bool dns_name_read(struct bytes msg, size_t *at, size_t end, struct dns_name *n, unsigned *faults)
{
	size_t pos = *at, run = pos; /* run: where the labels being read started */
	unsigned jumps = 0;

	n->len = 0;
	for (;;) {
		uint8_t c;

		if (pos >= end) {
			*faults |= DNS_FAULT_LABEL_OVERRUN;
			break;
		}
		c = msg.ptr[pos];
		if (c == 0) {
			n->wire[n->len++] = 0;
			if (!jumps)
				*at = pos + 1;
			return true;
		}
		if (c >= 0xc0) {
			size_t target;

			if (end - pos < 2) {
				*faults |= DNS_FAULT_LABEL_OVERRUN;
				break;
			}
			target = (size_t)(c & 0x3f) << 8 | msg.ptr[pos + 1];
			/* A pointer into the run that holds it would come by again, so each has
			 * to lead before its run: no message can make this go on for ever. */
			if (target >= run || ++jumps > DNS_JUMPS_MAX) {
				*faults |= DNS_FAULT_PTR_LOOP;
				break;
			}
			if (jumps == 1)
				*at = pos + 2;
			pos = run = target;
			end = msg.len;
			continue;
		}
		/* 01 and 10 are reserved; the root label's byte has to fit as well. */
		if (c > 63 || end - pos < 1u + c || n->len + 1u + c + 1u > DNS_NAME_MAX) {
			*faults |= DNS_FAULT_LABEL_OVERRUN;
			break;
		}
		memcpy(n->wire + n->len, msg.ptr + pos, 1u + c);
		n->len = (uint8_t)(n->len + 1u + c);
		pos += 1u + c;
	}
	n->len = 0;
	return false;
}

/* Writes as many bytes of a label as stand for themselves and surely fit. */
static size_t label_put(struct dns_text *t, const uint8_t *p, size_t n)
{
	static const bool as_is[256] = {
		['!' ... '-'] = true,
		['/' ... '['] = true,
		[']' ... '~'] = true,
	};
	size_t i = 0, room = t->size - t->len;

	if (room < n)
		return 0;
	for (; i < n && as_is[p[i]]; i++)
		t->ptr[t->len + i] = (char)p[i];
	t->len += i;
	return i;
}

void dns_name_text(const struct dns_name *n, struct dns_text *t)
{
	size_t at = 0;

	if (n->len <= 1) {
		if (n->len)
			dns_text_char(t, '.');
		return;
	}
	while (n->wire[at]) {
		size_t end = at + 1 + n->wire[at];

		if (at++)
			dns_text_char(t, '.');
		at += label_put(t, n->wire + at, end - at);
		for (; at < end; at++) {
			uint8_t c = n->wire[at];

			/* Space is escaped as well: names stay one word. */
			if (c <= 0x20 || c > 0x7e) {
				dns_text_escape(t, c);
				continue;
			}
			if (c == '.' || c == '\\')
				dns_text_char(t, '\\');
			dns_text_char(t, (char)c);
		}
	}
}

/* Length bytes are below 64, so lower-casing the wire form touches letters only. */
static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (lower(a->wire[i]) != lower(b->wire[i]))
			return false;
	return true;
}

uint32_t dns_name_hash(const struct dns_name *n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n->len; i++)
		h = (h ^ lower(n->wire[i])) * 16777619u;
	return h;
}

/* ---- sections ---- */

struct reader {
	struct dns_message *m;
	struct dns_work *work;
	struct bytes wire;
	size_t at;
	unsigned nrr; /* resource records read, OPT included */
};

static struct bytes text_from(const struct dns_text *t, size_t from)
{
	return BYTES(t->ptr + from, t->len - from);
}

static bool questions_read(struct reader *r)
{
	struct dns_message *m = r->m;
	size_t first = r->work ? r->work->nmore : 0;

	for (unsigned i = 0; i < m->counts[0]; i++) {
		struct dns_name name;
		uint16_t type, class;

		if (i > DNS_RRS_MAX) {
			m->cut |= DNS_CUT_QUESTIONS;
			return false;
		}
		if (r->at == r->wire.len) {
			m->faults |= DNS_FAULT_RR_TRUNCATED;
			return false;
		}
		if (!dns_name_read(r->wire, &r->at, r->wire.len, i ? &name : &m->qname, &m->faults))
			return false;
		if (r->wire.len - r->at < 4) {
			m->faults |= DNS_FAULT_RR_TRUNCATED;
			if (i == 0)
				m->qname.len = 0;
			return false;
		}
		type = be16_get(r->wire.ptr + r->at);
		class = be16_get(r->wire.ptr + r->at + 2);
		r->at += 4;
		if (i == 0) {
			m->qtype = type;
			m->qclass = class;
		} else if (r->work) {
			struct dns_text *t = &r->work->text;
			size_t from = t->len;

			dns_name_text(&name, t);
			if (r->work->nmore == DNS_QUESTIONS_MAX || t->cut) {
				m->cut |= DNS_CUT_QUESTIONS;
				t->len = from;
				t->cut = false;
				continue;
			}
			r->work->more[r->work->nmore++] =
				(struct rec_dns_question){ .name = text_from(t, from),
							   .type = type,
							   .class = class };
		}
	}
	if (r->work && r->work->nmore > first)
		m->more = LIST_OF(r->work->more + first, r->work->nmore - first);
	return true;
}

/* RFC 7871 6: address/source prefix/scope prefix. */
static bool ecs_text(struct dns_text *t, struct bytes data)
{
	uint8_t address[16] = { 0 };
	size_t size, have;

	if (data.len < 4)
		return false;
	size = be16_get(data.ptr) == 1 ? 4 : be16_get(data.ptr) == 2 ? 16 : 0;
	have = data.len - 4;
	if (!size || have > size || data.ptr[2] > size * 8 || data.ptr[3] > size * 8)
		return false;
	if (have)
		memcpy(address, data.ptr + 4, have);
	dns_text_ip(t, BYTES(address, size));
	dns_text_char(t, '/');
	dns_text_uint(t, data.ptr[2], 0);
	dns_text_char(t, '/');
	dns_text_uint(t, data.ptr[3], 0);
	return true;
}

static void option_read(struct reader *r, uint16_t code, struct bytes data)
{
	struct dns_edns *e = &r->m->edns;
	struct dns_work *w = r->work;

	if (code == DNS_OPTION_EDE && data.len >= 2 && !e->ede.set) {
		e->ede = SOME(be16_get(data.ptr));
		if (data.len > 2)
			e->ede_text = BYTES(data.ptr + 2, data.len - 2);
	}
	if (!w)
		return;
	if (code == DNS_OPTION_ECS && !e->ecs.ptr) {
		size_t from = w->text.len;

		if (ecs_text(&w->text, data) && !w->text.cut) {
			e->ecs = text_from(&w->text, from);
		} else {
			w->text.len = from;
			w->text.cut = false;
		}
	}
	if (w->noptions < DNS_OPTIONS_MAX) {
		const char *name = dns_option_name(code);

		w->options[w->noptions++] = (struct rec_dns_option){
			.code = code, .name = name ? bytes_str(name) : BYTES(NULL, 0), .data = data
		};
		e->options.count++;
		e->options.items = w->options + w->noptions - e->options.count;
	} else {
		r->m->cut |= DNS_CUT_OPTIONS;
	}
}

/* RFC 6891 6.1. */
static void edns_read(struct reader *r, uint16_t class, uint32_t ttl, struct bytes data)
{
	struct dns_edns *e = &r->m->edns;
	struct cursor c = cursor_of(data);

	if (e->set) {
		r->m->faults |= DNS_FAULT_EDNS;
		return;
	}
	*e = (struct dns_edns){ .set = true,
				.udp_size = class,
				.rcode_high = (uint8_t)(ttl >> 24),
				.version = (uint8_t)(ttl >> 16),
				.dnssec_ok = ttl & 0x8000 };
	while (cursor_left(&c) && !c.failed) {
		uint16_t code = cursor_be16(&c), len = cursor_be16(&c);
		struct bytes value = cursor_bytes(&c, len);

		if (!c.failed)
			option_read(r, code, value);
	}
	if (c.failed)
		r->m->faults |= DNS_FAULT_EDNS;
}

/* Data as text, by its type's form or that of RFC 3597; absent where there is none. */
static struct bytes rdata_read(struct reader *r, size_t len, uint16_t type, uint16_t class)
{
	struct dns_text *t = &r->work->text;
	size_t left = t->size - t->len;
	struct dns_text part = { t->ptr + t->len, 0, left < DNS_RDATA_MAX ? left : DNS_RDATA_MAX,
				 false };

	if (!len)
		return BYTES(NULL, 0);
	if (!dns_rdata_text(&part, r->wire, r->at, len, type, class)) {
		if (!part.cut)
			r->m->faults |= DNS_FAULT_RDATA;
		part.len = 0;
		part.cut = false;
		dns_rdata_unknown(&part, BYTES(r->wire.ptr + r->at, len));
	}
	t->len += part.len;
	t->cut |= part.cut;
	return BYTES(part.ptr, part.len);
}

/* Puts the record into the list, or marks the section as cut. */
static void rr_keep(struct reader *r, unsigned section, const struct dns_name *name, uint16_t type,
		    uint16_t class, uint32_t ttl, size_t len)
{
	struct dns_work *w = r->work;
	const char *type_name = dns_type_name(type);
	struct rec_dns_rr *rr = &w->rr[w->nrr];
	size_t from = w->text.len;

	/* Once a text did not fit, nothing further is spent on texts. */
	if (w->nrr == DNS_RRS_MAX || w->text.size - w->text.len < 64) {
		r->m->cut |= DNS_CUT_ANSWERS << section;
		return;
	}
	dns_name_text(name, &w->text);
	*rr = (struct rec_dns_rr){ .name = text_from(&w->text, from),
				   .type = type,
				   .type_name = type_name ? bytes_str(type_name) : BYTES(NULL, 0),
				   .class = class,
				   .ttl = ttl };
	if (!w->text.cut)
		rr->rdata = rdata_read(r, len, type, class);
	if (w->text.cut) {
		r->m->cut |= DNS_CUT_ANSWERS << section;
		w->text.cut = false;
	}
	w->nrr++;
}

/* One resource record; false where the next one's place is unknown. */
static bool rr_read(struct reader *r, unsigned section)
{
	struct dns_message *m = r->m;
	struct dns_name name;
	const uint8_t *fixed;
	uint16_t type, class, len;

	if (r->at == r->wire.len) {
		m->faults |= DNS_FAULT_RR_TRUNCATED;
		return false;
	}
	if (!dns_name_read(r->wire, &r->at, r->wire.len, &name, &m->faults))
		return false;
	if (r->wire.len - r->at < 10) {
		m->faults |= DNS_FAULT_RR_TRUNCATED;
		return false;
	}
	fixed = r->wire.ptr + r->at;
	type = be16_get(fixed);
	class = be16_get(fixed + 2);
	len = be16_get(fixed + 8);
	r->at += 10;
	if (r->wire.len - r->at < len) {
		m->faults |= DNS_FAULT_RR_TRUNCATED;
		return false;
	}
	if (type == DNS_TYPE_OPT && section == 2)
		edns_read(r, class, be32_get(fixed + 4), BYTES(r->wire.ptr + r->at, len));
	else if (r->work)
		rr_keep(r, section, &name, type, class, be32_get(fixed + 4), len);
	r->at += len;
	return true;
}

static bool sections_read(struct reader *r)
{
	for (unsigned s = 0; s < 3; s++) {
		size_t from = r->work ? r->work->nrr : 0;
		bool whole = true;

		for (unsigned i = 0; i < r->m->counts[s + 1] && whole; i++) {
			if (r->nrr++ == DNS_RRS_MAX) {
				r->m->cut |= DNS_CUT_ANSWERS << s;
				whole = false;
			} else {
				whole = rr_read(r, s);
			}
		}
		if (r->work && r->work->nrr > from)
			r->m->section[s] = LIST_OF(r->work->rr + from, r->work->nrr - from);
		if (!whole)
			return false;
	}
	return true;
}

void dns_work_reset(struct dns_work *work)
{
	work->text = (struct dns_text){ .ptr = work->chars, .size = sizeof(work->chars) };
	work->nrr = work->nmore = work->noptions = 0;
}

bool dns_message_read(struct dns_message *m, struct bytes wire, struct dns_work *work)
{
	struct reader r = { .m = m, .work = work, .wire = wire, .at = DNS_HEADER };

	/* All but the name's bytes, which its length governs. */
	m->faults = m->cut = 0;
	m->qname.len = 0;
	m->qtype = m->qclass = 0;
	m->more = (struct rec_list){ 0 };
	memset(m->section, 0, sizeof(m->section));
	m->edns = (struct dns_edns){ 0 };
	if (wire.len < DNS_HEADER) {
		m->faults = DNS_FAULT_SHORT;
		return false;
	}
	m->id = be16_get(wire.ptr);
	m->flags = be16_get(wire.ptr + 2);
	for (unsigned i = 0; i < 4; i++)
		m->counts[i] = be16_get(wire.ptr + 4 + 2 * i);
	if (!dns_opcode_name(dns_opcode(m->flags)))
		m->faults |= DNS_FAULT_OPCODE;
	if (!questions_read(&r) || !sections_read(&r)) {
		/* A response that says so itself was cut on purpose, behind its question. */
		if (m->flags & DNS_TC && (m->qname.len || !m->counts[0]))
			m->faults &= ~(unsigned)DNS_FAULT_RR_TRUNCATED;
		return true;
	}
	/* A DSO message carries its own kind of data there (RFC 8490 5.4). */
	if (r.at != wire.len && dns_opcode(m->flags) != DNS_OPCODE_DSO)
		m->faults |= DNS_FAULT_TRAILING_BYTES;
	return true;
}

/* ---- whose bytes are these? ---- */

enum dns_guess dns_guess(struct bytes start, size_t full)
{
	uint16_t flags, questions, others;
	uint8_t opcode;

	if (full < DNS_HEADER)
		return DNS_UNLIKELY;
	if (start.len < DNS_HEADER)
		return DNS_UNSURE;
	flags = be16_get(start.ptr + 2);
	opcode = dns_opcode(flags);
	questions = be16_get(start.ptr + 4);
	others = start.ptr[6] | start.ptr[7] | start.ptr[8] | start.ptr[9] | start.ptr[10] |
		 start.ptr[11];
	if (opcode == 3 || opcode > DNS_OPCODE_DSO || questions > 64)
		return DNS_UNLIKELY;
	if (questions == 0)
		return flags & DNS_QR || others || opcode == DNS_OPCODE_DSO ? DNS_LIKELY
									    : DNS_UNLIKELY;
	for (size_t at = DNS_HEADER; at < full; at += 1u + start.ptr[at]) {
		if (at >= start.len)
			return at <= DNS_HEADER + DNS_NAME_MAX ? DNS_UNSURE : DNS_UNLIKELY;
		if (start.ptr[at] == 0)
			return full - at >= 5 ? DNS_LIKELY : DNS_UNLIKELY;
		/* A pointer has nothing to point to yet. */
		if (start.ptr[at] > 63 || at > DNS_HEADER + DNS_NAME_MAX)
			return DNS_UNLIKELY;
	}
	return DNS_UNLIKELY;
}

bool dns_is_whole(struct bytes wire)
{
	struct dns_message m;

	return dns_message_read(&m, wire, NULL) && m.counts[0] == 1 &&
	       !(m.faults & ~(unsigned)DNS_FAULT_OPCODE);
}

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

bool dns_is_certain(struct bytes wire)
{
	struct dns_message m;
	bool response;

	if (dns_guess(wire, wire.len) != DNS_LIKELY || be16_get(wire.ptr + 4) != 1)
		return false;
	if (!dns_message_read(&m, wire, NULL) || m.faults || m.cut || m.qname.len <= 1)
		return false;
	response = dns_is_response(&m);
	if (dns_opcode(m.flags) != DNS_OPCODE_QUERY || m.flags & DNS_Z || (m.flags & 15) > 10)
		return false;
	if (!response && (m.counts[1] || m.counts[2] || m.counts[3] > 2 || m.flags & 15 ||
			  m.flags & (DNS_AA | DNS_RA | DNS_TC)))
		return false;
	if (!dns_type_name(m.qtype) || (m.qclass != DNS_CLASS_IN && m.qclass != DNS_CLASS_CH))
		return false;
	for (size_t at = 0; m.qname.wire[at]; at += 1u + m.qname.wire[at])
		for (size_t i = 1; i <= m.qname.wire[at]; i++)
			if (!is_host_byte(m.qname.wire[at + i]))
				return false;
	return true;
}
