#!/usr/bin/env bats
# Through a swap every record comes once, and each flow that it touched can be told from the records.
load helper
load ../stages/build

setup_file() {
	export WEIR_RUNDIR=$BATS_FILE_TMPDIR/run
	cd "$BATS_FILE_TMPDIR"
	capture lines
	python3 "$top/tests/gen/make_bench.py" mix mix.pcap 30000 >/dev/null
	ahead lines.pcap "$top/examples/demo.pcap" lines.pcap >calm.pcap
	example_parser
}

setup() {
	cd "$BATS_FILE_TMPDIR"
	rm -f in
	mkfifo in
}

teardown() {
	exec 9>&-
	[ -z "${pid:-}" ] || kill -9 "$pid" 2>/dev/null || true
}

begin() { # begin LINE: runs it, reading `in`
	weir run --name swap "$1" >got.json 2>err 3>&- &
	pid=$!
	exec 9>in
}

finish() {
	exec 9>&-
	wait "$pid"
	pid=
	grep -q '^books balance' err
}

# What was printed of flows that no swap touched, against a run without one.
compare() { # compare WANT GOT
	python3 - "$@" <<'END'
import json, sys
want, got = ([(json.loads(line), line) for line in open(name)] for name in sys.argv[1:])
swapped = [r for r, _ in got if r.get("reason") == "swapped"]
flows, pairs = {r["flow"] for r in swapped}, {r["community_id"] for r in swapped}
def calm(lines):
    return [line for r, line in lines if r["flow"] not in flows and r.get("community_id") not in pairs]
assert calm(got) == calm(want), "a flow that is not flagged is another one"
assert len({line for _, line in got}) == len(got), "a record came twice"
print(len(flows), len(calm(want)), *sorted({r["type"] for r in swapped}))
END
}

# graph SOURCE: DNS, HTTP, and a parser of one's own, side by side.
graph() {
	cat <<-END
	[stage read]
	run = read $1
	out = frames
	[stage flow]
	run = flow
	in = frames
	out = packets
	[stage reasm]
	run = reasm
	in = packets
	out = streams
	[stage dns]
	run = dns
	in = streams
	out = dns
	[stage line]
	run = ./weir-line --only
	join = ring
	in = streams
	out = line
	[stage json]
	run = json
	in = dns line
	END
}

@test "swap: where no flow is in progress the output is the same, byte for byte" {
	graph calm.pcap >whole.weir
	graph in >swap.weir
	weir run -q whole.weir >want.json
	[ "$(grep -c '"type":"line"' want.json)" -eq 6 ]
	begin swap.weir
	head -c 24000 calm.pcap >&9
	for _ in $(seq 400); do grep -q '"type":"dns"' got.json && break || sleep 0.02; done
	weir swap -q swap line -- ./weir-line-2 --only
	tail -c +24001 calm.pcap >&9
	finish
	cmp want.json got.json
	grep -q "stage 'line' is replaced by '.*weir-line-2'" err
}

@test "swap: parsers in the midst of flows: those are flagged, all others are the same" {
	graph="flow | reasm | { dns, http, tls } | json"
	weir run -q --name whole "read mix.pcap | $graph" >want.json
	begin "read in | $graph"
	at=0
	for stage in dns http tls http dns tls; do
		tail -c +$((at + 1)) mix.pcap | head -c 2000000 >&9
		at=$((at + 2000000))
		weir swap -q swap $stage -- $stage --only
	done
	tail -c +$((at + 1)) mix.pcap >&9
	finish
	read -r flows calm types < <(compare want.json got.json)
	[ "$flows" -gt 20 ]
	[ "$calm" -gt 1000 ]
	[ "$types" = session_end ]
	# The books know as many, and nothing was given up.
	[ "$(grep -o 'flows_swapped [0-9,]*' err | tr -d , | awk '{ n += $2 } END { print n }')" = "$(grep -c '"reason":"swapped"' got.json)" ]
	! grep -qE 'flows_lost +[1-9]|dropped\.[a-z]+ +[1-9]' err || false
}

@test "swap: flow and reasm in the midst of flows say so in what they end" {
	graph="flow | reasm | { dns, http, tls } | json"
	weir run -q --name whole "read mix.pcap | $graph" >want.json
	begin "read in | $graph"
	at=0
	for stage in reasm flow; do
		tail -c +$((at + 1)) mix.pcap | head -c 4000000 >&9
		at=$((at + 4000000))
		weir swap -q swap $stage -- $stage
	done
	tail -c +$((at + 1)) mix.pcap >&9
	finish
	read -r flows calm types < <(compare want.json got.json)
	[ "$flows" -gt 100 ]
	[ "$calm" -gt 500 ]
	[ "$types" = "flow session_end stream_end" ]
}

@test "swap: what tools hold goes out, none is lost" {
	graph="flow | filter --per-flow 'resp_p == 53' | sort --window 1s | count --types packet --by proto --every 1s | json"
	weir run -q --name whole "read mix.pcap | $graph" >want.json
	begin "read in | $graph"
	at=0
	for stage in "filter --per-flow 'resp_p == 53'" "sort --window 1s" "count --types packet --by proto --every 1s"; do
		tail -c +$((at + 1)) mix.pcap | head -c 3000000 >&9
		at=$((at + 3000000))
		eval "weir swap -q swap ${stage%% *} -- $stage"
	done
	tail -c +$((at + 1)) mix.pcap >&9
	finish
	# Early verdicts lose flows, so the sum is at most that; what is counted is all that came.
	! grep -qE 'dropped\.[a-z]+ +[1-9]' err || false
	[ "$(jq -s 'map(.count) | add' got.json)" -gt 100 ]
}

@test "swap: a stage that does not leave its place is killed, and the books say what it knew" {
	cat <<-'END' >slow.weir
	[pipeline]
	stop-timeout = 100ms
	[stage read]
	run = read in
	out = frames
	[stage flow]
	run = flow
	in = frames
	out = packets
	[stage json]
	run = json
	in = packets
	END
	begin slow.weir
	head -c 2000000 mix.pcap >&9
	for _ in $(seq 100); do
		old=$(weir top swap --once --json --every 100ms | jq '.stages[] | select(.stage == "flow" and .out > 1000) | .pid')
		[ -z "$old" ] || break
	done
	kill -STOP "$old"
	weir swap -q swap flow -- flow
	grep -q "stage 'flow' has not left its place: it is killed" err
	tail -c +2000001 mix.pcap | head -c 1000000 >&9
	exec 9>&-
	wait "$pid" || true
	pid=
	grep -qE 'flows_lost +[1-9]' err
}
