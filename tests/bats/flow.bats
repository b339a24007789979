#!/usr/bin/env bats
# shellcheck disable=SC2154 # top comes from helper
# flow: what weir-flow makes of generated captures, its options, books and exit codes.
load helper

setup() {
	flow=$WEIR_BUILD/libexec/weir/weir-flow
	read=$WEIR_BUILD/libexec/weir/weir-read
	json=$WEIR_BUILD/libexec/weir/weir-json
}

# records NAME TYPE FIELDS [OPTION...]: JSON lines of that type from a generated capture
records() {
	local file types=$2 fields=$3
	file=$(capture "$1")
	shift 3
	"$read" "$file" | "$flow" "$@" | "$json" --types "$types" ${fields:+--fields "$fields"}
}

counters() { # NAME [OPTION...]: the flow stage's counters that are not 0, a line each
	local file
	file=$(capture "$1")
	shift
	"$read" "$file" | "$flow" "$@" | python3 "$top/tests/gen/records.py" end ledger |
		grep -o "'[a-z_]*\.[a-z_0-9]*', 0, [1-9][0-9]*" | tr -d "',"
}

@test "flow: a whole connection is SF, and ends by its FINs" {
	run records handshake_fin flow event,reason,conn_state,history
	[ "$output" = '{"type":"flow","event":"end","reason":"fin","conn_state":"SF","history":"ShADdFf"}' ]
}

@test "flow: a reset, a refusal, a handshake alone and a conversation without its start" {
	run records handshake_rst flow reason,conn_state
	[ "$output" = '{"type":"flow","reason":"rst","conn_state":"RSTR"}' ]
	run records syn_refused flow reason,conn_state,history
	[ "$output" = '{"type":"flow","reason":"rst","conn_state":"REJ","history":"Sr"}' ]
	run records midstream flow conn_state,midstream
	[ "$output" = '{"type":"flow","conn_state":"SF","midstream":true}' ]
	run records dns_unanswered flow conn_state
	[[ "$output" = '{"type":"flow","conn_state":"S0"}'* ]]
}

