/* dns_rdata: the data of resource records as text, in the form of master files. */
#include "cmd/dns/dns_message.h"
#include "cmd/dns/dns_names.h"

/* A type's data is described by a letter per field:
 *   b h w   number of 8, 16, 32 bits         4 6   address
 *   n       name                             t     type
 *   s c     character-string, quoted, bare   S     one or more of them, to the end
 *   T       time, seconds since the epoch    q     text to the end, quoted
 *   X B E   to the end, in hex, base 64, hex with dashes
 *   x z     length and bytes, in hex (- for none), in base 32
 *   M       type bitmap, to the end          V     service parameters, to the end
 *   L       a place on earth */
static const char *form_of(uint16_t type)
{
	static const char *const forms[] = {
		[1] = "4",          [2] = "n",       [3] = "n",       [4] = "n",
		[5] = "n",          [6] = "nnwwwww", [7] = "n",       [8] = "n",
		[9] = "n",          [12] = "n",      [13] = "ss",     [14] = "nn",
		[15] = "hn",        [16] = "S",      [17] = "nn",     [18] = "hn",
		[19] = "s",         [20] = "S",      [21] = "hn",     [24] = "tbbwTThnB",
		[25] = "hbbB",      [26] = "hnn",    [27] = "sss",    [28] = "6",
		[29] = "L",         [33] = "hhhn",   [35] = "hhsssn", [36] = "hn",
		[37] = "hhbB",      [39] = "n",      [43] = "hbbX",   [44] = "bbX",
		[46] = "tbbwTThnB", [47] = "nM",     [48] = "hbbB",   [49] = "B",
		[50] = "bbhxzM",    [51] = "bbhx",   [52] = "bbbX",   [53] = "bbbX",
		[56] = "S",         [58] = "nn",     [59] = "hbbX",   [60] = "hbbB",
		[61] = "B",         [62] = "whM",    [63] = "wbbX",   [64] = "hnV",
		[65] = "hnV",       [99] = "S",      [107] = "hn",    [108] = "E",
		[109] = "E",
	};

	if (type < sizeof(forms) / sizeof(forms[0]))
		return forms[type];
	switch (type) {
	case 256:
		return "hhq";
	case 257:
		return "bcq";
	case 258:
	case 261:
	case 262:
		return "S";
	case 32768:
	case 32769:
		return "hbbX";
	}
	return NULL;
}

struct rdata {
	struct dns_text *t;
	struct bytes msg;
	struct cursor c; /* over the data */
};

static size_t left(const struct rdata *r)
{
	return cursor_left(&r->c);
}

static struct bytes rest(struct rdata *r)
{
	return cursor_bytes(&r->c, left(r));
}

static bool put_name(struct rdata *r)
{
	size_t at = (size_t)(r->c.pos - r->msg.ptr), end = (size_t)(r->c.end - r->msg.ptr);
	struct dns_name name;
	unsigned faults = 0;

	if (!dns_name_read(r->msg, &at, end, &name, &faults))
		return false;
	r->c.pos = r->msg.ptr + at;
	dns_name_text(&name, r->t);
	return true;
}

static void put_type(struct dns_text *t, uint16_t type)
{
	const char *name = dns_type_name(type);

	if (name) {
		dns_text_str(t, name);
	} else {
		dns_text_str(t, "TYPE");
		dns_text_uint(t, type, 0);
	}
}

/* YYYYMMDDHHmmSS (RFC 4034 3.2); the calendar is computed here because the C library's may read
 * files. Days are counted from 1 March of year 0, in eras of 400 years. */
static void put_time(struct dns_text *t, uint32_t v)
{
	uint32_t day = v / 86400 + 719468, second = v % 86400;
	uint32_t era = day / 146097, of_era = day % 146097;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153; /* 0 = March */

	dns_text_uint(t, year + era * 400 + (month >= 10), 4);
	dns_text_uint(t, month < 10 ? month + 3 : month - 9, 2);
	dns_text_uint(t, of_year - (153 * month + 2) / 5 + 1, 2);
	dns_text_uint(t, second / 3600, 2);
	dns_text_uint(t, second / 60 % 60, 2);
	dns_text_uint(t, second % 60, 2);
}

/* RFC 4034 4.1.2. */
static bool put_bitmap(struct rdata *r)
{
	int last = -1;
	bool first = true;

	while (left(r)) {
		uint8_t window = cursor_u8(&r->c), n = cursor_u8(&r->c);
		const uint8_t *bits = cursor_take(&r->c, n);

		if (!bits || n < 1 || n > 32 || window <= last)
			return false;
		last = window;
		for (unsigned i = 0; i < n * 8u; i++) {
			if (!(bits[i / 8] & 0x80 >> i % 8))
				continue;
			if (!first)
				dns_text_char(r->t, ' ');
			first = false;
			put_type(r->t, (uint16_t)(window << 8 | i));
		}
	}
	return true;
}

