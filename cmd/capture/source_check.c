/* source_check: what the options of weir-capture may be together. */
#include <string.h>

#include "cmd/capture/keep.h"
#include "cmd/capture/source.h"
#include "libcommon/base/die.h"

static bool power_of_two(uint64_t v)
{
	return v && (v & (v - 1)) == 0;
}

void source_check(const struct source_config *c)
{
	if (c->interfaces.n == 0)
		die_usage("no interface given: -I NAME; try 'weir interfaces'");
	if (c->interfaces.n > KEEP_MOST)
		die_usage("more than %d interfaces", KEEP_MOST);
	if (c->snaplen == 0 || c->snaplen > REC_MAX_PAYLOAD)
		die_usage("--snaplen: not 1 to %d bytes", REC_MAX_PAYLOAD);
	if (!power_of_two(c->block_size) || c->block_size < 4096 || c->block_size > 1 << 28)
		die_usage("--block-size: no power of two from 4K to 256M");
	if (c->blocks < 2 || c->blocks > 65536)
		die_usage("--blocks: not 2 to 65536");
	if (c->retire < 1000000 || c->retire > 10000000000)
		die_usage("--retire: not 1ms to 10s");
	if (c->fanout_group && opt_number(c->fanout_group, "--fanout-group") >= TAP_NEW_GROUP)
		die_usage("--fanout-group: not 0 to 65535");
	if (c->fanout_group && !c->tap.fanout)
		die_usage("--fanout-group goes with --fanout");
	if ((c->tap.fanout == TAP_CBPF) != (c->fanout_file != NULL))
		die_usage("--fanout cbpf and --fanout-file go together");
	if (c->on_down == SOURCE_RETURNS &&
	    (c->tap.fanout || c->tap.promiscuous || c->tap.all_multicast || c->time_source))
		die_usage("--on-down return can't set another interface up: not with --fanout, "
			  "--promiscuous, --all-multicast, --time-source");
	for (size_t i = 0; i < c->interfaces.n; i++) {
		const char *name = c->interfaces.v[i];

		if (strcmp(name, "any") == 0 && c->interfaces.n > 1)
			die_usage("'any' has the other interfaces in it");
		if (strcmp(name, "any") == 0 &&
		    (c->tap.promiscuous || c->tap.all_multicast || c->time_source))
			die_usage("'any' is no interface of its own that could be set up");
		for (size_t k = 0; k < i; k++)
			if (strcmp(name, c->interfaces.v[k]) == 0)
				die_usage("interface '%s' is given twice", name);
	}
}
