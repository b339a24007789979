#!/usr/bin/env bats
# buffer: what a slow reader has not taken is held, in order, in memory and then in a file.
load helper

mangle=$top/tests/stages/mangle.py

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	python3 "$top/tests/stages/many_requests.py" 10000 >many.pcap
	weir read many.pcap | weir flow >many.weir
	"$mangle" show packet flow <many.weir >many.txt
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

# slow N: a reader that takes nothing for N seconds, then all.
slow() {
	sleep "$1"
	cat
}

@test "buffer: changes nothing, and the books balance" {
	weir buffer -i "$dir/many.weir" >out.weir
	"$mangle" show packet flow <out.weir | cmp - "$dir/many.txt"
	weir books -i out.weir >books
	grep -q '^books balance' books
	weir buffer -i "$dir/many.weir" | weir json | cmp - <(weir json -i "$dir/many.weir")
}

@test "buffer: the producer is done while the reader has not begun" {
	mkfifo in out
	slow 8 <out >out.weir &
	reader=$!
	weir buffer --memory 64M -i in -o out &
	buffer=$!
	from=$(date +%s%N)
	cat "$dir/many.weir" >in
	[ $((($(date +%s%N) - from) / 1000000)) -lt 7500 ]
	kill -USR1 $buffer
	wait $reader $buffer
	"$mangle" show packet flow <out.weir | cmp - "$dir/many.txt"
	weir books -i out.weir >books
	grep -q '^books balance' books
	grep -q 'most_held_bytes [0-9]\{7,\}' books
	! grep -q 'spilled' books || false
	! grep -q 'waited' books || false
}

@test "buffer: without it the producer waits, so the test above can fail" {
	mkfifo in out
	slow 2 <out >/dev/null &
	weir tee -i in -o out &
	from=$(date +%s%N)
	cat "$dir/many.weir" >in
	[ $((($(date +%s%N) - from) / 1000000)) -gt 1500 ]
	wait
}

@test "buffer: memory that is full goes on in a file without a name, in order" {
	mkfifo in out
	mkdir spill
	slow 8 <out >out.weir &
	weir buffer --memory 1M --disk spill,64M -i in -o out &
	from=$(date +%s%N)
	cat "$dir/many.weir" >in
	[ $((($(date +%s%N) - from) / 1000000)) -lt 7500 ]
	[ -z "$(ls -A spill)" ]
	wait
	"$mangle" show packet flow <out.weir | cmp - "$dir/many.txt"
	weir books -i out.weir >books
	grep -q 'spilled [1-9]' books
	grep -q '^books balance' books
}

@test "buffer: where both are full the producer waits, and nothing is lost" {
	mkfifo in out
	slow 2 <out >out.weir &
	weir buffer --memory 1M --disk .,1M -i in -o out &
	cat "$dir/many.weir" >in
	wait
	"$mangle" show packet flow <out.weir | cmp - "$dir/many.txt"
	weir books -i out.weir >books
	grep -q 'waited [1-9]' books
	grep -q '^books balance' books
}

@test "buffer: SIGUSR1 says how full it is, SIGTERM hands on what was taken" {
	mkfifo in out
	exec 8<>out 9<>in
	weir buffer -i in -o out 2>err 8>&- 9>&- &
	b=$!
	head -c 3000000 "$dir/many.weir" >&9
	sleep 0.5
	kill -USR1 $b
	for ((i = 0; i < 50; i++)); do
		grep -q 'held_bytes [0-9]\{6,\}' err && break
		sleep 0.1
	done
	grep -q 'held_bytes [0-9]\{6,\}' err
	kill -TERM $b
	timeout 20 cat <out >got 8>&- 9>&- &
	exec 8>&- 9>&-
	wait $b || true
	wait
	n=$("$mangle" show packet flow <got | wc -l)
	[ "$n" -gt 1000 ]
	"$mangle" show packet flow <got | cmp - <(head -n "$n" "$dir/many.txt")
}

@test "buffer: a file that can't be had is said before anything is read" {
	run -2 weir buffer --disk /nonexistent -i "$dir/many.weir"
	run -1 weir buffer --disk /nonexistent,4M -i "$dir/many.weir"
	[[ $output == *"cannot make a file in '/nonexistent'"* ]]
	run -2 weir buffer --disk .,1 -i "$dir/many.weir"
	run -2 weir buffer --memory 1 -i "$dir/many.weir"
}
