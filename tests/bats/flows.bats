#!/usr/bin/env bats
# weir flows: what a running pipeline knows of the flows of now.
load helper

setup() {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	mkfifo "$BATS_TEST_TMPDIR/in"
}

teardown() {
	exec 9>&-
	kill -9 "$pid" 2>/dev/null || true
}

# first N FILE: the first packets of a capture.
first() {
	python3 -c 'import struct,sys
d=open(sys.argv[2],"rb").read(); at=24
for _ in range(int(sys.argv[1])): at+=16+struct.unpack_from("<I",d,at+8)[0]
sys.stdout.buffer.write(d[:at])' "$@"
}

# feed FILE STAGES: a pipeline p that has read all of the file, and waits for more.
feed() {
	weir run --name p "read '$BATS_TEST_TMPDIR/in' | $2" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/in"
	cat "$1" >&9
}

await() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return 0 || sleep 0.02; done; return 1; }
flows() { weir flows p --json | jq -se "$1"; }

@test "flows: those that a live pipeline has are those that the capture so far leaves open" {
	demo=$top/examples/demo.pcap
	first 150 "$demo" >"$BATS_TEST_TMPDIR/part"
	feed "$BATS_TEST_TMPDIR/part" "flow | reasm | { dns, http } | json"
	# What the same part ends as end_of_input is open while more may come.
	weir read "$BATS_TEST_TMPDIR/part" | weir flow --no-packets | weir json --types flow |
		jq -c 'select(.reason == 5 or .reason == "end_of_input") | [.flow, .orig_h, .orig_p, .resp_h, .resp_p, .conn_state, .orig_pkts, .resp_pkts, .orig_bytes, .resp_bytes]' |
		sort >"$BATS_TEST_TMPDIR/want"
	[ -s "$BATS_TEST_TMPDIR/want" ]
	same() {
		weir flows p --json | jq -c '[.flow, .orig_h, .orig_p, .resp_h, .resp_p, .conn_state, .orig_pkts, .resp_pkts, .orig_bytes, .resp_bytes]' |
			sort | grep -Ff "$BATS_TEST_TMPDIR/want" | cmp - "$BATS_TEST_TMPDIR/want"
	}
	await same
	same
	# By id, and the pipeline goes on as if nobody had looked.
	flows '[.[].flow] == ([.[].flow] | sort)'
	[ "$(weir flows p -n 3 | wc -l)" -eq 4 ]
	tail -c "+$(($(stat -c %s "$BATS_TEST_TMPDIR/part") + 1))" "$demo" >&9
	exec 9>&-
	code=0
	wait $pid || code=$?
	[ "$code" -eq 0 ]
	weir read "$demo" | weir flow | weir reasm | weir dns | weir http | weir json | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "flows: bytes that wait behind a hole, by stage; the most first" {
	first 8 "$(capture lost)" >"$BATS_TEST_TMPDIR/part"
	feed "$BATS_TEST_TMPDIR/part" "flow | reasm | json"
	await flows '.[0].held.reasm > 0'
	flows '.[0] | .held.reasm == 300 and .orig_held == 300 and .resp_held == 0 and .proto == "tcp"'
	weir flows p --sort held | sed -n 2p | grep -q "reasm=300"
}

@test "flows: a thousand, while two look; a shard is one of those that answer" {
	capture many_flows >/dev/null
	feed "$(capture many_flows)" "flow | reasm | json --types dns"
	await flows 'length == 1000'
	for _ in 1 2 3 4 5; do flows 'length == 1000' >/dev/null & done
	for job in $(jobs -p); do [ "$job" = "$pid" ] || wait "$job"; done
	[ "$(weir flows | wc -l)" -eq 1001 ]
}

@test "flows: a stage that stands still is said, the others answer" {
	first 8 "$(capture lost)" >"$BATS_TEST_TMPDIR/part"
	feed "$BATS_TEST_TMPDIR/part" "flow | reasm | json"
	await flows '.[0].held.reasm > 0'
	stopped=$(weir top p --once --json --every 10ms | jq '.stages[] | select(.stage == "reasm") | .pid')
	kill -STOP "$stopped"
	run -1 weir flows p --timeout 1500ms --json
	[[ "$output" == *"stage 'reasm' does not answer"* ]]
	[[ "$output" == *'"conn_state":"'* ]]
	kill -CONT "$stopped"
	flows '.[0].held.reasm == 300'
	kill -9 "$stopped" # its successor knows of no flow before it
	await flows '.[0].held | has("reasm") | not'
}

@test "flows: wrong use, and no pipeline" {
	run -1 weir flows
	[[ "$output" == *"no pipeline runs"* ]]
	run -2 weir flows a b
	run -2 weir flows --sort size
}
