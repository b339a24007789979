#!/usr/bin/env bats
# replay, meter and info: timing, rates, and what a stream holds.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >frames.weir
	weir flow -i frames.weir >packets.weir
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

types=frame,packet,flow,anomaly
all_of() { weir json --types $types "$@"; }
# ms COMMAND..: how many milliseconds it takes
ms() {
	local from to
	from=$(date +%s%N)
	"$@" >/dev/null
	to=$(date +%s%N)
	echo $(((to - from) / 1000000))
}

@test "replay: takes as long as the capture did, divided by the speed, and changes nothing" {
	# the demo is 8.05 s long
	[ "$(ms weir replay --speed 8 -i "$dir/frames.weir" -o a.weir)" -ge 1006 ]
	all_of -i a.weir | cmp - <(all_of -i "$dir/frames.weir")
	[ "$(ms weir replay --speed 0 -i "$dir/frames.weir" -o null:)" -lt 6000 ]
	weir books -i a.weir | grep -q '^books balance'
}

@test "replay: records come out one by one, not at the end" {
	: >got
	weir replay --speed 2 -i "$dir/frames.weir" | all_of >got &
	for ((i = 0; i < 200; i++)); do
		n=$(wc -l <got)
		[ "$n" -gt 5 ] && break
		sleep 0.1
	done
	kill -0 $!
	wait $!
	[ "$n" -gt 5 ]
	[ "$n" -lt "$(wc -l <got)" ]
	all_of -i "$dir/frames.weir" | cmp - got
}

@test "replay: keeps the pace under a launcher, its books balance meanwhile, and a kill loses nothing" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	: >got
	weir run -q --name pace "read $top/examples/demo.pcap | replay -x 1 | flow | json -t packet" >got 2>err 3>&- &
	run=$!
	for n in 5 40 80; do # not all at once
		for ((i = 0; i < 200; i++)); do
			[ "$(wc -l <got)" -ge $n ] && break
			sleep 0.05
		done
		[ "$(wc -l <got)" -ge $n ]
		[ "$(wc -l <got)" -lt 200 ]
		# Between two records it sleeps; a look that fell beside that is no look.
		for _ in 1 2 3 4 5; do weir books --page "$WEIR_RUNDIR/pace/replay.page" >books && break; done
		grep -q '^books balance' books
	done
	kill -9 "$(weir top pace --once --json --every 10ms | jq '.stages[] | select(.stage == "replay") | .pid')"
	wait $run
	grep -q "starting it again" err
	weir flow -i "$dir/frames.weir" | weir json -t packet --exclude payload >whole
	jq -r .n got | cmp - <(jq -r .n whole)
}

@test "replay: rate and gaps can be limited" {
	n=$(all_of -i "$dir/frames.weir" | wc -l)
	[ "$(ms weir replay --speed 0 --max-rate 400 -i "$dir/frames.weir" -o null:)" -ge $(((n - 1) * 1000 / 400)) ]
	[ "$(ms weir replay --max-gap 1ms -i "$dir/frames.weir" -o null:)" -lt 6000 ]
}

@test "replay: records that go out later than planned are counted" {
	weir replay --speed 100000 --tolerance 0 -i "$dir/frames.weir" | weir books | grep -q ' late [1-9]'
}

@test "replay: SIGINT and SIGTERM end a wait at once, and what was taken goes out" {
	for sig in INT TERM; do
		weir replay --speed 0.001 -i "$dir/frames.weir" -o a.weir &
		sleep 0.5
		kill -$sig $!
		wait $! || true
		weir books -i a.weir | grep -q '^books balance'
	done
	run -2 weir replay --speed fast -i "$dir/frames.weir"
	run -2 weir replay --speed -1 -i "$dir/frames.weir"
	run -2 weir replay --speed nan -i "$dir/frames.weir"
}

@test "meter: says nothing where standard error is no terminal, unless told how often" {
	weir meter -i "$dir/packets.weir" -o a.weir 2>err
	[ ! -s err ]
	all_of -i a.weir | cmp - <(all_of -i "$dir/packets.weir")
	weir meter --every 1s --label pkts -i "$dir/packets.weir" -o null: 2>err
	n=$(weir info --json "$dir/packets.weir" | grep -o '"records":[0-9]*' | sed -n '1s/.*://p')
	grep -q "^pkts: $n records .*on average$" err
}

@test "meter: shows the rate while the input waits" {
	mkfifo in
	exec 9<>in
	weir meter --every 100ms -i in -o null: 2>err 9>&- &
	cat "$dir/packets.weir" >&9
	for ((i = 0; i < 100; i++)); do
		[ "$(wc -l <err)" -ge 4 ] && break
		sleep 0.1
	done
	exec 9>&-
	wait $!
	[ "$(wc -l <err)" -ge 4 ]
	run -2 weir meter --every 1ms -i "$dir/packets.weir"
}

@test "info: counts, times, sources, end and books of a stream, as text and JSON" {
	weir info "$dir/packets.weir" >text
	grep -q '^producer  weir-flow 0' text
	grep -q '^source    0 from n 1: .*demo.pcap$' text
	grep -q '^end       eof$' text
	grep -q '^books     balance$' text
	n=$(all_of -i "$dir/packets.weir" --types packet | wc -l)
	grep -qE "^packet +33 +$n " text
	weir info --json <"$dir/packets.weir" >json
	jq -e --argjson n "$n" '.records > $n and (.types[] | select(.type == "packet") | .records == $n and .fields.flags == "u32")' json
	jq -e '.end == "eof" and .books == "balance" and .first < .last' json
	weir info --schemas -i "$dir/packets.weir" | grep -qE '^ +reason +enum$'
	run weir info -i "$dir/packets.weir" --json --schemas
	[ "$status" = 0 ]
}

@test "info: a cut stream and books that are off are said, by the exit code too" {
	head -c 20000 "$dir/packets.weir" >cut.weir
	run -4 weir info cut.weir
	[[ $output == *"end       cut"* ]]
	WEIR_TEST_BOOKS=flow:in:1 weir flow -i "$dir/frames.weir" >off.weir 2>/dev/null || true
	run -6 weir info off.weir
	[[ $output == *"books     off: "* ]]
	cat "$dir/frames.weir" "$dir/packets.weir" | weir info | grep -c '^producer' | grep -qx 2
	run -1 weir info /nonexistent
}
