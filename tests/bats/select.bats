#!/usr/bin/env bats
# head, tail and sample: what they pass, what they count, and that memory stays bounded.
load helper
load ../stages/build

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >frames.weir
	weir flow -i frames.weir >packets.weir
	weir reasm -i packets.weir | weir dns | weir http | weir tls >all.weir
	python3 "$top/tests/stages/many_requests.py" 10000 >many.pcap
	weir read many.pcap | weir flow >many.weir
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

types=frame,packet,stream,flow,stream_end,session_end,anomaly,dns,http,tls
all_of() { weir json --types $types "$@"; }

@test "head: the first records, no more, and upstream ends quietly" {
	weir head -n 7 -i "$dir/packets.weir" | all_of >got
	all_of -i "$dir/packets.weir" | sed 7q | cmp - got
	[ "$(exits "weir read '$dir/many.pcap' | weir flow | weir head -n 1 | weir json")" = "141 141 0 0" ]
	[ "$(exits "weir head -n 100000 -i '$dir/packets.weir' | weir json")" = "0 0" ]
	weir head -n 100000 -i "$dir/packets.weir" | all_of | cmp - <(all_of -i "$dir/packets.weir")
}

@test "head: says that it stopped, and its books balance" {
	weir head -n 7 -i "$dir/packets.weir" >h.weir
	weir books -i h.weir >books
	grep -q '^books balance' books
	grep -q 'stopped_early 1' books
	weir info --json h.weir | grep -q '"records":7,.*"end":"limit"'
	weir head -n 0 -i "$dir/packets.weir" | weir info --json | grep -q '"records":0,'
}

@test "head --flows: all records of the first flows, and the rest is counted as filtered" {
	weir head --flows -n 3 -i "$dir/all.weir" >h.weir
	weir json -i "$dir/all.weir" | grep -o '"flow":[0-9]*,' | sort -u -t: -k2n | sed 3q >first
	weir json -i "$dir/all.weir" | grep -Ff first >want
	weir json -i h.weir | cmp - want
	weir books -i h.weir | grep -E '^head ' >row
	read -r _ in _ out _ filtered _ <row
	[ "$in" = $((out + filtered)) ]
	[ "$filtered" -gt 0 ]
	run -2 weir head --flows -n 2000000 -i "$dir/all.weir"
	[[ $output == *"at most"* ]]
}

@test "tail: the last records, in order, and the books balance" {
	weir tail -n 7 -i "$dir/packets.weir" >t.weir
	all_of -i t.weir >got
	weir tail -n 7 -i "$dir/packets.weir" -o - | all_of | cmp - got
	[ "$(wc -l <got)" = 7 ]
	shown="packet flow anomaly"
	# shellcheck disable=SC2086
	"$top/tests/stages/mangle.py" show $shown <"$dir/packets.weir" | tail -n 7 >last
	# shellcheck disable=SC2086
	"$top/tests/stages/mangle.py" show $shown <t.weir | cmp - last
	weir books -i t.weir | grep -q '^books balance'
	weir tail -n 100000 -i "$dir/packets.weir" | all_of | cmp - <(all_of -i "$dir/packets.weir")
	weir tail -n 0 -i "$dir/packets.weir" | weir info --json | grep -q '"records":0,'
}

@test "tail --flows: all records of the flows that began last" {
	weir tail --flows -n 3 -i "$dir/all.weir" >t.weir
	weir json -i "$dir/all.weir" | grep -o '"flow":[0-9]*,' | sort -u -t: -k2n | tail -n 3 >last
	weir json -i "$dir/all.weir" | grep -Ff last >want
	weir json -i t.weir | cmp - want
	weir books -i t.weir | grep -q '^books balance'
}

@test "tail: memory is bounded, and what had to go is counted" {
	weir tail -n 1000000 --memory 1M -i "$dir/many.weir" >t.weir
	weir books -i t.weir >books
	grep -q 'dropped.memory [1-9]' books
	grep -q '^books balance' books
	[ "$(stat -c %s t.weir)" -lt 1100000 ]
	run -2 weir tail --memory 1000 -i "$dir/many.weir"
}

@test "tail: of streams one after the other, the last of each; types of several inputs stay declared" {
	cat "$dir/packets.weir" "$dir/packets.weir" | weir tail -n 3 | all_of >got
	[ "$(wc -l <got)" = 6 ]
	"$top/tests/stages/mangle.py" custom mine 1000 <"$dir/packets.weir" >a.weir
	"$top/tests/stages/mangle.py" custom other 1000 <"$dir/packets.weir" >b.weir
	weir tail -n 1000 -i a.weir -i b.weir >t.weir
	weir json -i t.weir --types mine | grep -q '"who":"mine"'
	weir json -i t.weir --types other | grep -q '"who":"other"'
}

@test "sample: about the part that was asked for, the same every time, another with another seed" {
	weir sample --rate 1/10 -i "$dir/many.weir" >a.weir
	weir sample --rate 1/10 -i "$dir/many.weir" | all_of | cmp - <(all_of -i a.weir)
	! weir sample --rate 1/10 --seed 2 -i "$dir/many.weir" | all_of | cmp -s - <(all_of -i a.weir) || false
	in=$(all_of -i "$dir/many.weir" | wc -l) out=$(all_of -i a.weir | wc -l)
	[ $((out * 10)) -gt $((in * 9 / 10)) ]
	[ $((out * 10)) -lt $((in * 11 / 10)) ]
	weir books -i a.weir >books
	grep -q '^books balance' books
	weir sample --rate 3/3 -i "$dir/packets.weir" | all_of | cmp - <(all_of -i "$dir/packets.weir")
}

@test "sample --flows: whole flows, also in shards, and frames by conversation" {
	weir sample --rate 1/2 --flows -i "$dir/all.weir" >s.weir
	weir json -i s.weir | grep -o '"flow":[0-9]*,' | sort -u >kept
	[ -s kept ]
	weir json -i "$dir/all.weir" | grep -Ff kept | cmp - <(weir json -i s.weir)
	[ "$(wc -l <kept)" -lt "$(weir json -i "$dir/all.weir" | grep -o '"flow":[0-9]*,' | sort -u | wc -l)" ]
	weir shard -i "$dir/all.weir" -o 0.weir -o 1.weir
	for i in 0 1; do weir sample --rate 1/2 --flows -i $i.weir >s$i.weir; done
	weir json -i s0.weir -i s1.weir | cmp - <(weir json -i s.weir)
	# of frames: a conversation has all of its packets or none
	weir sample --rate 1/2 --flows -i "$dir/frames.weir" | weir flow --no-packets | weir json --fields orig_pkts,resp_pkts,orig_p,resp_p,orig_h,start | sort -u >some
	weir flow --no-packets -i "$dir/frames.weir" | weir json --fields orig_pkts,resp_pkts,orig_p,resp_p,orig_h,start | sort -u >every
	[ -s some ]
	[ "$(wc -l <some)" -lt "$(wc -l <every)" ]
	[ -z "$(comm -23 some every)" ]
}

@test "sample: a part that is none is wrong use" {
	for rate in 0/10 2/1 1 x/2 1/2x -1/2 ''; do
		run -2 weir sample --rate "$rate" -i "$dir/packets.weir"
	done
	run -2 weir sample -i "$dir/packets.weir"
	[[ $output == *"give --rate"* ]]
}
