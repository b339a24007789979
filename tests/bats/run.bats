#!/usr/bin/env bats
# weir run and weir stop: the same output as the chain, restarts, the orderly stop, deaths.
load helper
load ../stages/build

setup() {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	fan="{ dns, http, tls }"
}

teardown() {
	[ ! -e "$BATS_TEST_TMPDIR/pid" ] || kill -9 "$(cat "$BATS_TEST_TMPDIR/pid")" 2>/dev/null || true
}

chain() { # what the pipeline of the shell prints
	weir read "$@" | weir flow | weir reasm | weir dns | weir http | weir tls | weir json
}

# await TEXT FILE: until it stands there, 20 s at most.
await() {
	for _ in $(seq 400); do
		grep -q -- "$1" "$2" 2>/dev/null && return 0
		sleep 0.05
	done
	echo "never: $1"
	cat "$2"
	return 1
}

# The processes of stage NAME of our pipeline, by its run directory in their environment.
stage_pid() {
	local p
	for p in $(pgrep -f "libexec/weir/weir-$1 "); do
		grep -qz "^WEIR_RUNDIR=$WEIR_RUNDIR$" "/proc/$p/environ" 2>/dev/null && echo "$p"
	done
	return 0
}

# A pipeline that waits for its input, a FIFO, in the background: its pid in $pid.
start() { # start LINE [OPTION...]
	local line=$1
	shift
	mkfifo "$BATS_TEST_TMPDIR/in"
	weir run --name test "$@" "$line" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	echo $pid >"$BATS_TEST_TMPDIR/pid"
	exec 9>"$BATS_TEST_TMPDIR/in"
}

@test "run: a line prints what the chain prints, and the books balance" {
	demo=$top/examples/demo.pcap
	weir run "read '$demo' | flow | reasm | $fan | json" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	chain "$demo" | cmp - "$BATS_TEST_TMPDIR/out"
	grep -q '^books balance: ' "$BATS_TEST_TMPDIR/err"
	[ "$(grep -c '^[a-z]* *[0-9]' "$BATS_TEST_TMPDIR/err")" -eq 7 ]
	[ -z "$(ls "$WEIR_RUNDIR")" ]
}

@test "run: a file prints what the chain prints" {
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$top/docs/man/weir-pipeline.5" | sed -e '/^\./d' -e "s|x\.pcap|$top/examples/demo.pcap|" >"$BATS_TEST_TMPDIR/names.weir"
	run --separate-stderr weir run -q "$BATS_TEST_TMPDIR/names.weir"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	weir "$top/examples/demo.pcap" -q --types dns,tls >"$BATS_TEST_TMPDIR/want"
	[ "$output" = "$(cat "$BATS_TEST_TMPDIR/want")" ]
}

@test "run: a line prints what the chain prints, over captures of the corpus" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "no corpus"
	find "$WEIR_CORPUS" -size -2M \( -name '*.pcap' -o -name '*.pcapng' -o -name '*.cap' \) | LC_ALL=C sort | awk 'NR % 16 == 1' | head -n 40 >"$BATS_TEST_TMPDIR/list"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" -ge 20 ]
	while IFS= read -r file; do
		weir run -q "read '$file' | flow | reasm | $fan | json" >"$BATS_TEST_TMPDIR/out" 2>/dev/null || [ $? -le 4 ]
		chain "$file" 2>/dev/null | cmp - "$BATS_TEST_TMPDIR/out" || { echo "$file"; false; }
	done <"$BATS_TEST_TMPDIR/list"
}

@test "run: a program of one's own joins by pipes" {
	weir run -q "read '$top/examples/demo.pcap' | flow | reasm | { dns, '$top/examples/python/weir-banner.py', http, tls } | json" >"$BATS_TEST_TMPDIR/out"
	weir "$top/examples/demo.pcap" -q --protocols dns,http,tls --with "$top/examples/python/weir-banner.py" | cmp - "$BATS_TEST_TMPDIR/out"
	grep -q '"type":"banner"' "$BATS_TEST_TMPDIR/out"
}

@test "run: two sinks behind a fan-out that nothing joins, and operands behind --" {
	weir run -q "read -- '$top/examples/demo.pcap' | flow | { json -o '$BATS_TEST_TMPDIR/a', json -o '$BATS_TEST_TMPDIR/b' }"
	weir read "$top/examples/demo.pcap" | weir flow | weir json >"$BATS_TEST_TMPDIR/want"
	cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/want"
	cmp "$BATS_TEST_TMPDIR/b" "$BATS_TEST_TMPDIR/want"
}

