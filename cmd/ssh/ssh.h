/* ssh: the SSH parser of weir-ssh: identification and key exchange lists, for the engine of l7.h.
 */
#ifndef WEIR_SSH_H
#define WEIR_SSH_H

#include "libcommon/stage/l7.h"

extern const struct l7_parser ssh_parser;

struct ssh_config {
	uint64_t max_held; /* bytes of key exchange lists that wait for those of the other side */
};

/* The name-lists of a KEXINIT message (RFC 4253, 7.1), in their order. */
enum ssh_list {
	SSH_KEX,
	SSH_HOST_KEY,
	SSH_CIPHER_C2S,
	SSH_CIPHER_S2C,
	SSH_MAC_C2S,
	SSH_MAC_S2C,
	SSH_COMP_C2S,
	SSH_COMP_S2C,
	SSH_LANGUAGE_C2S,
	SSH_LANGUAGE_S2C,
	SSH_LISTS
};

struct ssh_kexinit {
	struct bytes list[SSH_LISTS]; /* commas between names; borrowed */
};

/* From the payload of a packet, its message number first. False: it is no whole KEXINIT. */
bool ssh_kexinit_parse(struct bytes payload, struct ssh_kexinit *k);
/* The first name of the client's list that the server has, too (RFC 4253, 7.1); ptr NULL: none, or
 * *more: it may be beyond the names that are looked at. */
struct bytes ssh_agreed(struct bytes client, struct bytes server, bool *more);
/* The next name of a list, which is taken off it. False at its end. */
bool ssh_next_name(struct bytes *list, struct bytes *name);

#endif
