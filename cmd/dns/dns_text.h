/* dns_text: a bounded writer for the texts of a record. What does not fit is cut, and said so. */
#ifndef WEIR_DNS_TEXT_H
#define WEIR_DNS_TEXT_H

#include "libcommon/base/bytes.h"

struct dns_text {
	char *ptr;
	size_t len, size; /* invariant: len <= size */
	bool cut;         /* something did not fit */
};

static inline void dns_text_put(struct dns_text *t, const void *p, size_t n)
{
	if (n > t->size - t->len) {
		n = t->size - t->len;
		t->cut = true;
	}
	if (n)
		memcpy(t->ptr + t->len, p, n);
	t->len += n;
}

static inline void dns_text_char(struct dns_text *t, char c)
{
	if (t->len == t->size)
		t->cut = true;
	else
		t->ptr[t->len++] = c;
}

static inline void dns_text_str(struct dns_text *t, const char *s)
{
	dns_text_put(t, s, strlen(s));
}

/* Decimal, with leading zeros up to `width` digits. */
void dns_text_uint(struct dns_text *t, uint64_t v, unsigned width);
/* \DDD of RFC 1035 5.1. */
void dns_text_escape(struct dns_text *t, uint8_t c);
void dns_text_hex(struct dns_text *t, struct bytes b);
void dns_text_base64(struct dns_text *t, struct bytes b);
/* Base 32 with the extended hex alphabet, without padding (RFC 4648 7; RFC 5155 3.3). */
void dns_text_base32hex(struct dns_text *t, struct bytes b);
/* A character-string in quotes, with \" \\ and \DDD. */
void dns_text_quoted(struct dns_text *t, struct bytes b);
/* 4 or 16 bytes; nothing for another length. */
void dns_text_ip(struct dns_text *t, struct bytes b);

#endif
