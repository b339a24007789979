/* name: domain names in a message. */
#include "libcommon/packet/name.h"

#include <strings.h>

enum { JUMPS = 64, POINTER = 0xc0, LABEL_MAX = 63, NO_LABEL = 64 };

size_t pkt_name_size(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len && at < PKT_NAME_MAX) {
		if (p[at] == 0)
			return at + 1;
		if (p[at] >= POINTER)
			return at + 2 <= len ? at + 2 : 0;
		if (p[at] > LABEL_MAX)
			return 0;
		at += 1u + p[at];
	}
	return 0;
}

/* Where its labels end. */
static size_t labels_end(struct bytes name)
{
	size_t at = 0;

	while (at < name.len && name.ptr[at] && name.ptr[at] <= LABEL_MAX)
		at += 1u + name.ptr[at];
	return at;
}

bool pkt_name_is_short(struct bytes name)
{
	size_t at = labels_end(name);

	return at < name.len && name.ptr[at] == PKT_NAME_SHORT;
}

unsigned pkt_name_pointer(struct bytes name)
{
	size_t at = labels_end(name);

	if (at + 2 > name.len || name.ptr[at] < POINTER)
		return PKT_NAME_POINTS;
	return (name.ptr[at] & 0x3fu) << 8 | name.ptr[at + 1];
}

void pkt_names_add(struct pkt_names *names, size_t at)
{
	if (names->n < sizeof(names->at) / sizeof(names->at[0]) && at < PKT_NAME_POINTS)
		names->at[names->n++] = (uint16_t)at;
}

/* Goes where pointers lead, so that a label stands at *at of the message. Its length, 0 for the
 * root; or NO_LABEL. */
static unsigned label_at(struct bytes m, size_t *at, unsigned *jumps)
{
	while (*at < m.len && m.ptr[*at] >= POINTER) {
		if (*at + 2 > m.len || ++*jumps >= JUMPS)
			return NO_LABEL;
		*at = (m.ptr[*at] & 0x3fu) << 8 | m.ptr[*at + 1];
	}
	if (*at >= m.len || m.ptr[*at] > LABEL_MAX || *at + 1 + m.ptr[*at] > m.len)
		return NO_LABEL;
	return m.ptr[*at];
}

/* Does the name at that offset of the message read as the one given, to the byte? */
static bool same(struct bytes m, size_t at, const uint8_t *name)
{
	unsigned jumps = 0, n;

	while ((n = label_at(m, &at, &jumps)) != NO_LABEL) {
		if (n == 0 || *name == PKT_NAME_SHORT)
			return n == 0 && *name == PKT_NAME_SHORT;
		if (n != *name || memcmp(m.ptr + at + 1, name + 1, n) != 0)
			return false;
		at += 1 + n;
		name += 1 + n;
	}
	return false;
}

/* The offset of a name, or the end of one, that reads as the one given; or PKT_NAME_POINTS. */
static size_t find(const struct pkt_names *names, struct bytes m, const uint8_t *name)
{
	for (unsigned i = 0; i < names->n; i++)
		for (size_t at = names->at[i];
		     at < m.len && at < PKT_NAME_POINTS && m.ptr[at] && m.ptr[at] <= LABEL_MAX;
		     at += 1u + m.ptr[at])
			if (same(m, at, name))
				return at;
	return PKT_NAME_POINTS;
}

size_t pkt_name_shorten(const struct pkt_names *names, struct bytes message, struct bytes name,
			uint8_t *to)
{
	size_t n = 0;

	while (name.ptr[n] != PKT_NAME_SHORT && n + 1u + name.ptr[n] < PKT_NAME_MAX) {
		size_t at = find(names, message, name.ptr + n);

		if (at < PKT_NAME_POINTS) {
			to[n] = (uint8_t)(POINTER | at >> 8);
			to[n + 1] = (uint8_t)at;
			return n + 2;
		}
		memcpy(to + n, name.ptr + n, 1u + name.ptr[n]);
		n += 1u + name.ptr[n];
	}
	to[n] = 0;
	return n + 1;
}

bool pkt_name_equal(struct bytes m, size_t at, struct bytes name)
{
	unsigned jumps = 0, n;
	size_t i = 0;

	while ((n = label_at(m, &at, &jumps)) != NO_LABEL) {
		if (i + 1 + n > name.len || n != name.ptr[i])
			return false;
		if (n == 0)
			return true;
		if (strncasecmp((const char *)m.ptr + at + 1, (const char *)name.ptr + i + 1, n))
			return false;
		at += 1 + n;
		i += 1 + n;
	}
	return false;
}

size_t pkt_name_expand(struct bytes m, size_t at, uint8_t *to)
{
	unsigned jumps = 0, n;
	size_t len = 0;

	while ((n = label_at(m, &at, &jumps)) != NO_LABEL && len + 1 + n <= PKT_NAME_MAX) {
		memcpy(to + len, m.ptr + at, 1 + n);
		len += 1 + n;
		if (n == 0)
			return len;
		at += 1 + n;
	}
	return 0;
}
