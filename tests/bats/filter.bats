#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	"$WEIR_BUILD/bin/weir" json -i "$BATS_FILE_TMPDIR/all.weir" >"$BATS_FILE_TMPDIR/all.json"
	cd "$BATS_FILE_TMPDIR"
	python3 - <<'END'
# A stream with a type that nobody knows: two schemas, some records, in msgpack by hand.
import struct
def pack(v):
    if v is None: return b"\xc0"
    if isinstance(v, bool): return b"\xc3" if v else b"\xc2"
    if isinstance(v, int): return b"\xcf" + struct.pack(">Q", v) if v >= 0 else b"\xd3" + struct.pack(">q", v)
    if isinstance(v, float): return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str): return b"\xdb" + struct.pack(">I", len(v.encode())) + v.encode()
    if isinstance(v, bytes): return b"\xc6" + struct.pack(">I", len(v)) + v
    return b"\xdd" + struct.pack(">I", len(v)) + b"".join(map(pack, v))
rows = [["colour", "str"], ["size", "i64"], ["tags", "list<str>"], ["parts", "list<part>", [["weight", "f64"], ["from", "ip"]]],
        ["kind", "enum", [[0, "round"], [5, "square"]]]]
hello = [0, 0, 0, 0, bytes(157), "by-hand", "0", 1, 1, 0, False, None, None]
out = pack(hello) + pack([1, 0, 0, 0, 1234, "thing", 1, rows])
for n, (colour, size) in enumerate([("red", -3), ("blue", 12), ("green", 70000), (None, 5)], 1):
    out += pack([1234, n * 10**9, n, n, colour, size, ["t%d" % n, "all"], [[n / 2, bytes([10, 0, 0, n])]], n if n != 4 else 5])
out += pack([4, 0, 0, 5, 0, 4, None])
open("thing.weir", "wb").write(out)
# Two streams that mean different things by one name, a flow in each.
for name, stream, rows, values in (("one", 1, [["colour", "str"]], ["red"]), ("two", 2, [["size", "i64"], ["colour", "str"]], [7, "blue"])):
    out = pack(hello[:7] + [stream] + hello[8:]) + pack([1, 0, 0, 0, 1234, "thing", 1, rows])
    for n in range(stream, 9, 2):
        out += pack([1234, n, stream, n] + values)
    open(name + ".weir", "wb").write(out + pack([4, 0, 0, 9, 0, 4, None]))
END
}

# count FILTER...: how many records it lets through.
count() {
	weir filter -i "$BATS_FILE_TMPDIR/all.weir" "$@" | weir json | wc -l
}

@test "filter: what passes is what jq selects of the JSON" {
	cd "$BATS_FILE_TMPDIR"
	same() {
		weir filter -i all.weir "$1" | weir json >got.json
		jq -c "select($2)" all.json | jq -c '[.type, .n, .flow]' >want.txt
		jq -c '[.type, .n, .flow]' got.json | diff - want.txt
		[ -s want.txt ]
	}
	same 'type == "dns"' '.type == "dns"'
	same 'type == "tls" and sni ~ "\.example\.com$"' '.type == "tls" and ((.sni // "") | test("\\.example\\.com$"))'
	same 'resp_p in { 53, 440..450 }' '.resp_p == 53 or (.resp_p != null and .resp_p >= 440 and .resp_p <= 450)'
	same 'not exists(resp_p) or resp_p > 100' '.resp_p == null or .resp_p > 100'
	same 'answers.rdata == "198.51.100.80"' '[.answers[]?.rdata] | index("198.51.100.80")'
	same 'rtt >= 12ms' '.rtt != null and .rtt >= 0.012'
	same 'orig_bytes > resp_bytes' '.orig_bytes != null and .orig_bytes > .resp_bytes'
	same 'event == "end" and conn_state != "SF"' '.event == "end" and .conn_state != null and .conn_state != "SF"'
	same 'ciphers == 0x1301' '[.ciphers[]?] | index(4865)'
	same 'community_id ~ "A"' '(.community_id // "") | test("A")'
}