@test "run: the exit code is the worst, with its stage named" {
	head -c 5000 "$top/examples/demo.pcap" >"$BATS_TEST_TMPDIR/cut.pcap"
	run --separate-stderr weir run -q "read '$BATS_TEST_TMPDIR/cut.pcap' | flow | json"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"weir-run: stage 'read' ended with 4"* ]]
	run --separate-stderr weir run -q "read '$BATS_TEST_TMPDIR/none.pcap' | flow | json"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"none.pcap"*"stage 'read' ended with 1"* ]]
	run --separate-stderr weir run -q "read x | flow --tcp-nonsense | json"
	[ "$status" -eq 2 ]
	[[ "$stderr" == "weir-run: pipeline: stage 'flow': 'flow' has no option --tcp-nonsense"* ]]
}

@test "run: two and four copies of reasm and the parsers print what one does" {
	for n in 2 4; do
		cat >"$BATS_TEST_TMPDIR/shard.weir" <<-END
		[stage read]
		run = read $top/examples/demo.pcap
		out = frames
		[stage flow]
		run = flow
		in = frames
		out = packets
		[stage reasm]
		run = reasm
		in = packets
		out = streams
		shard = $n
		[stage dns]
		run = dns
		in = streams
		out = dns
		shard = $n
		[stage http]
		run = http
		in = dns
		out = http
		shard = $n
		[stage tls]
		run = tls
		in = http
		out = tls
		shard = $n
		[stage json]
		run = json
		in = tls
		END
		weir run "$BATS_TEST_TMPDIR/shard.weir" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		grep -q '^books balance' "$BATS_TEST_TMPDIR/err"
		chain "$top/examples/demo.pcap" | cmp - "$BATS_TEST_TMPDIR/out"
	done
	[ "$(weir plan "$BATS_TEST_TMPDIR/shard.weir" | grep -c '^weir dns ')" -eq 4 ]
}

@test "run: SIGINT stops the source, and what was read comes out" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | reasm | $fan | json"
	head -c 20000 "$top/examples/demo.pcap" >&9
	await '"type":"dns"' "$BATS_TEST_TMPDIR/out" || true
	[ -n "$(stage_pid flow)" ]
	kill -INT $pid
	wait $pid || [ $? -eq 4 ]
	# A source that waits for its FIFO ends by the signal; flows that were open are written.
	grep -q '"type":"flow"' "$BATS_TEST_TMPDIR/out"
	grep -q 'books balance' "$BATS_TEST_TMPDIR/err"
	[ -z "$(stage_pid flow)$(stage_pid json)" ]
	[ -z "$(ls "$WEIR_RUNDIR")" ]
}

@test "stop: by name, by path or the only one; waits for the end" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | json" -q
	head -c 20000 "$top/examples/demo.pcap" >&9
	for _ in $(seq 100); do [ -S "$WEIR_RUNDIR/test/control" ] && break || sleep 0.05; done
	run weir stop other
	[ "$status" -eq 1 ]
	[ "$output" = "weir-stop: no pipeline 'other' runs" ]
	run weir run --name test 'read x | json'
	[ "$status" -eq 1 ]
	[ "$output" = "weir-run: a pipeline 'test' is running already" ]
	[ "$(stat -c %a "$WEIR_RUNDIR/test" "$WEIR_RUNDIR/test/control" | tr '\n' ' ')" = "700 600 " ]
	run weir stop "$WEIR_RUNDIR/test"
	[ "$status" -eq 0 ]
	[[ "$output" == "ended with "[04] ]]
	! kill -0 $pid 2>/dev/null || wait $pid || [ $? -eq 4 ] || false
	run weir stop
	[ "$status" -eq 1 ]
	[[ "$output" == "weir-stop: no pipeline runs in "* ]]
}

