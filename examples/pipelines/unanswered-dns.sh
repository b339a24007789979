#!/bin/sh
# unanswered-dns: DNS questions that nobody answered, as JSON lines.
#   unanswered-dns.sh CAPTURE
set -eu
weir read "$1" | weir flow | weir reasm | weir dns --only |
	weir filter 'type == "dns" and state != "answered"' |
	weir json --types dns --fields ts,orig_h,resp_h,query,qtype_name,state,retries
