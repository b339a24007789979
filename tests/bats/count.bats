#!/usr/bin/env bats
# weir count and weir rank, against jq over the JSON of the same records.
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	weir json -i "$BATS_FILE_TMPDIR/all.weir" --types "$(echo frame packet stream stream_end session_end anomaly flow dns http tls | tr ' ' ,)" >"$BATS_FILE_TMPDIR/all.json"
}

@test "count: by type, by key fields, with sums, extremes and distinct values, as jq counts" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --by type | weir json | jq -c '[.of_type, .count]' | sort >got.txt
	jq -cs 'group_by(.type)[] | [.[0].type, length]' all.json | sort | cmp - got.txt
	weir count -i all.weir --types flow --by proto,resp_p --sum orig_bytes,resp_bytes --min orig_pkts --max duration --distinct orig_h |
		weir json | jq -c '[.proto, .resp_p, .count, .sum_orig_bytes, .sum_resp_bytes, .min_orig_pkts, .max_duration, .distinct_orig_h]' >got.txt
	jq -cs 'map(select(.type == "flow")) | group_by([.proto, .resp_p])[] | [.[0].proto, .[0].resp_p, length, (map(.orig_bytes) | add),
		(map(.resp_bytes) | add), (map(.orig_pkts) | min), (map(.duration) | max), (map(.orig_h) | unique | length)]' all.json | cmp - got.txt
}

@test "count: a record counts for each value of a list, and for none where it has none" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --by answers.type | weir json | jq -c '[.["answers.type"], .count]' | sort >got.txt
	jq -cs '[.[] | select(.type == "dns") | (if .answers then .answers[].type else null end)] | group_by(.)[] | [.[0], length]' all.json |
		sort | cmp - got.txt
}

@test "count: intervals by the records' time, each written once it is over" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --every 1s --by type | weir json | jq -c '[.ts, .of_type, .count, .interval]' | sort >got.txt
	jq -cs 'group_by([(.ts | floor), .type])[] | [(.[0].ts | floor), .[0].type, length, 1]' all.json | sed 's/,\(1\)\]$/,1]/' | sort >want.txt
	jq -c . got.txt | sort | cmp - want.txt
	# the sum does not depend on how late rows are written
	[ "$(weir count -i all.weir --every 1s --late 0 | weir json | jq -s 'map(.count) | add')" = "$(wc -l <all.json)" ]
	# written as time goes on, not all at the end
	[ "$(weir count -i all.weir --every 1s --late 0 | weir json | jq .n | sort -u | wc -l)" -gt 3 ]
}

@test "count: what has no room is in a row of its own, and nothing is lost" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --types flow --by orig_h --groups 2 -o c.weir
	weir json -i c.weir >got.json
	[ "$(jq -s 'map(.count) | add' got.json)" = "$(jq -s 'map(select(.type == "flow")) | length' all.json)" ]
	[ "$(jq -s 'map(select(.other)) | length' got.json)" = 1 ]
	[ "$(wc -l <got.json)" = 3 ]
	[[ "$(weir books -i c.weir)" == *"books balance"* ]]
	weir count -i all.weir --types dns --by query --distinct answers.rdata --memory 1000 | weir json | jq -s 'map(.count) | add' | grep -qx "$(grep -c '"type":"dns"' all.json)"
}

@test "count: rows are records: filter, cut, count and json read on" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --types flow --by orig_h,resp_p | weir filter 'count > 1' | weir count --by orig_h --sum count | weir cut orig_h,sum_count |
		weir json | jq -c 'keys_unsorted' | sort -u | grep -qx '\["type","ts","flow","n","orig_h","sum_count"\]'
}

@test "count: fields named twice, or called like a row's own" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --by resp_p,resp_p --sum n,n --types dns | weir json | jq -c 'keys_unsorted' | sort -u | grep -qx '\["type","ts","flow","n","resp_p","count","sum_n"\]'
	weir count -i all.weir --by orig_h | weir count --by count | weir json | head -n 1 | jq -c keys_unsorted | grep -qx '\["type","ts","flow","n","of_count","count"\]'
}