@test "run: a stage that is killed is started again, the rest goes on, and no record is lost or comes twice" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | reasm | $fan | json" --backoff 20ms
	head -c 30000 "$top/examples/demo.pcap" >&9
	await '"type":"dns"' "$BATS_TEST_TMPDIR/out"
	for stage in flow dns json reasm; do
		before=$(stage_pid $stage)
		[ -n "$before" ]
		kill -9 "$before"
		await "stage '$stage' was killed by signal 9" "$BATS_TEST_TMPDIR/err"
		for _ in $(seq 100); do
			after=$(stage_pid $stage)
			[ -n "$after" ] && [ "$after" != "$before" ] && break || sleep 0.05
		done
		[ "$after" != "$before" ]
	done
	tail -c +30001 "$top/examples/demo.pcap" >&9
	exec 9>&-
	code=0
	wait $pid || code=$?
	cat "$BATS_TEST_TMPDIR/err"
	[ "$code" -eq 0 ]
	grep -q '^books balance' "$BATS_TEST_TMPDIR/err"
	grep -q '"type":"tls"' "$BATS_TEST_TMPDIR/out"
	jq -e . "$BATS_TEST_TMPDIR/out" >/dev/null
	[ -z "$(LC_ALL=C sort "$BATS_TEST_TMPDIR/out" | uniq -d)" ]
}

@test "run: a pipeline without flow state prints the same, wherever its stages were killed" {
	cat >"$BATS_TEST_TMPDIR/p.weir" <<-END
	[stage read]
	run = read $BATS_TEST_TMPDIR/big.pcap
	out = frames
	restart = on-failure
	max = 1000
	[stage filter]
	run = filter 'wire_len > 60'
	in = frames
	out = some
	max = 1000
	[stage json]
	run = json --types frame --exclude payload
	in = some
	max = 1000
	END
	{ cat "$top/examples/demo.pcap"; for _ in $(seq 600); do tail -c +25 "$top/examples/demo.pcap"; done; } >"$BATS_TEST_TMPDIR/big.pcap"
	weir read "$BATS_TEST_TMPDIR/big.pcap" | weir filter 'wire_len > 60' | weir json --types frame --exclude payload >"$BATS_TEST_TMPDIR/want"
	# Nobody reads what is printed before all have been killed: rings and pipe are full till then.
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 8<>"$BATS_TEST_TMPDIR/fifo"
	weir run --name test --backoff 1ms "$BATS_TEST_TMPDIR/p.weir" >"$BATS_TEST_TMPDIR/fifo" 2>"$BATS_TEST_TMPDIR/err" 3>&- 8>&- &
	pid=$!
	kills=0
	for stage in read filter filter read filter; do
		before=
		for _ in $(seq 200); do
			before=$(stage_pid $stage)
			[ -n "$before" ] && break || sleep 0.02
		done
		sleep 0.05
		kill -9 "$before"
		kills=$((kills + 1))
		for _ in $(seq 200); do
			[ "$(grep -c 'starting it again' "$BATS_TEST_TMPDIR/err")" -ge $kills ] && break || sleep 0.02
		done
	done
	exec 7<"$BATS_TEST_TMPDIR/fifo" 8>&-
	timeout 60 cat <&7 >"$BATS_TEST_TMPDIR/out" 3>&- &
	reader=$!
	exec 7<&-
	code=0
	wait $pid || code=$?
	wait $reader
	cat "$BATS_TEST_TMPDIR/err"
	[ "$code" -eq 0 ]
	[ "$(grep -c 'starting it again' "$BATS_TEST_TMPDIR/err")" -eq 5 ]
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/out"
}

@test "run: a stage with restart = never stops the pipeline, and isolate goes on without it" {
	cat >"$BATS_TEST_TMPDIR/p.weir" <<-END
	[stage read]
	run = read $BATS_TEST_TMPDIR/in
	out = frames
	[stage flow]
	run = flow
	in = frames
	out = flows
	[stage dns]
	run = dns --only
	in = flows
	out = dns
	restart = never
	on-fail = isolate
	[stage json]
	run = json
	in = flows dns
	restart = never
	END
	start "$BATS_TEST_TMPDIR/p.weir"
	head -c 30000 "$top/examples/demo.pcap" >&9
	await '"type":"dns"' "$BATS_TEST_TMPDIR/out"
	kill -9 "$(stage_pid dns)"
	await "stage 'dns' was killed by signal 9 (Killed): going on without it" "$BATS_TEST_TMPDIR/err"
	kill -0 "$(stage_pid json)"
	kill -9 "$(stage_pid json)"
	await "stage 'json' was killed by signal 9 (Killed): stopping" "$BATS_TEST_TMPDIR/err"
	code=0
	wait $pid || code=$?
	[ "$code" -eq 137 ]
}

