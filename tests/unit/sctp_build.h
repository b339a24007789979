/* sctp_build: SCTP chunks and packets for tests. */
#ifndef WEIR_SCTP_BUILD_H
#define WEIR_SCTP_BUILD_H

#include <string.h>

#include "libcommon/net/sctp.h"

struct sctp_build {
	uint8_t at[65536];
	size_t len;
};

static inline void build_chunk(struct sctp_build *b, uint8_t type, uint8_t flags, const void *value,
			       size_t len)
{
	uint8_t *p = b->at + b->len;
	size_t padded = (len + 3) & ~(size_t)3;

	p[0] = type;
	p[1] = flags;
	be16_put(p + 2, (uint16_t)(len + 4));
	memset(p + 4, 0, padded);
	if (len)
		memcpy(p + 4, value, len);
	b->len += 4 + padded;
}

static inline void build_init(struct sctp_build *b, uint8_t type, uint32_t tag, uint16_t out,
			      uint16_t in, uint32_t tsn)
{
	uint8_t v[16];

	be32_put(v, tag);
	be32_put(v + 4, 65536);
	be16_put(v + 8, out);
	be16_put(v + 10, in);
	be32_put(v + 12, tsn);
	build_chunk(b, type, 0, v, sizeof(v));
}

/* The same with parameters. */
static inline void build_init_with(struct sctp_build *b, uint8_t type, uint32_t tag, uint32_t tsn,
				   const void *params, size_t len)
{
	uint8_t v[16 + 64];

	be32_put(v, tag);
	be32_put(v + 4, 65536);
	be16_put(v + 8, 10);
	be16_put(v + 10, 10);
	be32_put(v + 12, tsn);
	memcpy(v + 16, params, len);
	build_chunk(b, type, 0, v, 16 + len);
}

enum { BUILD_E = 1, BUILD_B = 2, BUILD_U = 4, BUILD_BE = 3 };

static inline void build_data(struct sctp_build *b, uint8_t flags, uint32_t tsn, uint16_t sid,
			      uint16_t ssn, uint32_t ppid, const void *data, size_t len)
{
	uint8_t v[12 + 2048];

	be32_put(v, tsn);
	be16_put(v + 4, sid);
	be16_put(v + 6, ssn);
	be32_put(v + 8, ppid);
	memcpy(v + 12, data, len);
	build_chunk(b, SCTP_DATA, flags, v, 12 + len);
}

/* I-DATA: the first fragment has the ppid, others their number. */
static inline void build_i_data(struct sctp_build *b, uint8_t flags, uint32_t tsn, uint16_t sid,
				uint32_t mid, uint32_t ppid_or_fsn, const void *data, size_t len)
{
	uint8_t v[16 + 2048];

	be32_put(v, tsn);
	be16_put(v + 4, sid);
	be16_put(v + 6, 0);
	be32_put(v + 8, mid);
	be32_put(v + 12, ppid_or_fsn);
	memcpy(v + 16, data, len);
	build_chunk(b, SCTP_I_DATA, flags, v, 16 + len);
}

#endif
