#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
}

@test "json: every line is JSON with type first" {
	weir json -i "$BATS_FILE_TMPDIR/all.weir" >"$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import json, sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
assert len(lines) > 50
for line in lines:
    assert next(iter(json.loads(line))) == "type"
END
}

@test "json: frame, packet and stream come only when asked for" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' | grep -c -e '\"type\":\"packet\"' -e '\"type\":\"stream\"'"
	[ "$output" = 0 ]
	weir read "$top/examples/demo.pcap" | weir flow >"$BATS_TEST_TMPDIR/p.weir"
	run bash -c "weir json -i '$BATS_TEST_TMPDIR/p.weir' --types packet | grep -c '\"type\":\"packet\"'"
	[ "$output" -gt 100 ]
}

@test "json: --fields, --exclude and --time" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --types dns --fields ts,query --time iso | head -n 1"
	[[ "$output" =~ ^\{\"type\":\"dns\",\"ts\":\"20[0-9-]+T[0-9:.]+Z\",\"query\":\"[^\"]+\"\}$ ]]
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --types dns --exclude ts,query | grep -c -e '\"ts\"' -e '\"query\"'"
	[ "$output" = 0 ]
}

@test "json: names that nothing has are told, with the nearest" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --types dsn,tls --fields sni 2>&1 >/dev/null"
	[ "$status" -eq 0 ]
	[ "$output" = "weir-json: no record of a type 'dsn' came; did you mean 'dns'?" ]
	[ -z "$(weir json -q -i "$BATS_FILE_TMPDIR/all.weir" --types dsn 2>&1)" ]
	for option in --fields --exclude; do
		run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' $option qeury 2>&1 >/dev/null"
		[ "$status" -eq 3 ]
		[ "$output" = "weir-json: no type of this stream has a field 'qeury'; did you mean 'query'?" ]
	done
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --fields answers.rdata 2>&1 >/dev/null"
	[ "$status" -eq 3 ]
	[ "$output" = "weir-json: 'answers.rdata' is a member of another field; weir-cut makes a field of it" ]
	weir cut answers.rdata --only -i "$BATS_FILE_TMPDIR/all.weir" | weir json --fields answers.rdata | grep -q '198.51.100.80'
	[[ "$(weir count -i "$BATS_FILE_TMPDIR/all.weir" --by proto --types flwo -o null: 2>&1)" == *"did you mean 'flow'?" ]]
	[[ "$(weir cut -i "$BATS_FILE_TMPDIR/all.weir" proto --types flwo -o null: 2>&1)" == *"did you mean 'flow'?" ]]
	[[ "$(weir csv -i "$BATS_FILE_TMPDIR/all.weir" --types flwo 2>&1)" == *"did you mean 'flow'?" ]]
}

@test "json: on a terminal it says what it was given where it prints nothing of it" {
	script -qec "weir read '$top/examples/demo.pcap' | weir json" /dev/null >"$BATS_TEST_TMPDIR/said"
	[ "$(tr -d '\r' <"$BATS_TEST_TMPDIR/said")" = "weir-json: frame records came; they are printed where asked for: --types frame" ]
}

@test "json: Community ID is there, and can be left out" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --types flow | head -n 1 | grep -c '\"community_id\":\"1:'"
	[ "$output" = 1 ]
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' --no-community-id | grep -c community_id"
	[ "$output" = 0 ]
}

@test "json: two streams one after the other are a stream" {
	one=$(weir json -i "$BATS_FILE_TMPDIR/all.weir" | wc -l)
	two=$(cat "$BATS_FILE_TMPDIR/all.weir" "$BATS_FILE_TMPDIR/all.weir" | weir json | wc -l)
	[ "$two" -eq $((2 * one)) ]
}

@test "json: flow numbers that come again in a second stream get their own Community ID" {
	python3 - "$BATS_TEST_TMPDIR" <<'END'
import sys
# One packet over UDP between two addresses; the streams differ in the address alone.
for name, last in ("a", 1), ("b", 2):
    ip = bytes.fromhex("4500001d00010000401100000a000001c0000200") [:-1] + bytes([last])
    frame = bytes(12) + b"\x08\x00" + ip + bytes.fromhex("04d200350009000061")
    head = bytes.fromhex("d4c3b2a10200040000000000000000000000040001000000")
    size = len(frame).to_bytes(4, "little")
    with open(f"{sys.argv[1]}/{name}.pcap", "wb") as f:
        f.write(head + bytes(8) + size + size + frame)
END
	for x in a b; do
		weir read "$BATS_TEST_TMPDIR/$x.pcap" | weir flow >"$BATS_TEST_TMPDIR/$x.weir"
		weir json -i "$BATS_TEST_TMPDIR/$x.weir" --types flow >"$BATS_TEST_TMPDIR/$x.json"
	done
	grep -q '"resp_h":"192.0.2.1"' "$BATS_TEST_TMPDIR/a.json"
	cat "$BATS_TEST_TMPDIR"/[ab].weir | weir json --types flow >"$BATS_TEST_TMPDIR/both.json"
	cat "$BATS_TEST_TMPDIR"/[ab].json | cmp - "$BATS_TEST_TMPDIR/both.json"
}

@test "json: a cut stream is said once, exit 4, what came before is printed" {
	head -c 20000 "$BATS_FILE_TMPDIR/all.weir" >"$BATS_TEST_TMPDIR/cut.weir"
	run --separate-stderr weir json -i "$BATS_TEST_TMPDIR/cut.weir"
	[ "$status" -eq 4 ]
	[ "${#lines[@]}" -gt 10 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"cut.weir: offset "* ]]
}

@test "json: text that is no stream is said once, exit 4" {
	run weir json -i "$top/LICENSE"
	[ "$status" -eq 4 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "json: a full disk is said once, exit 1" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/all.weir' 2>&1 >/dev/full"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"No space left"* ]]
}

@test "json: a full disk leaves whole lines only" {
	(
		ulimit -f 4
		trap '' XFSZ
		weir json -i "$BATS_FILE_TMPDIR/all.weir" -o "$BATS_TEST_TMPDIR/out"
	) || true
	[ -s "$BATS_TEST_TMPDIR/out" ]
	[ "$(tail -c 1 "$BATS_TEST_TMPDIR/out" | od -An -c | tr -d ' ')" = '\n' ]
}

@test "json: standard input on a terminal is wrong use" {
	run script -qec "weir json" /dev/null
	[ "$status" -eq 2 ]
}

@test "json: a wrong choice names the choices, exit 2" {
	run weir json --format xml
	[ "$status" -eq 2 ]
	[[ "$output" == *"auto|text|json"* ]]
}