@test "run: a stage that dies again and again is given up, and says so" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | json --types packet" --backoff 1ms
	head -c 30000 "$top/examples/demo.pcap" >&9
	await 'type' "$BATS_TEST_TMPDIR/out"
	for _ in $(seq 400); do
		p=$(stage_pid flow)
		[ -z "$p" ] || kill -9 $p 2>/dev/null || true
		kill -0 $pid 2>/dev/null && ! grep -q stopping "$BATS_TEST_TMPDIR/err" || break
		sleep 0.02
	done
	code=0
	wait $pid || code=$?
	[ "$code" -eq 137 ]
	# Each time it is waited twice as long.
	[ "$(sed -n 's/.*starting it again in \([0-9]*\) ms$/\1/p' "$BATS_TEST_TMPDIR/err" | tr '\n' ' ')" = "1 2 4 8 16 32 64 128 256 512 " ]
	grep -q "stage 'flow' was killed by signal 9 (Killed): stopping" "$BATS_TEST_TMPDIR/err"
}

@test "run: death of the launcher leaves no process and no ring, and the next takes its folder" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | reasm | { dns, '$top/examples/python/weir-banner.py' } | json"
	head -c 30000 "$top/examples/demo.pcap" >&9
	await 'type' "$BATS_TEST_TMPDIR/out"
	stages=$(stage_pid flow; stage_pid json; stage_pid read; pgrep -f "weir-banner.py --only$" | head -n 1)
	[ "$(wc -w <<<"$stages")" -eq 4 ]
	# Its rings have no names: they go with the last process that has them.
	for p in $stages; do
		[ -z "$(find "/proc/$p/fd" -lname '/dev/shm/*')" ]
	done
	[ -n "$(find "/proc/$(stage_pid flow)/fd" -lname '/memfd:weir-ring*')" ]
	kill -9 $pid
	wait $pid || true
	for _ in $(seq 40); do
		left=
		for p in $stages; do ! kill -0 "$p" 2>/dev/null || left+=" $p"; done
		[ -n "$left" ] && sleep 0.05 || break
	done
	[ -z "$left" ]
	[ -d "$WEIR_RUNDIR/test" ]
	run weir stop test
	[ "$status" -eq 1 ]
	weir run -q --name other "read '$top/examples/demo.pcap' | flow | json" >/dev/null
	[ -z "$(ls "$WEIR_RUNDIR")" ]
}

@test "run: a stage that hangs is ended by SIGTERM, or SIGKILL, when the time is over" {
	start "read '$BATS_TEST_TMPDIR/in' | flow | json --types packet" --stop-timeout 300ms
	head -c 20000 "$top/examples/demo.pcap" >&9
	await 'type' "$BATS_TEST_TMPDIR/out"
	kill -STOP "$(stage_pid flow)"
	kill -TERM $pid
	code=0
	wait $pid || code=$?
	[ "$code" -eq 137 ]
	grep -q "stage 'flow' has not ended: sending it SIGTERM" "$BATS_TEST_TMPDIR/err"
	grep -q "stage 'flow' was killed by signal 9" "$BATS_TEST_TMPDIR/err"
}

@test "run: a folder that others can write into is refused" {
	mkdir "$WEIR_RUNDIR" && chmod 777 "$WEIR_RUNDIR"
	run weir run "read x | json"
	[ "$status" -eq 1 ]
	[ "$output" = "weir-run: cannot use the run directory '$WEIR_RUNDIR': another user owns it, or may write into it; WEIR_RUNDIR names another one" ]
}

@test "run: a folder in which something waits to be opened keeps nobody" {
	mkdir -p -m 700 "$WEIR_RUNDIR/p"
	mkfifo "$WEIR_RUNDIR/p/lock"
	for tool in "stop p" "top --once p" "tap p"; do
		# shellcheck disable=SC2086
		run timeout 5 weir $tool
		[ "$status" -ne 124 ]
		[ "$status" -ne 0 ]
	done
}