@test "flow: ports that are used again make a second flow, the first ends at the frame that starts it" {
	run records port_reuse flow n,reason,first_n
	[ "${#lines[@]}" = 2 ]
	[ "${lines[0]}" = '{"type":"flow","n":10,"reason":"fin","first_n":1}' ]
	[[ "${lines[1]}" =~ \"reason\":\"fin\",\"first_n\":10\}$ ]]
}

@test "flow: VLAN ids are in the key and in the record, --ignore-scope takes them out of the key" {
	run records vlan_stack flow vlan,scope
	[[ "$output" =~ \"vlan\":\[100,7\] ]]
	[[ "$output" =~ \"scope\": ]]
	run records vlan_stack flow vlan,scope --ignore-scope
	[[ ! "$output" =~ \"scope\": ]]
}

@test "flow: a side whose checksums are all bad is accepted, and that is said once" {
	run records bad_checksums anomaly name,dir
	[ "$output" = '{"type":"anomaly","name":"checksum_offload","dir":0}' ]
	run records bad_checksums flow conn_state,orig_pkts,orig_bad_checksums
	[[ "$output" =~ \"conn_state\":\"SF\",\"orig_pkts\":([0-9]+),\"orig_bad_checksums\":([0-9]+)\} ]] ||
		[[ "$output" =~ \"orig_pkts\":([0-9]+),\"conn_state\":\"SF\",\"orig_bad_checksums\":([0-9]+)\} ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	run records bad_checksums packet verdict
	[[ ! "$output" =~ bad_checksum ]]
	[[ "$output" =~ \"verdict\":\"?(0|deliver) ]]
	run records bad_checksums anomaly name --no-checksum
	[ -z "$output" ]
}

@test "flow: each event is a record where it is asked for, in order" {
	run records handshake_fin flow event,n --events start,established,end
	[ "${lines[0]}" = '{"type":"flow","n":1,"event":"start"}' ]
	[ "${lines[1]}" = '{"type":"flow","n":3,"event":"established"}' ]
	[[ "${lines[2]}" =~ \"event\":\"end\" ]]
	[ "${#lines[@]}" = 3 ]
	run records handshake_fin flow n,event,state --events start,state,end
	[ "$output" = '{"type":"flow","n":1,"event":"start","state":"partial"}
{"type":"flow","n":1,"event":"state","state":"syn_sent"}
{"type":"flow","n":2,"event":"state","state":"syn_received"}
{"type":"flow","n":3,"event":"state","state":"established"}
{"type":"flow","n":7,"event":"state","state":"closing"}
{"type":"flow","n":8,"event":"state","state":"closed"}
{"type":"flow","n":10,"event":"end","state":"closed"}' ]
	run records handshake_fin flow event --update 1ns
	[ "${lines[0]}" = '{"type":"flow","event":"update"}' ]
}

@test "flow: an idle flow ends at the first frame at or after its timeout" {
	run records ten flow reason,n --timeout udp:one_way=3ms
	[ "${lines[0]}" = '{"type":"flow","n":4,"reason":"idle"}' ]
	[ "${lines[6]}" = '{"type":"flow","n":10,"reason":"idle"}' ]
	[[ "${lines[7]}" =~ \"n\":18,\"reason\":\"end_of_input\" ]]
	[ "${#lines[@]}" = 10 ]
	run records ten flow reason --timeout udp:one_way=0
	[[ ! "$output" =~ idle ]]
}

@test "flow: --max-flows bounds the table, and every flow ends once" {
	run counters many_flows --max-flows 100 --timeout udp:one_way=0
	[[ "$output" =~ flows\.in\ 0\ 1000 ]]
	[[ "$output" =~ flows\.evicted\ 0\ 900 ]]
	[[ "$output" =~ flows\.end_of_input\ 0\ 100 ]]
	[[ "$output" =~ frames\.in\ 0\ 1000 ]]
	[[ "$output" =~ frames\.packet\ 0\ 1000 ]]
}

@test "flow: a frame without a packet is counted by its reason" {
	run counters not_ip
	[ "$output" = "frames.in 0 3
frames.non_ip 0 3" ]
	run counters odd_link
	[[ "$output" =~ frames\.unknown_link_type\ 0\ 3 ]]
}

@test "flow: time does not go back, and the recorded time is kept" {
	run records time_back packet ts,raw_ts
	python3 - "${lines[@]}" <<'END'
import json, sys
rows = [json.loads(line) for line in sys.argv[1:]]
assert len(rows) == 5
assert all(float(a["ts"]) <= float(b["ts"]) for a, b in zip(rows, rows[1:]))
assert rows[2]["raw_ts"] != rows[1]["raw_ts"] and rows[2]["ts"] == rows[1]["ts"]
END
}

@test "flow: the same input gives the same output" {
	local file
	file=$(capture many_flows)
	for _ in 1 2 3; do
		"$read" "$file" | "$flow" --max-flows 50 | "$json" --types flow,packet,anomaly | sha256sum
	done >"$BATS_TEST_TMPDIR/sums"
	[ "$(sort -u "$BATS_TEST_TMPDIR/sums" | wc -l)" = 1 ]
}

@test "flow: --no-packets writes the same flows and anomalies, and no packet" {
	for name in handshake_fin bad_checksums port_reuse; do
		records "$name" flow,anomaly "" >"$BATS_TEST_TMPDIR/with"
		records "$name" flow,anomaly,packet "" --no-packets >"$BATS_TEST_TMPDIR/without"
		[ -s "$BATS_TEST_TMPDIR/with" ]
		cmp "$BATS_TEST_TMPDIR/with" "$BATS_TEST_TMPDIR/without"
	done
	local file
	file=$(capture handshake_fin)
	"$read" "$file" | "$flow" --no-packets | python3 "$top/tests/gen/records.py" end ledger |
		grep -q "'made', 0, 1\]"
}

@test "flow: timeouts by port and prefix, from the command line and from a file" {
	run records ten flow reason,n --timeout udp:9=3ms
	[ "${lines[0]}" = '{"type":"flow","n":4,"reason":"idle"}' ]
	run records ten flow reason,n --timeout 192.0.2.0/24=0 --timeout udp:9=3ms
	[[ ! "$output" =~ idle ]]
	printf '# what waits\n\n  udp:9=3ms # discard\n10.0.0.0/8=1h\n' >"$BATS_TEST_TMPDIR/good"
	run records ten flow reason,n --timeout-file "$BATS_TEST_TMPDIR/good"
	[ "${lines[0]}" = '{"type":"flow","n":4,"reason":"idle"}' ]
	printf 'udp:9=3ms\nudp=10s\nudp:9=3mx\n' >"$BATS_TEST_TMPDIR/bad"
	run "$flow" --timeout-file "$BATS_TEST_TMPDIR/bad" </dev/null
	[ "$status" = 2 ]
	[[ "$output" =~ bad:3:\ \'udp:9=3mx\' ]]
	[ "${#lines[@]}" = 1 ]
}

@test "flow: what a flow is may be chosen" {
	run records port_reuse flow orig_pkts --key ip-pair
	[ "$output" = '{"type":"flow","orig_pkts":12}' ]
	run records not_ip flow orig_pkts --key mac-pair
	[ "$output" = '{"type":"flow","orig_pkts":3}' ]
	run records handshake_fin flow orig_h --directional
	[ "$output" = '{"type":"flow","orig_h":"192.0.2.1"}
{"type":"flow","orig_h":"198.51.100.2"}' ]
	for key in 5tuple 5tuple+flowlabel 5tuple+vlan; do
		run records handshake_fin flow conn_state --key "$key"
		[ "$output" = '{"type":"flow","conn_state":"SF"}' ]
	done
}

@test "flow: SIGUSR2 shows every open flow, and the end of the input ends them" {
	local file out=$BATS_TEST_TMPDIR/out
	file=$(capture ten)
	mkfifo "$BATS_TEST_TMPDIR/in"
	"$flow" -q <"$BATS_TEST_TMPDIR/in" >"$out" &
	local pid=$!
	exec 7>"$BATS_TEST_TMPDIR/in"
	"$read" -q "$file" >"$BATS_TEST_TMPDIR/whole"
	local half=$(($(stat -c %s "$BATS_TEST_TMPDIR/whole") / 2))
	head -c $half "$BATS_TEST_TMPDIR/whole" >&7
	for _ in $(seq 100); do # until it has taken what there is, and told its packets
		[ "$(stat -c %s "$out")" -lt 4000 ] || break
		sleep 0.1
	done
	kill -USR2 $pid
	tail -c +$((half + 1)) "$BATS_TEST_TMPDIR/whole" >&7
	exec 7>&-
	wait $pid
	"$json" -q --types flow --fields event <"$out" >"$BATS_TEST_TMPDIR/events"
	[ "$(grep -c '"end"' "$BATS_TEST_TMPDIR/events")" = 10 ]
	[ "$(grep -c '"update"' "$BATS_TEST_TMPDIR/events")" -ge 3 ]
}

@test "flow: copies within --dedup are left out and counted" {
	local file=$BATS_TEST_TMPDIR/twice.pcap
	python3 - "$top/tests/gen" >"$file" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import Capture, pcap
cap = Capture()
for i in range(5):
    for late in (0, 1000):
        cap.datagram(1767225600 * 10**9 + i * 10**9 + late, "192.0.2.1", 1000, "192.0.2.2", 9, b"frame %d" % i, ident=i)
sys.stdout.buffer.write(pcap(cap))
END
	run bash -c '"$1" "$2" | "$3" --dedup 1ms | "$4" --types flow --fields orig_pkts' _ "$read" "$file" "$flow" "$json"
	[ "$output" = '{"type":"flow","orig_pkts":5}' ]
	run bash -c '"$1" "$2" | "$3" | "$4" --types flow --fields orig_pkts' _ "$read" "$file" "$flow" "$json"
	[ "$output" = '{"type":"flow","orig_pkts":10}' ]
}

@test "flow: wrong use is one line and exit 2" {
	for wrong in "--max-flows 0" "--timeout tcp" "--timeout quic=3s" "--events birth" "operand" "--max-flow 3" \
		"--timeout tcp:0=3s" "--timeout 10.0.0.1/8=3s" "--decap token-ring" "--key colour" "--fragments all"; do
		# shellcheck disable=SC2086
		run "$flow" $wrong </dev/null
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
}

@test "flow: the man page lists the tool's own options" {
	for option in decap fragments key directional timeout-file dedup monotonic max-flows update timeout events packets checksum ignore-scope; do
		grep -q "^\.It Fl -$option" "$top/docs/man/weir-flow.1"
		"$flow" --help | grep -q -e "--$option"
	done
}
