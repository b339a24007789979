#!/bin/sh
# top-talkers: the ten hosts that were sent the most bytes in flows they began.
#   top-talkers.sh CAPTURE
set -eu
weir read "$1" | weir flow --no-packets |
	weir filter 'type == "flow" and event == "end"' |
	weir rank --types flow --by orig_h --sum resp_bytes -n 10 |
	weir csv --types rank --tsv