@test "run: placement" {
	cat >"$BATS_TEST_TMPDIR/p.weir" <<-END
	[stage read]
	run = read $BATS_TEST_TMPDIR/in
	out = frames
	[stage json]
	run = json --types frame
	in = frames
	cpu = 0
	nice = 7
	END
	start "$BATS_TEST_TMPDIR/p.weir" -q
	head -c 30000 "$top/examples/demo.pcap" >&9
	await 'type' "$BATS_TEST_TMPDIR/out"
	[ "$(taskset -pc "$(stage_pid json)" | sed 's/.*: //')" = 0 ]
	[ "$(ps -o ni= -p "$(stage_pid json)" | tr -d ' ')" = 7 ]
	exec 9>&-
	wait $pid || [ $? -eq 4 ]
}

@test "run: a record that kills a stage twice is set aside in a file, counted, and nothing else is lost" {
	stage_program pass
	cd "$BATS_TEST_TMPDIR"
	cat >p.weir <<-END
	[pipeline]
	name = test
	[stage read]
	run = read $top/examples/demo.pcap
	out = frames
	[stage pass]
	run = $BATS_FILE_TMPDIR/weir-pass
	in = frames
	out = same
	join = ring
	[stage json]
	run = json --types frame
	in = same
	END
	run -0 --separate-stderr env WEIR_PASS_TRAPS="100 101 200" weir run --backoff 1ms --backoff-max 6ms p.weir
	[ "$(sed -n 's/.*starting it again in \([0-9]*\) ms$/\1/p' <<<"$stderr" | tr '\n' ' ')" = "1 2 4 6 6 6 6 " ]
	weir read "$top/examples/demo.pcap" | weir json --types frame | jq -c 'select(.n != 100 and .n != 101 and .n != 200)' >want
	jq -c . <<<"$output" | cmp - want
	[ "$(grep -c "^weir-run: stage 'pass': a record killed it twice, and was set aside in 'poison-pass-[123].weir'" <<<"$stderr")" -eq 3 ]
	grep -q '^books balance' <<<"$stderr"
	grep -Eq 'restarts 7 .* dropped.poison 3' <<<"$stderr"
	for i in 1 2 3; do weir json -i poison-pass-$i.weir --types frame; done | jq -c .n | tr '\n' ' ' | grep -qx '100 101 200 '
}

@test "run: max = N/TIME counts the restarts of that time alone" {
	stage_program pass
	cd "$BATS_TEST_TMPDIR"
	limited() { # limited MAX BACKOFF: the stage dies five times
		printf '%s\n' '[pipeline]' "backoff = $2" "backoff-max = $2" '[stage read]' "run = read $top/examples/demo.pcap" \
			'out = frames' '[stage pass]' "run = $BATS_FILE_TMPDIR/weir-pass" 'in = frames' 'out = same' 'join = ring' \
			"max = $1" '[stage json]' 'run = json --types frame' 'in = same' >p.weir
	}
	export WEIR_PASS_TRAPS="100 200"
	limited 1/60s 1ms
	run -132 --separate-stderr weir run p.weir
	[ "$(grep -c 'starting it again in 1 ms' <<<"$stderr")" -eq 1 ]
	grep -q "stage 'pass' was killed by signal 4 .*: stopping" <<<"$stderr"
	limited 1/1s 1100ms
	run -0 --separate-stderr weir run p.weir
	[ "$(grep -c 'starting it again in 1100 ms' <<<"$stderr")" -eq 5 ]
}

@test "run: the limit of the back-off is no less than the back-off" {
	printf '%s\n' '[pipeline]' 'backoff-max = 2ms' 'backoff = 3ms' '[stage read]' "run = read $top/examples/demo.pcap" \
		'out = a' '[stage json]' 'run = json' 'in = a' >"$BATS_TEST_TMPDIR/p.weir"
	run -2 weir check "$BATS_TEST_TMPDIR/p.weir"
	[[ "$output" == *"p.weir:2: backoff-max is less than backoff, 3 ms" ]]
	run -2 weir run --backoff 20ms --backoff-max 10ms "read x | json"
	[ "$output" = "weir-run: --backoff-max: 10 ms is less than the back-off, 20 ms" ]
	run -2 weir run --backoff-max 49ms "read '$top/examples/demo.pcap' | json"
}

