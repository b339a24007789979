#!/usr/bin/env bats
# Stages that are killed at any moment and started again lose no record, and do nothing twice.
load helper
load ../stages/build

setup_file() {
	stage_program pass
	stage_program kills
	python3 "$top/tests/gen/make_bench.py" mix "$BATS_FILE_TMPDIR/mix.pcap" 60000 >/dev/null
	# The same in falling time: read counts each frame but the first.
	python3 - "$BATS_FILE_TMPDIR" <<-'EOF'
		import struct, sys
		data, at, ts = bytearray(open(sys.argv[1] + "/mix.pcap", "rb").read()), 24, 1700000000
		while at < len(data):
		    struct.pack_into("<I", data, at, ts)
		    at, ts = at + 16 + struct.unpack_from("<I", data, at + 8)[0], ts - 1
		open(sys.argv[1] + "/back.pcap", "wb").write(data)
	EOF
}

setup() {
	dir=$BATS_FILE_TMPDIR
	tools=$WEIR_BUILD/libexec/weir
	export WEIR_EXEC_PATH=$tools
	cd "$BATS_TEST_TMPDIR" || return 1
}

frames() { # frames SEED KILLS OUT: read, pass twice, print
	timeout 60 "$dir/weir-kills" "$1" "$2" 5 "$tools/weir-read" "$dir/back.pcap" -- "$dir/weir-pass" -- \
		"$dir/weir-pass" -- "$tools/weir-json" --types frame --exclude payload -o "$3" 2>"$3.books"
}

@test "commit: with every stage killed at random the printed records and the counters are the same" {
	frames 0 0 whole.json
	[ "$(wc -l <whole.json)" -eq 60000 ]
	for seed in 1 2 3 4 5 6; do
		# Every other time over rings that hold a few batches only.
		[ $((seed % 2)) -eq 0 ] && export KILLS_RING=262144
		frames $seed 30 killed.json
		cmp whole.json killed.json
		grep -q ' time_back 59999 ' killed.json.books
		[ "$(awk '/restarts$/ {n += $2} END {print n}' killed.json.books)" -ge 10 ]
	done
}

@test "commit: flow, reasm and parsers that are killed print no record twice, and the books balance" {
	chain=("$tools/weir-flow" -- "$tools/weir-reasm" -- "$tools/weir-dns" -- "$tools/weir-http" --
		"$tools/weir-tls")
	for seed in 1 2 3; do
		timeout 60 "$dir/weir-kills" $seed 12 20 "$tools/weir-read" "$dir/mix.pcap" -- "${chain[@]}" -- \
			"$tools/weir-json" -o killed.json 2>books
		grep -q '^books balance' books
		[ "$(sort killed.json | uniq -d | wc -l)" -eq 0 ]
		jq -es 'all(.[]; .type)' killed.json
	done
}

@test "commit: records of a stream file go on from its middle, into a file" {
	weir read "$dir/mix.pcap" -o frames.weir
	for seed in 1 2; do
		timeout 60 "$dir/weir-kills" $seed 15 6 "$dir/weir-pass" -i frames.weir -- "$dir/weir-pass" -o copy.weir 2>books
		cmp <(weir json -i frames.weir --types frame) <(weir json -i copy.weir --types frame)
	done
}

@test "commit: a stage killed in the midst of what it writes at the end goes on behind its input" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	python3 "$top/tests/gen/make_bench.py" small small.pcap 12000 12000 >/dev/null
	mkfifo in
	weir run --name end "read in | flow --no-packets | json" >out.json 2>err 3>&- &
	pid=$!
	exec 9>in
	pids() { weir top end --once --json --every 100ms 2>/dev/null | jq -r ".stages[] | select($1) | .pid"; }
	for _ in $(seq 100); do json=$(pids '.stage == "json" and .state == "running"') && [ -n "$json" ] && break; done
	kill -STOP "$json"
	cat small.pcap >&9
	exec 9>&-
	# More records of flows than the ring has room for: they wait in the midst of the end.
	for _ in $(seq 100); do
		flow=$(pids '.stage == "flow" and .in == 12000 and .waits_for == "json"')
		[ -z "$flow" ] || break
	done
	kill -9 "$flow"
	kill -CONT "$json"
	code=0
	wait $pid || code=$?
	[ "$code" -eq 0 ] || { cat err; false; }
	grep -q '^books balance' err
	grep -q 'starting it again' err
	jq -es 'all(.[]; .type) and length > 5000' out.json
}

