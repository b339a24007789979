#!/bin/sh
# two-hosts: one pipeline over two machines. Both run this line, each with its own name for HOST: the
# sensor makes streams of packets, the collector parses and prints them. Whoever comes first waits;
# what is not confirmed when the network breaks is sent again. With TLS: docs/two-hosts.md.
#   two-hosts.sh sensor|collector CAPTURE ADDRESS:PORT
set -eu
graph=$(mktemp)
trap 'rm -f "$graph"' EXIT
cat >"$graph" <<END
[stage read]
run = read '$2'
out = frames
host = sensor
[stage flow]
run = flow
in = frames
out = packets
host = sensor
[stage reasm]
run = reasm
in = packets
out = streams
host = sensor
[link streams]
via = tcp://$3,insecure
[stage dns]
run = dns
in = streams
out = dns
host = collector
[stage http]
run = http
in = dns
out = http
host = collector
[stage tls]
run = tls
in = http
out = tls
host = collector
[stage json]
run = json
in = tls
host = collector
END
weir run --quiet --host "$1" "$graph"