@test "filter: pass and fail together are the input, byte for byte, and the books balance" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir 'resp_p == 53' -o pass.weir --fail fail.weir
	[ "$(weir json -i pass.weir | jq -s 'all(.resp_p == 53)')" = true ]
	[ "$(weir json -i fail.weir | jq -s 'any(.resp_p == 53)')" = false ]
	{ weir json -i pass.weir; weir json -i fail.weir; } | sort | cmp - <(sort all.json)
	[[ "$(weir books -i pass.weir)" == *"books balance"* ]]
	[[ "$(weir books -i fail.weir)" == *"books balance"* ]]
	weir filter -i all.weir -v 'resp_p == 53' | weir json | cmp - <(weir json -i fail.weir)
}

@test "filter: pass and fail over rings, joined again, are the input" {
	cd "$BATS_FILE_TMPDIR"
	for how in "" "--per-flow"; do
		weir json -i "shm:bats-p$$,reader=j" -i "shm:bats-f$$,reader=j" >joined.json 3>&- &
		# shellcheck disable=SC2086
		timeout 60 weir filter $how 'resp_p == 53' -i all.weir -o "shm:bats-p$$,readers=j" --fail "shm:bats-f$$,readers=j"
		wait
		cmp joined.json all.json
	done
}

@test "filter: every output has hello, schemas and end" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir 'type == "nothing"' -o none.weir --fail rest.weir
	[ "$(weir json -i none.weir | wc -l)" = 0 ]
	weir json -i rest.weir | cmp - all.json
}

@test "filter: records of a type that nobody knows are judged by their schema" {
	cd "$BATS_FILE_TMPDIR"
	one() { weir filter -i thing.weir "$1" | weir json | jq -r .n | tr '\n' ' '; }
	[ "$(one 'colour == "blue"')" = "2 " ]
	[ "$(one 'colour != "blue"')" = "1 3 " ]
	[ "$(one 'size < 0')" = "1 " ]
	[ "$(one 'size in -5..20')" = "1 2 4 " ]
	[ "$(one 'tags == "t3"')" = "3 " ]
	[ "$(one 'parts.weight >= 1.5')" = "3 4 " ]
	[ "$(one 'parts.from in 10.0.0.0/31')" = "1 " ]
	[ "$(one 'kind == "square"')" = "4 " ]
	[ "$(one 'not exists(colour)')" = "4 " ]
	[ "$(one 'count(tags) == 2 and n > 2')" = "3 4 " ]
	[ "$(one 'ts > 2')" = "3 4 " ]
}

@test "filter: per flow, all records of a flow pass where one fits, in their order" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir --per-flow 'type == "tls"' -o pass.weir --fail fail.weir
	flows=$(jq -c 'select(.type == "tls") | .flow' all.json | sort -u | paste -sd,)
	jq -c "select(.flow | IN($flows))" all.json | cmp - <(weir json -i pass.weir | jq -c .)
	jq -c "select(.flow | IN($flows) | not)" all.json | cmp - <(weir json -i fail.weir | jq -c .)
	[[ "$(weir books -i pass.weir)" == *"books balance"* ]]
}

@test "filter: per flow, expressions may hold of records of different types, and others of none" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir --per-flow 'type == "tls"' 'type == "flow" and event == "end" and resp_bytes > 3000' --without 'type == "session_end" and reason != "eof"' -o pass.weir --fail fail.weir
	flows() { jq -s "[.[] | select($1) | .flow] | unique" all.json; }
	want=$(jq -cn --argjson a "$(flows '.type == "tls"')" --argjson b "$(flows '.type == "flow" and .event == "end" and .resp_bytes > 3000')" \
		--argjson c "$(flows '.type == "session_end" and .reason != "eof"')" '$a - ($a - $b) - $c')
	[ "$(jq length <<<"$want")" -gt 0 ]
	[ "$(jq length <<<"$want")" -lt "$(flows '.type == "tls"' | jq length)" ]
	jq -c --argjson f "$want" 'select(.flow | IN($f[]))' all.json | cmp - <(weir json -i pass.weir | jq -c .)
	jq -c --argjson f "$want" 'select(.flow | IN($f[]) | not)' all.json | cmp - <(weir json -i fail.weir | jq -c .)
	# judged early or not, nothing is lost
	weir filter -i all.weir --per-flow 'type == "tls"' 'event == "end"' --without 'type == "anomaly"' --max-flows 2 -o pass.weir --fail fail.weir
	{ weir json -i pass.weir; weir json -i fail.weir; } | sort | cmp - <(sort all.json)
	run weir filter -i all.weir 'flow > 1' 'n > 2' -o null:
	[ "$status" -eq 2 ]
	run weir filter -i all.weir 'flow > 1' --without 'n > 2' -o null:
	[ "$status" -eq 2 ]
	run weir filter -i all.weir --per-flow 'flow > 1' --without 'n >' -o null:
	[ "$status" -eq 2 ]
	[[ "$output" == *"column "*" of 'n >': "* ]]
}

