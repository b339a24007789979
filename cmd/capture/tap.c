/* tap: one interface that is captured: its packet socket, from nothing to bound and locked. */
#include "cmd/capture/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libcommon/base/die.h"

/* ---- programs ------------------------------------------------------------------------------ */

static void attach(const struct tap *t, const struct bpf *p)
{
	struct sock_fprog f = { (unsigned short)p->n, (struct sock_filter *)p->code };

	if (setsockopt(t->fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f)) < 0)
		die_errno("interface '%s': cannot set the filter", t->name);
}

/* What the user wants, cut to the snapshot length. */
static void attach_filter(const struct tap *t, const struct tap_config *c)
{
	static struct bpf p;

	p.n = 1;
	p.code[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, c->snaplen);
	if (c->filter)
		p = *c->filter;
	bpf_snap(&p, c->snaplen);
	attach(t, &p);
}

static void attach_nothing(const struct tap *t)
{
	struct bpf p = { .n = 1, .code = { BPF_STMT(BPF_RET | BPF_K, 0) } };

	attach(t, &p);
}

/* A locked filter stays: also a process that was taken over captures no more than this. */
static void lock(const struct tap *t)
{
	int on = 1;

	if (setsockopt(t->fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		die_errno("interface '%s': cannot lock the filter", t->name);
}

/* XOR of all words of both addresses, wherever the network layer is (on the way in and on the way
 * out the data begin at different layers); its upper bits are spread over the lower ones. */
void tap_pair_program(struct bpf *p)
{
	static const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + 12),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + 16),
		BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0), /* to the end; set below */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LDX | BPF_IMM, 0),
	};
	static const struct sock_filter end[] = {
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
		BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};

	memcpy(p->code, head, sizeof(head));
	p->n = sizeof(head) / sizeof(head[0]);
	for (uint32_t at = 8; at < 40; at += 4) {
		p->code[p->n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							       (uint32_t)SKF_NET_OFF + at);
		if (at == 36)
			break;
		p->code[p->n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0);
		p->code[p->n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	}
	p->code[6].k = p->n - 7;
	memcpy(p->code + p->n, end, sizeof(end));
	p->n += sizeof(end) / sizeof(end[0]);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void open_socket(struct tap *t)
{
	char self[4096];
	ssize_t n;

	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd >= 0)
		return;
	if (errno != EPERM && errno != EACCES)
		die_errno("cannot make a packet socket");
	n = readlink("/proc/self/exe", self, sizeof(self));
	die("not allowed to capture; as root: setcap cap_net_raw+ep %.*s", n > 0 ? (int)n : 0,
	    self);
}

static void ask_mtu(struct tap *t)
{
	struct ifreq r = { 0 };

	memcpy(r.ifr_name, t->name, sizeof(r.ifr_name));
	if (ioctl(t->fd, SIOCGIFMTU, &r) == 0)
		t->mtu = (uint32_t)r.ifr_mtu;
}

static void stamp_by_adapter(const struct tap *t)
{
	struct hwtstamp_config config = { .tx_type = HWTSTAMP_TX_OFF,
					  .rx_filter = HWTSTAMP_FILTER_ALL };
	struct ifreq r = { .ifr_data = (void *)&config };
	int on = SOF_TIMESTAMPING_RAW_HARDWARE;

	memcpy(r.ifr_name, t->name, sizeof(r.ifr_name));
	if (ioctl(t->fd, SIOCSHWTSTAMP, &r) < 0)
		warn_errno("interface '%s': its card stamps no time for us", t->name);
	if (setsockopt(t->fd, SOL_PACKET, PACKET_TIMESTAMP, &on, sizeof(on)) < 0)
		die_errno("interface '%s': cannot ask for the card's time", t->name);
}

static void open_queue(struct tap *t, const struct tap_config *c)
{
	size_t most = (size_t)c->shape.block_size * c->shape.blocks;
	int size = most < 1 << 30 ? (int)most : 1 << 30;

	if (c->receive != TAP_MESSAGES && ring_open(&t->ring, t->fd, &c->shape))
		return;
	if (c->receive == TAP_RING)
		die_errno("interface '%s': cannot have a ring of %zu bytes", t->name, most);
	if (c->receive == TAP_AUTO) {
		warn_errno("interface '%s': cannot have a ring of %zu bytes, going on without",
			   t->name, most);
		close(t->fd); /* it may be half a ring by now */
		open_socket(t);
	}
	setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	t->messages = messages_open(t->fd, c->snaplen);
	if (!t->messages)
		die_errno("interface '%s': cannot capture", t->name);
}

bool tap_rebind(struct tap *t, uint32_t ifindex)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = (int)ifindex };

	t->ifindex = ifindex;
	return bind(t->fd, (struct sockaddr *)&sll, sizeof(sll)) == 0;
}

static void bind_to(struct tap *t)
{
	if (!tap_rebind(t, t->ifindex))
		die_errno("interface '%s': cannot capture", t->name);
}

