/* crc32c: the CRC of SCTP and iSCSI (Castagnoli), by the processor where it can. */
#include "libcommon/net/crc32c.h"

/* A CRC is linear: that of a byte is the sum of those of its bits. So eight numbers make a table
 * of 256, at compile time, and nothing is written at run time. */
#define OF(i, a, b, c, d, e, f, g, h)                                                              \
	(((i)&1 ? a : 0u) ^ ((i)&2 ? b : 0u) ^ ((i)&4 ? c : 0u) ^ ((i)&8 ? d : 0u) ^               \
	 ((i)&16 ? e : 0u) ^ ((i)&32 ? f : 0u) ^ ((i)&64 ? g : 0u) ^ ((i)&128 ? h : 0u))
#define OF4(i, ...)                                                                                \
	OF(i, __VA_ARGS__), OF((i) + 1, __VA_ARGS__), OF((i) + 2, __VA_ARGS__),                    \
		OF((i) + 3, __VA_ARGS__)
#define OF16(i, ...)                                                                               \
	OF4(i, __VA_ARGS__), OF4((i) + 4, __VA_ARGS__), OF4((i) + 8, __VA_ARGS__),                 \
		OF4((i) + 12, __VA_ARGS__)
#define OF64(i, ...)                                                                               \
	OF16(i, __VA_ARGS__), OF16((i) + 16, __VA_ARGS__), OF16((i) + 32, __VA_ARGS__),            \
		OF16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
	{                                                                                          \
		OF64(0, __VA_ARGS__), OF64(64, __VA_ARGS__), OF64(128, __VA_ARGS__),               \
			OF64(192, __VA_ARGS__)                                                     \
	}

/* table[k][i]: byte i with k zero bytes behind it, the polynomial reflected: 0x82f63b78. */
static const uint32_t table[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
	      0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
	      0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
	      0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
	      0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,
	      0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,
	      0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,
	      0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,
	      0x34019664),
};

static uint64_t le64_get(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

uint32_t crc32c_plain(uint32_t crc, struct bytes b)
{
	const uint8_t *p = b.ptr;
	size_t n = b.len;

	crc = ~crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v = le64_get(p) ^ crc;

		crc = table[7][v & 0xff] ^ table[6][v >> 8 & 0xff] ^ table[5][v >> 16 & 0xff] ^
		      table[4][v >> 24 & 0xff] ^ table[3][v >> 32 & 0xff] ^
		      table[2][v >> 40 & 0xff] ^ table[1][v >> 48 & 0xff] ^ table[0][v >> 56];
	}
	for (; n; n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, struct bytes b)
{
	const uint8_t *p = b.ptr;
	size_t n = b.len;
	uint64_t sum = ~crc;

	for (; n >= 8; p += 8, n -= 8)
		sum = __builtin_ia32_crc32di(sum, le64_get(p));
	crc = (uint32_t)sum;
	for (; n; n--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return ~crc;
}
#endif

uint32_t crc32c(uint32_t crc, struct bytes b)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse(crc, b);
#endif
	return crc32c_plain(crc, b);
}
