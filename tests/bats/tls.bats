#!/usr/bin/env bats
load helper

# handshakes CAPTURE: what weir-tls alone makes of it, as JSON lines.
handshakes() {
	weir read "$1" | weir flow | weir reasm | weir tls --only | weir json --types tls
}

@test "tls: the demo's handshakes, the refused one with its alert" {
	handshakes "$top/examples/demo.pcap" >"$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import json, sys
rows = {r["sni"]: r for r in map(json.loads, open(sys.argv[1]))}
assert rows["www.example.com"]["version_name"] == "TLSv13", rows
assert rows["www.example.com"]["established"] is True
assert rows["shop.example.net"]["version_name"] == "TLSv12"
assert rows["shop.example.net"]["history"].startswith("Csx")
old = rows["old.example.org"]
assert old["established"] is False and "version" not in old and "ja3s" not in old
assert old["alerts"] == [{"from": "resp", "level": 2, "desc": 40, "name": "handshake_failure", "encrypted": False}]
assert old["history"] == "Cl"
for r in rows.values():
    assert len(r["ja3"]) == 32 and len(r["ja4"]) == 36 and r["ja4"][0] == "t", r
END
}

@test "tls: reading byte by byte changes nothing" {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >"$BATS_TEST_TMPDIR/streams.weir"
	weir tls -i "$BATS_TEST_TMPDIR/streams.weir" | weir json >"$BATS_TEST_TMPDIR/whole"
	WEIR_TEST_READ=1 weir tls <"$BATS_TEST_TMPDIR/streams.weir" | weir json >"$BATS_TEST_TMPDIR/bytes"
	grep -q '"type":"tls"' "$BATS_TEST_TMPDIR/whole"
	cmp "$BATS_TEST_TMPDIR/whole" "$BATS_TEST_TMPDIR/bytes"
}

@test "tls: other records pass on, and with --only they do not" {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >"$BATS_TEST_TMPDIR/streams.weir"
	run bash -c "weir tls -i '$BATS_TEST_TMPDIR/streams.weir' | weir json --types flow | grep -c type"
	[ "$output" -gt 10 ]
	run bash -c "weir tls --only -i '$BATS_TEST_TMPDIR/streams.weir' | weir json --types flow | grep -c type"
	[ "$output" = 0 ]
}

@test "tls: --max-message leaves long hellos out, and says so" {
	run bash -c "weir read '$top/examples/demo.pcap' | weir flow | weir reasm | weir tls --max-message 100 | weir json --types tls,anomaly"
	[[ "$output" == *'"truncated":["client_hello"]'* ]]
	[[ "$output" == *'"name":"tls_hello_not_kept"'* ]]
	[[ "$output" != *'"ja4"'* ]]
}

@test "tls: a wrong option is one line and exit 2" {
	run weir tls --max-mesage 5
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *max-message* ]]
}

@test "tls: fingerprints of real clients are the published ones" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "WEIR_CORPUS is not set"
	run handshakes "$WEIR_CORPUS/pcap/sv__ja4-tls__input.pcap"
	[[ "$output" == *'"ja4":"t12i1810s1_27d4652c4487_06a4338d0495"'* ]]
	[[ "$output" == *'"ja3":"308b0bd904abbef5e0034a1ff7a78920"'* ]]
	[[ "$output" == *'"ja3s":"ccc514751b175866924439bdbb5bba34"'* ]]
	run handshakes "$WEIR_CORPUS/pcap/zeek__tls__tls1.2-late-protocol-error.pcap"
	[[ "$output" == *'"ja4":"t12i800500_15c493246000_3eafcbe19126"'* ]]
	[[ "$output" == *'"established":false'* ]]
	run handshakes "$WEIR_CORPUS/pcap/sv__tls__tls13-draft14__tls13_draft14.pcap"
	[[ "$output" == *'"cipher_name":"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"'* ]]
}

@test "tls: version, suite, curve, resumption, alert and history are those of Zeek's ssl.log" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "WEIR_CORPUS is not set"
	python3 - "$WEIR_CORPUS" <<'END'
import json, subprocess, sys
seen = 0
for line in open(sys.argv[1] + "/truth/zeek.jsonl"):
    test = json.loads(line)
    name = test["file"]
    if "ssl.log" not in test["logs"] or "starttls" in name or "quic" in name:
        continue
    flow = "weir flow --no-checksum" if any(" -C" in c for c in test["command"]) else "weir flow"
    line = "weir read '%s/pcap/%s' | %s | weir reasm | weir tls --only | weir json --types tls"
    out = subprocess.run(["bash", "-c", line % (sys.argv[1], name, flow)], stdout=subprocess.PIPE).stdout
    ours = sorted(map(json.loads, out.splitlines()), key=lambda r: r["orig_p"])
    theirs = sorted(test["logs"]["ssl.log"], key=lambda r: int(r["id.orig_p"]))
    assert len(ours) == len(theirs), name
    for o, z in zip(ours, theirs):
        alert = ([a["name"] for a in o.get("alerts", []) if not a["encrypted"]] or ["-"])[-1]
        got = (o.get("version_name", "-"), o.get("cipher_name", "-"), o.get("curve_name", "-"), o.get("sni", "-"),
               "T" if o.get("resumed") else "F", alert, o.get("alpn", "-"), "T" if o["established"] else "F", o["history"])
        want = tuple(z[k] for k in ("version", "cipher", "curve", "server_name", "resumed", "last_alert",
                                    "next_protocol", "established", "ssl_history"))
        assert got == want, (name, got, want)
        seen += 1
assert seen >= 7, seen
END
}
