#!/usr/bin/env bats
# weir top: what it shows of a running pipeline.
load helper

setup() {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	mkfifo "$BATS_TEST_TMPDIR/in"
	weir run --name test "read '$BATS_TEST_TMPDIR/in' | flow | json --types packet --fields n" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/in"
	cat "$top/examples/demo.pcap" >&9
	for _ in $(seq 400); do grep -q '"n":' "$BATS_TEST_TMPDIR/out" && break || sleep 0.05; done
}

teardown() {
	exec 9>&-
	kill -9 $pid 2>/dev/null || true
}

stage() { # stage NAME FIELD: of the last weir top --json
	jq -r --arg s "$1" ".stages[] | select(.stage == \$s) | .$2" <<<"$output"
}

@test "top: --once --json has every stage with its state and counts" {
	for _ in $(seq 100); do
		run weir top test --once --json --every 50ms
		[ "$status" -eq 0 ]
		[ "$(stage read state)" = running ] && [ "$(stage json in)" -gt 100 ] && break
	done
	[ "$(jq -r .pipeline <<<"$output")" = test ]
	[ "$(jq -r '[.stages[] | "\(.stage) \(.state) \(.restarts)"] | join(";")' <<<"$output")" = "read running 0;flow running 0;json running 0" ]
	[ "$(stage flow pid)" -gt 1 ]
	[ "$(stage flow in)" -gt 100 ]
	[ "$(stage json in)" -gt 100 ]
	[ "$(stage flow waits_for)" = null ]
	[ "$(stage flow lag)" = 0 ]
}

@test "top: a consumer that stands still is named by the stage that it holds up" {
	run weir top --once --json --every 50ms
	slow=$(stage json pid)
	kill -STOP "$slow"
	for _ in $(seq 60); do tail -c +25 "$top/examples/demo.pcap"; done >&9 &
	feeder=$!
	for _ in $(seq 100); do
		run weir top --once --json --every 20ms
		[ "$(stage flow waits_for)" = json ] && [ "$(stage read waits_for)" = flow ] && break || sleep 0.1
	done
	[ "$(stage flow waits_for)" = json ]
	[ "$(stage read waits_for)" = flow ]
	[ "$(jq -r '.stages[] | select(.stage == "json") | .fill > 0.5 and .lag > 500000' <<<"$output")" = true ]
	run weir top --once --every 20ms
	grep -E '^flow  +running .* json' <<<"$output"
	kill -CONT "$slow"
	for _ in $(seq 100); do
		run weir top --once --json --every 20ms
		[ "$(stage json lag)" = 0 ] && [ "$(stage flow waits_for)" = null ] && break || sleep 0.1
	done
	[ "$(stage flow waits_for)" = null ]
	wait $feeder
}

@test "top: a stage that was started again says how often" {
	run weir top test --once --json --every 20ms
	kill -9 "$(stage flow pid)"
	for _ in $(seq 100); do
		run weir top test --once --json --every 20ms
		[ "$(stage flow restarts)" = 1 ] && [ "$(stage flow state)" = running ] && break || sleep 0.05
	done
	[ "$(stage flow restarts)" = 1 ]
	[ "$(stage json restarts)" = 0 ]
}

@test "top: ends with the pipeline; wrong names are said" {
	weir top test --every 50ms >"$BATS_TEST_TMPDIR/tables" 3>&- &
	watcher=$!
	sleep 0.3
	weir stop test >/dev/null
	wait $watcher
	[ "$(grep -c '^test' "$BATS_TEST_TMPDIR/tables")" -ge 2 ]
	run weir top test --once
	[ "$status" -eq 1 ]
	[ "$output" = "weir-top: no pipeline 'test' runs" ]
	run weir top --every 1ms
	[ "$status" -eq 2 ]
}
