/* digest: message digests by libcrypto, hex and base64. */
/* Its plain functions: the newer interface allocates for every digest, and has to be fetched from a
 * provider, by a thread, before the sandbox closes. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "libcommon/base/digest.h"

#include <stdlib.h>

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "libcommon/base/die.h"

struct state {
	enum digest_algo algo;
	union {
		MD5_CTX md5;
		SHA_CTX sha1;
		SHA256_CTX sha256;
	};
};

struct digest_stream {
	struct state s;
};

static const struct {
	const char *name;
	size_t size;
} algos[DIGEST_COUNT] = {
	[DIGEST_MD5] = { "MD5", MD5_DIGEST_LENGTH },
	[DIGEST_SHA1] = { "SHA-1", SHA_DIGEST_LENGTH },
	[DIGEST_SHA256] = { "SHA-256", SHA256_DIGEST_LENGTH },
};

size_t digest_size(enum digest_algo algo)
{
	return algos[algo].size;
}

/* A digest that libcrypto can't finish would be a wrong fingerprint in a record. */
static void must(int ok, const struct state *s)
{
	if (!ok)
		die("libcrypto can't compute %s", algos[s->algo].name);
}

static void start(struct state *s, enum digest_algo algo)
{
	s->algo = algo;
	must(algo == DIGEST_MD5    ? MD5_Init(&s->md5)
	     : algo == DIGEST_SHA1 ? SHA1_Init(&s->sha1)
				   : SHA256_Init(&s->sha256),
	     s);
}

static void update(struct state *s, struct bytes in)
{
	if (!in.len)
		return;
	must(s->algo == DIGEST_MD5    ? MD5_Update(&s->md5, in.ptr, in.len)
	     : s->algo == DIGEST_SHA1 ? SHA1_Update(&s->sha1, in.ptr, in.len)
				      : SHA256_Update(&s->sha256, in.ptr, in.len),
	     s);
}

static size_t finish(struct state *s, uint8_t *out)
{
	must(s->algo == DIGEST_MD5    ? MD5_Final(out, &s->md5)
	     : s->algo == DIGEST_SHA1 ? SHA1_Final(out, &s->sha1)
				      : SHA256_Final(out, &s->sha256),
	     s);
	return algos[s->algo].size;
}

size_t digest_raw(enum digest_algo algo, struct bytes in, uint8_t *out)
{
	struct state s;

	start(&s, algo);
	update(&s, in);
	return finish(&s, out);
}

char *hex_encode(struct bytes in, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		out[2 * i] = digits[in.ptr[i] >> 4];
		out[2 * i + 1] = digits[in.ptr[i] & 15];
	}
	out[2 * in.len] = '\0';
	return out;
}

char *digest_hex(enum digest_algo algo, struct bytes in, char *out)
{
	uint8_t raw[DIGEST_MAX];
	size_t n = digest_raw(algo, in, raw);

	return hex_encode(BYTES(raw, n), out);
}

struct digest_stream *digest_new(enum digest_algo algo)
{
	struct digest_stream *d = xcalloc(1, sizeof(*d));

	start(&d->s, algo);
	return d;
}

void digest_add(struct digest_stream *d, struct bytes in)
{
	update(&d->s, in);
}

size_t digest_stream_raw(struct digest_stream *d, uint8_t *out)
{
	size_t n = finish(&d->s, out);

	start(&d->s, d->s.algo);
	return n;
}

char *digest_stream_hex(struct digest_stream *d, char *out)
{
	uint8_t raw[DIGEST_MAX];
	size_t n = digest_stream_raw(d, raw);

	return hex_encode(BYTES(raw, n), out);
}

void digest_free(struct digest_stream *d)
{
	free(d);
}

size_t base64_encode(struct bytes in, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *at = out;

	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = in.len - i;
		uint32_t v = (uint32_t)in.ptr[i] << 16;

		if (left > 1)
			v |= (uint32_t)in.ptr[i + 1] << 8;
		if (left > 2)
			v |= in.ptr[i + 2];
		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[v & 63] : '=';
	}
	*at = '\0';
	return (size_t)(at - out);
}
