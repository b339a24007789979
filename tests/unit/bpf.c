/* bpf: tests of classic BPF programs: text, check and verdict, the last two against the kernel's.
 */
#include "libcommon/net/bpf.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"

static struct bpf prog;
static char why[BPF_WHY];

/* ---- the kernel's word --------------------------------------------------------------------- */

static int ends[2];

static bool kernel_takes(const struct bpf *p)
{
	struct sock_fprog f = { (unsigned short)p->n, (struct sock_filter *)p->code };

	return setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f)) == 0;
}

/* What of the frame comes through: 0 where it is rejected. */
static size_t kernel_passes(struct bytes data)
{
	static uint8_t got[65536];
	ssize_t n;

	if (send(ends[0], data.ptr, data.len, 0) != (ssize_t)data.len)
		return SIZE_MAX;
	n = recv(ends[1], got, sizeof(got), MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

/* A datagram between local sockets: no interface, no link layer, nothing known of it. */
static uint32_t verdict(const struct bpf *p, struct bytes data)
{
	struct bpf_frame f = {
		.data = data, .len = (uint32_t)data.len, .link = BPF_NOWHERE, .hatype = ARPHRD_VOID
	};

	return bpf_run(p, &f);
}

static size_t passes(const struct bpf *p, struct bytes data)
{
	uint32_t v = verdict(p, data);

	return v < data.len ? v : data.len;
}

/* ---- text ---------------------------------------------------------------------------------- */

static bool parse(const char *text)
{
	why[0] = 0;
	return bpf_parse(&prog, bytes_str(text), why);
}

static void test_text(void)
{
	check_case("the text of tcpdump -ddd is read");
	/* tcpdump -ddd -y EN10MB ip */
	CHECK(parse("4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n"));
	CHECK_EQ(prog.n, 4);
	CHECK_EQ(prog.code[1].jf, 1);
	CHECK_EQ(prog.code[1].k, 2048);
	CHECK(bpf_check(&prog, why));
	CHECK(parse("1\n6 0 0 4294967295"));

	check_case("another text is refused with its line");
	CHECK(!parse("") && !strcmp(why, "line 1: no number of instructions"));
	CHECK(!parse("ip") && !strcmp(why, "line 1: no number of instructions"));
	CHECK(!parse("(000) ldh [12]\n") && strstr(why, "line 1"));
	CHECK(!parse("0\n") && strstr(why, "0 instructions, not 1 to 4096"));
	CHECK(!parse("4097\n") && strstr(why, "4097 instructions"));
	CHECK(!parse("2\n6 0 0 1\n") && !strcmp(why, "line 3: ends within instruction 1 of 2"));
	CHECK(!parse("1\n6 0 0\n") && strstr(why, "ends within instruction 0 of 1"));
	CHECK(!parse("1\n6 0 0 1\n6 0 0 1\n") && !strcmp(why, "line 3: more than 1 instructions"));
	CHECK(!parse("1\n6 0 0 1 x\n") && strstr(why, "more than"));
	CHECK(!parse("1\n65536 0 0 1\n") && strstr(why, "no four numbers"));
	CHECK(!parse("1\n6 256 0 1\n") && strstr(why, "no four numbers"));
	CHECK(!parse("1\n6 0 0 4294967296\n") && strstr(why, "no four numbers"));
	CHECK(!parse("1\n6 0 -1 1\n") && strstr(why, "no four numbers"));
}

/* ---- check --------------------------------------------------------------------------------- */

/* The last argument's k is followed by 0xffff as an end. */
static bool ours(const struct sock_filter *code, unsigned n)
{
	prog.n = n;
	memcpy(prog.code, code, n * sizeof(*code));
	why[0] = 0;
	return bpf_check(&prog, why);
}

#define OURS(...)                                                                                  \
	ours((struct sock_filter[]){ __VA_ARGS__ },                                                \
	     sizeof((struct sock_filter[]){ __VA_ARGS__ }) / sizeof(struct sock_filter))
#define PASS BPF_STMT(BPF_RET | BPF_K, 1)

static void test_check(void)
{
	check_case("what the kernel refuses is refused, and the instruction named");
	CHECK(OURS(PASS) && kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_LD | BPF_IMM, 1)) && strstr(why, "no return"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_RET | BPF_X, 0)) && strstr(why, "unknown opcode"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), PASS) && strstr(why, "jump beyond"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_JUMP(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), PASS));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), PASS) &&
	      strstr(why, "instruction 0: jump beyond the end"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), PASS) && strstr(why, "division by 0"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), PASS) && strstr(why, "shift"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_ST, 16), PASS) && strstr(why, "scratch memory"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_LD | BPF_MEM, 3), PASS) && strstr(why, "before it is written"));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 3),
		    BPF_STMT(BPF_LD | BPF_MEM, 3), PASS));
	CHECK(!kernel_takes(&prog));
	CHECK(!OURS(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + 3000), PASS) &&
	      strstr(why, "ancillary"));
	CHECK(!kernel_takes(&prog));
}

