#!/bin/sh
# swap: a parser is replaced by its next version while packets keep coming. Nothing is lost, nothing
# comes twice, and flows that were in progress end with "swapped" in their session_end; all others are
# what they would have been.
#   swap.sh CAPTURE OLD NEW [SPEED]
# OLD and NEW are commands, such as ./weir-mine and "./weir-mine-2 --fast".
set -eu
graph=$(mktemp)
trap 'rm -f "$graph"' EXIT
cat >"$graph" <<END
[pipeline]
name = swap-$$
[stage read]
run = read '$1'
out = capture
[stage replay]
run = replay --speed ${4:-1} --max-gap 500ms
in = capture
out = frames
[stage flow]
run = flow
in = frames
out = packets
[stage reasm]
run = reasm
in = packets
out = streams
[stage parser]
run = $2
join = ring
in = streams
out = records
[stage json]
run = json
in = records
END
weir run --quiet "$graph" &
until weir top --once --every 100ms "swap-$$" >/dev/null 2>&1; do sleep 0.05; done
# shellcheck disable=SC2086
weir swap --quiet "swap-$$" parser -- $3
wait $!
