/* digest_aes: AES-128 of single blocks, and addresses made anonymous by it so that those with a
 * common prefix still have one of the same length (Crypto-PAn: Xu, Fan, Ammar, Moon, 2002). */
#ifndef WEIR_DIGEST_AES_H
#define WEIR_DIGEST_AES_H

#include "libcommon/base/bytes.h"

struct anon;

/* 32 bytes of key: 16 of AES, 16 of padding. Ends the process where there is no AES. */
struct anon *anon_new(const uint8_t key[32]);
void anon_free(struct anon *a);
/* The address of that many bits (at most 128) in place. */
void anon_address(struct anon *a, uint8_t *address, unsigned bits);

#endif