/* ---- random programs, as the kernel sees them ---------------------------------------------- */

static uint64_t state = 1;

static uint32_t any(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static uint32_t one_of(const uint32_t *v, size_t n)
{
	return v[any((uint32_t)n)];
}

#define ONE_OF(...)                                                                                \
	one_of((uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static uint32_t any_offset(void)
{
	switch (any(12)) {
	case 0:
		return (uint32_t)SKF_NET_OFF + any(40);
	case 1:
		return (uint32_t)SKF_LL_OFF + any(40);
	case 2:
		return ONE_OF(0x7fffffff, 0x80000000, 0xfffffffe, 0xffe00000, 0xffdfffff);
	default:
		return any(70);
	}
}

/* Not random, nor the processor: those differ from call to call. */
static uint32_t any_ancillary(void)
{
	return (uint32_t)SKF_AD_OFF +
	       ONE_OF(SKF_AD_PROTOCOL, SKF_AD_PKTTYPE, SKF_AD_IFINDEX, SKF_AD_NLATTR,
		      SKF_AD_NLATTR_NEST, SKF_AD_MARK, SKF_AD_QUEUE, SKF_AD_HATYPE, SKF_AD_RXHASH,
		      SKF_AD_ALU_XOR_X, SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT, SKF_AD_PAY_OFFSET,
		      SKF_AD_VLAN_TPID);
}

static struct sock_filter any_instruction(void)
{
	struct sock_filter i = { .jt = (uint8_t)any(4), .jf = (uint8_t)any(4) };
	uint32_t src = ONE_OF(BPF_K, BPF_X);

	i.k = any(3) ? any(20) : ONE_OF(0, 1, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff);
	switch (any(9)) {
	case 0:
	case 1:
		i.code =
			(uint16_t)(BPF_LD | ONE_OF(BPF_W, BPF_H, BPF_B) | ONE_OF(BPF_ABS, BPF_IND));
		i.k = BPF_MODE(i.code) == BPF_ABS && !any(3) ? any_ancillary() : any_offset();
		break;
	case 2:
		i.code = (uint16_t)(BPF_LD | ONE_OF(BPF_IMM, BPF_LEN, BPF_MEM));
		break;
	case 3:
		i.code = (uint16_t)(BPF_LDX | ONE_OF(BPF_IMM, BPF_LEN, BPF_MEM, BPF_B | BPF_MSH));
		break;
	case 4:
		i.code = (uint16_t)ONE_OF(BPF_ST, BPF_STX);
		break;
	case 5:
		i.code = (uint16_t)(BPF_MISC | ONE_OF(BPF_TAX, BPF_TXA));
		break;
	case 6:
		i.code = (uint16_t)(BPF_JMP | ONE_OF(BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET) | src);
		break;
	case 7:
		i.code = (uint16_t)(any(9) ? BPF_JMP | BPF_JA : any(256));
		i.k = any(3);
		break;
	default:
		i.code = (uint16_t)(BPF_ALU | (any(12) << 4) | src);
		break;
	}
	return i;
}

static void any_program(struct bpf *p)
{
	p->n = 1 + any(12);
	for (unsigned i = 0; i < p->n; i++)
		p->code[i] = any_instruction();
	/* What is in A tells most about what went on. */
	p->code[p->n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | (any(4) ? BPF_A : BPF_K),
							 any(3) ? any(100) : 0xffffffff);
}

static void test_against_kernel(void)
{
	unsigned taken = 0, accepted = 0;
	uint8_t data[64];

	check_case("the kernel takes the same random programs, and gives the same verdicts");
	for (unsigned i = 0; i < 20000; i++) {
		bool ok, kernel;

		any_program(&prog);
		ok = bpf_check(&prog, why);
		kernel = kernel_takes(&prog);
		if (ok != kernel) {
			printf("# program %u: %s\n", i, ok ? "the kernel refuses it" : why);
			CHECK(ok == kernel);
			return;
		}
		taken += ok;
		for (unsigned k = 0; ok && k < 4; k++) {
			size_t n = 1 + any(sizeof(data)), us, it;

			for (size_t b = 0; b < n; b++)
				data[b] = (uint8_t)(any(3) ? any(256) : any(8));
			us = passes(&prog, BYTES(data, n));
			it = kernel_passes(BYTES(data, n));
			accepted += us > 0;
			if (us != it) {
				printf("# program %u: %zu, the kernel %zu\n", i, us, it);
				for (unsigned c = 0; c < prog.n; c++)
					printf("# %u %u %u %u\n", prog.code[c].code,
					       prog.code[c].jt, prog.code[c].jf, prog.code[c].k);
				CHECK(us == it);
				return;
			}
		}
	}
	CHECK(taken > 2500);
	CHECK(accepted > 2500);
}

/* ---- frames of files ----------------------------------------------------------------------- */

static uint32_t ask(uint32_t what, struct bytes data, uint32_t link_type, bool outgoing)
{
	struct bpf_frame f;

	CHECK(OURS(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + what),
		   BPF_STMT(BPF_RET | BPF_A, 0)));
	bpf_frame_of(&f, data, 1514, link_type, outgoing, 1);
	return bpf_run(&prog, &f);
}

static void test_files(void)
{
	static const uint8_t ether[] = "\xff\xff\xff\xff\xff\xff\0\0\0\0\0\1\x08\x06\x01\x02";
	static const uint8_t llc[] = "\1\0\0\0\0\0\0\0\0\0\0\1\0\x26\x42\x42";
	static const uint8_t sll[] = "\0\4\0\1\0\6\0\0\0\0\0\1\0\0\x86\xdd\x60";
	static const uint8_t sll2[] = "\x08\0\0\0\0\0\0\7\0\1\4\6\0\0\0\0\0\1\0\0\x45";
	struct bpf_frame f;

	check_case("ancillary loads of a frame in a file give what its link layer says");
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(ether, 16), 1, false), 0x0806);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(ether, 16), 1, false), 1);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(ether, 16), 1, true), 4);
	CHECK_EQ(ask(SKF_AD_HATYPE, BYTES(ether, 16), 1, false), 1);
	CHECK_EQ(ask(SKF_AD_IFINDEX, BYTES(ether, 16), 1, false), 0);
	CHECK_EQ(ask(SKF_AD_VLAN_TAG_PRESENT, BYTES(ether, 16), 1, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(llc, 16), 1, false), 4);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(llc, 16), 1, false), 2);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(sll, 17), 113, false), 0x86dd);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(sll, 17), 113, false), 4);
	CHECK_EQ(ask(SKF_AD_IFINDEX, BYTES(sll2, 21), 276, false), 7);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES("\x60", 1), 101, false), 0x86dd);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES("\x45", 1), 101, false), 0x0800);

	check_case("what a cut frame or an unknown link layer does not say is 0");
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(ether, 13), 1, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(llc, 15), 1, false), 4);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(ether, 5), 1, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES("", 0), 101, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES("\x15", 1), 101, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES("\2\0\0\0", 4), 0, false), 0);
	CHECK_EQ(ask(SKF_AD_PROTOCOL, BYTES(sll, 15), 113, false), 0);
	CHECK_EQ(ask(SKF_AD_PKTTYPE, BYTES(sll2, 10), 276, false), 0);
	CHECK_EQ(ask(SKF_AD_IFINDEX, BYTES(sll2, 7), 276, false), 0);
	CHECK_EQ(ask(SKF_AD_HATYPE, BYTES(ether, 16), 105, false), 0);

	check_case("the network layer begins behind the link layer, and the length is the wire's");
	CHECK(OURS(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)SKF_NET_OFF),
		   BPF_STMT(BPF_RET | BPF_A, 0)));
	bpf_frame_of(&f, BYTES(ether, 16), 60, 1, false, 1);
	CHECK_EQ(bpf_run(&prog, &f), 1);
	bpf_frame_of(&f, BYTES(sll, 17), 60, 113, false, 1);
	CHECK_EQ(bpf_run(&prog, &f), 0x60);
	CHECK(OURS(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)));
	CHECK_EQ(bpf_run(&prog, &f), 60);

	check_case("a shorter snapshot cuts what a program accepts");
	CHECK(OURS(BPF_STMT(BPF_RET | BPF_K, 262144)));
	bpf_snap(&prog, 96);
	CHECK_EQ(bpf_run(&prog, &f), 96);
}

int main(void)
{
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0)
		return 1;
	test_text();
	test_check();
	test_against_kernel();
	test_files();
	return check_end();
}
