/* digest: MD5, SHA-1, SHA-256 and base64; the one module that includes libcrypto.
 *
 * The one-shot functions need no file, no memory and no system call, so they work behind any
 * seccomp filter, and in any thread. */
#ifndef WEIR_DIGEST_H
#define WEIR_DIGEST_H

#include "libcommon/base/bytes.h"

enum digest_algo { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };

enum {
	DIGEST_MAX = 32,                 /* bytes of the longest digest */
	DIGEST_HEX = 2 * DIGEST_MAX + 1, /* its hex form with the NUL */
};

/* Bytes of a digest: 16, 20, 32. */
size_t digest_size(enum digest_algo algo);
/* Digest of `in` into out (digest_size() bytes). Returns that size. */
size_t digest_raw(enum digest_algo algo, struct bytes in, uint8_t *out);
/* The same in lower-case hex with a final NUL (2 * digest_size() + 1 bytes). Returns out. */
char *digest_hex(enum digest_algo algo, struct bytes in, char *out);

/* A digest over bytes that come in pieces. Owned by the caller until digest_free(); about 100
 * bytes of heap each. After a digest_stream_*() result it starts over, empty. */
struct digest_stream;
struct digest_stream *digest_new(enum digest_algo algo);
void digest_add(struct digest_stream *d, struct bytes in);
size_t digest_stream_raw(struct digest_stream *d, uint8_t *out);
char *digest_stream_hex(struct digest_stream *d, char *out);
void digest_free(struct digest_stream *d); /* NULL is fine */

/* Lower-case hex of `in` with a final NUL (2 * in.len + 1 bytes). Returns out. */
char *hex_encode(struct bytes in, char *out);

/* RFC 4648 section 4, with padding and a final NUL. out has BASE64_SIZE(in.len) bytes. Returns
 * the length without the NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
size_t base64_encode(struct bytes in, char *out);

#endif
