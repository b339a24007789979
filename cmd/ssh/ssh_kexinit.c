/* ssh_kexinit: the lists of algorithms that both sides of SSH begin with. */
#include "cmd/ssh/ssh.h"

enum { KEXINIT = 20, COOKIE = 16 };

bool ssh_kexinit_parse(struct bytes payload, struct ssh_kexinit *k)
{
	struct cursor c = cursor_of(payload);

	if (cursor_u8(&c) != KEXINIT)
		return false;
	cursor_skip(&c, COOKIE);
	for (int i = 0; i < SSH_LISTS; i++)
		k->list[i] = cursor_bytes(&c, cursor_be32(&c));
	return !c.failed;
}

bool ssh_next_name(struct bytes *list, struct bytes *name)
{
	const uint8_t *comma;

	if (list->len == 0)
		return false;
	comma = memchr(list->ptr, ',', list->len);
	*name = BYTES(list->ptr, comma ? (size_t)(comma - list->ptr) : list->len);
	*list = BYTES(list->ptr + name->len, list->len - name->len);
	if (comma)
		*list = BYTES(list->ptr + 1, list->len - 1);
	return true;
}

/* Names that are looked at on either side: both lists may be thousands long. */
enum { NAMES = 100 };

/* Is the name in the list? *more: not in what was looked at of it. */
static bool has_name(struct bytes list, struct bytes name, bool *more)
{
	struct bytes other;

	for (int i = 0; ssh_next_name(&list, &other); i++) {
		*more = i == NAMES;
		if (*more)
			return false;
		if (bytes_equal(name, other))
			return true;
	}
	return false;
}

struct bytes ssh_agreed(struct bytes client, struct bytes server, bool *more)
{
	struct bytes name;

	*more = false;
	for (int i = 0; !*more && ssh_next_name(&client, &name); i++) {
		*more = i == NAMES;
		if (!*more && has_name(server, name, more))
			return name;
	}
	return BYTES(NULL, 0);
}
