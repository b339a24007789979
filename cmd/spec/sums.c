/* sums: the checksums that a spec may name. */
#include "cmd/spec/sums.h"

static uint64_t sum8(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	for (size_t i = 0; i < b.len; i++)
		v += b.ptr[i];
	return v;
}

static uint64_t xor8(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	for (size_t i = 0; i < b.len; i++)
		v ^= b.ptr[i];
	return v;
}

/* RFC 1071 */
static uint64_t inet(uint64_t v, uint64_t at, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		v += (at + i) % 2 ? b.ptr[i] : (uint64_t)b.ptr[i] << 8;
	while (v >> 16)
		v = (v & 0xffff) + (v >> 16);
	return v;
}

/* The least significant bit first. */
static uint64_t reflected(struct bytes b, uint64_t v, uint64_t polynomial)
{
	for (size_t i = 0; i < b.len; i++) {
		v ^= b.ptr[i];
		for (int k = 0; k < 8; k++)
			v = v & 1 ? v >> 1 ^ polynomial : v >> 1;
	}
	return v;
}

static uint64_t crc16_modbus(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	return reflected(b, v, 0xa001);
}

/* As in XMODEM's relatives: polynomial 0x1021, begins with 0xffff. */
static uint64_t crc16_ccitt(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	for (size_t i = 0; i < b.len; i++) {
		v ^= (uint64_t)b.ptr[i] << 8;
		for (int k = 0; k < 8; k++)
			v = (v & 0x8000 ? v << 1 ^ 0x1021 : v << 1) & 0xffff;
	}
	return v;
}

static uint64_t crc32(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	return reflected(b, v, 0xedb88320);
}

static uint64_t crc32c(uint64_t v, uint64_t at, struct bytes b)
{
	(void)at;
	return reflected(b, v, 0x82f63b78);
}

/* RFC 1950 */
static uint64_t adler32(uint64_t v, uint64_t at, struct bytes b)
{
	uint64_t x = v & 0xffff, y = v >> 16;

	(void)at;
	for (size_t i = 0; i < b.len; i++) {
		x = (x + b.ptr[i]) % 65521;
		y = (y + x) % 65521;
	}
	return y << 16 | x;
}

static const struct {
	const char *name;
	uint64_t (*add)(uint64_t v, uint64_t at, struct bytes b);
	uint64_t begin, end, mask; /* end: bits that are inverted at the end */
} sums[] = {
	{ "sum8", sum8, 0, 0, 0xff },
	{ "xor8", xor8, 0, 0, 0xff },
	{ "inet", inet, 0, 0xffff, 0xffff },
	{ "crc16_modbus", crc16_modbus, 0xffff, 0, 0xffff },
	{ "crc16_ccitt", crc16_ccitt, 0xffff, 0, 0xffff },
	{ "crc32", crc32, 0xffffffff, 0xffffffff, 0xffffffff },
	{ "crc32c", crc32c, 0xffffffff, 0xffffffff, 0xffffffff },
	{ "adler32", adler32, 1, 0, 0xffffffff },
};

int sum_find(const char *name)
{
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (strcmp(name, sums[i].name) == 0)
			return (int)i;
	return -1;
}

const char *sum_names(void)
{
	return "sum8 xor8 inet crc16_modbus crc16_ccitt crc32 crc32c adler32";
}

uint64_t sum_begin(int sum)
{
	return sums[sum].begin;
}

uint64_t sum_add(int sum, uint64_t v, uint64_t at, struct bytes b)
{
	return sums[sum].add(v, at, b);
}

uint64_t sum_end(int sum, uint64_t v)
{
	return (v ^ sums[sum].end) & sums[sum].mask;
}

uint64_t sum_of(int sum, struct bytes b)
{
	return sum_end(sum, sum_add(sum, sum_begin(sum), 0, b));
}
