#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns >"$BATS_FILE_TMPDIR/dns.weir"
}

@test "dns: a transaction has a name, a type, and a response code where it was answered" {
	weir json -i "$BATS_FILE_TMPDIR/dns.weir" --types dns >"$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
answered = [r for r in rows if r["state"] == "answered"]
assert answered
for r in answered:
    assert r["query"] and r["qtype_name"] and "rcode" in r and r["rtt"] >= 0, r
    assert r["first_n"] <= r["n"] and r["responses"] >= 1, r
assert any("answers" in r for r in answered)
END
}

@test "dns: it passes on what is not its own, with --only nothing" {
	run bash -c "weir json -i '$BATS_FILE_TMPDIR/dns.weir' | grep -c '\"type\":\"flow\"'"
	[ "$output" -gt 0 ]
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns --only >"$BATS_TEST_TMPDIR/only.weir"
	run bash -c "weir json -i '$BATS_TEST_TMPDIR/only.weir' | grep -v -c -e '\"type\":\"dns\"' -e '\"stage\":\"dns\"' -e '\"parser\":\"dns\"'"
	[ "$output" = 0 ]
	run bash -c "weir json -i '$BATS_TEST_TMPDIR/only.weir' | grep -c '\"type\":\"dns\"'"
	[ "$output" -gt 0 ]
}

@test "dns: the same input gives the same output" {
	one=$(weir json -i "$BATS_FILE_TMPDIR/dns.weir" | sha256sum)
	two=$(weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir json | sha256sum)
	[ "$one" = "$two" ]
}

@test "dns: a wrong option exits 2 and names the nearest" {
	run weir dns --timout 3
	[ "$status" -eq 2 ]
	[[ "$output" == *timeout* ]]
}