static void join_group(struct tap *t, const struct tap_config *c)
{
	static const int types[] = {
		[TAP_HASH] = PACKET_FANOUT_HASH, [TAP_CPU] = PACKET_FANOUT_CPU,
		[TAP_RR] = PACKET_FANOUT_LB,     [TAP_ROLLOVER] = PACKET_FANOUT_ROLLOVER,
		[TAP_QM] = PACKET_FANOUT_QM,     [TAP_CBPF] = PACKET_FANOUT_CBPF,
		[TAP_PAIR] = PACKET_FANOUT_CBPF,
	};
	static struct bpf pair;
	const struct bpf *p = c->fanout == TAP_PAIR ? &pair : c->fanout_program;
	int type = types[c->fanout] | (c->group == TAP_NEW_GROUP ? PACKET_FANOUT_FLAG_UNIQUEID : 0),
	    got;
	int arg = (int)(c->group & 0xffff) | type << 16;
	socklen_t size = sizeof(got);

	if (setsockopt(t->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) < 0)
		die_errno("interface '%s': cannot join fan-out group %llu", t->name,
			  (unsigned long long)c->group);
	if (types[c->fanout] == PACKET_FANOUT_CBPF) {
		struct sock_fprog f;

		tap_pair_program(&pair);
		f = (struct sock_fprog){ (unsigned short)p->n, (struct sock_filter *)p->code };
		if (setsockopt(t->fd, SOL_PACKET, PACKET_FANOUT_DATA, &f, sizeof(f)) < 0)
			die_errno("interface '%s': cannot set the program of the fan-out", t->name);
	}
	if (getsockopt(t->fd, SOL_PACKET, PACKET_FANOUT, &got, &size) == 0)
		t->group = (uint32_t)got & 0xffff;
}

static void set_mode(const struct tap *t, bool wanted, unsigned short mode, const char *what)
{
	struct packet_mreq m = { .mr_ifindex = (int)t->ifindex, .mr_type = mode };

	if (wanted && setsockopt(t->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
		die_errno("interface '%s': cannot make it %s", t->name, what);
}

void tap_open(struct tap *t, const char *name, uint32_t number, const struct tap_config *c)
{
	int on = 1;

	*t = (struct tap){ .number = number, .fd = -1 };
	if (strlen(name) >= sizeof(t->name))
		die("no interface '%s'", name);
	memcpy(t->name, name, strlen(name));
	open_socket(t);
	if (strcmp(name, "any") != 0) {
		t->ifindex = if_nametoindex(name);
		if (!t->ifindex)
			die("no interface '%s'; try 'weir interfaces'", name);
	}
	ask_mtu(t);
	if (c->adapter_time)
		stamp_by_adapter(t);
	open_queue(t, c);
	if (!c->outgoing &&
	    setsockopt(t->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		die_errno("interface '%s': cannot leave out outgoing frames", name);
	/* Before it is in its group it would get what is for the others. */
	if (c->fanout)
		attach_nothing(t);
	else
		attach_filter(t, c);
	bind_to(t);
	if (c->fanout) {
		join_group(t, c);
		attach_filter(t, c);
	}
	lock(t);
	set_mode(t, c->promiscuous, PACKET_MR_PROMISC, "promiscuous");
	set_mode(t, c->all_multicast, PACKET_MR_ALLMULTI, "receive all multicast");
}

/* ---- use ----------------------------------------------------------------------------------- */

bool tap_peek(struct tap *t)
{
	if (!t->have)
		t->have = t->messages ? messages_next(t->messages, &t->frame)
				      : ring_next(&t->ring, &t->frame);
	return t->have;
}

/* The answer that is there becomes part of the sums. */
static void fold(struct tap_counts *c)
{
	unsigned now = c->no & 1, next = !now;
	const struct tpacket_stats_v3 *f = &c->fresh[now];

	c->sums[next].packets = c->sums[now].packets + f->tp_packets;
	c->sums[next].drops = c->sums[now].drops + f->tp_drops;
	c->sums[next].freezes = c->sums[now].freezes + f->tp_freeze_q_cnt;
	c->fresh[next] = (struct tpacket_stats_v3){ 0 };
	__atomic_store_n(&c->no, c->no + 1, __ATOMIC_RELEASE);
}

void tap_count(struct tap_counts *c, int fd)
{
	socklen_t size = sizeof(c->fresh[0]);

	/* Without a ring the answer is shorter, and the rest stays 0. */
	if (fd >= 0)
		getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &c->fresh[c->no & 1], &size);
	fold(c);
}

const struct tap_stats *tap_stats(const struct tap_counts *c)
{
	return &c->sums[c->no & 1];
}

void tap_adopt(struct tap *t, const char *name, uint32_t number, int fd)
{
	struct sockaddr_ll sll = { 0 };
	socklen_t size = sizeof(sll);

	*t = (struct tap){ .number = number, .fd = fd, .adopted = true };
	snprintf(t->name, sizeof(t->name), "%s", name);
	/* -1 where it was removed meanwhile. */
	if (getsockname(fd, (struct sockaddr *)&sll, &size) == 0)
		t->ifindex = (uint32_t)sll.sll_ifindex;
	ask_mtu(t);
}

static uint64_t digest(uint64_t h, const void *p, size_t n)
{
	for (const uint8_t *b = p, *end = b + n; b < end; b++)
		h = (h ^ *b) * 0x100000001b3; /* FNV-1a */
	return h;
}

uint64_t tap_digest(uint64_t before, const char *name, const struct tap_config *c)
{
	const uint32_t what[] = { c->shape.block_size,  c->shape.blocks,   c->shape.retire_ms,
				  (uint32_t)c->receive, c->snaplen,        c->promiscuous,
				  c->all_multicast,     c->outgoing,       c->adapter_time,
				  (uint32_t)c->fanout,  (uint32_t)c->group };
	uint64_t h = digest(before ^ 0xcbf29ce484222325, name, strlen(name) + 1);

	h = digest(h, what, sizeof(what));
	if (c->filter)
		h = digest(h, c->filter->code, c->filter->n * sizeof(c->filter->code[0]));
	h = digest(h, "/", 1);
	if (c->fanout_program)
		h = digest(h, c->fanout_program->code,
			   c->fanout_program->n * sizeof(c->fanout_program->code[0]));
	return h;
}

void tap_close(struct tap *t)
{
	ring_close(&t->ring);
	messages_close(t->messages);
	if (t->fd >= 0)
		close(t->fd);
	*t = (struct tap){ .fd = -1 };
}
