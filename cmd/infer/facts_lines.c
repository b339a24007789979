/* facts_lines: ports that FTP, SIP and RTSP agree on, out of their lines. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "cmd/infer/facts_private.h"

static uint8_t small(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Takes `word`, in small letters, off the front, in either case. */
static bool take(struct bytes *b, const char *word)
{
	size_t n = strlen(word);

	if (b->len < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (small(b->ptr[i]) != (uint8_t)word[i])
			return false;
	*b = BYTES(b->ptr + n, b->len - n);
	return true;
}

/* What stands behind the first `word` of the line. */
static bool find(struct bytes line, const char *word, struct bytes *behind)
{
	while (line.len) {
		*behind = line;
		if (take(behind, word))
			return true;
		line = BYTES(line.ptr + 1, line.len - 1);
	}
	return false;
}

static bool number(struct bytes *b, uint32_t max, uint32_t *v)
{
	size_t n = 0;

	*v = 0;
	while (n < b->len && b->ptr[n] >= '0' && b->ptr[n] <= '9' && *v <= max)
		*v = *v * 10 + (b->ptr[n++] - '0');
	*b = BYTES(b->ptr + n, b->len - n);
	return n && *v <= max;
}

/* The text up to that sign, taken off the front with it. */
static struct bytes upto(struct bytes *b, uint8_t sign)
{
	const uint8_t *end = b->len ? memchr(b->ptr, sign, b->len) : NULL;
	size_t n = end ? (size_t)(end - b->ptr) : b->len;
	struct bytes word = BYTES(b->ptr, n);

	n += end != NULL;
	*b = BYTES(b->ptr + n, b->len - n);
	return word;
}

static bool address(struct bytes text, struct ip *ip)
{
	char copy[INET6_ADDRSTRLEN];

	*ip = (struct ip){ 0 };
	if (text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	ip->len = inet_pton(AF_INET, copy, ip->b) == 1    ? 4
		  : inet_pton(AF_INET6, copy, ip->b) == 1 ? 16
							  : 0;
	return ip->len != 0;
}

/* ---- FTP: RFC 959 4.1.2, RFC 2428 ------------------------------------------------------------ */

/* h1,h2,h3,h4,p1,p2 */
static bool six_numbers(struct bytes b, struct ip *ip, uint16_t *port)
{
	uint32_t v[6];

	for (int i = 0; i < 6; i++) {
		if (i && !take(&b, ","))
			return false;
		if (!number(&b, 255, &v[i]))
			return false;
	}
	*ip = (struct ip){ 4, { (uint8_t)v[0], (uint8_t)v[1], (uint8_t)v[2], (uint8_t)v[3] } };
	*port = (uint16_t)(v[4] << 8 | v[5]);
	return true;
}

/* d net d address d port d, where d is any sign; in 229 net and address are left out. */
static bool extended(struct bytes b, struct ip *ip, uint16_t *port)
{
	uint8_t sign = b.len ? b.ptr[0] : 0;
	struct bytes host, digits;
	uint32_t v;

	if (!b.len)
		return false;
	upto(&b, sign);
	upto(&b, sign);
	host = upto(&b, sign);
	digits = upto(&b, sign);
	if (host.len && !address(host, ip))
		return false;
	if (!number(&digits, 65535, &v) || digits.len)
		return false;
	*port = (uint16_t)v;
	return true;
}

void facts_ftp_line(const struct facts_input *in, struct bytes line)
{
	bool client = in->dir == in->client;
	struct ip ip = *facts_address(in, client);
	uint16_t port = 0;
	struct bytes b = line;

	if (client && take(&b, "port "))
		six_numbers(b, &ip, &port);
	else if (client && take(&b, "eprt "))
		extended(b, &ip, &port);
	else if (!client && take(&b, "229") && find(b, "(", &b))
		extended(b, &ip, &port);
	else if (!client && (b = line, take(&b, "227"))) {
		while (b.len && (b.ptr[0] < '0' || b.ptr[0] > '9'))
			b = BYTES(b.ptr + 1, b.len - 1);
		six_numbers(b, &ip, &port);
	}
	fact_expect(in, &ip, port, IPPROTO_TCP, "ftp-data", client);
}

/* ---- SDP: RFC 8866 5.7, 5.14; RTSP: RFC 2326 12.39 ------------------------------------------- */

static void media_expect(const struct facts_input *in, const struct ip *ip, uint32_t port,
			 bool client)
{
	if (!port || port > 65534)
		return;
	fact_expect(in, ip, (uint16_t)port, IPPROTO_UDP, "rtp", client);
	fact_expect(in, ip, (uint16_t)(port + 1), IPPROTO_UDP, "rtcp", client);
}

/* c=IN IP4 192.0.2.1 */
static void connection_line(struct facts_side *s, struct bytes b)
{
	struct ip ip;

	if (!take(&b, "ip4 ") && !take(&b, "ip6 "))
		return;
	b = upto(&b, ' ');
	b = upto(&b, '/');
	if (address(b, &ip))
		s->media = ip;
}

/* m=audio 49170 RTP/AVP 0 */
static void media_line(const struct facts_input *in, const struct facts_side *s, struct bytes b)
{
	bool client = in->dir == in->client;
	struct bytes behind;
	uint32_t port;

	upto(&b, ' ');
	if (number(&b, 65535, &port) && find(b, "rtp/", &behind))
		media_expect(in, s->media.len ? &s->media : facts_address(in, client), port,
			     client);
}

/* Transport: RTP/AVP;unicast;client_port=41000-41001;server_port=6970-6971 */
static void transport_line(const struct facts_input *in, struct bytes b)
{
	struct bytes behind;
	uint32_t port;

	if (find(b, "client_port=", &behind) && number(&behind, 65535, &port))
		media_expect(in, facts_address(in, true), port, true);
	if (find(b, "server_port=", &behind) && number(&behind, 65535, &port))
		media_expect(in, facts_address(in, false), port, false);
}

void facts_media_line(struct facts_flow *flow, const struct facts_input *in, struct bytes line)
{
	struct facts_side *s = &flow->side[in->dir];

	if (take(&line, "c=in "))
		connection_line(s, line);
	else if (take(&line, "m="))
		media_line(in, s, line);
	else if (take(&line, "v=0"))
		s->media = (struct ip){ 0 };
	else if (in->kind == FACTS_RTSP && take(&line, "transport:"))
		transport_line(in, line);
}