/* Hundredths of a metre, from a digit and a power of ten (RFC 1876 2). */
static bool put_precision(struct dns_text *t, uint8_t v)
{
	uint64_t cm = v >> 4;

	if ((v >> 4) > 9 || (v & 15) > 9)
		return false;
	for (unsigned i = 0; i < (v & 15u); i++)
		cm *= 10;
	dns_text_char(t, ' ');
	dns_text_uint(t, cm / 100, 0);
	dns_text_char(t, '.');
	dns_text_uint(t, cm % 100, 2);
	dns_text_char(t, 'm');
	return true;
}

static bool put_angle(struct dns_text *t, uint32_t v, uint32_t most, char plus, char minus)
{
	bool negative = v < 0x80000000u;
	uint32_t ms = negative ? 0x80000000u - v : v - 0x80000000u;

	if (ms > most * 3600000u)
		return false;
	dns_text_uint(t, ms / 3600000, 0);
	dns_text_char(t, ' ');
	dns_text_uint(t, ms / 60000 % 60, 0);
	dns_text_char(t, ' ');
	dns_text_uint(t, ms / 1000 % 60, 0);
	dns_text_char(t, '.');
	dns_text_uint(t, ms % 1000, 3);
	dns_text_char(t, ' ');
	dns_text_char(t, negative ? minus : plus);
	return true;
}

/* RFC 1876 3. */
static bool put_place(struct rdata *r)
{
	const uint8_t *p = cursor_take(&r->c, 16);
	int64_t cm;

	if (!p || p[0] != 0 || !put_angle(r->t, be32_get(p + 4), 90, 'N', 'S'))
		return false;
	dns_text_char(r->t, ' ');
	if (!put_angle(r->t, be32_get(p + 8), 180, 'E', 'W'))
		return false;
	cm = (int64_t)be32_get(p + 12) - 10000000;
	dns_text_char(r->t, ' ');
	if (cm < 0) {
		dns_text_char(r->t, '-');
		cm = -cm;
	}
	dns_text_uint(r->t, (uint64_t)cm / 100, 0);
	dns_text_char(r->t, '.');
	dns_text_uint(r->t, (uint64_t)cm % 100, 2);
	dns_text_char(r->t, 'm');
	return put_precision(r->t, p[1]) && put_precision(r->t, p[2]) && put_precision(r->t, p[3]);
}

/* ---- service parameters (RFC 9460 2.1, 7) ---- */

static const char *const svc_keys[] = { "mandatory", "alpn",     "no-default-alpn",
					"port",      "ipv4hint", "ech",
					"ipv6hint",  "dohpath",  "ohttp" };

static void put_svc_key(struct dns_text *t, uint16_t key)
{
	if (key < sizeof(svc_keys) / sizeof(svc_keys[0])) {
		dns_text_str(t, svc_keys[key]);
	} else {
		dns_text_str(t, "key");
		dns_text_uint(t, key, 0);
	}
}

/* Protocol ids in one quoted list; a comma or backslash within one is escaped twice. */
static bool put_alpn(struct dns_text *t, struct cursor *c)
{
	bool first = true;

	dns_text_char(t, '"');
	while (cursor_left(c)) {
		struct bytes id = cursor_bytes(c, cursor_u8(c));

		if (c->failed || !id.len)
			return false;
		if (!first)
			dns_text_char(t, ',');
		first = false;
		for (size_t i = 0; i < id.len && !t->cut; i++) {
			if (id.ptr[i] < 0x20 || id.ptr[i] > 0x7e) {
				dns_text_escape(t, id.ptr[i]);
				continue;
			}
			if (id.ptr[i] == ',')
				dns_text_str(t, "\\\\");
			else if (id.ptr[i] == '\\')
				dns_text_str(t, "\\\\\\");
			else if (id.ptr[i] == '"')
				dns_text_char(t, '\\');
			dns_text_char(t, (char)id.ptr[i]);
		}
	}
	dns_text_char(t, '"');
	return !first;
}

static bool put_hints(struct dns_text *t, struct bytes v, size_t size)
{
	if (!v.len || v.len % size)
		return false;
	for (size_t i = 0; i < v.len && !t->cut; i += size) {
		if (i)
			dns_text_char(t, ',');
		dns_text_ip(t, BYTES(v.ptr + i, size));
	}
	return true;
}

static bool put_mandatory(struct dns_text *t, struct bytes v)
{
	if (!v.len || v.len % 2)
		return false;
	for (size_t i = 0; i < v.len && !t->cut; i += 2) {
		if (i)
			dns_text_char(t, ',');
		put_svc_key(t, be16_get(v.ptr + i));
	}
	return true;
}

static bool put_svc_value(struct dns_text *t, uint16_t key, struct bytes v)
{
	struct cursor c = cursor_of(v);

	if (key == 2 || key == 8)
		return v.len == 0;
	if (key > 8 && !v.len)
		return true;
	dns_text_char(t, '=');
	switch (key) {
	case 0:
		return put_mandatory(t, v);
	case 1:
		return put_alpn(t, &c);
	case 3:
		if (v.len == 2)
			dns_text_uint(t, be16_get(v.ptr), 0);
		return v.len == 2;
	case 4:
		return put_hints(t, v, 4);
	case 5:
		dns_text_base64(t, v);
		return true;
	case 6:
		return put_hints(t, v, 16);
	}
	dns_text_quoted(t, v);
	return true;
}