@test "filter: per flow, what is held goes out by the schema under which it came" {
	cd "$BATS_FILE_TMPDIR"
	weir merge -i one.weir -i two.weir | weir json >whole.json
	[ "$(jq -c 'select(.n < 3) | [.colour, .size]' whole.json | paste -sd' ')" = '["red",null] ["blue",7]' ]
	weir filter --per-flow 'n == 8' -i one.weir -i two.weir -o pass.weir --fail fail.weir
	jq -c 'select(.flow == 2)' whole.json | cmp - <(weir json -i pass.weir | jq -c .)
	jq -c 'select(.flow == 1)' whole.json | cmp - <(weir json -i fail.weir | jq -c .)
	weir filter --per-flow 'n >= 7' -i one.weir -i two.weir | weir json | cmp - whole.json
}

@test "filter: per flow, beyond the bounds flows are judged as they stand, and counted" {
	cd "$BATS_FILE_TMPDIR"
	for bound in "--max-flows 1" "--max-flows 3" "--memory 1" "--memory 5000"; do
		# shellcheck disable=SC2086
		weir filter -i all.weir --per-flow 'type == "tls"' $bound -o pass.weir --fail fail.weir
		{ weir json -i pass.weir; weir json -i fail.weir; } | sort | cmp - <(sort all.json)
		[ "$(weir json -i pass.weir | grep -c '"type":"tls"')" = "$(grep -c '"type":"tls"' all.json)" ]
		weir books -i pass.weir >books.txt
		grep -q 'judged_early' books.txt
		grep -q 'books balance' books.txt
	done
}

@test "filter: per flow, marks say no more than what is still held" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir --per-flow 'type == "tls"' -o fast.weir
	# The same input in crumbs, so that the stage waits and marks many times.
	python3 -c 'import sys, time
data = open("all.weir", "rb").read()
for i in range(0, len(data), 500):
    sys.stdout.buffer.write(data[i:i + 500])
    sys.stdout.flush()
    time.sleep(0.001)' | weir filter --per-flow 'type == "tls"' >slow.weir
	weir json -i slow.weir | cmp - <(weir json -i fast.weir)
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

@test "filter: mistakes are refused with their column, exit 2" {
	refused() {
		run weir filter "$1" -i "$BATS_FILE_TMPDIR/all.weir" -o null:
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"$2"* ]]
	}
	refused 'resp_p == "https"' "column 8 of the expression: 'resp_p' is a number"
	refused 'sni ~ "(a"' "column 10 of the expression: a parenthesis is not closed"
	refused 'sni ~ "(a)\1"' "back-references"
	refused 'type = "dns"' "to compare is =="
	refused 'reason == "fim"' 'did you mean "fin"?'
	refused '' "field's name is missing"
	refused 'n == 1 and' "column 11"
	run weir filter
	[ "$status" -eq 2 ]
	run weir filter 'n == 1' -i "$BATS_FILE_TMPDIR/all.weir" -o null: -o null: --fail null:
	[ "$status" -eq 2 ]
	[[ "$output" == *"--fail goes with one -o"* ]]
}