@test "count: a type that is declared anew again and again is counted once each time" {
	cd "$BATS_FILE_TMPDIR"
	python3 - >odd.weir <<'END'
import struct, sys
def pack(v):
    if v is None: return b"\xc0"
    if isinstance(v, bool): return b"\xc3" if v else b"\xc2"
    if isinstance(v, int): return b"\xcf" + struct.pack(">Q", v)
    if isinstance(v, str): return b"\xdb" + struct.pack(">I", len(v)) + v.encode()
    if isinstance(v, bytes): return b"\xc6" + struct.pack(">I", len(v)) + v
    return b"\xdd" + struct.pack(">I", len(v)) + b"".join(map(pack, v))
out = [pack([0, 0, 0, 0, bytes(157), "by-hand", "0", 1, 1, 0, False, None, None])]
for n in range(1, 2001):
    rows = [["a", "u16"], ["b", "str"]] if n % 2 else [["b", "str"], ["a", "u16"]]
    out.append(pack([1, 0, 0, 0, 1000, "odd", 1, rows]))
    out.append(pack([1000, n, 0, n, n % 3, "x"]) if n % 2 else pack([1000, n, 0, n, "x", n % 3]))
out.append(pack([4, 0, 0, 2001, 0, 2000, None]))
sys.stdout.buffer.write(b"".join(out))
END
	[ "$(weir count -i odd.weir --by a,b | weir json | jq -c '[.a, .b, .count]' | paste -sd' ')" = '[0,"x",666] [1,"x",667] [2,"x",667]' ]
	[ "$(weir cut a -i odd.weir | weir cut a | weir json | jq -c .a | sort | uniq -c | tr -s ' ' | paste -sd,)" = ' 666 0, 667 1, 667 2' ]
	[ "$(weir filter 'a == 1' -i odd.weir | weir json | wc -l)" = 667 ]
}

@test "count: two streams one after the other are counted each" {
	cd "$BATS_FILE_TMPDIR"
	weir count -i all.weir --by type | weir json >one.json
	cat all.weir all.weir | weir count --by type | weir json >two.json
	cat one.json one.json | cmp - two.json
}

@test "rank: the greatest first, by records and by sums, as jq ranks" {
	cd "$BATS_FILE_TMPDIR"
	weir rank -i all.weir --types dns --by query | weir json | jq -c '[.query, .count]' >got.txt
	jq -cs 'map(select(.type == "dns")) | group_by(.query) | map([.[0].query, length]) | sort_by([-.[1], .[0]])[]' all.json | head -n 10 | cmp - got.txt
	weir rank -i all.weir --types flow --by orig_h --sum resp_bytes -n 3 | weir json | jq -c '[.orig_h, .sum_resp_bytes, .count]' >got.txt
	jq -cs 'map(select(.type == "flow")) | group_by(.orig_h) | map([.[0].orig_h, (map(.resp_bytes) | add), length]) | sort_by(-.[1])[]' all.json |
		head -n 3 | cmp - got.txt
	[ "$(weir rank -i all.weir --by orig_h | weir json | grep -c error)" = 0 ]
}

@test "rank: a sum of durations is one, and what lacks the field is not ranked by it" {
	cd "$BATS_FILE_TMPDIR"
	weir rank -i all.weir --by orig_h --sum duration --types flow -n 1 >r.weir
	weir count -i all.weir --by orig_h --sum duration --types flow >c.weir
	[ "$(weir json -i r.weir | jq .sum_duration)" = "$(weir json -i c.weir | jq -s 'max_by(.sum_duration).sum_duration')" ]
	weir csv -i r.weir --fields sum_duration | grep -qE '^[0-9]+\.[0-9]{9}.?$'
	weir rank -i all.weir --by resp_p --sum duration --types flow --groups 4 | weir csv --fields error | grep -qE '^[0-9]+\.[0-9]{9}.?$'
	[ -z "$(weir rank -i all.weir --by query --sum orig_bytes | weir json)" ]
	[ "$(weir rank -i all.weir --by resp_p --sum orig_bytes -n 0 | weir json | jq -s 'map(.count) | add')" = "$(weir json -i all.weir | jq -s 'map(select(has("orig_bytes"))) | length')" ]
}

@test "rank: beyond the bound the figures are at most too high by the error that they tell" {
	cd "$BATS_FILE_TMPDIR"
	weir rank -i all.weir --by resp_p --groups 4 -n 0 | weir json >few.json
	weir rank -i all.weir --by resp_p -n 0 | weir json >all_ranks.json
	grep -q '"error":' few.json
	python3 - <<'END'
import json
true = {r["resp_p"]: r["count"] for r in map(json.loads, open("all_ranks.json"))}
few = list(map(json.loads, open("few.json")))
assert 2 <= len(few) <= 4
for r in few:
    assert r["count"] - r.get("error", 0) <= true[r["resp_p"]] <= r["count"], r
least = min(r["count"] for r in few)
for port, count in true.items():
    assert count <= least or port in {r["resp_p"] for r in few}, port
END
}

@test "count, rank: wrong use" {
	refused() {
		run weir "$@" -i "$BATS_FILE_TMPDIR/all.weir" -o null:
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	}
	refused count --by 'a b'
	refused count --by ts
	refused count --sum sni
	[[ "$output" == *"'sni' is no number"* ]]
	refused rank --by resp_p --sum ts
	[[ "$output" == *"'ts' is no number"* ]]
	refused count --sum start
	refused count --by resp_p --every 1s --late 1m
	refused rank
	refused count --groups 0
	run weir count --by resp_q -i "$BATS_FILE_TMPDIR/all.weir" -o null:
	[ "$status" -eq 3 ]
	[[ "$output" == *"did you mean 'resp_h'?"* || "$output" == *"did you mean 'resp_p'?"* ]]
}
