/* classic: frames as pcap, into a buffer, laid out by libpcap. */
#include "cmd/write/classic.h"

#include <endian.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

enum { MAGIC_MICRO = 0xa1b2c3d4u, MAGIC_NANO = 0xa1b23c4du };

struct classic {
	struct buf *out;
	bool micro;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	uint8_t header[CLASSIC_HEADER];
};

static ssize_t to_buffer(void *cookie, const char *from, size_t n)
{
	buf_add(((struct classic *)cookie)->out, from, n);
	return (ssize_t)n;
}

/* libpcap knows link types by numbers of its own, and gives those of files away only to who reads
 * one: so it reads the head of a file. */
static pcap_t *handle(uint32_t link_type, uint32_t snaplen, bool micro, char *err)
{
	uint32_t head[6] = { htole32(micro ? MAGIC_MICRO : MAGIC_NANO),
			     htole32(2 | 4 << 16), /* version 2.4 */
			     0,
			     0,
			     htole32(snaplen),
			     htole32(link_type) };
	FILE *f = fmemopen(head, sizeof(head), "r");
	pcap_t *p;

	if (!f)
		die("out of memory");
	p = pcap_fopen_offline_with_tstamp_precision(
		f, micro ? PCAP_TSTAMP_PRECISION_MICRO : PCAP_TSTAMP_PRECISION_NANO, err);
	if (!p)
		fclose(f);
	return p;
}

struct classic *classic_new(uint32_t link_type, uint32_t snaplen, bool micro, struct buf *out,
			    const char **why)
{
	static char err[PCAP_ERRBUF_SIZE];
	cookie_io_functions_t io = { .write = to_buffer };
	struct classic *c = xcalloc(1, sizeof(*c));
	size_t at = out->len;
	FILE *f;

	c->out = out;
	c->micro = micro;
	c->pcap = handle(link_type, snaplen, micro, err);
	f = c->pcap ? fopencookie(c, "w", io) : NULL;
	if (f) {
		/* Unbuffered, so that a packet lies whole in the buffer once it is written. */
		setvbuf(f, NULL, _IONBF, 0);
		c->dumper = pcap_dump_fopen(c->pcap, f);
		if (!c->dumper)
			snprintf(err, sizeof(err), "%s", pcap_geterr(c->pcap));
	}
	if (!c->dumper || out->len - at != CLASSIC_HEADER) {
		*why = err;
		classic_free(c);
		return NULL;
	}
	memcpy(c->header, out->ptr + at, CLASSIC_HEADER);
	out->len = at;
	return c;
}

void classic_header(struct classic *c)
{
	buf_add(c->out, c->header, CLASSIC_HEADER);
}

bool classic_packet(struct classic *c, uint64_t ts, uint32_t wire_len, struct bytes data)
{
	static const uint8_t none;
	uint64_t seconds = ts / 1000000000, rest = ts % 1000000000;
	struct pcap_pkthdr h = { .caplen = (uint32_t)data.len, .len = wire_len };

	if (seconds > UINT32_MAX)
		return false;
	h.ts.tv_sec = (time_t)seconds;
	h.ts.tv_usec = (suseconds_t)(c->micro ? rest / 1000 : rest);
	pcap_dump((u_char *)c->dumper, &h, data.len ? data.ptr : &none);
	return true;
}

void classic_free(struct classic *c)
{
	if (c->dumper)
		pcap_dump_close(c->dumper);
	if (c->pcap)
		pcap_close(c->pcap);
	free(c);
}
