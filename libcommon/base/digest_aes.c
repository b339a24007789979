/* digest_aes: Crypto-PAn over libcrypto's AES. */
#include "libcommon/base/digest_aes.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "libcommon/base/die.h"

enum { BLOCK = 16 };

struct anon {
	EVP_CIPHER_CTX *aes;
	uint8_t pad[BLOCK];
};

static void encrypt(struct anon *a, const uint8_t *in, uint8_t *out)
{
	int n;

	if (EVP_EncryptUpdate(a->aes, out, &n, in, BLOCK) != 1 || n != BLOCK)
		die("AES failed");
}

struct anon *anon_new(const uint8_t key[32])
{
	struct anon *a = xcalloc(1, sizeof(*a));

	a->aes = EVP_CIPHER_CTX_new();
	if (!a->aes || EVP_EncryptInit_ex(a->aes, EVP_aes_128_ecb(), NULL, key, NULL) != 1)
		die("there is no AES");
	EVP_CIPHER_CTX_set_padding(a->aes, 0);
	encrypt(a, key + BLOCK, a->pad);
	return a;
}

void anon_free(struct anon *a)
{
	if (a)
		EVP_CIPHER_CTX_free(a->aes);
	free(a);
}

/* Bit i of the result is that of the address, turned by a function of the i bits before it. */
void anon_address(struct anon *a, uint8_t *address, unsigned bits)
{
	uint8_t in[BLOCK], out[BLOCK], turned[BLOCK] = { 0 };

	for (unsigned i = 0; i < bits && i < 8 * BLOCK; i++) {
		memcpy(in, a->pad, BLOCK);
		memcpy(in, address, i / 8);
		if (i % 8) {
			uint8_t keep = (uint8_t)(0xff << (8 - i % 8));

			in[i / 8] = (uint8_t)((address[i / 8] & keep) | (a->pad[i / 8] & ~keep));
		}
		encrypt(a, in, out);
		turned[i / 8] |= (uint8_t)((out[0] >> 7) << (7 - i % 8));
	}
	for (unsigned i = 0; i < (bits + 7) / 8 && i < BLOCK; i++)
		address[i] ^= turned[i];
}
