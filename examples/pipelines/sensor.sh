#!/bin/sh
# sensor: what a machine keeps of a network, or of a capture: a log for each protocol, the flows, and
# what each minute brought. Stages that die are started again; weir top, weir swap and weir stop know
# the pipeline as "sensor".
#   sensor.sh INTERFACE|CAPTURE DIR
set -eu
source="read '$1'"
[ ! -e "/sys/class/net/$1" ] || source="capture '$1'"
mkdir -p "$2"
graph=$(mktemp)
trap 'rm -f "$graph"' EXIT
stage() { # stage NAME IN OUT COMMAND
	printf '[stage %s]\nrun = %s\nrestart = on-failure\n' "$1" "$4"
	[ -z "$2" ] || printf 'in = %s\n' "$2"
	[ -z "$3" ] || printf 'out = %s\n' "$3"
}
{
	printf '[pipeline]\nname = sensor\n'
	stage frames "" frames "$source" | grep -v ^restart
	stage flow frames packets flow
	stage reasm packets streams reasm
	for parser in dns http tls; do
		stage $parser streams $parser "$parser --only"
		stage $parser-log $parser "" "json --types $parser -o '$2/$parser.json'"
	done
	stage flow-log packets "" "json --types flow -o '$2/flow.json'"
	stage minutes packets counts "count --types flow --by proto,resp_p --sum orig_bytes,resp_bytes --every 60s"
	stage minute-log counts "" "json --types count -o '$2/minutes.json'"
} >"$graph"
weir run --quiet "$graph"
