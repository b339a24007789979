#!/usr/bin/env bats
# weir top: what it shows of a running pipeline.
load helper
load ../stages/build

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
		[ "$(stage read state)" = running ] && [ "$(stage json in)" -gt 100 ] && [ "$(stage flow lag)" = 0 ] && break
	done
	[ "$(jq -r .pipeline <<<"$output")" = test ]
	[ "$(jq -r '[.stages[] | "\(.stage) \(.state) \(.restarts)"] | join(";")' <<<"$output")" = "read running 0;flow running 0;json running 0" ]
	[ "$(stage flow pid)" -gt 1 ]
	[ "$(stage flow in)" -gt 100 ]
	[ "$(stage json in)" -gt 100 ]
	[ "$(stage flow waits_for)" = null ]
	[ "$(stage flow lag)" = 0 ]
}

@test "top: rates are over the time between two looks, and are 0 where nothing passes" {
	(for _ in $(seq 2000); do tail -c +25 "$top/examples/demo.pcap" || break; done) >&9 2>/dev/null 3>&- &
	feeder=$!
	passes='.stages | all(.cpu >= 0 and .cpu < 4) and .[1].cpu > 0 and .[0].out_rate > 100 and .[1].in_rate > 100 and .[1].out_rate > 100
		and .[2].in_rate > 100 and .[0].bytes_out_rate > 10000 and .[1].bytes_in_rate > 10000 and .[2].bytes_in_rate > 10000'
	for _ in $(seq 50); do
		run weir top test --once --json --every 100ms
		jq -e "$passes" <<<"$output" >"$BATS_TEST_TMPDIR/passes" && break
	done
	kill $feeder
	[ "$(cat "$BATS_TEST_TMPDIR/passes")" = true ]
	for _ in $(seq 50); do
		run weir top test --once --json --every 50ms
		[ "$(jq '[.stages[] | .in_rate + .out_rate + .bytes_in_rate] | add' <<<"$output")" = 0 ] && break
	done
	[ "$(jq '[.stages[] | .in_rate + .out_rate + .bytes_in_rate] | add' <<<"$output")" = 0 ]
}

@test "top: records that a stage drops are told with their reason" {
	stage_program pass
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '[pipeline]' 'name = traps' 'backoff = 1ms' '[stage read]' "run = read $BATS_TEST_TMPDIR/more" 'out = frames' \
		'[stage pass]' "run = $BATS_FILE_TMPDIR/weir-pass" 'join = ring' 'in = frames' 'out = same' \
		'[stage json]' 'run = json -o null: --types frame' 'in = same' >p.weir
	mkfifo more
	WEIR_PASS_TRAPS="7 9" weir run -q p.weir 2>traps 3>&- 9>&- &
	traps=$!
	exec 8>more
	cat "$top/examples/demo.pcap" >&8
	for _ in $(seq 100); do
		run weir top traps --once --json --every 20ms
		[ "$(stage pass dropped.poison)" = 2 ] && break || sleep 0.02
	done
	[ "$(jq -c '[.stages[].dropped]' <<<"$output")" = '[{},{"poison":2},{}]' ]
	run weir top traps --once --every 20ms
	grep -E '^pass  .* poison=2$' <<<"$output"
	exec 8>&-
	wait $traps || [ $? -eq 4 ]
}

@test "top: on a terminal the table is drawn until a key ends it" {
	command -v script >/dev/null || skip "no script"
	{ sleep 0.5; printf q; } | TERM=xterm COLUMNS=100 LINES=20 timeout 10 script -qec "weir top test --every 100ms" "$BATS_TEST_TMPDIR/typed" >/dev/null 3>&-
	grep -q $'\e\\[.*H' "$BATS_TEST_TMPDIR/typed"
	grep -q 'waits for' "$BATS_TEST_TMPDIR/typed"
	grep -q 'running' "$BATS_TEST_TMPDIR/typed"
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/typed")" -gt 400 ]
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