@test "run: no source starts before all that read are ready" {
	stage_program pass
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '[pipeline]' 'name = test' '[stage read]' "run = read $top/examples/demo.pcap" 'out = frames' \
		'[stage pass]' "run = $BATS_FILE_TMPDIR/weir-pass" 'join = ring' 'in = frames' 'out = same' \
		'[stage json]' 'run = json --types frame' 'in = same' >p.weir
	mkfifo go
	WEIR_PASS_AWAITS=$PWD/go weir run --log info p.weir >out 2>err 3>&- &
	pid=$!
	echo $pid >pid
	await "start: stage 'pass'" err
	for _ in $(seq 100); do
		run weir top test --once --json --every 50ms
		[ "$(jq -r '[.stages[].state] | join(" ")' <<<"$output")" = "waiting starting running" ] && break || sleep 0.02
	done
	[ "$(jq -r '[.stages[].state] | join(" ")' <<<"$output")" = "waiting starting running" ]
	: >go
	wait $pid
	grep -q "start: stage 'read'" err
	weir read "$top/examples/demo.pcap" | weir json --types frame | cmp - out
}

# whole FILE: records 1 .. n, each once, as the lines of weir json --types anomaly.
whole() {
	jq .n "$1" >"$1.n"
	[ -s "$1.n" ]
	seq "$(wc -l <"$1.n")" | cmp - "$1.n"
}

@test "run: a source that died behind its last commit: stopped meanwhile or given up, the books balance" {
	stage_program dies
	cd "$BATS_TEST_TMPDIR"
	dying() { # dying [LINE...]: of the stage dies
		printf '%s\n' '[pipeline]' 'name = test' '[stage dies]' "run = $BATS_FILE_TMPDIR/weir-dies" 'join = ring' \
			'out = ticks' 'restart = on-failure' "$@" '[stage head]' 'run = filter n>0' 'in = ticks' 'out = same' \
			'[stage json]' 'run = json --types anomaly' 'in = same' >p.weir
	}
	dying
	export WEIR_DIES_AT=1300
	weir run --backoff 60s p.weir >out 2>err 3>&- &
	pid=$!
	echo $pid >pid
	await 'starting it again in 60000 ms' err
	since=$EPOCHREALTIME
	run -0 weir stop test
	[ "$((${EPOCHREALTIME/./} - ${since/./}))" -lt 4000000 ] # its successor comes at once, and ends in order
	wait $pid
	grep -q '^books balance' err
	whole out
	dying 'max = 1'
	WEIR_DIES_AGAIN=1 run -137 --separate-stderr weir run --backoff 1ms p.weir
	[[ "$stderr" == *"stage 'dies' was killed by signal 9 (Killed): stopping"* ]]
	[[ "$stderr" == *$'\nbooks balance'* ]]
	echo "$output" >out
	whole out
}

@test "run: of a printer that is given up it is said how much may stand behind its last commit" {
	cd "$BATS_TEST_TMPDIR"
	mkfifo out
	for _ in $(seq 40); do weir read "$top/examples/demo.pcap"; done >in.weir
	printf '%s\n' '[stage tee]' 'run = tee -i in.weir' 'out = frames' '[stage json]' 'run = json --types frame' 'in = frames' \
		'restart = never' >p.weir
	weir run --name test p.weir >out 2>err 3>&- 8>&- &
	pid=$!
	echo $pid >pid
	exec 8<out # which nobody reads: the pipe fills up, and the printer waits in the midst of a unit
	waits() { [ -n "$(stage_pid json)" ] && grep -qE '^1 0x1 ' "/proc/$(stage_pid json)/syscall"; }
	for _ in $(seq 200); do waits && break || sleep 0.05; done
	waits
	kill -9 "$(stage_pid json)"
	cat <&8 >lines &
	exec 8<&-
	wait $pid || [ $? -eq 137 ]
	wait $!
	beyond=$(sed -n "s/^weir-run: stage 'json' may have written up to \([0-9]*\) records more than its books say$/\1/p" err)
	booked=$(awk '/^json/ { print $5 }' err)
	booked=$(awk '/^json/ { print $5 }' err)
	beyond=$(sed -n "s/^weir-run: stage 'json' may have written up to \([0-9]*\) bytes for records .*/\1/p" err)
	[ "$(wc -l <lines)" -gt "$booked" ]
	over=$(tail -n "+$((booked + 1))" lines | wc -c)
	[ "$over" -gt 0 ]
	[ "$over" -le "$beyond" ]
	grep -q "text_beyond $beyond" err
	grep -q '^books balance' err
}
