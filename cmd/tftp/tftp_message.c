/* tftp_message: takes messages of TFTP apart (RFC 1350 5, RFC 2347). */
#include "cmd/tftp/tftp.h"

#include "libcommon/base/words.h"

/* The text up to the next NUL, taken off with it; false where there is none. */
static bool text_take(struct bytes *b, struct bytes *text)
{
	const uint8_t *end = b->len ? memchr(b->ptr, 0, b->len) : NULL;
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - b->ptr);
	*text = BYTES(b->ptr, n);
	*b = BYTES(end + 1, b->len - n - 1);
	return true;
}

static bool is(struct bytes text, const char *word)
{
	return words_take(&text, word) && !text.len;
}

static bool is_one(struct bytes text, const char *const *words)
{
	for (; *words; words++)
		if (is(text, *words))
			return true;
	return false;
}

/* Pairs of name and value up to the end. */
static bool options_parse(struct bytes b, struct tftp_message *m)
{
	struct tftp_option o;

	while (b.len) {
		if (!text_take(&b, &o.name) || !o.name.len || !text_take(&b, &o.value))
			return false;
		if (m->noptions < TFTP_OPTIONS)
			m->options[m->noptions++] = o;
		else
			m->more = true;
	}
	return true;
}

bool tftp_parse(struct bytes data, bool cut, struct tftp_message *m)
{
	struct bytes b = data;

	*m = (struct tftp_message){ 0 };
	if (data.len < 2 || data.ptr[0] || data.ptr[1] < TFTP_RRQ || data.ptr[1] > TFTP_OACK)
		return false;
	m->code = (enum tftp_code)data.ptr[1];
	b = BYTES(b.ptr + 2, b.len - 2);
	switch (m->code) {
	case TFTP_RRQ:
	case TFTP_WRQ:
		if (!text_take(&b, &m->filename) || !text_take(&b, &m->mode))
			return cut;
		return options_parse(b, m) || cut || b.ptr[b.len - 1] == 0; /* some pad it */
	case TFTP_OACK:
		return options_parse(b, m) || cut;
	case TFTP_DATA:
	case TFTP_ACK:
	case TFTP_ERROR:
		if (b.len < 2)
			return cut;
		m->number = be16_get(b.ptr);
		b = BYTES(b.ptr + 2, b.len - 2);
		m->text = b;
		if (m->code == TFTP_ERROR && !text_take(&b, &m->text))
			m->text = b;
		return true;
	}
	return false;
}

bool tftp_is_certain(struct bytes data)
{
	static const char *const modes[] = { "octet", "netascii", "mail", NULL };
	static const char *const names[] = { "blksize",    "tsize",     "timeout",
					     "windowsize", "multicast", NULL };
	struct tftp_message m;

	if (!tftp_parse(data, false, &m))
		return false;
	if (m.code == TFTP_RRQ || m.code == TFTP_WRQ)
		return m.filename.len && is_one(m.mode, modes);
	if (m.code != TFTP_OACK || !m.noptions)
		return false;
	for (size_t i = 0; i < m.noptions; i++)
		if (!is_one(m.options[i].name, names))
			return false;
	return true;
}

bool tftp_number(const struct tftp_message *m, const char *name, uint64_t *v)
{
	for (size_t i = 0; i < m->noptions; i++) {
		struct bytes value = m->options[i].value;

		if (is(m->options[i].name, name))
			return words_number(&value, 1ull << 56, v) && !value.len;
	}
	return false;
}
