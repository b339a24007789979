#!/bin/sh
# dns-log: a line for each DNS transaction: when, who asked whom, what, and what came back.
#   dns-log.sh CAPTURE
set -eu
weir read "$1" | weir flow | weir reasm | weir dns --only |
	weir csv --types dns --tsv --time iso --fields ts,orig_h,resp_h,query,qtype_name,rcode_name,rtt,answers.rdata