@test "commit: a stage killed behind its end has ended, and is not started again" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	printf '%s\n' "[stage read]" "run = read $top/examples/demo.pcap" "out = frames" "[stage pass]" "run = $dir/weir-pass" "join = ring" \
		"in = frames" "out = same" "restart = on-failure" "[stage json]" "run = json --types frame" "in = same" >p.weir
	WEIR_PASS_DIES=1 timeout 30 weir run p.weir >out.json 2>err
	[ "$(wc -l <out.json)" -eq 236 ]
	! grep -q 'starting it again' err || false
	grep -q '^books balance' err
}

@test "commit: what the end of an input makes is printed, or booked as lost with its flow, once" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	(cd "$top/tests/gen" && python3 -c 'import scenario,sys; sys.stdout.buffer.write(scenario.many_flows(8000))') >flows.pcap
	mkfifo in
	printf '%s\n' '[pipeline]' 'name = p' 'ring-size = 1M' 'backoff = 1ms' '[stage read]' 'run = read in' 'out = frames' \
		'[stage flow]' 'run = flow --no-packets' 'in = frames' 'out = flows' \
		'[stage json]' 'run = json --types flow -o out.json' 'in = flows' >p.weir
	weir run p.weir 2>err 3>&- &
	launcher=$!
	exec 8>in
	cat flows.pcap >&8
	stage() { weir top p --once --json --every 10ms | jq -r --arg s "$1" ".stages[] | select(.stage == \$s) | .$2"; }
	await() { for _ in $(seq 400); do [ "$("${@:2}")" = "$1" ] && return 0 || sleep 0.02; done; return 1; }
	await 8000 stage flow in
	reader=$(stage json pid)
	kill -STOP "$reader"
	exec 8>&-
	await json stage flow waits_for
	kill -9 "$(stage flow pid)"
	await 1 stage flow restarts
	kill -CONT "$reader"
	wait $launcher
	! grep -q "cannot go on" err || false
	booked() { grep -o " $1 [0-9]*" err | awk '{ print $2 }'; }
	[ "$(booked flows_lost)" -gt 0 ]
	[ $(($(wc -l <out.json) + $(booked flows_lost) + $(booked dropped.cut))) -eq 8000 ]
	[ "$(sort out.json | uniq -d | wc -l)" -eq 0 ]
	grep -q "^books balance" err
}

@test "commit: the time of flow goes on where its clock was, also in a capture whose clock goes back" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	mkfifo in
	printf '%s\n' '[pipeline]' 'name = p' 'backoff = 1ms' '[stage read]' 'run = read in' 'out = frames' '[stage flow]' 'run = flow' \
		'in = frames' 'out = packets' '[stage json]' 'run = json --types packet --fields ts,raw_ts -o out.json' 'in = packets' >p.weir
	weir run p.weir 2>err 3>&- 8>&- &
	launcher=$!
	exec 8>in
	demo=$top/examples/demo.pcap
	cat "$demo" >&8
	stage() { weir top p --once --json --every 10ms | jq -r --arg s "$1" ".stages[] | select(.stage == \$s) | .$2"; }
	await() { for _ in $(seq 400); do [ "$("${@:2}")" = "$1" ] && return 0 || sleep 0.02; done; return 1; }
	await 236 stage flow in
	kill -9 "$(stage flow pid)"
	await 1 stage flow restarts
	tail -c +25 "$demo" >&8 # the same once more: eight seconds back
	exec 8>&-
	wait $launcher
	cat "$demo" <(tail -c +25 "$demo") >twice.pcap
	weir read twice.pcap | weir flow | weir json --types packet --fields ts,raw_ts | cmp - out.json
	[ "$(jq -c 'select(.ts != (.raw_ts | tonumber / 1e9))' out.json | wc -l)" -gt 200 ]
}
