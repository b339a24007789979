/* messages: frames of a packet socket by recvmmsg, where no ring is to be had. */
#include "cmd/capture/messages.h"

#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "libcommon/base/die.h"

enum { BATCH = 32, NOTES = 256, FRAME_MAX = 65536 + 64 };

struct messages {
	int fd;
	unsigned n, at;
	size_t size;
	struct mmsghdr headers[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_ll from[BATCH];
	union {
		struct cmsghdr align;
		uint8_t bytes[NOTES];
	} notes[BATCH];
	uint8_t *frames;
};

struct messages *messages_open(int fd, uint32_t snaplen)
{
	struct messages *m;
	int on = 1;

	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		return NULL;
	m = xcalloc(1, sizeof(*m));
	m->fd = fd;
	m->size = snaplen < FRAME_MAX ? snaplen : FRAME_MAX;
	m->frames = xcalloc(BATCH, m->size);
	return m;
}

static void receive(struct messages *m)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		m->pieces[i] = (struct iovec){ m->frames + i * m->size, m->size };
		m->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &m->from[i],
			.msg_namelen = sizeof(m->from[i]),
			.msg_iov = &m->pieces[i],
			.msg_iovlen = 1,
			.msg_control = m->notes[i].bytes,
			.msg_controllen = NOTES,
		};
	}
	n = recvmmsg(m->fd, m->headers, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	m->n = n > 0 ? (unsigned)n : 0;
	m->at = 0;
}

static void take_aux(struct rx *f, const struct cmsghdr *c)
{
	struct tpacket_auxdata aux;

	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	f->wire_len = aux.tp_len;
	if (aux.tp_snaplen < f->data.len)
		f->data.len = aux.tp_snaplen;
	f->net = aux.tp_net > aux.tp_mac ? (uint32_t)aux.tp_net - aux.tp_mac : 0;
	f->csum_unready = aux.tp_status & TP_STATUS_CSUMNOTREADY;
	f->vlan = aux.tp_status & TP_STATUS_VLAN_VALID;
	f->vlan_tci = aux.tp_vlan_tci;
	f->vlan_tpid = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : 0x8100;
}

static void take_time(struct rx *f, const struct cmsghdr *c)
{
	struct timespec t;

	memcpy(&t, CMSG_DATA(c), sizeof(t));
	f->ts = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	f->clock = RX_CLOCK_KERNEL;
}

bool messages_next(struct messages *m, struct rx *f)
{
	const struct sockaddr_ll *sll;
	struct msghdr *h;
	uint32_t len;

	if (m->at == m->n)
		receive(m);
	if (m->at == m->n)
		return false;
	h = &m->headers[m->at].msg_hdr;
	sll = &m->from[m->at];
	len = m->headers[m->at].msg_len; /* with MSG_TRUNC that of the whole frame */
	*f = (struct rx){
		.data = BYTES(m->frames + m->at * m->size, len < m->size ? len : m->size),
		.wire_len = len,
		.ifindex = (uint32_t)sll->sll_ifindex,
		.hatype = sll->sll_hatype,
		.protocol = __builtin_bswap16(sll->sll_protocol),
		.pkttype = sll->sll_pkttype,
		.halen = sll->sll_halen,
	};
	memcpy(f->addr, sll->sll_addr, sizeof(f->addr));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			take_aux(f, c);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			take_time(f, c);
	}
	m->at++;
	return true;
}

void messages_close(struct messages *m)
{
	if (!m)
		return;
	free(m->frames);
	free(m);
}
