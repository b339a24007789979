/* facts_lines: ports that FTP, SIP and RTSP agree on, out of their lines. */
#include <netinet/in.h>

#include "cmd/infer/facts_private.h"
#include "libcommon/base/words.h"
#include "libcommon/record/literal.h"
#include "libcommon/stage/ftp_endpoint.h"

/* ---- FTP: RFC 959 4.1.2, RFC 2428 ------------------------------------------------------------ */

/* One connection, between the two of the session; where the address is neither's, as when two
 * servers are made to talk to each other (RFC 959 5.2), who will come there is not known. */
static void data_expect(const struct facts_input *in, const struct ip *ip, uint16_t port,
			bool client)
{
	const struct ip *own = facts_address(in, client), *other = facts_address(in, !client);
	struct fact f = { .what = FACT_EXPECT,
			  .at = *ip,
			  .port = port,
			  .l4 = IPPROTO_TCP,
			  .protocol = "ftp-data",
			  .client = client,
			  .once = true,
			  .seconds = 120 };

	if (ip->len == own->len && memcmp(ip->b, own->b, ip->len) == 0)
		f.peer = *other;
	if (port)
		in->found(in->ctx, &f);
}

void facts_ftp_line(const struct facts_input *in, struct bytes line)
{
	bool client = in->dir == in->client;
	struct ip ip = *facts_address(in, client);
	uint16_t port = 0;
	bool named =
		client ? (words_take(&line, "port ") && ftp_endpoint(FTP_PORT, line, &ip, &port)) ||
				 (words_take(&line, "eprt ") &&
				  ftp_endpoint(FTP_EPRT, line, &ip, &port))
		       : (words_take(&line, "227") && ftp_endpoint(FTP_PASV, line, &ip, &port)) ||
				 (words_take(&line, "229") &&
				  ftp_endpoint(FTP_EPSV, line, &ip, &port));

	if (named)
		data_expect(in, &ip, port, client);
}

/* ---- SDP: RFC 8866 5.7, 5.14; RTSP: RFC 2326 12.39 ------------------------------------------- */

static void media_expect(const struct facts_input *in, const struct ip *ip, uint64_t port,
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

	if (!words_take(&b, "ip4 ") && !words_take(&b, "ip6 "))
		return;
	b = words_upto(&b, ' ');
	b = words_upto(&b, '/');
	if (literal_ip(b, &ip))
		s->media = ip;
}

/* m=audio 49170 RTP/AVP 0 */
static void media_line(const struct facts_input *in, const struct facts_side *s, struct bytes b)
{
	bool client = in->dir == in->client;
	struct bytes behind;
	uint64_t port;

	words_upto(&b, ' ');
	if (words_number(&b, 65535, &port) && words_find(b, "rtp/", &behind))
		media_expect(in, s->media.len ? &s->media : facts_address(in, client), port,
			     client);
}

/* Transport: RTP/AVP;unicast;client_port=41000-41001;server_port=6970-6971 */
static void transport_line(const struct facts_input *in, struct bytes b)
{
	struct bytes behind;
	uint64_t port;

	if (words_find(b, "client_port=", &behind) && words_number(&behind, 65535, &port))
		media_expect(in, facts_address(in, true), port, true);
	if (words_find(b, "server_port=", &behind) && words_number(&behind, 65535, &port))
		media_expect(in, facts_address(in, false), port, false);
}

void facts_media_line(struct facts_flow *flow, const struct facts_input *in, struct bytes line)
{
	struct facts_side *s = &flow->side[in->dir];

	if (words_take(&line, "c=in "))
		connection_line(s, line);
	else if (words_take(&line, "m="))
		media_line(in, s, line);
	else if (words_take(&line, "v=0"))
		s->media = (struct ip){ 0 };
	else if (in->kind == FACTS_RTSP && words_take(&line, "transport:"))
		transport_line(in, line);
}