static bool put_svc_params(struct rdata *r)
{
	int last = -1;

	while (left(r)) {
		uint16_t key = cursor_be16(&r->c), n = cursor_be16(&r->c);
		struct bytes v = cursor_bytes(&r->c, n);

		if (r->c.failed || key <= last)
			return false;
		if (last >= 0)
			dns_text_char(r->t, ' ');
		last = key;
		put_svc_key(r->t, key);
		if (!put_svc_value(r->t, key, v))
			return false;
	}
	return true;
}

/* ---- fields ---- */

static bool put_strings(struct rdata *r)
{
	for (bool first = true; first || left(r); first = false) {
		struct bytes s = cursor_bytes(&r->c, cursor_u8(&r->c));

		if (r->c.failed)
			return false;
		if (!first)
			dns_text_char(r->t, ' ');
		dns_text_quoted(r->t, s);
	}
	return true;
}

static bool put_bare(struct dns_text *t, struct bytes s)
{
	for (size_t i = 0; i < s.len && !t->cut; i++) {
		if (s.ptr[i] <= 0x20 || s.ptr[i] > 0x7e || s.ptr[i] == '"' || s.ptr[i] == '\\')
			dns_text_escape(t, s.ptr[i]);
		else
			dns_text_char(t, (char)s.ptr[i]);
	}
	return s.len > 0;
}

static bool put_dashed(struct dns_text *t, struct bytes b)
{
	for (size_t i = 0; i < b.len && !t->cut; i++) {
		if (i)
			dns_text_char(t, '-');
		dns_text_hex(t, BYTES(b.ptr + i, 1));
	}
	return b.len == 6 || b.len == 8;
}

static bool put_field(struct rdata *r, char form)
{
	struct bytes b;

	switch (form) {
	case 'b':
		dns_text_uint(r->t, cursor_u8(&r->c), 0);
		return true;
	case 'h':
		dns_text_uint(r->t, cursor_be16(&r->c), 0);
		return true;
	case 'w':
		dns_text_uint(r->t, cursor_be32(&r->c), 0);
		return true;
	case '4':
		dns_text_ip(r->t, cursor_bytes(&r->c, 4));
		return true;
	case '6':
		dns_text_ip(r->t, cursor_bytes(&r->c, 16));
		return true;
	case 'n':
		return put_name(r);
	case 't':
		put_type(r->t, cursor_be16(&r->c));
		return true;
	case 'T':
		put_time(r->t, cursor_be32(&r->c));
		return true;
	case 's':
		b = cursor_bytes(&r->c, cursor_u8(&r->c));
		dns_text_quoted(r->t, b);
		return true;
	case 'c':
		return put_bare(r->t, cursor_bytes(&r->c, cursor_u8(&r->c)));
	case 'S':
		return put_strings(r);
	case 'q':
		dns_text_quoted(r->t, rest(r));
		return true;
	case 'X':
		dns_text_hex(r->t, rest(r));
		return true;
	case 'B':
		dns_text_base64(r->t, rest(r));
		return true;
	case 'E':
		return put_dashed(r->t, rest(r));
	case 'x':
		b = cursor_bytes(&r->c, cursor_u8(&r->c));
		if (b.len)
			dns_text_hex(r->t, b);
		else
			dns_text_char(r->t, '-');
		return true;
	case 'z':
		b = cursor_bytes(&r->c, cursor_u8(&r->c));
		dns_text_base32hex(r->t, b);
		return b.len > 0;
	case 'M':
		return put_bitmap(r);
	case 'V':
		return put_svc_params(r);
	case 'L':
		return put_place(r);
	}
	return false;
}

bool dns_rdata_text(struct dns_text *t, struct bytes msg, size_t at, size_t len, uint16_t type,
		    uint16_t class)
{
	struct rdata r = { .t = t, .msg = msg, .c = cursor_of(BYTES(msg.ptr + at, len)) };
	const char *form = form_of(type);

	/* An address of the Chaos class is another thing (RFC 1035 3.3). */
	if (!form || (type == DNS_TYPE_A && class == DNS_CLASS_CH)) {
		dns_rdata_unknown(t, BYTES(msg.ptr + at, len));
		return true;
	}
	for (size_t i = 0; form[i]; i++) {
		/* Nothing follows where a list to the end is empty. */
		if (i && !(strchr("MV", form[i]) && !left(&r)))
			dns_text_char(t, ' ');
		if (!put_field(&r, form[i]) || r.c.failed)
			return false;
	}
	return left(&r) == 0;
}

void dns_rdata_unknown(struct dns_text *t, struct bytes data)
{
	dns_text_str(t, "\\# ");
	dns_text_uint(t, data.len, 0);
	dns_text_char(t, ' ');
	dns_text_hex(t, data);
}
