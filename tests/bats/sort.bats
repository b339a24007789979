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

@test "sort: equal keys stay in the order of arrival" {
	cd "$BATS_FILE_TMPDIR"
	weir sort -i all.weir --by resp_p | raw | grep -o ' resp_p=[0-9]*.* n=[0-9]*' >got.txt
	raw <all.weir | grep -o ' resp_p=[0-9]*.* n=[0-9]*' | sort -t= -k2,2n -s >want.txt
	[ -s got.txt ]
	cmp got.txt want.txt
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

@test "sort: beyond its memory records go early and are counted" {
	cd "$BATS_FILE_TMPDIR"
	weir sort -i all.weir --memory 3000 -o s.weir
	weir json -i s.weir | sort | cmp - <(sort all.json)
	weir books -i s.weir >books.txt
	grep -q 'early' books.txt
	grep -q 'books balance' books.txt
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
