/* digest: message digests by libcrypto, hex and base64. */
#include "libcommon/base/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "libcommon/base/die.h"

struct digest_stream {
	EVP_MD_CTX *ctx;
	enum digest_algo algo;
};

static const struct {
	const char *name;
	size_t size;
} algos[DIGEST_COUNT] = {
	[DIGEST_MD5] = { "MD5", 16 },
	[DIGEST_SHA1] = { "SHA1", 20 },
	[DIGEST_SHA256] = { "SHA2-256", 32 },
};

/* Fetched once per process; the contexts serve the one-shot functions. */
static EVP_MD *fetched[DIGEST_COUNT];
static EVP_MD_CTX *contexts[DIGEST_COUNT];

/* A digest that libcrypto can't finish would be a wrong fingerprint in a record. */
static void must(int ok, enum digest_algo algo)
{
	if (!ok)
		die("libcrypto can't compute %s", algos[algo].name);
}

void digest_warm_up(void)
{
	uint8_t out[DIGEST_MAX];

	if (fetched[DIGEST_COUNT - 1])
		return;
	/* The configuration file could name modules to load; a stage uses built-in code only. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (int a = 0; a < DIGEST_COUNT; a++) {
		fetched[a] = EVP_MD_fetch(NULL, algos[a].name, NULL);
		contexts[a] = EVP_MD_CTX_new();
		must(fetched[a] && contexts[a], a);
	}
	/* The first digest of a context allocates its state: now, not behind the sandbox. */
	for (int a = 0; a < DIGEST_COUNT; a++)
		digest_raw(a, BYTES_LIT(""), out);
}

size_t digest_size(enum digest_algo algo)
{
	return algos[algo].size;
}

static void start(EVP_MD_CTX *ctx, enum digest_algo algo)
{
	must(EVP_DigestInit_ex2(ctx, fetched[algo], NULL), algo);
}

static size_t finish(EVP_MD_CTX *ctx, enum digest_algo algo, uint8_t *out)
{
	unsigned len = 0;

	must(EVP_DigestFinal_ex(ctx, out, &len) && len == algos[algo].size, algo);
	return len;
}

size_t digest_raw(enum digest_algo algo, struct bytes in, uint8_t *out)
{
	digest_warm_up();
	start(contexts[algo], algo);
	if (in.len)
		must(EVP_DigestUpdate(contexts[algo], in.ptr, in.len), algo);
	return finish(contexts[algo], algo, out);
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

	digest_warm_up();
	d->algo = algo;
	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL, algo);
	start(d->ctx, algo);
	return d;
}

void digest_add(struct digest_stream *d, struct bytes in)
{
	if (in.len)
		must(EVP_DigestUpdate(d->ctx, in.ptr, in.len), d->algo);
}

size_t digest_stream_raw(struct digest_stream *d, uint8_t *out)
{
	size_t n = finish(d->ctx, d->algo, out);

	start(d->ctx, d->algo);
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
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
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
