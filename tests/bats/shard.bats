#!/usr/bin/env bats
# tee, shard and merge: what is split and joined again is what it was, whatever carries it.
load helper

mangle=$top/tests/stages/mangle.py

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >frames.weir
	weir flow -i frames.weir >packets.weir
	weir reasm -i packets.weir | weir dns | weir http | weir tls >all.weir
	weir json -i all.weir >all.json
	python3 "$top/tests/stages/many_requests.py" 10000 >many.pcap
	weir read "$top/examples/demo.pcap" many.pcap "$top/examples/demo.pcap" | weir flow >lopsided.weir
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

@test "tee: every output gets all records, byte for byte, and the books balance" {
	weir tee -i "$dir/all.weir" -o a.weir -o b.weir -o - >c.weir
	cmp a.weir b.weir
	cmp a.weir c.weir
	types="packet stream flow stream_end session_end anomaly dns http tls"
	# shellcheck disable=SC2086
	cmp <("$mangle" show $types <"$dir/all.weir") <("$mangle" show $types <a.weir)
	weir books -i a.weir | grep -q '^books balance'
}

@test "tee: a reader that leaves does not stop the other output" {
	mkfifo gone
	head -c 1000 gone >/dev/null &
	weir tee -i "$dir/lopsided.weir" -o gone -o a.weir
	weir json -i a.weir >a.json
	weir json -i "$dir/lopsided.weir" | cmp - a.json
	weir books -i a.weir | grep -q 'lost [1-9]'
	weir books -i a.weir | grep -q '^books balance'
}

@test "shard: a record goes to one output, with all of its flow, and the books balance" {
	weir shard -i "$dir/all.weir" -o 0.weir -o 1.weir -o 2.weir -o 3.weir
	weir json -i "$dir/all.weir" --types flow,dns,http,tls --fields flow | sort >all
	for i in 0 1 2 3; do
		weir json -i $i.weir --types flow,dns,http,tls --fields flow | sort -u >$i.flows
		[ -s $i.flows ]
		weir books -i $i.weir >books
		grep -q '^books balance' books
		weir json -i $i.weir --types flow,dns,http,tls --fields flow
	done | sort | cmp - all
	[ -z "$(cat ?.flows | sort | uniq -d)" ]
}

@test "shard: split in 2, 4 and 7, each joined by merge or by the printer gives the same JSON" {
	for n in 2 4 7; do
		outs=() ins=()
		for ((i = 0; i < n; i++)); do outs+=(-o "$n.$i.weir") ins+=(-i "$n.$i.weir"); done
		weir shard -i "$dir/all.weir" "${outs[@]}"
		weir merge "${ins[@]}" >merged.weir
		weir json -i merged.weir | cmp - "$dir/all.json"
		weir json "${ins[@]}" | cmp - "$dir/all.json"
		weir books -i merged.weir >books
		grep -q '^books balance' books
	done
}

@test "shard: parsers that run in shards give together what one gives" {
	weir reasm -i "$dir/packets.weir" | weir shard -o 0.weir -o 1.weir -o 2.weir
	for i in 0 1 2; do weir dns -i $i.weir | weir http | weir tls >$i.out; done
	weir merge -i 0.out -i 1.out -i 2.out | weir json | cmp - "$dir/all.json"
}

@test "shard: frames keep their conversations together, and so their flows" {
	weir shard -i "$dir/frames.weir" -o 0.weir -o 1.weir -o 2.weir
	for i in 0 1 2; do weir flow -i $i.weir | weir reasm | weir dns | weir http | weir tls >$i.out; done
	weir json -i 0.out -i 1.out -i 2.out | cmp - "$dir/all.json"
}

@test "shard: an idle shard holds up neither the others nor the join, over pipes" {
	weir json -i "$dir/lopsided.weir" >want
	mkfifo a b
	timeout 60 weir shard -i "$dir/lopsided.weir" -o a -o b &
	timeout 60 weir merge -i a -i b | weir json >got
	wait $!
	cmp want got
}

@test "shard: an idle shard holds up neither the others nor the join, over small rings" {
	weir json -i "$dir/lopsided.weir" >want
	r=bats$$
	timeout 60 weir shard -i "$dir/lopsided.weir" -o "shm:${r}a,readers=m,size=1M" -o "shm:${r}b,readers=m,size=1M" &
	timeout 60 weir merge -i "shm:${r}a,reader=m" -i "shm:${r}b,reader=m" | weir json >got
	wait $!
	cmp want got
}

@test "shard: without marks that join would wait for ever, so the tests above can fail" {
	mkfifo a b
	WEIR_TEST_NO_MARKS=1 timeout 3 weir shard -i "$dir/lopsided.weir" -o a -o b 2>/dev/null &
	run timeout 3 weir merge -i a -i b -o null:
	[ "$status" -ne 0 ]
}

