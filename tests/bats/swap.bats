#!/usr/bin/env bats
# weir swap: another program in the place of a stage that runs.
load helper
load ../stages/build

setup() {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	mkfifo "$BATS_TEST_TMPDIR/in"
	weir run --name test "read '$BATS_TEST_TMPDIR/in' | flow | reasm | { dns, http } | json" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/in"
	head -c 24000 "$top/examples/demo.pcap" >&9
	await '"type":"http"'
}

teardown() {
	exec 9>&-
	kill -9 $pid 2>/dev/null || true
}

await() { # await TEXT: until it is in the output
	for _ in $(seq 400); do grep -q -- "$1" "$BATS_TEST_TMPDIR/out" && return 0 || sleep 0.05; done
	cat "$BATS_TEST_TMPDIR/err"
	return 1
}

pid_of() { weir top test --once --json --every 250ms | jq -r --arg s "$1" '.stages[] | select(.stage == $s) | .pid'; }

finish() { # the rest of the capture, and the end
	tail -c +24001 "$top/examples/demo.pcap" >&9
	exec 9>&-
	code=0
	wait $pid || code=$?
}

@test "swap: a stage goes on with other options, its neighbours do not stop" {
	before="$(pid_of flow) $(pid_of reasm) $(pid_of dns) $(pid_of json)"
	old=$(pid_of http)
	run weir swap test http -- http --headers --only
	[ "$status" -eq 0 ]
	[ "$output" = "swapped 'http'" ]
	[ "$(pid_of http)" != "$old" ]
	[ "$(pid_of flow) $(pid_of reasm) $(pid_of dns) $(pid_of json)" = "$before" ]
	finish
	[ "$code" -eq 0 ]
	grep -q '"type":"http".*"req_headers"' "$BATS_TEST_TMPDIR/out" || grep -q '"type":"http".*headers' "$BATS_TEST_TMPDIR/out"
	# What the other stages print is all there, once.
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir json --types dns,flow | LC_ALL=C sort >"$BATS_TEST_TMPDIR/want"
	grep -e '"type":"dns"' -e '"type":"flow"' "$BATS_TEST_TMPDIR/out" | LC_ALL=C sort | cmp - "$BATS_TEST_TMPDIR/want"
}

@test "swap: a parser of one's own takes the place of weir's" {
	cd "$BATS_TEST_TMPDIR"
	example_parser
	run weir swap -q test http -- ./weir-line --only
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(readlink "/proc/$(pid_of http)/exe")" = "$BATS_TEST_TMPDIR/weir-line" ]
	tail -c +24001 "$top/examples/demo.pcap" >&9
	tail -c +25 "$(capture lines)" >&9
	exec 9>&-
	code=0
	wait $pid || code=$?
	[ "$code" -eq 0 ]
	[ "$(grep '"type":"line"' "$BATS_TEST_TMPDIR/out" | jq -r '"\(.dir) \(.text)"' | tr '\n' ';')" = "0 hello;0 world;1 ok;" ]
}

@test "swap: a program that does not start leaves the old one in its place" {
	run weir swap test dns -- dns --nonsense
	[ "$status" -eq 1 ]
	[ "$output" = "weir-swap: the new program ended with 2; the old one goes on" ]
	run weir swap test dns -- /bin/false
	[ "$status" -eq 1 ]
	[ "$output" = "weir-swap: the new program ended with 1; the old one goes on" ]
	finish
	[ "$code" -eq 0 ]
	# Queries of the rest of the capture are answered by the old program, started again.
	[ "$(grep -c '"type":"dns"' "$BATS_TEST_TMPDIR/out")" -ge 10 ]
}

@test "swap: what can't be swapped is refused, and nothing happens" {
	run weir swap test read -- read x
	[ "$status" -eq 1 ]
	[[ "$output" == "weir-swap: stage 'read': only a stage that reads rings, "* ]]
	run weir swap test nix -- dns
	[ "$status" -eq 1 ]
	[ "$output" = "weir-swap: there is no stage 'nix'" ]
	run weir swap test dns -- no-such-program
	[ "$status" -eq 1 ]
	[ "$output" = "weir-swap: no program 'no-such-program'" ]
	run weir swap test dns
	[ "$status" -eq 2 ]
	finish
	[ "$code" -eq 0 ] || { cat "$BATS_TEST_TMPDIR/err"; false; }
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir json | cmp - "$BATS_TEST_TMPDIR/out"
}
