/* hosts: a bounded set of hosts, by address. */
#include "libcommon/net/hosts.h"

enum { PROBES = 8 };

bool hosts_add(struct hosts *h, const struct layers *l)
{
	uint64_t at = 0xcbf29ce484222325;

	for (unsigned i = 0; i < 16; i++)
		at = (at ^ l->src[i]) * 0x100000001b3;
	for (unsigned i = 0; i < PROBES; i++) {
		struct host *host = &h->hosts[(at + i) % HOSTS];

		if (!host->version) {
			host->version = l->ip_version;
			memcpy(host->addr, l->src, 16);
			h->count++;
			return true;
		}
		if (host->version == l->ip_version && !memcmp(host->addr, l->src, 16))
			return false;
	}
	h->full++;
	return false;
}
