#!/usr/bin/env bats
# streams: files, transcript and digests of weir-streams.
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/all.weir"
}

@test "streams: --digest agrees with the files of -d" {
	weir streams -i "$BATS_FILE_TMPDIR/all.weir" -d "$BATS_TEST_TMPDIR/out" --digest >"$BATS_TEST_TMPDIR/digests"
	[ -s "$BATS_TEST_TMPDIR/digests" ]
	[ "$(find "$BATS_TEST_TMPDIR/out" -type f | wc -l)" -eq "$(wc -l <"$BATS_TEST_TMPDIR/digests")" ]
	python3 - "$BATS_TEST_TMPDIR" <<'END'
import collections, hashlib, json, os, sys
want, have = collections.Counter(), collections.Counter()
for line in open(sys.argv[1] + "/digests"):
    r = json.loads(line)
    assert list(r) == ["src", "sport", "dst", "dport", "bytes", "sha256", "gap_bytes"], r
    if not r["gap_bytes"]:
        want[r["sha256"], r["bytes"]] += 1
for name in os.listdir(sys.argv[1] + "/out"):
    data = open(os.path.join(sys.argv[1], "out", name), "rb").read()
    have[hashlib.sha256(data).hexdigest(), len(data)] += 1
assert want and not want - have, want - have
END
}

@test "streams: files have tcpflow's names, and a second connection gets c1" {
	file=$(capture port_reuse)
	weir read "$file" | weir flow | weir reasm | weir streams -d "$BATS_TEST_TMPDIR/out"
	run ls "$BATS_TEST_TMPDIR/out"
	[ "${#lines[@]}" -eq 4 ]
	for name in "${lines[@]}"; do
		[[ "$name" =~ ^([0-9]{3}\.){4}[0-9]{5}-([0-9]{3}\.){4}[0-9]{5}(c1)?$ ]]
	done
	[ "$(printf '%s\n' "${lines[@]}" | grep -c c1)" -eq 2 ]
}

@test "streams: files are byte for byte those of tcpflow" {
	command -v tcpflow || skip "no tcpflow here"
	for scenario in handshake_fin reordered http_pipeline; do
		file=$(capture "$scenario")
		weir read "$file" | weir flow | weir reasm | weir streams -d "$BATS_TEST_TMPDIR/$scenario"
		tcpflow -q -r "$file" -o "$BATS_TEST_TMPDIR/theirs-$scenario" >/dev/null 2>&1
		rm -f "$BATS_TEST_TMPDIR/theirs-$scenario/report.xml"
		diff -r "$BATS_TEST_TMPDIR/$scenario" "$BATS_TEST_TMPDIR/theirs-$scenario"
	done
}

@test "streams: a gap is a hole in the file" {
	file=$(capture lost)
	weir read "$file" | weir flow | weir reasm | weir streams -d "$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import os, sys
sizes = {}
for name in os.listdir(sys.argv[1]):
    data = open(os.path.join(sys.argv[1], name), "rb").read()
    if len(data) == 600:
        assert data == b"a" * 100 + b"b" * 100 + b"\0" * 100 + b"d" * 100 + b"e" * 100 + b"f" * 100
        break
else:
    raise SystemExit("no file of 600 bytes")
END
}

@test "streams: --follow shows both sides, and nothing a terminal acts on" {
	weir streams -i "$BATS_FILE_TMPDIR/all.weir" --follow >"$BATS_TEST_TMPDIR/text"
	grep -q '^--- ' "$BATS_TEST_TMPDIR/text"
	grep -q '^> GET ' "$BATS_TEST_TMPDIR/text"
	grep -q '^< HTTP/1.1 ' "$BATS_TEST_TMPDIR/text"
	grep -q '^[<>] \[end: ' "$BATS_TEST_TMPDIR/text"
	run env LC_ALL=C grep -n -P '[^\x20-\x7e]' "$BATS_TEST_TMPDIR/text"
	[ "$status" -eq 1 ]
}

@test "streams: a full disk is said once, and exits 1" {
	mkdir "$BATS_TEST_TMPDIR/full"
	python3 - "$top/tests/gen" >"$BATS_TEST_TMPDIR/many.pcap" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from scenario import GET, OK, connection, pcap
cap = None
for i in range(1, 41):
    cap = connection(cap, client="192.0.2.%d" % i).open().exchange(GET, OK).close().cap
pcap_bytes = pcap(cap)
sys.stdout.buffer.write(pcap_bytes)
END
	weir read "$BATS_TEST_TMPDIR/many.pcap" | weir flow | weir reasm >"$BATS_TEST_TMPDIR/many.weir"
	[ "$(weir streams -i "$BATS_TEST_TMPDIR/many.weir" --digest | wc -l)" -eq 80 ]
	mount -t tmpfs -o size=64k,nr_inodes=12 none "$BATS_TEST_TMPDIR/full" 2>/dev/null || skip "cannot mount here"
	run weir streams -i "$BATS_TEST_TMPDIR/many.weir" -d "$BATS_TEST_TMPDIR/full"
	umount "$BATS_TEST_TMPDIR/full"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "${lines[0]}" == *"cannot write"*"No space left"* ]]
}

@test "streams: wrong use is one line and exit 2" {
	for wrong in "" "--follow --digest" "--digest --max-streams 0" "--diges"; do
		# shellcheck disable=SC2086
		run weir streams -i /dev/null $wrong
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "streams: a directory that can't be made is one line and exit 1" {
	run weir streams -i /dev/null -d /proc/nowhere
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
}
