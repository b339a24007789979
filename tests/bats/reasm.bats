#!/usr/bin/env bats
# reasm: streams, gaps, ends, options and exit codes of weir-reasm.
load helper

# streams SCENARIO TYPES FIELDS [OPTION...]: what weir-reasm makes of it, as JSON lines.
streams() {
	local file types=$2 fields=$3
	file=$(capture "$1")
	shift 3
	weir read "$file" | weir flow | weir reasm "$@" | weir json --types "$types" --fields "$fields"
}

@test "reasm: a connection gives its bytes and one stream_end per direction" {
	run streams handshake_fin stream_end dir,reason,gap_bytes,undelivered
	[ "${#lines[@]}" -eq 2 ]
	[[ "${lines[0]}${lines[1]}" == *'"dir":"orig"'* && "${lines[0]}${lines[1]}" == *'"dir":"resp"'* ]]
	for line in "${lines[@]}"; do
		[[ "$line" == *'"reason":"fin"'* && "$line" == *'"gap_bytes":0'* && "$line" == *'"undelivered":0'* ]]
	done
}

@test "reasm: a reset ends both directions with that reason" {
	run streams handshake_rst stream_end reason
	[ "${#lines[@]}" -ge 1 ]
	[[ "${lines[0]}" == *'"reason":"rst"'* ]]
}

@test "reasm: segments out of order and repeated come out as if in order" {
	for scenario in reordered retransmitted; do
		file=$(capture "$scenario")
		run bash -c "weir read '$file' | weir flow | weir reasm | weir streams --digest"
		want=$(python3 -c 'import hashlib; print(hashlib.sha256(b"".join(bytes([97+i])*100 for i in range(6))).hexdigest())')
		[[ "$output" == *"\"bytes\":600,\"sha256\":\"$want\",\"gap_bytes\":0"* ]]
	done
	run streams reordered stream_end out_of_order,retransmitted
	[[ "$output" == *'"retransmitted":0,"out_of_order":3'* ]]
	run streams retransmitted stream_end out_of_order,retransmitted
	[[ "$output" == *'"retransmitted":300,"out_of_order":0'* ]]
}

@test "reasm: a lost segment is one gap, and what follows comes" {
	run streams lost stream offset,gap,gap_reason
	[ "$(grep -c '"gap":100' <<<"$output")" -eq 1 ]
	[[ "$output" == *'"offset":200,"gap":100'* ]]
	run streams lost stream_end highest,delivered,gap_bytes,gaps
	[[ "$output" == *'"highest":600,"delivered":500,"gap_bytes":100,"gaps":1'* ]]
}

@test "reasm: bytes that come again and differ are an anomaly that shows both" {
	run streams retransmit_overlap anomaly name,offset,len,had,got
	[[ "$output" == *'"name":"overlap_diff","offset":50,"len":50,"had":'*'"got":'* ]]
	run streams retransmit_overlap anomaly name --history 0
	[[ "$output" != *overlap_diff* ]]
	run streams retransmit_overlap stream_end overlaps,delivered
	[[ "$output" == *'"delivered":200'*'"overlaps":1'* ]]
}

@test "reasm: --depth skips and counts" {
	run streams reordered stream_end highest,delivered,skipped --depth 150
	[[ "$output" == *'"highest":600,"delivered":150,"skipped":450'* ]]
}

@test "reasm: TCP packets are consumed, the rest passes" {
	weir read "$top/examples/demo.pcap" | weir flow >"$BATS_TEST_TMPDIR/flow.weir"
	weir reasm -i "$BATS_TEST_TMPDIR/flow.weir" >"$BATS_TEST_TMPDIR/reasm.weir"
	[ "$(weir json -i "$BATS_TEST_TMPDIR/reasm.weir" --types packet --fields proto | grep -c '"proto":6}')" -eq 0 ]
	udp=$(weir json -i "$BATS_TEST_TMPDIR/flow.weir" --types packet --fields proto | grep -c '"proto":17}')
	[ "$udp" -gt 0 ]
	[ "$(weir json -i "$BATS_TEST_TMPDIR/reasm.weir" --types packet --fields proto | grep -c '"proto":17}')" -eq "$udp" ]
	cmp <(weir json -i "$BATS_TEST_TMPDIR/flow.weir" --types flow) <(weir json -i "$BATS_TEST_TMPDIR/reasm.weir" --types flow)
}

@test "reasm: the same input gives the same output" {
	file=$(capture reordered)
	a=$(weir read "$file" | weir flow | weir reasm | weir json --types stream,stream_end,anomaly,flow | sha256sum)
	b=$(weir read "$file" | weir flow | weir reasm | weir json --types stream,stream_end,anomaly,flow | sha256sum)
	[ "$a" = "$b" ]
}

@test "reasm: the law holds over every scenario" {
	for scenario in handshake_fin reordered lost retransmitted retransmit_overlap midstream one_sided port_reuse half_closed snapped; do
		streams "$scenario" stream_end highest,delivered,gap_bytes,urgent,skipped,undelivered | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    assert r["highest"] == sum(r[k] for k in ("delivered", "gap_bytes", "urgent", "skipped", "undelivered")), r
'
	done
}