@test "shard: an output that breaks while others go on is counted and exit code 5" {
	weir shard -i "$dir/lopsided.weir" -o 0.weir -o 1.weir
	mkfifo gone
	head -c 1000 gone >/dev/null &
	outs=(-o gone -o a.weir)
	[ "$(stat -c %s 0.weir)" -gt "$(stat -c %s 1.weir)" ] || outs=(-o a.weir -o gone)
	run -5 weir shard -i "$dir/lopsided.weir" "${outs[@]}"
	weir books -i a.weir | grep -q 'lost [1-9]'
	weir books -i a.weir | grep -q '^books balance'
}

@test "shard: fewer than two outputs are wrong use" {
	run -2 weir shard -i "$dir/all.weir" -o null:
	[[ $output == *"at least two outputs"* ]]
}

@test "merge --arrival: nothing is lost or doubled, in whatever order, and a quiet input holds up none" {
	weir shard -i "$dir/all.weir" -o 0.weir -o 1.weir
	weir merge --arrival -i 0.weir -i 1.weir | weir json | sort | cmp - <(sort "$dir/all.json")
	mkfifo quiet
	exec 9<>quiet
	{ timeout 60 weir merge --arrival -i 0.weir -i quiet | weir json >got; } 9>&- &
	want=$(($(weir json -i 0.weir | wc -l) - 5)) # the printer holds the lines of the last frame
	for ((i = 0; i < 100; i++)); do
		[ "$(wc -l <got)" -ge "$want" ] && break
		sleep 0.1
	done
	[ "$(wc -l <got)" -ge "$want" ]
	cat 1.weir >&9
	exec 9>&-
	wait $!
	sort got | cmp - <(sort "$dir/all.json")
}

@test "merge: one type under two ids, and two types under one, stay apart" {
	"$mangle" custom mine 1000 <"$dir/packets.weir" >a.weir
	"$mangle" custom mine 1001 <"$dir/packets.weir" >b.weir
	"$mangle" custom other 1000 <"$dir/packets.weir" >c.weir
	weir merge -i a.weir -i b.weir -i c.weir >m.weir
	n=$("$mangle" show mine <a.weir | wc -l)
	[ "$n" -gt 0 ]
	[ "$(weir json -i m.weir --types mine | wc -l)" = $((2 * n)) ]
	[ "$(weir json -i m.weir --types other | wc -l)" = "$n" ]
}

@test "shard: an output of shards gives four rings with whole flows, together what one reader gets" {
	x=weirtest-$$-x
	weir reasm -i "$dir/packets.weir" -o "shm:$x,readers=r,shard=4" 3>&- &
	pids=($!)
	for i in 0 1 2 3; do
		{ weir dns -i "shm:$x.$i,reader=r" | weir http | weir tls >$i.out; } 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	weir merge -i 0.out -i 1.out -i 2.out -i 3.out | weir json | cmp - "$dir/all.json"
	for i in 0 1 2 3; do
		weir json -i $i.out -t flow,dns,http,tls --fields flow | sort -u >$i.flows
		[ -s $i.flows ]
		weir books -i $i.out >books
		grep -q '^books balance' books
	done
	[ -z "$(cat ?.flows | sort | uniq -d)" ]
}

@test "shard: a source's and an engine's own records go to shards, and through a printer each" {
	x=weirtest-$$-y
	weir json -i "$dir/packets.weir" >want.json
	weir read -q "$top/examples/demo.pcap" -o "shm:$x,readers=r,shard=3" 3>&- &
	pids=($!)
	for i in 0 1 2; do
		weir flow -i "shm:$x.$i,reader=r" -o "shm:$x.f$i,shard=2,readers=j" 3>&- &
		pids+=($!)
	done
	for i in 0 1 2; do
		weir merge -i "shm:$x.f$i.0,reader=j" -i "shm:$x.f$i.1,reader=j" >$i.out 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	weir json -i 0.out -i 1.out -i 2.out | cmp - want.json
}

@test "shard: shards stand alone as an output, and their number and name are looked at" {
	run weir tee -i "$dir/all.weir" -o shm:x,readers=a,shard=2 -o null:
	[ "$status" -eq 2 ]
	[[ "$output" == *"shards can't stand beside another output"* ]]
	for n in 0 1 65 x -1 ""; do
		run weir tee -i "$dir/all.weir" -o "shm:x,readers=a,shard=$n"
		[ "$status" -eq 2 ]
		[[ "$output" == *"is not a number of shards, 2 to 64"* ]]
	done
	run weir tee -i shm:x,reader=a,shard=2 -o null:
	[ "$status" -eq 2 ]
}
