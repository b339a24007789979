#!/bin/sh
# sampled: one flow of four, whole, through jq and back into records; and what the books say.
#   sampled.sh CAPTURE
set -eu
weir read "$1" | weir flow --no-packets | weir sample --rate 1/4 --flows |
	weir json | jq -c 'select(.proto == 6)' | weir from-json | weir tee -o sampled.weir -o null:
weir info sampled.weir