@test "reasm: wrong use is one line and exit 2" {
	for wrong in "--overlap middle" "--memory 0" "--dept 1" "--history 1G"; do
		# shellcheck disable=SC2086
		run weir reasm -i /dev/null $wrong
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

# sctp NAME: a capture of tests/gen/sctp.py, made once per file.
sctp() {
	local file=$BATS_FILE_TMPDIR/sctp-$1.pcap
	[ -e "$file" ] || python3 "$top/tests/gen/sctp.py" "$1" >"$file"
	echo "$file"
}

@test "reasm: SCTP comes out in order per stream, with ids, message ends and both ends" {
	file=$(sctp talk)
	run bash -c "weir read '$file' | weir flow | weir reasm | weir json --types stream,stream_end --fields dir,sid,ssn,tsn,ppid,flags,reason,messages,sids,lost_chunks"
	[ "${#lines[@]}" -eq 9 ]
	[[ "$output" == *'"flags":64,"dir":0,"sid":1,"ssn":1,"tsn":1002,"ppid":46'* ]]
	[[ "$output" == *'"flags":70,"dir":1,"sid":1,"ssn":0,"tsn":5001'* ]]
	[[ "${lines[7]}" == *'"dir":"orig","reason":"fin","lost_chunks":0,"messages":3,"sids":2'* ]]
	run bash -c "weir read '$(sctp reordered)' | weir flow | weir reasm | weir streams --follow"
	[ "$output" = "--- 192.0.2.1:40000 -> 198.51.100.2:36412 (flow 1)
> [stream 2, ppid 46]
> other
> [stream 1, ppid 46]
> one 
> [stream 1, ppid 46]
> two 
> [stream 1, ppid 46]
> three
> [end: fin, 18 bytes]" ]
}

@test "reasm: a lost chunk of SCTP is told, and then what its stream lacks" {
	run bash -c "weir read '$(sctp lost)' | weir flow | weir reasm | weir streams --follow"
	[[ "$output" == *"> [1 chunk missing: acked]
> [stream 1: 1 message missing: acked]
> [stream 1, ppid 46]
> three
> [end: fin, 9 bytes, 1 chunk missing]" ]]
}

@test "reasm: TSNs of SCTP that begin anew leave no gap, and no message comes twice" {
	run bash -c "weir read '$(sctp restarted)' | weir flow | weir reasm | weir json --types stream,anomaly,stream_end --fields dir,ssn,tsn,name,gap,messages,lost_chunks"
	[ "$output" = '{"type":"stream","dir":0,"gap":0,"ssn":0,"tsn":1000}
{"type":"stream","dir":0,"gap":0,"ssn":1,"tsn":1001}
{"type":"stream","dir":1,"gap":0,"ssn":0,"tsn":5000}
{"type":"stream","dir":1,"gap":0,"ssn":0,"tsn":5001}
{"type":"stream","dir":0,"gap":0,"ssn":0,"tsn":2147484650}
{"type":"stream","dir":0,"gap":0,"ssn":1,"tsn":2147484651}
{"type":"stream_end","dir":"orig","lost_chunks":0,"messages":4}
{"type":"stream_end","dir":"resp","lost_chunks":0,"messages":2}' ]
}

@test "reasm: an ABORT without the right tag ends nothing, one with it does" {
	run bash -c "weir read '$(sctp blind_abort)' | weir flow | weir reasm | weir json --types stream_end,anomaly --fields reason,delivered,name"
	[[ "$output" == *'"name":"sctp_abort_bad_tag"'* ]]
	[[ "${lines[-1]}" == *'"reason":"abort","delivered":7'* ]]
}

@test "reasm: streams of SCTP are files and digests of their own" {
	weir read "$(sctp talk)" | weir flow | weir reasm | weir streams -d "$BATS_TEST_TMPDIR/out"
	[ "$(cat "$BATS_TEST_TMPDIR/out/192.000.002.001.40000-198.051.100.002.36412s1")" = "hello fragmented" ]
	[ "$(cat "$BATS_TEST_TMPDIR/out/192.000.002.001.40000-198.051.100.002.36412s2")" = "other stream" ]
	[ "$(cat "$BATS_TEST_TMPDIR/out/198.051.100.002.36412-192.000.002.001.40000s1")" = "HELLO urgent" ]
	[ "$(find "$BATS_TEST_TMPDIR/out" -type f | wc -l)" -eq 3 ]
	run bash -c "weir read '$(sctp lost)' | weir flow | weir reasm | weir streams --digest"
	[[ "$output" == *'"bytes":9,'*'"gap_bytes":0,"sid":1,"lost_messages":1}' ]]
}

@test "reasm: W2: the bytes of a connection are the same in tunnels and in fragments of them (pkts: a second sequence upon the first lost all)" {
	want=$(weir read "$(sctp plain)" | weir flow | weir reasm | weir streams --digest)
	[ "$(grep -c sha256 <<<"$want")" -eq 2 ]
	for scenario in in_vxlan in_gre in_gtp in_mpls in_fragments in_gtp_fragments; do
		[ "$(weir read "$(sctp $scenario)" | weir flow | weir reasm | weir streams --digest)" = "$want" ]
	done
	[[ "$(weir read "$(sctp in_fragments)" | weir flow | weir reasm | weir http | weir json --types http)" == *'"host":"inner.example"'*'"status_code":200'* ]]
}

@test "reasm: --overflow says what happens to a queue that is too long" {
	run streams lost stream_end,stream highest,delivered,gap_bytes,reason --ooo-bytes 250 --overflow gap
	[[ "$output" == *'"highest":600,"delivered":500,"gap_bytes":100'* ]]
	run streams lost stream_end highest,delivered,gap_bytes,reason --ooo-bytes 150 --overflow window
	[[ "$output" == *'"highest":600,"delivered":450,"gap_bytes":150'* ]]
	run streams lost stream_end highest,delivered,undelivered,reason --ooo-bytes 150 --overflow drop-flow
	[[ "$output" == *'"reason":"overflow"'*'"delivered":200'* ]]
}
