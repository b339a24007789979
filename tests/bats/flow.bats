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
	"$read" "$file" | "$flow" "$@" | "$json" --types "$types" --fields "$fields"
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

@test "flow: wrong use is one line and exit 2" {
	for wrong in "--max-flows 0" "--timeout tcp" "--timeout quic=3s" "--events birth" "operand" "--max-flow 3"; do
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
