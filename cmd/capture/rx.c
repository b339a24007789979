/* rx: one received frame, however it came, and how it is written into a record. */
#include "cmd/capture/rx.h"

#include <linux/if_ether.h>

#include "libcommon/net/linktype.h"

enum { SLL_HEADER = 16, ADDRESSES = 2 * ETH_ALEN, TAG = 4 };

static void add16(struct rx_payload *p, uint16_t v)
{
	p->head[p->nhead++] = (uint8_t)(v >> 8);
	p->head[p->nhead++] = (uint8_t)v;
}

static void add_tag(struct rx_payload *p, const struct rx *f)
{
	add16(p, f->vlan_tpid);
	add16(p, f->vlan_tci);
	p->wire_len += TAG;
}

/* From the network layer on. */
static void strip(const struct rx *f, struct rx_payload *p)
{
	uint32_t n = f->net;

	p->wire_len -= n < p->wire_len ? n : p->wire_len;
	if (n > f->data.len)
		n = (uint32_t)f->data.len;
	p->tail.ptr += n;
	p->tail.len -= n;
}

static void cook(const struct rx *f, struct rx_payload *p)
{
	strip(f, p);
	add16(p, f->pkttype);
	add16(p, f->hatype);
	add16(p, f->halen);
	memcpy(p->head + p->nhead, f->addr, sizeof(f->addr));
	p->nhead += sizeof(f->addr);
	p->wire_len += SLL_HEADER;
	if (f->vlan)
		add_tag(p, f);
	add16(p, f->protocol);
}

void rx_write(const struct rx *f, uint32_t snaplen, struct rx_payload *p)
{
	const struct linktype *link = linktype_of(f->hatype);

	p->link_type = link->value;
	p->wire_len = f->wire_len;
	p->nhead = 0;
	p->tail = f->data;
	if (link->head == LINKTYPE_HEAD_COOKED) {
		cook(f, p);
	} else if (link->head == LINKTYPE_HEAD_NONE) {
		strip(f, p);
	} else if (f->vlan && link->value == LINKTYPE_ETHERNET && f->data.len >= ADDRESSES) {
		memcpy(p->head, f->data.ptr, ADDRESSES);
		p->nhead = ADDRESSES;
		add_tag(p, f);
		p->tail.ptr += ADDRESSES;
		p->tail.len -= ADDRESSES;
	}
	if (p->nhead > snaplen)
		p->nhead = snaplen;
	if (p->tail.len > snaplen - p->nhead)
		p->tail.len = snaplen - p->nhead;
}