@test "filter: a field that no type has is told, with the nearest, exit 3" {
	run weir filter 'snii == "x"' -i "$BATS_FILE_TMPDIR/all.weir" -o null:
	[ "$status" -eq 3 ]
	[[ "$output" == *"no type of this stream has a field 'snii'; did you mean 'sni'?"* ]]
	run weir filter 'colour == "x" or size > 0' -i "$BATS_FILE_TMPDIR/thing.weir" -o null:
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "filter, join: a type that was named and did not come is told, with the nearest" {
	cd "$BATS_TEST_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow >flows.weir
	run weir filter 'type in {"flwo", "packet", "dns"}' -i flows.weir -o null:
	[ "$status" -eq 0 ]
	[ "$output" = "weir-filter: no record of a type 'flwo' came; did you mean 'flow'?" ]
	run weir join --from packet --to flwo --fields scope -i flows.weir -o null:
	[ "$status" -eq 0 ]
	[ "$output" = "weir-join: no record of a type 'flwo' came; did you mean 'flow'?" ]
}

@test "filter: a name that an enumeration of the stream lacks is told, with the nearest" {
	cd "$BATS_TEST_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow >flows.weir
	run -0 weir filter 'event == "ent"' -i flows.weir -o null:
	[ "$output" = "weir-filter: 'event' is never that in this stream; did you mean \"end\"?" ]
	run -0 weir filter -q 'event == "ent"' -i flows.weir -o null:
	[ -z "$output" ]
	run -0 weir filter 'event == "end" or resp_p == 53' -i flows.weir -o null:
	[ -z "$output" ]
}

@test "filter: the stages behind it read on" {
	weir read "$top/examples/demo.pcap" | weir flow | weir filter 'type != "packet" or proto == 17' |
		weir reasm | weir dns | weir json --types dns | jq -c . >"$BATS_TEST_TMPDIR/dns.json"
	jq -c 'select(.type == "dns" and .proto == 17)' "$BATS_FILE_TMPDIR/all.json" | cmp - "$BATS_TEST_TMPDIR/dns.json"
}

@test "filter, cut, sort, tag, join, count, rank: a type of the Python example goes through all of them" {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | "$top/examples/python/weir-banner.py" >b.weir
	echo '220 mail.example.com ESMTP ready' >known.txt
	weir filter -i b.weir 'text ~ "^220 .*ESMTP" or type == "flow"' | weir tag --field text --as known --list known.txt |
		weir join --from banner --to flow --fields text,known --window 1h | weir sort | weir cut banner.text,banner.known,text,known --only >all.weir.out
	[ "$(weir json -i all.weir.out -t banner | jq -c '[.text, .known]')" = '["220 mail.example.com ESMTP ready",true]' ]
	[ "$(weir json -i all.weir.out -t flow | jq -c 'select(.["banner.text"]) | [.["banner.text"], .["banner.known"]]')" = '["220 mail.example.com ESMTP ready",true]' ]
	[[ "$(weir books -i all.weir.out)" == *"books balance"* ]]
	[ "$(weir count -i b.weir --by text | weir json | jq -c '[.text, .count]')" = '["220 mail.example.com ESMTP ready",1]' ]
	[ "$(weir rank -i b.weir --by text | weir json | jq -c '[.text, .count]')" = '["220 mail.example.com ESMTP ready",1]' ]
}

@test "filter: --frame lets frames through by the fields of their packets, as tcpdump selects them" {
	cd "$BATS_TEST_TMPDIR"
	weir read "$top/examples/demo.pcap" >f.weir
	same() { # MATCH, TCPDUMP'S FILTER
		weir filter --frame "$1" -i f.weir | weir json -q -t frame | jq .file_n >got
		[ -s got ]
		[ "$(wc -l <got)" -eq "$(tcpdump -nr "$top/examples/demo.pcap" "$2" 2>/dev/null | wc -l)" ]
		weir filter -v --frame "$1" -i f.weir | weir json -q -t frame | jq .file_n | sort -n - got | cmp - <(weir json -q -t frame -i f.weir | jq .file_n)
	}
	same 'ip and not vlan and tcp.dport in {80, 440..450} and tcp.flags & S' 'tcp[tcpflags] & tcp-syn != 0 and (tcp dst port 80 or tcp dst portrange 440-450)'
	same 'ip.src == 192.0.2.0/24 && not udp && not vlan' 'ip src net 192.0.2.0/24 and not udp'
	same 'ipv6 or arp' 'ip6 or arp'
	weir filter --frame 'tcp' 'wire_len > 1000' -i f.weir | weir json -q -t frame | jq -e 'select(.wire_len <= 1000)' && false
	[ -z "$(weir flow -i f.weir | weir filter --frame ip | weir json -q -t frame)" ]
	for wrong in "--frame tcp.dprt==1" "--frame tcp --per-flow x" ""; do
		# shellcheck disable=SC2086
		run -2 weir filter $wrong -i f.weir
		[ "${#lines[@]}" -eq 1 ]
	done
}
