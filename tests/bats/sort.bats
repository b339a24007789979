#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	weir json -i "$BATS_FILE_TMPDIR/all.weir" >"$BATS_FILE_TMPDIR/all.json"
}

# raw FIELD...: the records' fields in the order of the stream, by other code than ours.
raw() {
	python3 "$top/tests/gen/records.py" | grep -v -e '^hello' -e '^schema' -e '^mark' -e '^end'
}

@test "sort: by time, all of it, with every record there once" {
	cd "$BATS_FILE_TMPDIR"
	weir sort -i all.weir -o s.weir
	raw <s.weir | grep -o ' ts=[0-9]*' | cut -d= -f2 >ts.txt
	sort -n -c ts.txt
	! raw <all.weir | grep -o ' ts=[0-9]*' | cut -d= -f2 | sort -n -c || false
	weir json -i s.weir | sort | cmp - <(sort all.json)
	[[ "$(weir books -i s.weir)" == *"books balance"* ]]
}

@test "sort: equal keys are in the order that printers give them, or in that of a sort before" {
	cd "$BATS_FILE_TMPDIR"
	weir sort -i all.weir --by resp_p | weir json >got.json
	jq -c -s 'sort_by(.resp_p)[]' all.json | jq -c .ts,.type,.flow >want.txt
	[ -s want.txt ]
	jq -c .ts,.type,.flow got.json | cmp - want.txt
	weir sort -i all.weir --by orig_p -r | weir sort --by resp_p | weir json | jq -c .resp_p,.orig_p >got.txt
	jq -c -s 'sort_by(.orig_p) | reverse | sort_by(.resp_p)[]' all.json | jq -c .resp_p,.orig_p | cmp - got.txt
}

# flows NAME...: of so many bytes each; all but the last time out at one frame.
flows() {
	local at=0 n
	for n; do
		at=$((at + 1))
		printf 'frame(time=%s)/eth/ip(src=10.0.0.%s,dst=10.0.1.1)/udp(sport=1000,dport=9)/"a"*%s\n' \
			"$((at == $# ? 500 : 0)).$at" "$at" "$n"
	done | weir craft -f - | weir flow --no-packets
}

@test "sort: what follows keeps the order of what was sorted, json too, within one frame number" {
	want=$(printf '%s\n' 112 92 72 57 52)
	flows 10 70 30 50 15 >f.weir
	[ "$(weir json -i f.weir | jq .n | sort | uniq -d | wc -l)" = 1 ]
	weir sort -i f.weir --by orig_bytes -r -o s.weir
	[ "$(weir json -i s.weir | jq .orig_bytes)" = "$want" ]
	[ "$(weir csv -i s.weir --fields orig_bytes | tr -d '\r' | tail -n +2)" = "$want" ]
	[ "$(weir filter -i s.weir 'orig_bytes > 0' | weir head -n 9 | weir json | jq .orig_bytes)" = "$want" ]
	# a stream that was not sorted behind one that was
	[ "$(cat s.weir f.weir | weir json | jq .orig_bytes | tail -n 5)" = "$(weir json -i f.weir | jq .orig_bytes)" ]
}

@test "sort: by a field, and the other way round; what lacks it comes first" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir 'type == "flow"' -o flows.weir
	weir sort -i flows.weir --by duration | raw | grep -o ' duration=[0-9]*' | cut -d= -f2 | sort -n -c
	weir sort -i flows.weir --by duration --reverse | raw | grep -o ' duration=[0-9]*' | cut -d= -f2 | sort -n -r -c
	[ "$(weir sort -i all.weir --by rtt | raw | grep -n -m 1 'rtt=[0-9]' | cut -d: -f1)" -gt 50 ]
}

@test "sort: a window lets go what is so much older, and tells what came too late" {
	cd "$BATS_FILE_TMPDIR"
	weir sort -i all.weir --window 6s -o s.weir
	raw <s.weir | grep -o ' ts=[0-9]*' | cut -d= -f2 | sort -n -c
	! weir books -i s.weir | grep -q late || false
	weir sort -i all.weir --window 100ms -o s.weir
	weir books -i s.weir | grep -q 'late'
	weir json -i s.weir | sort | cmp - <(sort all.json)
}

@test "sort: records leave before the input ends" {
	cd "$BATS_FILE_TMPDIR"
	mkfifo in
	{ cat all.weir; exec sleep 60; } >in 3>&- &
	weir sort --window 100ms -i in -o out.weir 3>&- &
	for _ in $(seq 100); do
		[ "$(stat -c %s out.weir 2>/dev/null || echo 0)" -lt 10000 ] || break
		sleep 0.05
	done
	size=$(stat -c %s out.weir)
	kill %1 %2
	wait || true
	[ "$size" -ge 10000 ]
}

@test "sort: beyond its memory records go early, which is said and counted" {
	cd "$BATS_FILE_TMPDIR"
	weir craft -n 40000 eth/ip/udp -o many.weir
	weir sort -i many.weir --by n --reverse --memory 1M -o s.weir 2>said
	[ "$(wc -l <said)" = 1 ]
	grep -q 'not sorted throughout' said
	weir json -i s.weir -t frame | jq .n | sort -n | cmp - <(seq 40000)
	weir books -i s.weir >books.txt
	grep -q 'early' books.txt
	grep -q 'books balance' books.txt
	weir sort -i many.weir --by n --reverse -o s.weir 2>said
	[ ! -s said ]
	run -2 weir sort -i all.weir --memory 1023k -o null:
	[ "$output" = "weir-sort: --memory: at least 1 MiB" ]
}

@test "sort: marks say no more than what is held" {
	cd "$BATS_FILE_TMPDIR"
	python3 -c 'import sys, time
data = open("all.weir", "rb").read()
for i in range(0, len(data), 500):
    sys.stdout.buffer.write(data[i:i + 500])
    sys.stdout.flush()
    time.sleep(0.001)' | weir sort --window 1s >slow.weir
	python3 - "$top/tests/gen" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
import records
low = marks = 0
for r in records.Stream(open("slow.weir", "rb")):
    if r[0] == 2:
        low = r[3]
        marks += 1
    elif r[0] >= 32:
        assert r[3] >= low, (r[3], low)
assert marks > 5, marks
END
}

@test "sort: a field that nobody has, exit 3; what is no field's name, exit 2" {
	run weir sort -i "$BATS_FILE_TMPDIR/all.weir" --by duratio -o null:
	[ "$status" -eq 3 ]
	[[ "$output" == *"did you mean 'duration'?"* ]]
	run weir sort -i "$BATS_FILE_TMPDIR/all.weir" --by 'a b' -o null:
	[ "$status" -eq 2 ]
}
